"""What callbacks returned, as changes of a goal. Pure."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pulumi_rewind.goal import Goal, GoalNote, Selection, registers
from pulumi_rewind.goal_build import build_goal
from pulumi_rewind.model import Checkpoint
from pulumi_rewind.selection import references
from pulumi_rewind.skipping import SKIPPED
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
        GoalNote("other-inputs", f"gets other values than recorded for {', '.join(sorted(inputs))}", urn)
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
    notes += [GoalNote(SKIPPED, f"is left out: {reason}", urn) for urn, reason in changes.skip.items()]
    waiting = [(urn, f"stays as it is: {reason}") for urn, reason in changes.keep.items()]
    while waiting:
        urn, why = waiting.pop()
        res = live.by_urn.get(urn)
        if res is None or urn in kept or not registers(res):
            continue
        kept.add(urn)
        chosen.discard(back.get(urn, ""))
        notes.append(GoalNote(SKIPPED, why, urn))
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
