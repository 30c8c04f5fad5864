"""Drives our own road of a rollback against an `EngineStack`."""

from __future__ import annotations

from typing import Any

from pulumi_rewind.events import EngineEvent
from pulumi_rewind.plan import Plan, Step
from pulumi_rewind.rollback import RollbackResult, build_plan
from pulumi_rewind.session import Session, open_session
from pulumi_rewind.strategies import make_run
from pulumi_rewind.targets import resolve_target
from tests.support.stack import EngineStack


def session(stack: EngineStack) -> Session:
    """A fresh session on the stack."""
    return open_session(stack.root, stack.name, environ=stack.environ)


def plan(stack: EngineStack, target: str, **options: Any) -> Plan:
    """A plan to a target."""
    opened = session(stack)
    return build_plan(opened, resolve_target(opened.timeline, target), **options)


def run(stack: EngineStack, made: Plan, **options: Any) -> tuple[RollbackResult, list[EngineEvent]]:
    """Runs a plan to its end."""
    rollback = make_run(session(stack), made, **options)
    events = list(rollback.events())
    assert rollback.result is not None
    return rollback.result, events


def roll_back(stack: EngineStack, target: str, **options: Any) -> RollbackResult:
    """Plans and runs; data loss is accepted, differences are returned."""
    return run(stack, plan(stack, target, **options), allow_data_loss=True)[0]


def steps(made: Plan) -> dict[str, Step]:
    """The steps of a plan by resource name."""
    return {step.name: step for step in made.steps}


def settled(stack: EngineStack) -> dict[str, Any]:
    """The state as far as a rollback answers for it: by URN, without ids, positions and times."""
    volatile = {"created", "modified", "sourcePosition", "stackTrace"}
    return {
        res["urn"]: {key: value for key, value in res.items() if key not in volatile}
        for res in stack.export()["deployment"]["resources"]
    }
