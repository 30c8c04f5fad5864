"""The journal of two processes, and creates in doubt; without an engine."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pulumi_rewind.choices import Choices
from pulumi_rewind.engine.events import Diagnostic, ResourceDone, ResourceFailed, StepMetadata, StepState
from pulumi_rewind.errors import JournalError, RefusedError
from pulumi_rewind.plan.progress import RunProgress
from pulumi_rewind.plan.unsure_creates import lost_sight_of, unsure_creates_text
from pulumi_rewind.project.journal import Journal, JournalEntry
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.model import StackRef
from pulumi_rewind.system.processes import _began, this_process
from tests.support.journals import begun_elsewhere


def journal(tmp_path: Path) -> Journal:
    return Journal("file:///b", StackRef("shop", "dev"), {"XDG_STATE_HOME": str(tmp_path)})


@contextmanager
def elsewhere(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has begun a rollback to #7; it is killed at the end."""
    process = begun_elsewhere("file:///b", "shop", "dev", str(tmp_path))
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def write(journal: Journal, entry: JournalEntry, **fields: Any) -> None:
    journal.path.write_bytes(msgspec.json.encode(msgspec.structs.replace(entry, **fields)))


def test_a_rollback_that_runs_in_another_process_keeps_its_entry(tmp_path: Path) -> None:
    mine = journal(tmp_path)
    with elsewhere(tmp_path) as process:
        theirs = mine.read()
        assert theirs is not None
        assert mine.running(theirs)
        with pytest.raises(RefusedError, match=rf"another rollback of shop/dev to #7 is running \(pid {process.pid}\)"):
            mine.begin(target=1, label="#1", digest="d", start=2)
        mine.note_unsure_creates(("urn:a",))
        mine.end()
        mine.withdraw()
        assert mine.read() == theirs
        mine.path.unlink()  # the lock alone tells it as well
        with pytest.raises(RefusedError, match="running in another process"):
            mine.begin(target=1, label="#1", digest="d", start=2)
        write(mine, theirs)
    assert not mine.running(theirs)
    mine.begin(target=1, label="#1", digest="d", start=2)
    mine.end()
    assert mine.read() is None


def test_a_process_of_another_container_is_known_by_its_lock(tmp_path: Path) -> None:
    """In another pid namespace a number says nothing, here that of a process that is alive."""
    mine = journal(tmp_path)
    with elsewhere(tmp_path):
        entry = mine.read()
        assert entry is not None
        assert entry.process is not None
        far = msgspec.structs.replace(entry.process, pid=os.getppid(), namespace=1)
        write(mine, entry, pid=os.getppid(), process=far)
        theirs = mine.read()
        assert theirs is not None
        assert mine.running(theirs)
        assert mine.who(theirs) == f"pid {os.getppid()} in another container"
    assert not mine.running(theirs)


def test_without_locks_the_process_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(fd: int, how: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    mine = journal(tmp_path)
    monkeypatch.setattr(fcntl, "flock", unsupported)
    entry = mine.begin(target=1, label="#1", digest="d", start=2)
    assert not entry.locked
    assert entry.process == this_process()
    mine.release()
    with elsewhere(tmp_path / "other") as other:
        pid = other.pid
        there = msgspec.structs.replace(this_process(), pid=pid, began=_began(pid))
        assert mine.running(msgspec.structs.replace(entry, pid=pid, process=there))
        for fields in ({"began": there.began + 1}, {"boot": "another"}, {"namespace": 1}):
            assert not mine.running(
                msgspec.structs.replace(entry, pid=pid, process=msgspec.structs.replace(there, **fields))
            )


def test_an_older_entry_is_still_read(tmp_path: Path) -> None:
    mine = journal(tmp_path)
    entry = mine.begin(target=1, label="#1", digest="d", start=2)
    mine.release()
    older = json.loads(msgspec.json.encode(entry))
    del older["process"], older["locked"]
    for pid, started, running in (
        (os.getppid(), time.time(), True),
        (os.getppid(), 1.0, False),  # its number is another's
        (2**22 + 1, time.time(), False),
        (os.getpid(), time.time(), False),
    ):
        mine.path.write_text(json.dumps(older | {"pid": pid, "started": started}))
        found = mine.read()
        assert found is not None
        assert mine.running(found) is running


def test_the_clock_may_jump_while_it_runs(tmp_path: Path) -> None:
    mine = journal(tmp_path)
    with elsewhere(tmp_path):
        theirs = mine.read()
        assert theirs is not None
        for jump in (-3600, 3600):
            write(mine, theirs, started=theirs.started + jump)
            entry = mine.read()
            assert entry is not None
            assert mine.running(entry)


def test_the_lock_is_not_inherited(tmp_path: Path) -> None:
    mine = journal(tmp_path)
    entry = mine.begin(target=1, label="#1", digest="d", start=2)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
    ready, say = os.pipe()
    forked = os.fork()
    if not forked:
        os.write(say, b"x")
        time.sleep(60)
        os._exit(0)
    try:
        assert os.read(ready, 1) == b"x"
        mine.release()
        write(mine, entry, pid=2**22 + 1)
        found = mine.read()
        assert found is not None
        assert not mine.running(found)
    finally:
        os.kill(forked, signal.SIGKILL)
        os.waitpid(forked, 0)
        child.communicate()
        os.close(ready)
        os.close(say)


def test_what_an_earlier_run_left_comes_back_when_nothing_was_changed(tmp_path: Path) -> None:
    mine = journal(tmp_path)
    kept = decode_checkpoint(b'{"version": 3, "checkpoint": {"stack": "dev", "latest": null}}', source="test")
    other = decode_checkpoint(b'{"version": 3, "checkpoint": {"stack": "dev"}}', source="test")
    earlier = mine.begin(target=5, label="#5", digest="e", start=6, checkpoint=kept)
    mine.release()
    mine.begin(target=1, label="#1", digest="d", start=6, checkpoint=other)
    mine.withdraw()
    assert mine.read() == earlier
    assert mine.kept_checkpoint() == kept.raw
    mine.forget()
    mine.begin(target=1, label="#1", digest="d", start=6)
    mine.withdraw()
    assert mine.read() is None


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"backend": 1}', b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_entry_is_an_error_that_names_the_file(tmp_path: Path, raw: bytes) -> None:
    mine = journal(tmp_path)
    mine.state.write(mine.path, raw)
    for attempt in (mine.read, lambda: mine.begin(target=1, label="#1", digest="d", start=2)):
        with pytest.raises(JournalError, match="may be in progress") as caught:
            attempt()
        assert str(mine.path) in str(caught.value)
        assert "pulumi-rewind resume dev --forget" in caught.value.hint
        assert caught.value.exit_code == 3
    assert mine.peek() is None
    assert mine.path.read_bytes() == raw
    assert mine.forget() == (mine.path,)
    assert mine.read() is None


def test_an_entry_that_runs_can_be_forgotten_all_the_same(tmp_path: Path) -> None:
    mine = journal(tmp_path)
    with elsewhere(tmp_path):
        assert mine.forget() == (mine.path,)
    assert mine.forget() == ()


def test_what_is_deleted_first_is_kept_for_each_resume(tmp_path: Path) -> None:
    mine = journal(tmp_path)
    mine.begin(target=1, label="#1", digest="d", start=2, choices=Choices(delete_first=("db", "*:Table")))
    entry = mine.read()
    assert entry is not None
    assert entry.choices.delete_first == ("db", "*:Table")


def test_doubts_are_noted_in_the_entry(tmp_path: Path) -> None:
    mine = journal(tmp_path)
    mine.begin(target=1, label="#1", digest="d", start=2)
    mine.note_unsure_creates(("urn:pulumi:dev::shop::t::web",))
    entry = mine.read()
    assert entry is not None
    assert entry.unsure_creates == ("urn:pulumi:dev::shop::t::web",)
    assert mine.path.stat().st_mode & 0o777 == 0o600


def test_a_create_whose_provider_went_away_is_in_doubt_and_no_other() -> None:
    progress = RunProgress()
    for urn, op, message in (
        (
            "urn:pulumi:dev::shop::t::web",
            "create",
            "code = Unavailable desc = error reading from server: EOF",
        ),
        ("urn:pulumi:dev::shop::t::said-no", "create", "quota exceeded"),
        ("urn:pulumi:dev::shop::t::never-asked", "create", "Unavailable: connection refused"),
        ("urn:pulumi:dev::shop::t::known", "update", "error reading from server: EOF"),
    ):
        progress.see(Diagnostic(message, "error", urn))
        progress.see(ResourceFailed(StepMetadata(op, urn)))
    assert progress.unsure_creates == ("urn:pulumi:dev::shop::t::web",)
    assert "web" in unsure_creates_text(progress.unsure_creates)
    assert unsure_creates_text(()) == ""
    made = StepMetadata("create", "urn:pulumi:dev::shop::t::new", new=StepState(id="t-1"))
    progress.see(ResourceDone(made))
    assert "new (t-1)" in lost_sight_of(progress.made)
    assert lost_sight_of({}) == ""
