"""The engine that is started while the goal is made: used where it fits, else ended without a trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulumi_rewind.engine.cli import Engine, EngineRun
from pulumi_rewind.engine.events import EngineEvent, Phase
from pulumi_rewind.errors import CheckpointError, InterruptedRun, RewindError, UsageError
from pulumi_rewind.goal.replay_report import Observe
from pulumi_rewind.history.targets import resolve_target
from pulumi_rewind.rollback.planning import build_plan
from pulumi_rewind.strategies import preview as previewing
from pulumi_rewind.strategies.preview import PreviewControl
from tests.support.rewind import plan, session, steps
from tests.support.stack import EngineStack

pytestmark = pytest.mark.engine

WEB = 'import bridged_sdk as bridged\nbridged.Server("web", {{"image": "{}"}})\n'


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[EngineRun, Path]]:
    """Every engine that is started from now on, with its private directory."""
    found: list[tuple[EngineRun, Path]] = []
    start = Engine.start

    def noted(engine: Engine, arguments: list[str], *, private: Path, **rest: dict[str, str]) -> EngineRun:
        run = start(engine, arguments, private=private, extra_env=rest.get("extra_env", {}))
        found.append((run, private))
        return run

    monkeypatch.setattr(Engine, "start", noted)
    return found


def all_gone(started: list[tuple[EngineRun, Path]]) -> bool:
    """Whether all have ended, and nothing of them is left."""
    return all(run.returncode is not None and not private.exists() for run, private in started)


def deployed_twice(stack: EngineStack) -> None:
    stack.up(WEB.format("one"))
    stack.up(WEB.format("two"))


def test_it_is_the_one_that_previews(stack: EngineStack, started: list[tuple[EngineRun, Path]]) -> None:
    deployed_twice(stack)
    seen: list[int] = []

    def observe(event: EngineEvent) -> None:
        if isinstance(event, Phase) and event.name == "preview":
            seen.append(len(started))

    made = plan(stack, "1", observe=observe)
    assert list(steps(made)) == ["web"]
    assert (seen, len(started)) == ([1], 1)
    assert all_gone(started)


@pytest.mark.parametrize("error", [UsageError, CheckpointError])
def test_where_the_goal_can_not_be_made_it_ends(
    stack: EngineStack, started: list[tuple[EngineRun, Path]], error: type[RewindError]
) -> None:
    deployed_twice(stack)
    opened = session(stack)
    target = resolve_target(opened.timeline, "1")
    if error is CheckpointError:
        min(stack.history_directory.glob("*.checkpoint.json")).write_text("{")
    with pytest.raises(error):
        build_plan(opened, target, only=("nobody",))
    assert len(started) == (error is UsageError), "a target that can't be read is noticed before"
    assert all_gone(started)


def test_with_other_settings_another_one_previews(stack: EngineStack, started: list[tuple[EngineRun, Path]]) -> None:
    stack.config_set("bridged:account", "north")
    stack.up(WEB.format("one"))
    stack.config_set("bridged:account", "south")
    stack.up(WEB.format("two"))
    started.clear()
    assert "web" in steps(plan(stack, "1"))
    assert len(started) == 2
    assert all_gone(started)


def test_what_has_waited_for_too_long_is_not_used(
    stack: EngineStack, started: list[tuple[EngineRun, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed_twice(stack)
    monkeypatch.setattr(previewing, "PATIENCE", 0.0)
    assert list(steps(plan(stack, "1"))) == ["web"]
    assert len(started) == 2
    assert all_gone(started)


def test_who_stops_the_plan_stops_it(stack: EngineStack, started: list[tuple[EngineRun, Path]]) -> None:
    deployed_twice(stack)
    control = PreviewControl()

    def stop(event: EngineEvent) -> None:
        if isinstance(event, Phase) and event.name == "preview":
            control.stop()

    observe: Observe = stop
    with pytest.raises(InterruptedRun):
        plan(stack, "1", observe=observe, control=control)
    assert len(started) == 1
    assert all_gone(started)
