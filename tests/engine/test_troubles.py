"""What goes wrong around a rollback: providers, the disk, and other people at the same stack."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_rewind.choices import Choices
from pulumi_rewind.errors import CheckpointError
from pulumi_rewind.system.toolchain import EngineInfo
from tests.support.faults import (
    check_whole,
    copied,
    deploy_both,
    engines,
    hanging,
    orphans,
    own,
    providers,
    remove_orphans,
    slay,
    start,
    start_rollback,
    stuck,
    until,
    wait_until_running,
)
from tests.support.rewind import session
from tests.support.stack import EngineStack

CHOICES = ("--recorded-credentials", "--todays-config", "--refresh")


@pytest.fixture(scope="module")
def deployed(engine: EngineInfo, tmp_path_factory: pytest.TempPathFactory) -> EngineStack:
    """A stack of 8 resources with two updates, for every story to copy."""
    return deploy_both(EngineStack(tmp_path_factory.mktemp("troubles") / "stack", engine.path), 8)


@pytest.fixture
def stack(deployed: EngineStack, tmp_path: Path) -> EngineStack:
    """A copy of it."""
    return copied(deployed, tmp_path / "stack")


def locks(stack: EngineStack) -> list[str]:
    opened = session(stack)
    return [str(lock) for lock in opened.backend.locks(opened.stack)]


def prefixes(stack: EngineStack) -> set[str]:
    return {name.split("-")[0] for name, res in stack.resources().items() if res["type"].startswith("bridged:")}


@pytest.mark.slow
def test_a_provider_that_fails_always_once_or_hangs_or_dies(stack: EngineStack) -> None:
    for rule, words in (
        ({"action": "fail", "message": "quota exceeded"}, ("rollback", "1", *CHOICES)),
        ({"action": "once", "message": "quota exceeded"}, ("resume",)),
    ):
        stack.trouble({"name": "old-2", "operation": "create", **rule})
        code, text = own(stack, *words, "--yes", "--allow-data-loss")
        assert (code, "quota exceeded" in text, "pulumi-rewind resume" in text) == (4, True, True), text
        entry = session(stack).journal.read()
        assert entry is not None
        assert entry.choices == Choices(recorded_credentials=True, todays_config=True, refresh=True), "for each resume"
        assert not locks(stack)
        check_whole(stack)
        assert prefixes(stack) == {"old", "new", "both"}  # what it would delete waits for what it would create
    code, text = own(stack, "resume", "--yes", "--allow-data-loss")
    assert code == 0, text
    assert prefixes(stack) == {"old", "both"}

    stack.trouble({"name": "new-2", "operation": "create", "action": "hang"})
    process = start_rollback(stack, "2")
    until(lambda: bool(hanging(stack, "create")))
    process.send_signal(signal.SIGINT)  # the provider is told, and gives up
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert not locks(stack)
    check_whole(stack)

    stack.forget_calls()
    process = start(stack, "resume", "--yes", "--allow-data-loss")
    until(lambda: bool(hanging(stack, "create")))
    for number in providers(stack):
        slay(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 4, output
    assert "an object may exist that is not in the state: new-2" in output, output
    assert not locks(stack)
    check_whole(stack, said=output)
    stack.trouble()
    code, text = own(stack, "resume", "--yes", "--allow-data-loss")
    assert (code, "unknown outcome: an object may exist that is not in the state: new-2" in text) == (0, True), text
    assert prefixes(stack) == {"new", "both"}
    assert orphans(stack) == {}


@pytest.mark.slow
def test_an_interrupt_waits_for_the_engine_to_listen_and_locks_are_named(stack: EngineStack, tmp_path: Path) -> None:
    opened = session(stack)
    run = opened.engine.start(["up", "--yes", "--skip-preview", "-s", stack.name], private=tmp_path)
    run.interrupt()
    for _ in run.events():
        pass
    # 255 is how older engines say 1; a process that a signal ended has a negative code
    assert run.returncode in {1, 255}, "it was told when it listened: a signal before would have ended it on the spot"
    assert "canceled" in run.output()
    assert not locks(stack)

    stack.write_program("import pulumi\npulumi.export('size', 'megabytes, maybe')\n")
    run = opened.engine.start(["preview", "-s", stack.name], private=tmp_path)
    for _ in run.events():
        pass
    assert (run.returncode, "megabytes" in run.output()) == (0, False), run.output()

    stack.trouble({"name": "old-2", "operation": "create", "action": "hang"})
    process = start_rollback(stack)
    until(lambda: stuck(stack, "create", after="old-5") == {"old-2"})
    for number in engines(stack):
        slay(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 4, output
    assert "is locked by" in output, output
    assert "`pulumi cancel` removes the lock" in output, output


@pytest.mark.slow
def test_two_rollbacks_at_once_and_somebody_elses_update(stack: EngineStack) -> None:
    stack.trouble({"name": "old-4", "operation": "create", "action": "hang"})
    process = start_rollback(stack)
    until(lambda: bool(hanging(stack, "create")))
    mine = session(stack).journal.read()
    code, text = own(stack, "rollback", "1", "--yes", "--allow-data-loss")
    assert code == 3, text
    assert "locked by" in text
    assert "(pid " in text
    assert session(stack).journal.read() == mine
    up = stack.pulumi("up", "--yes", "--skip-preview", "-s", stack.name, check=False)
    stack.trouble()
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert up.returncode != 0
    assert "currently locked" in up.stdout + up.stderr
    assert prefixes(stack) == {"old", "both"}
    assert not locks(stack)
    check_whole(stack)

    stack.trouble({"name": "new-4", "operation": "create", "action": "hang"})
    stack.forget_calls()
    command = [str(stack.engine), "up", "--yes", "--skip-preview", "-s", stack.name, "--non-interactive"]
    theirs = subprocess.Popen(command, cwd=stack.root, env=stack.environ, stdout=subprocess.DEVNULL)
    until(lambda: bool(hanging(stack, "create")))
    code, text = own(stack, "rollback", "1", "--yes", "--allow-data-loss")
    stack.trouble()
    assert (code, "locked by" in text) == (3, True), text
    assert "resolve" not in text  # what is being created there is no leftover
    assert theirs.wait(timeout=60) == 0
    assert prefixes(stack) == {"new", "both"}
    check_whole(stack)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with little room."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("mounting is not permitted here")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=False)


def fill(disk: Path) -> Path:
    """Takes all the room that is left."""
    filler = disk / "filler"
    with filler.open("wb") as file, contextlib.suppress(OSError):
        while True:
            os.write(file.fileno(), b"x" * 4096)
    return filler


@pytest.mark.slow
def test_a_full_disk_in_the_backend_loses_nothing(stack: EngineStack, small_disk: Path) -> None:
    shutil.copytree(stack.backend, small_disk / "backend")
    stack.backend = small_disk / "backend"
    filler = fill(small_disk)
    code, text = own(stack, "rollback", "1", "--yes", "--allow-data-loss")
    assert (code, "the disk of the backend" in text) == (3, True), text
    filler.unlink()

    stack.trouble({"name": "*", "operation": "*", "action": "slow", "seconds": 0.3})
    process = start_rollback(stack)
    wait_until_running(stack, process)
    filler = fill(small_disk)
    time.sleep(2)
    filler.unlink()  # in time: the engine tries again
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert prefixes(stack) == {"old", "both"}
    check_whole(stack)


@pytest.mark.long  # the engine tries to write for more than a minute
def test_a_disk_that_stays_full_is_explained_and_got_over(stack: EngineStack, small_disk: Path) -> None:
    shutil.copytree(stack.backend, small_disk / "backend")
    stack.backend = small_disk / "backend"
    stack.trouble({"name": "*", "operation": "*", "action": "slow", "seconds": 0.3})
    process = start_rollback(stack)
    wait_until_running(stack, process)
    filler = fill(small_disk)
    output, _ = process.communicate(timeout=280)
    assert process.returncode == 4, output
    assert "no space left on device" in output
    filler.unlink()
    assert not locks(stack)
    opened = session(stack)
    try:
        opened.backend.live(opened.stack)
    except CheckpointError:  # the engine has cut it off, or not; it depends on the last bit of room
        code, text = own(stack, "resume", "--yes", "--allow-data-loss")
        assert code == 1, text
        put_back = next(word for word in text.split("`") if word.startswith("cp "))
        assert put_back in output
        assert stack.run(["sh", "-c", put_back]).returncode == 0
    check_whole(stack, said=output)
    remove_orphans(stack)
    stack.trouble()
    code, text = own(stack, "resolve", "--clear-all")
    assert code == 0, text
    code, text = own(stack, "resume", "--yes", "--allow-data-loss")
    assert code == 0, text
    assert prefixes(stack) == {"old", "both"}
    check_whole(stack)
