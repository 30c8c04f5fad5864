"""The plan after callbacks have returned something that changes the goal: only what was reviewed may become of it."""

from __future__ import annotations

import dataclasses

from pulumi_rewind import prepare
from pulumi_rewind.choices import Choices
from pulumi_rewind.errors import IncompleteError, InterruptedRun, RewindError
from pulumi_rewind.model import urn_name
from pulumi_rewind.plan import Plan
from pulumi_rewind.previewing import PreviewControl
from pulumi_rewind.session import Session
from pulumi_rewind.undo.goal import GoalChanges, deviations, needing_skipped
from pulumi_rewind.undo.run import UNCHANGED


def replanned(session: Session, reviewed: Plan, changes: GoalChanges, control: PreviewControl) -> Plan:
    """The plan with what callbacks returned, previewed by the engine; the reviewed one is given up.

    Raises:
        IncompleteError: it can't be made, or would do more than was reviewed; it can be resumed.
        InterruptedRun: it was asked to stop.
    """
    prepared = reviewed.prepared
    hint = "`pulumi-rewind resume` plans again and shows it; " + UNCHANGED + "."
    try:
        adopt = {**prepared.choices.adopt, **changes.adopt}
        now = plan_again(session, reviewed, prepared.choices.but(adopt=adopt), control, changes)
    except InterruptedRun:
        raise
    except RewindError as err:
        raise IncompleteError(f"with what the callbacks returned: {err}", hint=f"{err.hint} {hint}".strip()) from None
    problem = _problem(reviewed, now, changes)
    if problem:
        now.close()
        raise IncompleteError(problem, hint=hint)
    reviewed.close()
    return dataclasses.replace(now, undo=reviewed.undo, revisions=reviewed.revisions)


def plan_again(
    session: Session,
    reviewed: Plan,
    choices: Choices,
    control: PreviewControl,
    changes: GoalChanges | None = None,
) -> Plan:
    """The plan to the same target with these choices; raises as `prepare.build_plan`."""
    changes = reviewed.prepared.changes if changes is None else changes
    return prepare.build_plan(session, reviewed.target, choices, changes=changes, control=control)


def _problem(reviewed: Plan, now: Plan, changes: GoalChanges) -> str:
    if now.prepared.live.digest != reviewed.prepared.live.digest:
        return "the stack's state has moved while the callbacks ran"
    lost = needing_skipped(changes, now.prepared.goal)
    if lost:
        names = "; ".join(f"{urn_name(urn)} is needed by {', '.join(users)}" for urn, users in lost.items())
        return f"what a callback skipped can't be left out: {names}"
    more = deviations(reviewed, now, changes)
    if more:
        return f"what the callbacks returned would change more than was reviewed: {'; '.join(more)}"
    return ""
