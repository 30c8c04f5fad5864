"""The check after a run: a second preview must have nothing left to do."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Mapping

from pulumi_rewind.bookkeeping import as_recorded
from pulumi_rewind.errors import InterruptedRun, RewindError
from pulumi_rewind.events import Diagnostic, EngineEvent
from pulumi_rewind.goal import Goal, Registration
from pulumi_rewind.letting_go import passing_urns
from pulumi_rewind.model import Checkpoint
from pulumi_rewind.plan import Prepared, plan_steps
from pulumi_rewind.prepare import make_goal
from pulumi_rewind.previewing import PreviewControl, preview
from pulumi_rewind.session import Session
from pulumi_rewind.values import Json
from pulumi_rewind.verify import Difference


def second_plan(
    session: Session, prepared: Prepared, after: Checkpoint, differences: list[Difference], control: PreviewControl
) -> Generator[EngineEvent, None, tuple[Goal, bytes] | None]:
    """Plans once more from the state `after` the run; what it would still do becomes a difference.

    Returns the goal and the engine's plan where nothing is left to do but to forget what was read for the passage.
    """
    goal = make_goal(
        session,
        prepared.target_plain,
        after,
        prepared.choices,
        stays=prepared.stays,
        changes=prepared.changes,
    )
    goal = dataclasses.replace(goal, registrations=_same_assets(goal.registrations, prepared.goal.registrations))
    try:
        events, update_plan, _ = preview(session, session.engine, goal, after, _ignore, control, config=prepared.config)
    except InterruptedRun:
        yield Diagnostic("the check by a second plan was stopped", "warning")
        return None
    except (RewindError, OSError) as err:
        differences.append(Difference("", "", f"the check by a second plan failed: {err}"))
        return None
    passing = passing_urns(prepared.goal)
    moving = [
        step
        for step in plan_steps(events, goal)
        if step.op not in {"same", "read"} and not (step.op == "discard" and step.urn in passing)
    ]
    for step in moving:
        where = f" in {', '.join(step.keys)}" if step.keys else ""
        differences.append(Difference(step.urn, "", f"a second plan would still {step.op} it{where}"))
    return None if moving else (goal, update_plan)


def _same_assets(fresh: tuple[Registration, ...], resolved: tuple[Registration, ...]) -> tuple[Registration, ...]:
    """The fresh registrations with the inputs whose assets were already found; credentials are those of now."""
    known = {item.urn: item for item in resolved}

    def inputs(item: Registration) -> Mapping[str, Json]:
        before = known.get(item.urn)
        if before is None:
            return item.inputs
        now = {key: item.inputs[key] for key in before.live_keys | item.live_keys if key in item.inputs}
        return {**as_recorded(before, before.inputs), **now}

    return tuple(dataclasses.replace(item, inputs=inputs(item)) for item in fresh)


def _ignore(_: EngineEvent) -> None:
    return
