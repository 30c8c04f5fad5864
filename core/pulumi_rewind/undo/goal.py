"""What callbacks returned, as changes of a goal; and whether a plan after them is the one that was reviewed. Pure."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pulumi_rewind.goal import Goal, Selection, registers
from pulumi_rewind.goal_build import build_goal
from pulumi_rewind.model import Checkpoint
from pulumi_rewind.plan import Plan, Step
from pulumi_rewind.risk_codes import SKIPPED, Risk
from pulumi_rewind.selection import references
from pulumi_rewind.skipping import LeftAlone
from pulumi_rewind.values import Json


@dataclass(frozen=True)
class GoalChanges:
    """How a goal differs from what the target alone would give."""

    adopt: Mapping[str, str] = field(default_factory=dict)
    """URN of the target → id of an object that is adopted in its place."""
    inputs: Mapping[str, Mapping[str, Json]] = field(default_factory=dict, repr=False)
    """URN of the target → inputs laid over the recorded ones; may hold secrets."""
    skip: Mapping[str, str] = field(default_factory=dict)
    """URN of the target → why it is left out."""
    keep: Mapping[str, str] = field(default_factory=dict)
    """URN of live → why it stays as it is."""

    def __bool__(self) -> bool:
        return bool(self.adopt or self.inputs or self.skip or self.keep)

    def subjects(self) -> frozenset[str]:
        """Every URN that something was returned for."""
        return frozenset((*self.adopt, *self.inputs, *self.skip, *self.keep))


def changed_goal(
    changes: GoalChanges,
    target: Checkpoint,
    live: Checkpoint,
    *,
    project: str,
    stack: str,
    only: Sequence[str] = (),
    stays: Mapping[str, str] = {},
    history: Iterable[Checkpoint] = (),
) -> Goal:
    """As `goal.build_goal`, with what callbacks returned; ids to adopt are not its business."""
    adjust = functools.partial(adjusted, changes)
    goal = build_goal(
        target, live, project=project, stack=stack, only=only, stays=stays, history=history, adjust=adjust
    )
    notes = [
        Risk("other-inputs", f"gets other values than recorded for {', '.join(sorted(inputs))}", urn)
        for urn, inputs in changes.inputs.items()
    ]
    registrations = tuple(
        replace(
            item,
            inputs={**item.inputs, **changes.inputs[item.urn]},
            property_dependencies={**dict.fromkeys(changes.inputs[item.urn], ()), **item.property_dependencies},
        )
        if item.urn in changes.inputs and not item.from_live
        else item
        for item in goal.registrations
    )
    return replace(goal, registrations=registrations, notes=(*goal.notes, *notes))


def adjusted(changes: GoalChanges, selection: Selection, live: Checkpoint, pairs: Mapping[str, str]) -> Selection:
    """A selection without what is skipped, with what is kept and all that needs to be there for it."""
    back = {live_urn: urn for urn, live_urn in pairs.items()}
    notes = list(selection.notes)
    chosen = set(selection.chosen) - set(changes.skip)
    kept = set(selection.kept)
    notes += [LeftAlone(SKIPPED, f"is left out: {reason}", urn) for urn, reason in changes.skip.items()]
    waiting = [(urn, f"stays as it is: {reason}") for urn, reason in changes.keep.items()]
    while waiting:
        urn, why = waiting.pop()
        res = live.by_urn.get(urn)
        if res is None or urn in kept or not registers(res):
            continue
        kept.add(urn)
        chosen.discard(back.get(urn, ""))
        notes.append(LeftAlone(SKIPPED, why, urn))
        for needed in references(res):
            partner = back.get(needed)
            if (partner is None or partner not in chosen) and needed not in kept:
                waiting.append((needed, f"stays as it is, because {res.name} needs it"))
    return Selection(frozenset(chosen), frozenset(kept), tuple(notes), selection.untouched)


def needing_skipped(changes: GoalChanges, goal: Goal) -> dict[str, list[str]]:
    """What was skipped → names of what is in the goal and refers to it, which would point at nothing."""
    found: dict[str, list[str]] = {}
    for item in goal.registrations:
        for urn in references(item.source) if not item.from_live else ():
            if urn in changes.skip and item.urn not in changes.skip and not item.source.is_stack:
                found.setdefault(urn, []).append(item.name)
    return found


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
    from pulumi_rewind.identity import rehomed

    found = set(own)
    for goal in goals:
        for item in goal.registrations:  # dependencies come first
            if item.urn in found or found.intersection(item.awaited()) or found.intersection(references(item.source)):
                found.update((item.urn, item.live_urn, rehomed(item.urn, goal.stack, goal.project)))
        found.update(note.urn for note in goal.notes if note.code == SKIPPED)
    return frozenset(found)
