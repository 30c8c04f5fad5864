"""The plan after callbacks have returned something that changes the goal: only what was reviewed may become of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from pulumi_rewind.callbacks.undo.run import UNCHANGED
from pulumi_rewind.choices import Choices
from pulumi_rewind.errors import IncompleteError, InterruptedRun, RewindError
from pulumi_rewind.goal.model import Goal, GoalChanges
from pulumi_rewind.goal.reach import of_goal, reached
from pulumi_rewind.goal.skipping import needing_skipped
from pulumi_rewind.plan.keeping_data import kept_for_data
from pulumi_rewind.plan.model import Plan, Step
from pulumi_rewind.plan.prepared import ReplayPrepared
from pulumi_rewind.risk import SKIPPED
from pulumi_rewind.session import Session
from pulumi_rewind.state.model import urn_name
from pulumi_rewind.strategies.choosing import plan_by_strategy
from pulumi_rewind.strategies.preview import PreviewControl


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
        text = f"with the callbacks' results: {err}"
        err.unchanged = False  # by the preview, but callbacks were called
        raise IncompleteError(text, hint=f"{err.hint} {hint}".strip(), resumes=err.resumes) from None
    return in_place_of(reviewed, now, _problem(reviewed, now, changes), hint)


def in_place_of(reviewed: Plan, now: Plan, problem: str, hint: str) -> Plan:
    """The plan that is run now, with the callbacks that were reviewed; one of the two is given up.

    Raises:
        IncompleteError: there is a `problem` with it.
    """
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
    """The plan to the same target with these choices; raises as `strategies.choosing.plan_by_strategy`."""
    changes = ReplayPrepared.of(reviewed.prepared).changes if changes is None else changes
    stays = kept_for_data(ReplayPrepared.of(reviewed.prepared).stays)
    return plan_by_strategy(session, reviewed.target, choices, changes=changes, control=control, stays=stays)


def _problem(reviewed: Plan, now: Plan, changes: GoalChanges) -> str:
    if now.prepared.live.digest != reviewed.prepared.live.digest:
        return "the stack's state changed while the callbacks ran"
    lost = needing_skipped(changes, ReplayPrepared.of(now.prepared).goal)
    if lost:
        names = "; ".join(f"{urn_name(urn)} is needed by {', '.join(users)}" for urn, users in lost.items())
        return f"a resource that a callback skipped can't be left out: {names}"
    more = deviations(reviewed, now, changes)
    if more:
        return f"the callbacks' results would change more than was reviewed: {'; '.join(more)}"
    return ""


# -- is it still what was reviewed? ---------------------------------------------------------------------------------

_LESS: Mapping[str, frozenset[str]] = {
    "create": frozenset({"import"}),
    "replace": frozenset({"update", "rename"}),
    "update": frozenset({"rename"}),
}
"""What a reviewed step of a dependant may turn into, or not be there at all: nothing that touches more."""

_OWN = frozenset({"create", "import", "update", "rename"})
"""What may become of a resource that a callback returned something for."""


def deviations(reviewed: Plan, now: Plan, changes: GoalChanges) -> list[str]:
    """What the new plan would do that was not reviewed and that no callback's result explains; empty if nothing."""
    before = {step.urn: step for step in reviewed.steps}
    after = {step.urn: step for step in now.steps}
    own = changes.subjects()
    touched = _touched(own, *(ReplayPrepared.of(plan.prepared).goal for plan in (now, reviewed)))
    found = [
        f"{step.name}: {step.op} instead of {before[urn].op if urn in before else 'nothing'}"
        for urn, step in after.items()
        if not _accepted(step, before.get(urn), urn in own, urn in touched)
    ]
    found += [
        f"{step.name}: nothing instead of {step.op}"
        for urn, step in before.items()
        if urn not in after and urn not in touched
    ]
    known = {(risk.code, risk.urn) for risk in reviewed.all_risks}
    found += [
        risk.told for risk in now.all_risks if (risk.blocking or risk.loses_data) and (risk.code, risk.urn) not in known
    ]
    return found


def _accepted(step: Step, before: Step | None, own: bool, touched: bool) -> bool:
    if before is not None and before.op == step.op:
        return True
    if not own and not touched:
        return False
    if own and step.op in _OWN:
        return True
    # A dependant: relinked to another id than the preview could know.
    return step.op == "update" if before is None else step.op in _LESS.get(before.op, ())


def _touched(own: frozenset[str], *goals: Goal) -> frozenset[str]:
    """What something was returned for, everything that refers to it, and what is kept for its sake; see `reached`."""
    kept = {note.urn for goal in goals for note in goal.notes if note.code == SKIPPED}
    return reached(own, *map(of_goal, goals)) | kept
