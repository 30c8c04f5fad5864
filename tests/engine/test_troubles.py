"""What goes wrong around a rollback: providers, the disk, and other people at the same stack."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pulumi_rewind.toolchain import EngineInfo
from tests.support.faults import (
    check_whole,
    copied,
    deploy_both,
    engines,
    orphans,
    own,
    providers,
    remove_orphans,
    start,
    start_rollback,
    wait_for_quiet,
    wait_until_running,
)
from tests.support.rewind import session
from tests.support.stack import EngineStack


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


def until(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_a_provider_that_fails_always_once_or_hangs_or_dies(stack: EngineStack) -> None:
    stack.trouble({"name": "old-2", "operation": "create", "action": "fail", "message": "quota exceeded"})
    for words in (("rollback", "1"), ("resume",)):  # as often as you like
        code, text = own(stack, *words, "--yes", "--allow-data-loss")
        assert (code, "quota exceeded" in text, "pulumi-rewind resume" in text) == (4, True, True), text
        assert not locks(stack)
        check_whole(stack)
    assert prefixes(stack) == {"old", "new", "both"}  # what it would delete waits for what it would create

    stack.trouble({"name": "old-2", "operation": "create", "action": "once"})
    code, text = own(stack, "resume", "--yes", "--allow-data-loss")
    assert (code, "refused this once" in text) == (4, True), text
    code, text = own(stack, "resume", "--yes", "--allow-data-loss")
    assert code == 0, text
    assert prefixes(stack) == {"old", "both"}

    stack.trouble({"name": "new-2", "operation": "create", "action": "hang"})
    process = start_rollback(stack, "2")
    wait_until_running(stack, process)
    until(lambda: len(stack.physical()) > 8)
    process.send_signal(signal.SIGINT)  # the provider is told, and gives up
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert not locks(stack)
    check_whole(stack)

    stack.forget_calls()
    process = start(stack, "resume", "--yes", "--allow-data-loss")
    until(lambda: any(call["operation"] == "create" for call in stack.calls()))
    for number in providers(stack):
        os.kill(number, signal.SIGKILL)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 4, output
    assert "the provider ended while it was creating new-2: an object may exist" in output
    assert not locks(stack)
    check_whole(stack, said=output)
    stack.trouble()
    code, text = own(stack, "resume", "--yes", "--allow-data-loss")
    assert (code, "in doubt: the provider ended while it was creating new-2" in text) == (0, True), text
    assert prefixes(stack) == {"new", "both"}
    assert orphans(stack) == {}


@pytest.mark.slow
def test_two_rollbacks_at_once_and_somebody_elses_update(stack: EngineStack) -> None:
    stack.trouble({"name": "*", "operation": "*", "action": "slow", "seconds": 0.6})
    process = start_rollback(stack, "1")
    wait_until_running(stack, process)
    mine = session(stack).journal.read()
    code, text = own(stack, "rollback", "1", "--yes", "--allow-data-loss")
    assert code == 3, text
    assert "locked by" in text
    assert "(pid " in text
    assert session(stack).journal.read() == mine
    up = stack.pulumi("up", "--yes", "--skip-preview", "-s", stack.name, check=False)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert up.returncode != 0
    assert "currently locked" in up.stdout + up.stderr
    assert prefixes(stack) == {"old", "both"}
    assert not locks(stack)
    check_whole(stack)

    command = [str(stack.engine), "up", "--yes", "--skip-preview", "-s", stack.name, "--non-interactive"]
    theirs = subprocess.Popen(command, cwd=stack.root, env=stack.environ, stdout=subprocess.DEVNULL)
    until(lambda: bool(locks(stack)))
    code, text = own(stack, "rollback", "1", "--yes", "--allow-data-loss")
    assert (code, "locked by" in text) == (3, True), text
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


@pytest.mark.slow
def test_a_full_disk_in_the_backend_loses_nothing(stack: EngineStack, small_disk: Path) -> None:
    shutil.copytree(stack.backend, small_disk / "backend")
    stack.backend = small_disk / "backend"
    stack.trouble({"name": "*", "operation": "*", "action": "slow", "seconds": 0.3})
    process = start_rollback(stack, "1")
    wait_until_running(stack, process)
    filler = small_disk / "filler"
    with filler.open("wb") as file:
        try:
            while True:
                os.write(file.fileno(), b"x" * 4096)
        except OSError:
            pass
    time.sleep(5)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=260)
    print(output)
    print(stack.run(["df", str(small_disk)]).stdout)
    wait_for_quiet(stack)
    print(process.returncode, locks(stack), stack.state_file.stat())
    filler.unlink()
    print(orphans(stack))
    print(stack.export()["deployment"].get("pending_operations"))
    stack.trouble()
    print(own(stack, "resume", "--yes", "--allow-data-loss"))
    raise AssertionError
