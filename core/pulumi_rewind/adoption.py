"""Objects that a program once imported: kept by their import id, adopted again where the state lost them. Pure.

The engine refuses to replace what still names an import id, and fails where the object is gone; then the id has to be
left out, which only a preview can tell.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from pulumi_rewind.goal import Goal, GoalNote
from pulumi_rewind.identity import rehomed
from pulumi_rewind.plan import Step


def adopts(goal: Goal) -> bool:
    """Whether an object that live lacks would be imported."""
    return any(item.import_id and not item.live_urn for item in goal.registrations)


def replaced_imports(goal: Goal, steps: Iterable[Step]) -> frozenset[str]:
    """URNs of the goal whose import id stands in the way of the replacement that they need."""
    replaced = {step.urn for step in steps if step.op == "replace"}
    return frozenset(
        item.urn
        for item in goal.registrations
        if item.import_id and rehomed(item.urn, goal.stack, goal.project) in replaced
    )


def without_imports(goal: Goal, urns: Collection[str]) -> Goal:
    """The goal without the import ids of some registrations, and with a note about each."""
    notes = []
    registrations = []
    for item in goal.registrations:
        if item.urn in urns and item.import_id:
            message = (
                f"was imported as {item.import_id} and can't be again; a program that still imports that id will want "
                "to replace the new object"
            )
            notes.append(GoalNote("import-lost", message, item.urn))
            item = replace(item, import_id="")
        registrations.append(item)
    return replace(goal, registrations=tuple(registrations), notes=(*goal.notes, *notes))
