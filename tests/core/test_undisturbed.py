"""A process that is being started isn't left behind by a Ctrl-C."""

from __future__ import annotations

import os
import signal
import stat
import time
from pathlib import Path

import pytest

from pulumi_rewind.engine.cli import Engine, EngineRun
from pulumi_rewind.project.workspace import find_workspace
from pulumi_rewind.system.processes import descendants, undisturbed
from tests.support.filestack import FileStack


def test_a_signal_waits_and_comes_all_the_same() -> None:
    reached: list[int] = []

    def start() -> None:
        with undisturbed():
            os.kill(os.getpid(), signal.SIGINT)
            reached.append(1)

    with pytest.raises(KeyboardInterrupt):
        start()
    assert reached
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_engine_that_was_just_started_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = FileStack(tmp_path / "stack")
    cli = stack.root / "bin" / "pulumi"
    cli.write_text(
        f"#!/bin/sh\necho $$ > {tmp_path}/pid\nkill -INT {os.getpid()}\n: > {tmp_path}/sent\nexec sleep 60\n"
    )
    cli.chmod(stat.S_IRWXU)
    engine = Engine(cli, "v3.276.0", find_workspace(stack.work, environ=stack.env))
    real = EngineRun.__init__

    def slow(self: EngineRun, *given: object) -> None:
        real(self, *given)  # type: ignore[arg-type]
        while not (tmp_path / "sent").exists():
            time.sleep(0.01)

    monkeypatch.setattr(EngineRun, "__init__", slow)
    with pytest.raises(KeyboardInterrupt):
        engine.start(["preview"], private=tmp_path)
    pid = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_killed_engine_leaves_no_plugin_behind(tmp_path: Path) -> None:
    """Which are in process groups of their own, and would notice it after minutes."""
    stack = FileStack(tmp_path / "stack")
    cli = stack.root / "bin" / "pulumi"
    cli.write_text(f"#!/bin/sh\nsetsid sh -c 'sleep 60 & echo $! > {tmp_path}/pid; wait' &\nwait\n")
    cli.chmod(stat.S_IRWXU)
    engine = Engine(cli, "v3.276.0", find_workspace(stack.work, environ=stack.env))
    run = engine.start(["preview"], private=tmp_path)
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
        time.sleep(0.01)
    plugin = int((tmp_path / "pid").read_text())
    assert plugin in descendants(run.process.pid)
    run.kill()
    assert ended(plugin)


def ended(pid: int) -> bool:
    """Whether it is gone, or waits for nothing but somebody to read its exit code."""
    for _ in range(200):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False
