"""Objects that are imported instead of created: those that a program once imported, and those that the operator names.

An object can leave the state and still exist: after a state edit, a restored backup, a retained deletion. Importing it
keeps it; creating it anew would leave it behind as an orphan. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pulumi_rewind.bookkeeping import full_inputs, without_marks
from pulumi_rewind.errors import EngineError, UsageError
from pulumi_rewind.events import EngineEvent, ResourceDone
from pulumi_rewind.goal import Goal, GoalNote, Registration
from pulumi_rewind.identity import rehomed
from pulumi_rewind.plan import Risk, Step, plan_steps
from pulumi_rewind.sent import provider_made_keys, sent_inputs
from pulumi_rewind.values import MASK, Json, is_secret, walk

if TYPE_CHECKING:
    from pulumi_rewind.previewing import Previewed

FOUND = "*"
"""In place of a name: everything that would be created anew, by its recorded id, where the provider still finds it."""


def adopting(goal: Goal, wanted: Mapping[str, str]) -> Goal:
    """The goal with some objects imported: URN or name → id, or `FOUND` → anything.

    Raises:
        UsageError: a name that is unknown, ambiguous, or of something that live has or that can't be imported.
    """
    chosen: dict[str, str] = {}
    if FOUND in wanted:
        chosen = {item.urn: item.source.id for item in adoptable(goal)}
    for name, identifier in wanted.items():
        if name != FOUND:
            chosen[_named(goal, name).urn] = identifier
    registrations = tuple(
        replace(item, import_id=chosen[item.urn], inputs=full_inputs(item.source, chosen[item.urn]), full=True)
        if item.urn in chosen
        else item
        for item in goal.registrations
    )
    return replace(goal, registrations=registrations)


def adoptable(goal: Goal) -> list[Registration]:
    """What would be created anew although an id is recorded: the object may still exist."""
    return [
        item for item in goal.registrations if item.kind == "custom" and not item.live_urn and item.source.id
    ]  # fmt: skip


def _named(goal: Goal, name: str) -> Registration:
    candidates = adoptable(goal)
    found = [item for item in candidates if name in {item.urn, rehomed(item.urn, goal.stack, goal.project), item.name}]
    if len(found) == 1:
        return found[0]
    if found:
        urns = ", ".join(item.urn for item in found)
        raise UsageError(f"{name!r} names several resources", hint=f"Name one by its URN: {urns}.")
    if any(name in {item.urn, item.name} for item in goal.registrations):
        raise UsageError(
            f"{name!r} can't be adopted: it is in the state already, or it is no object of a provider",
            hint="Only what would be created anew can be adopted; `pulumi-rewind plan` lists it.",
        )
    names = ", ".join(item.name for item in candidates) or "none"
    raise UsageError(f"the target has no resource {name!r}", hint=f"What could be adopted: {names}.")


def offer(goal: Goal, steps: Iterable[Step], wanted: Mapping[str, str]) -> tuple[Risk, ...]:
    """Says that what would be created anew may still exist; nothing where that was looked at."""
    created = {step.urn for step in steps if step.op == "create"}
    names = [item.name for item in adoptable(goal) if rehomed(item.urn, goal.stack, goal.project) in created]
    if not names or FOUND in wanted:
        return ()
    what = f"{names[0]} is" if len(names) == 1 else f"{len(names)} objects are"
    message = f"{what} made anew; where the old object still exists, `--adopt found` takes it over instead"
    return (Risk("may-exist", message),)


def adoption_risks(step: Step, goal: Goal) -> tuple[Risk, ...]:
    """What the operator must know of an object that is imported because he asked for it."""
    item = next(
        (item for item in goal.registrations if item.full and rehomed(item.urn, goal.stack, goal.project) == step.urn),
        None,
    )
    if item is None or item.live_urn:
        return ()
    if step.op == "replace" or step.replace_keys:
        keys = ", ".join(step.replace_keys or step.keys)
        message = f"can't be adopted as {item.import_id}: it would have to be replaced{f' for {keys}' if keys else ''}"
        return (Risk("adoption-replaces", message, blocking=True, urn=step.urn),)
    return (Risk("adopted", f"the existing object {item.import_id} is taken over and brought to the target"),)


def agreeable(goal: Goal, look: Callable[[Goal], Previewed], wanted: Mapping[str, str]) -> tuple[Goal, Previewed]:
    """A preview in which no import id stands in the way, and the goal that it is of.

    The engine refuses to replace what still names an import id, and fails where the object is gone; then the id has
    to be left out, which only a preview can tell. What the operator named stays, and the failure is his answer.

    Raises:
        EngineError: the preview failed for another reason, or for an id that was asked for.
    """
    asked = {_named(goal, name).urn for name in wanted if name != FOUND}
    while True:
        try:
            seen = look(goal)
        except EngineError as err:
            lost = _lost(goal, err, asked)
            if not lost:
                raise
            goal = without_imports(goal, lost)
            continue
        steps = plan_steps(seen[0], goal)
        goal, changed = like_the_objects(goal, seen[0], steps)
        replaced = replaced_imports(goal, steps) - asked
        if changed:
            continue
        if not replaced:
            return goal, seen
        goal = without_imports(goal, replaced)


def like_the_objects(goal: Goal, events: Iterable[EngineEvent], steps: Iterable[Step]) -> tuple[Goal, bool]:
    """The goal with what the provider made of an adopted object as that object has it, and whether that is new.

    An object that was restored from a backup may have another auto-name than the lost one; asking for the old one
    would replace it. Only what forces a replacement and what no program sent is taken over.
    """
    forced = {step.urn: frozenset(step.replace_keys) for step in steps if step.replace_keys}
    read = {
        event.step.urn: event.step.new.inputs or {}
        for event in events
        if isinstance(event, ResourceDone) and event.step.op == "import" and event.step.new is not None
    }
    registrations, changed = [], False
    for item in goal.registrations:
        urn = rehomed(item.urn, goal.stack, goal.project)
        if item.full and not item.live_urn and urn in forced:
            keys = forced[urn] & provider_made_keys(item.source) & read.get(urn, {}).keys()
            actual = {key: without_marks(read[urn][key]) for key in keys if not _masked(read[urn][key])}
            if any(item.inputs.get(key) != value for key, value in actual.items()):
                item, changed = replace(item, inputs={**item.inputs, **actual}), True
        registrations.append(item)
    return replace(goal, registrations=tuple(registrations)), changed


def _masked(value: Json) -> bool:
    """Whether something in a value of an event is a secret, which the engine hides there."""
    return any(inner == MASK or is_secret(inner) for inner in walk(value))


def _lost(goal: Goal, error: EngineError, asked: Collection[str]) -> set[str]:
    """What to leave out after a failed preview: what the engine complained of, else every import that may be it."""
    open_ = {item.urn for item in goal.registrations if item.import_id and not item.live_urn} - set(asked)
    blamed = {urn for urn in open_ if rehomed(urn, goal.stack, goal.project) in error.urns}
    return blamed or open_


def replaced_imports(goal: Goal, steps: Iterable[Step]) -> frozenset[str]:
    """URNs of the goal whose import id stands in the way of the replacement that they need."""
    replaced = {step.urn for step in steps if step.op == "replace"}
    return frozenset(
        item.urn
        for item in goal.registrations
        if item.import_id and rehomed(item.urn, goal.stack, goal.project) in replaced
    )


def without_imports(goal: Goal, urns: Collection[str]) -> Goal:
    """The goal without the import ids of some registrations, and with a note about each that a program had named."""
    notes = []
    registrations = []
    for item in goal.registrations:
        if item.urn in urns and item.import_id:
            if item.full:  # only tried, as the operator asked for whatever is still there
                notes.append(GoalNote("not-found", f"is made anew: the old object {item.import_id} is gone", item.urn))
                item = replace(item, import_id="", full=False, inputs=sent_inputs(item.source))
            else:
                message = (
                    f"was imported as {item.import_id} and can't be again; a program that still imports that id will "
                    "want to replace the new object"
                )
                notes.append(GoalNote("import-lost", message, item.urn))
                item = replace(item, import_id="")
        registrations.append(item)
    return replace(goal, registrations=tuple(registrations), notes=(*goal.notes, *notes))
