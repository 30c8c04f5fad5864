"""Kills what holds, returns and confirms: a share of the moments; ``python -m tests.faults.held`` runs all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulumi_rewind.engine.events import Phase
from pulumi_rewind.errors import InterruptedRun
from pulumi_rewind.rollback.planning import build_plan
from pulumi_rewind.rollback.resuming import LIVE, find_target
from pulumi_rewind.rollback.run import RollbackRun
from pulumi_rewind.system.toolchain import EngineInfo
from pulumi_rewind.up.review import review_up
from pulumi_rewind.up.run import UpRun, take_before
from tests.faults.held import ROADS, Trials, moments
from tests.support.held import SETTINGS, held, one, prepared, up
from tests.support.rewind import session
from tests.support.stack import EngineStack

SHARE = (10, 17)
"""While a rollback that returns and holds runs, and as a confirmation begins."""


@pytest.mark.slow
def test_whatever_is_killed_nothing_is_lost_and_nothing_doubled(engine: EngineInfo, tmp_path: Path) -> None:
    trials = Trials(tmp_path, engine.path)
    for number in SHARE:
        assert trials.run(moments()[number]) == "", number


def test_all_roads_have_their_moments() -> None:
    drawn = moments()
    assert len(drawn) == 60
    for road in ROADS:
        mine = [moment for moment in drawn if moment.road == road]
        assert len(mine) == 10
        assert len({round(moment.place, 2) for moment in mine}) == 10
        assert {moment.engine for moment in mine} == {False, True}


def confirming(stack: EngineStack) -> RollbackRun:
    opened = session(stack)
    return RollbackRun(opened, build_plan(opened, find_target(opened, LIVE), drop_held=("*",)), allow_data_loss=True)


def test_a_confirmation_that_is_stopped_before_it_begins_has_deleted_nothing(stack: EngineStack) -> None:
    """And no later update is taken for the one that did."""
    prepared(stack, one("a"), one("b"))
    first = held(stack)
    stopped = confirming(stack)
    events = stopped.events()
    next(event for event in events if isinstance(event, Phase) and event.name == "run")
    assert held(stack) == {}, "it waits for its deletion"
    stopped.interrupt()
    with pytest.raises(InterruptedRun, match="nothing in the stack was changed"):
        list(events)
    assert held(stack) == first
    stack.up(one("b", 'pulumi.export("x", 1)'))
    assert held(stack) == first
    assert set(first.values()) <= set(stack.physical())


def test_a_hold_that_ends_before_its_engine_runs(stack: EngineStack) -> None:
    """Marked and killed, then continued by somebody else's update: what that lets go of is known."""
    stack.write_file("rewind.toml", SETTINGS)
    stack.up(one("a"))
    first = stack.resources()["db"]["id"]
    stack.write_program(one("b"))
    opened = session(stack)
    before = take_before(opened)
    review = review_up(opened, before.checkpoint, hold="stateful", observe=lambda _: None)
    killed = UpRun(opened, before, holding=review.holding).events()
    next(event for event in killed if isinstance(event, Phase) and event.name == "run")
    del killed
    assert held(stack) == {}
    assert stack.resources()["db"]["retainOnDelete"]
    up(stack, one("a"), "--hold-deletes")
    assert not stack.resources()["db"].get("retainOnDelete"), "the mark goes with the next update"
    stack.up(one("b"))
    assert first not in stack.physical()
    assert held(stack) == {}, "it was deleted as its program wanted"
