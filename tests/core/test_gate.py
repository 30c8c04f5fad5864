"""The gate before an old program, with a language host that only says that it ran; without an engine."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path
from typing import Any, cast

import pytest

from pulumi_rewind.engine.cli import Engine
from pulumi_rewind.errors import RefusedError
from pulumi_rewind.strategies.program.gate import Gate


class FakeEngine:
    """As much of an engine as the gate asks for."""

    def __init__(self, path: str) -> None:
        self.workspace = self
        self.runtime = "odd"
        self._path = path

    def environment(self) -> dict[str, str]:
        return {"PATH": self._path}


class World:
    def __init__(self, tmp_path: Path) -> None:
        self.moved = self.locked = False
        self.compared = 0
        self.tools = tmp_path / "it's tools"
        self.tools.mkdir()
        host = self.tools / "pulumi-language-odd"
        host.write_text('#!/bin/sh\necho "ran $*"\n')
        host.chmod(0o755)
        self.path = f"{self.tools}:/usr/bin:/bin"
        self.gate = self.made(self.path, tmp_path)

    def made(self, path: str, tmp_path: Path) -> Gate:
        return Gate(cast("Engine", FakeEngine(path)), tmp_path, self.check, lambda: self.locked)

    def check(self) -> None:
        self.compared += 1
        if self.moved:
            raise RefusedError("it has moved")

    def start(self) -> tuple[int, str]:
        """The engine starts the language host."""
        environ: Any = dict(self.gate.environ)
        done = subprocess.run(["/bin/sh", "-c", "pulumi-language-odd a b"], env=environ, capture_output=True, text=True)
        return done.returncode, done.stdout.strip()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_it_compares_until_that_was_done_under_the_lock(world: World) -> None:
    with world.gate as gate:
        assert world.start() == (0, "ran a b")
        assert (gate.passed, world.compared) == (False, 1)
        world.locked = True
        assert world.start() == (0, "ran a b")
        assert (gate.passed, world.compared) == (True, 2)
        world.moved = True  # by the engine itself
        assert world.start() == (0, "ran a b")
        assert (gate.refusal, world.compared) == ("", 2)


def test_what_has_moved_ends_it(world: World) -> None:
    world.moved = world.locked = True
    with world.gate as gate:
        assert world.start() == (1, "")
        assert gate.refusal == "it has moved"
        world.moved = False
        assert world.start() == (1, ""), "what was refused stays refused"


def test_the_engine_never_waits_for_somebody_who_was_killed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    killed = subprocess.Popen(["sleep", "60"])
    monkeypatch.setattr("pulumi_rewind.strategies.program.gate.os.getpid", lambda: killed.pid)
    with world.gate as gate:
        gate._ended.set()  # nobody answers any more
        timer = threading.Timer(0.3, killed.kill)
        timer.start()
        assert world.start() == (1, "")
        timer.join()
        killed.wait()


def test_without_a_language_host_on_the_path_it_still_compares(world: World, tmp_path: Path) -> None:
    with world.made("/nowhere", tmp_path) as gate:
        assert gate.environ == {}
        assert gate.compare()
        world.moved = True
        assert not gate.compare()
        assert gate.refusal == "it has moved"
