"""The plan after callbacks have returned something that changes the goal: only what was reviewed may become of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from pulumi_rewind import prepare
from pulumi_rewind.errors import IncompleteError, InterruptedRun, RewindError
from pulumi_rewind.model import urn_name
from pulumi_rewind.plan import Plan
from pulumi_rewind.previewing import PreviewControl
from pulumi_rewind.session import Session
from pulumi_rewind.undo.goal import GoalChanges, deviations, needing_skipped

UNCHANGED = "this run has changed nothing in the stack yet"


def replanned(session: Session, reviewed: Plan, changes: GoalChanges, control: PreviewControl) -> Plan:
    """The plan with what callbacks returned, previewed by the engine; the reviewed one is given up.

    Raises:
        IncompleteError: it can't be made, or would do more than was reviewed; it can be resumed.
        InterruptedRun: it was asked to stop.
    """
    prepared = reviewed.prepared
    hint = "`pulumi-rewind resume` plans again and shows it; " + UNCHANGED + "."
    try:
        now = plan_again(session, reviewed, control, adopt={**prepared.adopt, **changes.adopt}, changes=changes)
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
    control: PreviewControl,
    *,
    adopt: Mapping[str, str] | None = None,
    delete_first: Sequence[str] | None = None,
    changes: GoalChanges | None = None,
) -> Plan:
    """The plan to the same target with the same choices, but for what is given; raises as `prepare.build_plan`."""
    prepared = reviewed.prepared
    return prepare.build_plan(
        session,
        reviewed.target,
        strategy=reviewed.strategy,
        only=prepared.only,
        refresh=prepared.refresh,
        recorded_credentials=prepared.recorded_credentials,
        use_todays_config=prepared.todays_config,
        adopt=prepared.adopt if adopt is None else adopt,
        delete_first=prepared.delete_first if delete_first is None else delete_first,
        changes=prepared.changes if changes is None else changes,
        control=control,
    )


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
