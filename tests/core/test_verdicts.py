"""What a check said of updates: kept, read back only where it belongs, heeded by ``last-good``; without the engine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from pulumi_rewind.errors import TargetError, UpdateFailed
from pulumi_rewind.history.failed_update import half_way
from pulumi_rewind.history.origins import PREFERRED
from pulumi_rewind.history.targets import resolve_target
from pulumi_rewind.history.timeline import Timeline
from pulumi_rewind.history.update_mark import Mark, Stamp
from pulumi_rewind.history.verdict import Verdict
from pulumi_rewind.records import verdicts as module
from pulumi_rewind.records.foreign import ALL, agree
from pulumi_rewind.records.git import RecordStore
from pulumi_rewind.records.retention import kept_numbers
from pulumi_rewind.records.verdicts import KeptVerdicts, keep_verdict
from pulumi_rewind.records.verify import verify_records
from pulumi_rewind.rollback.recording import record_update
from pulumi_rewind.state.values import MASK
from pulumi_rewind.system.state_directory import StateDirectory
from pulumi_rewind.up.command_output import CHARACTERS, LINES
from pulumi_rewind.up.judging import judge
from pulumi_rewind.up.verify_command import VerifyCommand
from tests.support.filestore import START, FileStore
from tests.support.recordshop import Shop

GOOD = Verdict(good=True, command="./smoke", at=1_764_000_100, code=0, output="all fine")
BAD = Verdict(good=False, command="./smoke", at=1_764_000_200, code=3, output="no answer")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture
def bare(tmp_path: Path) -> Shop:
    """The same in no repository."""
    return Shop(tmp_path, git=False)


def judged(shop: Shop, **said: Verdict) -> None:
    for name, verdict in said.items():
        keep_verdict(shop.session(), int(name.removeprefix("u")), verdict)


def good(timeline: Timeline) -> int | None:
    """The last good update, which must be the one with the star."""
    found = timeline.last_good()
    starred = [entry.update.number for entry in timeline.entries(limit=len(timeline)) if entry.last_good]
    assert starred == ([found.number] if found else [])
    return found.number if found else None


def known(shop: Shop) -> dict[int, Verdict]:
    timeline = shop.session().timeline
    said = {number: timeline.verdicts.of(timeline.update(number)) for number in range(1, len(timeline) + 1)}
    return {number: verdict for number, verdict in said.items() if verdict is not None}


def test_without_verdicts_nothing_is_another_than_before(bare: Shop) -> None:
    for value in ("v1", "v2", "v3"):
        bare.deploy(value)
    timeline = bare.session().timeline
    assert (good(timeline), timeline.verdicts.numbers()) == (2, frozenset())
    found = resolve_target(timeline, "last-good")
    assert (found.reason, found.warnings) == ("the newest succeeded update that differs from live → #2", ())


def test_a_verified_update_is_preferred_to_newer_ones_that_nobody_verified(bare: Shop) -> None:
    for value in ("v1", "v2", "v3", "v4"):
        bare.deploy(value)
    judged(bare, u2=GOOD)
    timeline = bare.session().timeline
    assert good(timeline) == 2
    found = resolve_target(timeline, "last-good")
    assert found.reason == "the newest verified update that differs from live → #2"
    assert found.warnings == ("newer, and succeeded, but not verified: #3",)
    # The one that live equals is verified, too, and none to go back to.
    judged(bare, u4=GOOD)
    assert good(bare.session().timeline) == 2
    bare.deploy("v5")
    assert good(bare.session().timeline) == 4


def test_one_whose_check_failed_is_never_last_good(bare: Shop) -> None:
    for value in ("v1", "v2", "v3"):
        bare.deploy(value)
    judged(bare, u2=BAD)
    timeline = bare.session().timeline
    assert good(timeline) == 1
    found = resolve_target(timeline, "last-good")
    assert found.reason == "the newest succeeded update that differs from live → #1"
    assert found.warnings == ("newer, and succeeded, but found not good: #2",)
    assert resolve_target(timeline, "#2").warnings == ("#2 was found not good: ./smoke",)
    # Judged again, the last word counts.
    judged(bare, u2=replace_at(GOOD, 1_764_000_300))
    assert good(bare.session().timeline) == 2


def rolled_back(shop: Shop, value: str, to: int, *, partial: bool = False) -> None:
    """Adds an update as a rollback writes it."""
    stamp = Stamp(Mark(to, START + (to - 1) * 60), partial=partial)
    shop.store.add(value, message=f"rollback to #{to}", environment={"exec.agent": stamp.text()})


def replace_at(verdict: Verdict, at: int) -> Verdict:
    return Verdict(verdict.good, verdict.command, at, verdict.code, verdict.output)


def test_a_good_one_is_kept_in_any_case(bare: Shop) -> None:
    bare.deploy("v1")
    bare.deploy("v2")
    bare.deploy("v1", result="failed")
    judged(bare, u2=BAD)
    session = bare.session()
    session.settings = msgspec.structs.replace(session.settings, keep=1)
    assert session.timeline.last_good() is None
    assert kept_numbers(session, [1, 2, 3]) == {1, 3}
    with pytest.raises(TargetError, match="no good update differs from live; found not good: #2"):
        resolve_target(session.timeline, "last-good")


def test_a_verified_one_far_behind_is_not_preferred(bare: Shop) -> None:
    bare.deploy("v0")
    for number in range(PREFERRED):
        bare.deploy(f"v{number + 1}")
    judged(bare, u1=GOOD)
    assert good(bare.session().timeline) == PREFERRED
    judged(bare, u2=GOOD)
    assert good(bare.session().timeline) == 2


def test_a_rollback_inherits_what_was_said_of_its_target(bare: Shop) -> None:
    bare.deploy("v1")
    bare.deploy("v2")
    rolled_back(bare, "v1", 1)
    bare.deploy("v3")
    judged(bare, u1=GOOD)
    entries = {entry.update.number: entry for entry in bare.session().timeline.entries()}
    assert {number: entry.said and entry.said.number for number, entry in entries.items()} == {
        **dict.fromkeys((2, 4)),
        **dict.fromkeys((1, 3), 1),
    }
    assert good(bare.session().timeline) == 3
    rolled_back(bare, "v2", 2)
    judged(bare, u2=BAD)
    bare.deploy("v3")
    assert good(bare.session().timeline) == 3
    # A check of the rollback itself says more than one of its target.
    judged(bare, u5=replace_at(GOOD, 1_764_000_900))
    assert good(bare.session().timeline) == 5


def test_one_with_chosen_resources_alone_inherits_only_the_bad(bare: Shop) -> None:
    bare.deploy("v1")
    bare.deploy("v2")
    rolled_back(bare, "part of v1", 1, partial=True)
    rolled_back(bare, "part of v2", 2, partial=True)
    bare.deploy("v3")
    judged(bare, u1=GOOD, u2=BAD)
    said = {entry.update.number: entry.said for entry in bare.session().timeline.entries()}
    assert said[3] is None
    assert said[4] is not None
    assert said[4].verdict == BAD
    assert good(bare.session().timeline) == 1


def test_a_refresh_is_as_bad_as_what_it_looked_at_but_not_verified(bare: Shop) -> None:
    bare.deploy("v1")
    bare.store.add("v1 drifted", kind="refresh")
    bare.deploy("v2")
    bare.store.add("v2 drifted", kind="refresh")
    bare.deploy("v3")
    judged(bare, u1=GOOD, u3=BAD)
    assert good(bare.session().timeline) == 1
    assert [entry.said is not None for entry in bare.session().timeline.entries()] == [False, False, True, False, True]


def test_a_verdict_does_not_hide_that_the_newest_update_failed_half_way(bare: Shop) -> None:
    for value in ("v1", "v2"):
        bare.deploy(value)
    bare.deploy("half", result="failed")
    judged(bare, u1=GOOD)
    found = half_way(bare.session().timeline)
    assert found is not None
    assert (found.failed.number, found.good.number) == (3, 1)
    bare.deploy("v2", result="failed")
    assert half_way(bare.session().timeline) is None, "it changed nothing"


def test_a_stack_that_was_made_again_has_none_of_its_predecessors(bare: Shop) -> None:
    bare.deploy("v1", message="the first life")
    bare.deploy("v2")
    judged(bare, u1=BAD)
    assert known(bare) == {1: BAD}
    shutil.rmtree(bare.store.directory)
    bare.store = FileStore(bare.store.directory)
    bare.deploy("v1", message="the second life")
    bare.deploy("v2")
    assert known(bare) == {}
    assert good(bare.session().timeline) == 1


def test_files_are_private_and_damaged_ones_say_nothing(bare: Shop) -> None:
    bare.deploy("v1")
    bare.deploy("v2")
    judged(bare, u1=GOOD)
    journal = bare.session().journal
    directory = journal.state.verdicts(journal.key)
    (file,) = directory.iterdir()
    assert (file.stat().st_mode & 0o777, directory.stat().st_mode & 0o777) == (0o600, 0o700)
    (directory / ".part-x").write_text("[]")
    (directory / "7-.json").write_text("[]")
    assert known(bare) == {1: GOOD}
    file.write_text("[{}]")
    assert known(bare) == {}
    file.unlink()
    file.symlink_to(bare.work / "Pulumi.yaml")
    assert known(bare) == {}


def test_only_what_is_looked_at_is_read(bare: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(8):
        bare.deploy(f"v{number}")
    judged(bare, **{f"u{number}": GOOD for number in range(1, 8)})
    read: list[str] = []
    original = StateDirectory.read

    def counted(self: StateDirectory, path: Path) -> bytes | None:
        if "verdicts" in path.parts:
            read.append(path.name.partition("-")[0])
        return original(self, path)

    monkeypatch.setattr(StateDirectory, "read", counted)
    monkeypatch.setattr(RecordStore, "which", refused)
    timeline = bare.session().timeline
    assert len(timeline) == 8
    assert read == [], "nothing is read before it is asked for"
    found = timeline.last_good()
    assert found is not None
    assert (found.number, read) == (7, ["7"])


def refused(_: RecordStore, names: list[str]) -> Iterator[bool]:
    assert not names, "git is asked"
    return iter(())


def test_the_oldest_go_first(bare: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 2)
    for number in range(1, 4):
        bare.deploy(f"v{number}")
        keep_verdict(bare.session(), number, GOOD)
        for file in bare.session().journal.state.verdicts(bare.session().journal.key).iterdir():
            if file.name.startswith(f"{number}-"):
                os.utime(file, (number, number))
    assert known(bare).keys() == {2, 3}


# -- in records ------------------------------------------------------------------------------------------------------


def test_another_machine_knows_it_from_the_record(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("v1", "v2", "v3"):
        shop.deploy(value)
    first = record_update(shop.session(), 1)
    judged(shop, u1=GOOD, u2=BAD)
    again = record_update(shop.session(), 1)
    assert again.new
    assert shop.git("rev-parse", f"{again.ref}^") == first.commit
    assert record_update(shop.session(), 1).new is False
    record_update(shop.session(), 2)
    assert list(verify_records(shop.records(), shop.session().timeline)) == []

    # Here git is not asked: all is in the state directory.
    with monkeypatch.context() as patched:
        patched.setattr(RecordStore, "which", refused)
        assert known(shop) == {1: GOOD, 2: BAD}

    elsewhere = {"XDG_STATE_HOME": str(tmp_path / "elsewhere")}

    def there() -> Timeline:
        return shop.session(**elsewhere).timeline

    assert good(there()) == 2, "a record that is not trusted says nothing"
    records = shop.session(**elsewhere).records
    assert records is not None
    agree(records, ALL)
    assert good(there()) == 1
    assert there().verdicts.of(there().update(1)) == GOOD
    assert [(one.said and one.said.verdict) for one in there().entries()] == [None, BAD, GOOD]

    # What the other machine says later joins it, and comes back with the record.
    later = replace_at(BAD, 1_764_009_999)
    other = shop.session(**elsewhere)
    keep_verdict(other, 1, later)
    record_update(other, 1)
    records = shop.records()
    agree(records, ALL)
    home = shop.session()
    assert isinstance(home.timeline.verdicts, KeptVerdicts)
    assert home.timeline.verdicts.all_of(home.timeline.update(1)) == (GOOD, later)


def test_a_record_of_another_update_says_nothing(shop: Shop, tmp_path: Path) -> None:
    shop.deploy("v1", message="the first life")
    judged(shop, u1=BAD)
    record_update(shop.session(), 1)
    shutil.rmtree(shop.store.directory)
    shop.store = FileStore(shop.store.directory)
    shop.deploy("v1", message="the second life")
    shop.deploy("v2")
    elsewhere = shop.session(XDG_STATE_HOME=str(tmp_path / "elsewhere"))
    assert elsewhere.records is not None
    agree(elsewhere.records, ALL)
    assert good(shop.session(XDG_STATE_HOME=str(tmp_path / "elsewhere")).timeline) == 1


def test_what_must_stand_in_no_record_is_left_out_and_the_verdict_stays(shop: Shop) -> None:
    shop.deploy("v1")
    token = "ghp_" + "a1B2" * 9
    judged(shop, u1=Verdict(good=True, command=f"curl -H {token}", at=5, code=0, output="ok"))
    record_update(shop.session(), 1)
    record = shop.records().read(1)
    assert record is not None
    kept = record.evidence()["verdicts.json"]
    assert token.encode() not in kept
    assert MASK.encode() in kept
    assert b'"good": true' in kept


# -- the command -----------------------------------------------------------------------------------------------------


def run_of(shop: Shop, version: int, before: int) -> Any:
    """As much of an `UpRun` as judging takes."""
    run = SimpleNamespace(
        session=shop.session(), result=SimpleNamespace(version=version), before=SimpleNamespace(newest=before), notes=()
    )
    run.judged_failed = lambda error: UpdateFailed(f"not good: {error}")
    return run


def ran(shop: Shop, command: str, **given: Any) -> Verdict:
    verify = VerifyCommand(shop.session(), command, **given)
    try:
        verify.run()
    except UpdateFailed:
        assert not verify.verdict().good
    return verify.verdict()


def test_the_command_its_end_and_when_are_kept(bare: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    bare.deploy("v1")
    said = ran(bare, "printf '\\033[31mred\\033[0m\\n'; echo two >&2")
    assert (said.good, said.code, said.output) == (True, 0, "red\ntwo")
    assert said.command.startswith("printf")
    assert said.at > 1_700_000_000
    assert capfd.readouterr().err == "\033[31mred\033[0m\ntwo\n", "what it prints is passed on as it is"
    assert (ran(bare, "exit 3").good, ran(bare, "exit 3").code) == (False, 3)
    assert ran(bare, "kill -9 $$").code == -9
    assert (ran(bare, "sleep 60", timeout=0.2).good, ran(bare, "sleep 60", timeout=0.2).code) == (False, None)
    long = ran(bare, "i=0; while [ $i -lt 400 ]; do echo line $i; i=$((i+1)); done")
    assert long.output.splitlines() == [f"line {number}" for number in range(400 - LINES, 400)]
    assert len(ran(bare, "head -c 300000 /dev/zero | tr '\\0' x").output) == CHARACTERS


def test_secrets_are_masked_in_what_is_kept(bare: Shop) -> None:
    bare.deploy("v1")
    session = bare.session()
    session.redactor.note_texts(["hush-hush-77"])
    verify = VerifyCommand(session, "echo it is hush-hush-77")
    verify.run()
    assert verify.verdict().command == f"echo it is {MASK}"
    assert verify.verdict().output == f"it is {MASK}"


def test_what_it_leaves_running_is_not_waited_for(bare: Shop) -> None:
    """It holds the pipe open."""
    bare.deploy("v1")
    verify = VerifyCommand(bare.session(), "sleep 30 & echo $!")
    assert verify.run() < 20
    os.kill(int(verify.verdict().output), 9)


@pytest.mark.parametrize(("command", "expected"), [("true", True), ("false", False)])
def test_what_the_command_said_is_kept_with_the_update_and_in_its_record(
    shop: Shop, command: str, expected: bool
) -> None:
    shop.deploy("v1")
    shop.deploy("v2")
    run = run_of(shop, 2, 1)
    verify = VerifyCommand(run.session, command)
    if expected:
        judge(run, verify)
    else:
        with pytest.raises(UpdateFailed, match="not good: the verify command failed"):
            judge(run, verify)
    assert {number: said.good for number, said in known(shop).items()} == {2: expected}
    record = shop.records().read(2)
    assert (record is not None) == expected, "of a bad one its evidence goes along: `UpRun.judged_failed` records it"
    if record is not None:
        assert b'"good": true' in record.evidence()["verdicts.json"]


def test_what_cannot_be_kept_makes_no_good_update_bad(bare: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    bare.deploy("v1")
    judge(run := run_of(bare, 1, 1), VerifyCommand(run.session, "true"))
    assert known(bare) == {}, "it left no update of its own"
    journal = bare.session().journal
    place: Callable[[str], Path] = StateDirectory.verdicts.__get__(journal.state)
    place(journal.key).parent.parent.mkdir(parents=True, exist_ok=True)
    place(journal.key).parent.write_text("in the way")
    judge(run := run_of(bare, 1, 0), VerifyCommand(run.session, "true"))
    assert "the verdict of the verify command was not saved" in run.notes[0]
