"""What an engine that says nothing of it has only read: it is told by the goal."""

from __future__ import annotations

import pytest

from pulumi_rewind.engine.events import ResourceDone, StepMetadata, StepState
from pulumi_rewind.plan.model import plan_steps
from tests.support.checkpoints import checkpoint, goal, res, urn

VM = urn("vm")


def seen(op: str, *, said: bool) -> ResourceDone:
    """`said`: as engines since 3.259 report it."""
    old = StepState(urn=VM, id="vm-id")
    return ResourceDone(StepMetadata(op, VM, "t:m:R", old, StepState(urn=VM, id="vm-id", external=said)), planning=True)


@pytest.mark.parametrize(("external", "op"), [(True, "read"), (False, "discard")])
def test_a_read_gives_up_only_what_the_stack_managed(external: bool, op: str) -> None:
    live = checkpoint(res("vm", external=external))
    (found,) = plan_steps([seen("read", said=False)], goal(checkpoint(res("vm", external=True)), live))
    assert found.op == op


@pytest.mark.parametrize(("said", "op"), [(True, "discard"), (False, "read")])
def test_without_a_goal_only_what_is_said_is_given_up(said: bool, op: str) -> None:
    (found,) = plan_steps([seen("read", said=said)])
    assert found.op == op


@pytest.mark.parametrize(("external", "op"), [(True, "create"), (False, "replace")])
def test_what_was_read_is_not_replaced(external: bool, op: str) -> None:
    live = checkpoint(res("vm", external=external))
    (found,) = plan_steps([seen("replace", said=False)], goal(checkpoint(res("vm")), live))
    assert found.op == op
