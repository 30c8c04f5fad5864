"""A process that is being started isn't left behind by a Ctrl-C."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import pytest

from pulumi_rewind.engine import Engine, EngineRun
from pulumi_rewind.processes import undisturbed
from pulumi_rewind.workspace import find_workspace
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
    cli.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nkill -INT {os.getpid()}\nexec sleep 60\n")
    cli.chmod(stat.S_IRWXU)
    engine = Engine(cli, "v3.276.0", find_workspace(stack.work, environ=stack.env))
    real = EngineRun.__init__

    def slow(self: EngineRun, *given: object) -> None:
        real(self, *given)  # type: ignore[arg-type]
        while not (tmp_path / "pid").exists():
            pass
        signal.sigtimedwait([signal.SIGUSR2], 0.3)

    monkeypatch.setattr(EngineRun, "__init__", slow)
    with pytest.raises(KeyboardInterrupt):
        engine.start(["preview"], private=tmp_path)
    pid = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
