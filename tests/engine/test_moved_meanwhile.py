"""Somebody else's update ends while ours waits: nothing of it is lost, whichever way back was chosen."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pulumi_rewind.engine.cli import Engine, EngineRun
from pulumi_rewind.engine.events import Diagnostic
from pulumi_rewind.errors import RefusedError, RewindError
from pulumi_rewind.system.state_directory import StateDirectory
from tests.support.rewind import plan, run, said, session
from tests.support.stack import EngineStack

WORLD = """
import pulumi, bridged_sdk as bridged
web = bridged.Server("web", {"image": "%s"})
"""
HOOKS = """
from pathlib import Path
import pulumi_rewind as rewind

@rewind.before_rollback
def wait(context):
    state = Path(%r)
    state.write_bytes(state.read_bytes().replace(b'"two"', b'"hotfix"'))

@rewind.on_failure
def told(context):
    Path(%r).write_text(f"{context.resumable} {context.error}")
"""


@pytest.fixture
def world(stack: EngineStack) -> EngineStack:
    stack.write_file(".gitignore", "__pycache__/\n")
    stack.write_program(WORLD % "one")
    stack.git_commit("one")
    stack.up()
    stack.up(WORLD % "two")
    return stack


def hotfix(stack: EngineStack) -> None:
    """Somebody changes the state."""
    stack.state_file.write_bytes(stack.state_file.read_bytes().replace(b'"two"', b'"hotfix"'))


def before_it_starts(patch: pytest.MonkeyPatch, action: Callable[[], object]) -> None:
    """Does something when our own checks have passed and the engine's update is about to start."""
    start = Engine.start

    def late(self: Engine, arguments: Sequence[str], *, private: Path, extra_env: Mapping[str, str] = {}) -> EngineRun:
        if arguments[0] == "up":
            action()
        return start(self, arguments, private=private, extra_env=extra_env)

    patch.setattr(Engine, "start", late)


def test_it_is_seen_under_the_lock(world: EngineStack, monkeypatch: pytest.MonkeyPatch) -> None:
    program: dict[str, Any] = {"strategy": "program"}
    options: tuple[dict[str, Any], ...] = (program, program | {"refresh": True}, {"refresh": True}, {})
    two = world.state_file.read_bytes()
    for chosen in options:
        world.state_file.write_bytes(two)
        made = plan(world, "1", **chosen)
        with monkeypatch.context() as patch:
            before_it_starts(patch, lambda: hotfix(world))
            with pytest.raises(RewindError, match="changed since the plan was reviewed") as caught:
                run(world, made)
        assert isinstance(caught.value, RefusedError), chosen
        assert world.resources()["web"]["inputs"]["image"] == "hotfix"
        assert session(world).journal.read() is None
    world.state_file.write_bytes(two)
    result, events = run(world, plan(world, "1", **program))
    assert (result.result, result.differences) == ("succeeded", ())
    assert not [event for event in events if isinstance(event, Diagnostic) and "$PATH" in event.message]


def test_it_is_seen_before_a_state_is_imported(world: EngineStack, monkeypatch: pytest.MonkeyPatch) -> None:
    # While a callback waits: from the command line, with its exit code.
    note = world.root / "failed.txt"
    world.write_file("rewind_hooks.py", HOOKS % (str(world.state_file), str(note)))
    two = world.state_file.read_bytes()
    for strategy in ("state", "checkpoint"):
        world.state_file.write_bytes(two)
        note.unlink(missing_ok=True)
        refused = said(world, "rollback", "1", "--strategy", strategy, "--yes", "--json")
        assert refused.code == 3, refused
        assert "changed since the plan was reviewed" in refused.err + refused.out
        assert b'"hotfix"' in world.state_file.read_bytes()
        assert note.read_text().startswith("False the stack's state has changed")
        assert session(world).journal.read() is None
    (world.root / "rewind_hooks.py").unlink()

    # And in the instant before the CLI takes the document.
    world.state_file.write_bytes(two)
    made = plan(world, "1", strategy="state")
    create = StateDirectory.create

    def slow(self: Any, path: Path, content: bytes) -> None:
        create(self, path, content)
        hotfix(world)

    monkeypatch.setattr(StateDirectory, "create", slow)
    with pytest.raises(RefusedError, match="changed since"):
        run(world, made)
    assert b'"hotfix"' in world.state_file.read_bytes()
    assert json.loads(world.state_file.read_bytes())
