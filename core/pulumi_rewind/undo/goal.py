"""Whether a plan that was made after callbacks returned something is the one that was reviewed. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from pulumi_rewind.goal import Goal, GoalChanges, references
from pulumi_rewind.plan import Plan, Step
from pulumi_rewind.skipping import SKIPPED

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
    touched = _touched(own, now.prepared.goal, reviewed.prepared.goal)
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
    """What something was returned for, all that refers to it at any depth, and what is kept for its sake.

    In URNs of this run: a goal's and live's are the same but for a renamed stack or resource, which both are in.
    """
    found = set(own)
    for goal in goals:
        for item in goal.registrations:  # dependencies come first
            if item.urn in found or found.intersection(item.awaited()) or found.intersection(references(item.source)):
                found.update((item.urn, item.live_urn, goal.run_urn(item.urn)))
        found.update(note.urn for note in goal.notes if note.code == SKIPPED)
    return frozenset(found)
