"""Objects that are imported instead of created: those that a program once imported, and those that the operator names.

An object that is no longer in the state may still exist: after a state edit, a restored backup, a retained deletion.
Importing it keeps it; re-creating it would leave it behind as an orphan. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from pulumi_rewind.engine.events import EngineEvent, ResourceDone
from pulumi_rewind.errors import EngineError, UsageError
from pulumi_rewind.goal.default_values import full_inputs, without_marks
from pulumi_rewind.goal.model import Goal, Registration
from pulumi_rewind.goal.replay_report import Previewed
from pulumi_rewind.plan.model import Step, plan_steps
from pulumi_rewind.risk import NOT_FOUND, Risk
from pulumi_rewind.state.property_path import keeping, parse_path
from pulumi_rewind.state.sent_inputs import sent_inputs
from pulumi_rewind.state.values import MASK, Json, is_secret, reveal, walk


def wants_found(wanted: Mapping[str, str]) -> bool:
    """Whether everything that would be re-created is tried by its recorded id, see `choices.FOUND`."""
    return not all(wanted.values())


def adopting(goal: Goal, wanted: Mapping[str, str], known: Mapping[str, Sequence[str]] = {}) -> Goal:
    """The goal with some objects imported, as `Choices.adopt` says.

    `known` has the ids that objects have had since (by URN of the goal, newest first); see `plan.former_ids`.

    Raises:
        UsageError: a name that is unknown, ambiguous, or of something that live has or that can't be imported.
    """
    chosen: dict[str, tuple[str, ...]] = {}
    if wants_found(wanted):
        chosen = {item.urn: (*known.get(item.urn, ()), item.source.id) for item in adoptable(goal)}
    chosen |= {urn: (identifier,) for urn, identifier in _asked(goal, wanted).items()}
    return importing(goal, chosen)


def importing(goal: Goal, ids: Mapping[str, Sequence[str]]) -> Goal:
    """The goal with registrations (by URN) imported by the first of their ids; the others if that is gone."""
    return goal.each(lambda item: _imported(item, tuple(dict.fromkeys(ids[item.urn]))) if ids.get(item.urn) else item)


def _imported(item: Registration, ids: tuple[str, ...]) -> Registration:
    first, *more = ids
    return replace(item, import_id=first, more_ids=tuple(more), inputs=full_inputs(item.source, first), all_inputs=True)


def adoptable(goal: Goal) -> list[Registration]:
    """What would be re-created although an id is recorded: the object may still exist."""
    return [item for item in goal.registrations if item.is_new and item.source.id]


def _asked(goal: Goal, wanted: Mapping[str, str]) -> dict[str, str]:
    """URN of the target → id, for what the operator named."""
    found: dict[str, str] = {}
    for name, identifier in wanted.items():
        if identifier:
            text, identifier = _split(goal, name, identifier)
            found[_named(goal, text).urn] = identifier
    return found


def _split(goal: Goal, name: str, identifier: str) -> tuple[str, str]:
    """Where ``NAME=ID`` is to be cut, as a name may hold a ``=`` itself: after the longest one that there is."""
    texts = {text for item in goal.registrations for text in _texts(goal, item)}
    parts = f"{name}={identifier}".split("=")
    cuts = (("=".join(parts[:at]), "=".join(parts[at:])) for at in range(len(parts) - 1, 0, -1))
    return next(((text, rest) for text, rest in cuts if text in texts and rest), (name, identifier))


def _texts(goal: Goal, item: Registration) -> tuple[str, ...]:
    """What a registration is called by: its URN, that of this run, its name with its type, and its name."""
    return (item.urn, goal.run_urn(item.urn), f"{item.source.type}::{item.name}", item.name)


def _named(goal: Goal, name: str) -> Registration:
    candidates = adoptable(goal)
    found = [item for item in candidates if name in _texts(goal, item)]
    if len(found) == 1:
        return found[0]
    if found:
        urns = ", ".join(item.urn for item in found)
        raise UsageError(f"{name!r} names several resources", hint=f"Name one by its URN: {urns}.")
    if any(name in _texts(goal, item) for item in goal.registrations):
        raise UsageError(
            f"{name!r} can't be adopted: it is already in the state, or no provider manages it",
            hint="Only resources that would be re-created can be adopted; `pulumi-rewind plan` lists them.",
        )
    names = ", ".join(item.name for item in candidates) or "none"
    raise UsageError(f"the target has no resource {name!r}", hint=f"What could be adopted: {names}.")


def offer(goal: Goal, steps: Iterable[Step], wanted: Mapping[str, str]) -> tuple[Risk, ...]:
    """Says that what would be re-created may still exist; nothing where that was looked at."""
    created = {step.urn for step in steps if step.op == "create"}
    names = [item.name for item in adoptable(goal) if goal.run_urn(item.urn) in created]
    if not names or wants_found(wanted):
        return ()
    what = f"{names[0]} is" if len(names) == 1 else f"{len(names)} objects are"
    message = f"{what} re-created; where the old object still exists, `--adopt found` adopts it instead"
    return (Risk("may-exist", message),)


def adoption_risks(step: Step, item: Registration | None) -> tuple[Risk, ...]:
    """What the operator must know of an object that is imported instead of created, and of one that is released."""
    if item is not None and item.kind == "read" and step.op == "discard":
        return (Risk.usual("released", step.urn),)
    if item is None or not item.all_inputs or not item.is_new:
        return ()
    gone = item.live_source is not None and item.live_source.pending_replacement
    if (step.op == "replace" and not gone) or step.replace_keys:
        keys = ", ".join(step.replace_keys or step.keys)
        message = f"can't be adopted as {item.import_id}: it would have to be replaced{f' for {keys}' if keys else ''}"
        return (Risk("adoption-replaces", message, step.urn),)
    return (Risk("adopted", f"the existing object {item.import_id} is adopted and changed to match the target"),)


def agreeable(goal: Goal, look: Callable[[Goal], Previewed], wanted: Mapping[str, str]) -> tuple[Goal, Previewed]:
    """A preview in which no import id stands in the way, and the goal that it is of.

    The engine refuses to replace what still names an import id, and fails where the object is gone; then the id has
    to be left out, which only a preview can tell. What the operator named stays, and the failure is his answer.

    Raises:
        EngineError: the preview failed for another reason, or for an id that was asked for.
    """
    asked = _asked(goal, wanted).keys()
    while True:
        try:
            seen = look(goal)
        except EngineError as err:
            lost = _lost(goal, err, asked)
            if not lost:
                raise
            unsaid = {goal.run_urn(urn): _line_about(goal.run_urn(urn), str(err)) for urn in lost}
            goal = with_next_ids(goal, lost, {**unsaid, **err.reasons})
            continue
        steps = plan_steps(seen[0], goal)
        goal, changed = like_the_objects(goal, seen[0], steps)
        replaced = replaced_imports(goal, steps) - asked
        if changed:
            continue
        if not replaced:
            return goal, seen
        keys = {step.urn: ", ".join(step.replace_keys or step.keys) for step in steps}
        goal = without_imports(goal, replaced, keys)


def like_the_objects(goal: Goal, events: Iterable[EngineEvent], steps: Iterable[Step]) -> tuple[Goal, bool]:
    """The goal with what the provider made of an adopted object as that object has it, and whether that is new.

    An object that was restored from a backup may have another auto-name than the lost one; asking for the old one
    would replace it; and so would leaving out what only the object's system gives it (``spec.clusterIP``). Only what
    forces a replacement and what no program sent is taken over.
    """
    forced = {step.urn: frozenset(step.replace_keys) for step in steps if step.replace_keys}
    read = {
        event.step.urn: event.step.new.inputs or {}
        for event in events
        if isinstance(event, ResourceDone) and event.step.op == "import" and event.step.new is not None
    }

    def like_it(item: Registration) -> Registration:
        urn = goal.run_urn(item.urn)
        if not (item.all_inputs and item.is_new and urn in forced and urn in read):
            return item
        sent = sent_inputs(item.source)
        actual = {key: without_marks(value) for key, value in read[urn].items()}
        inputs: Mapping[str, Json] = item.inputs
        for path in sorted(forced[urn]):
            taken = keeping([path], actual, inputs)
            if _has(path, actual) and not _has(path, sent) and _masked(taken) == _masked(inputs):
                inputs = taken
        return replace(item, inputs=inputs) if inputs != item.inputs else item

    made = goal.each(like_it)
    return made, made.registrations != goal.registrations


def _has(path: str, inputs: Mapping[str, Json]) -> bool:
    value: Json = dict(inputs)
    steps = parse_path(path) or ()
    for step in steps:
        value = reveal(value)
        here = range(len(value)) if isinstance(value, list) else value if isinstance(value, dict) else ()
        if step not in here:
            return False
        value = value[step]
    return bool(steps)


def _masked(value: Json) -> int:
    """How much in a value of an event is a secret, which the engine hides there."""
    return sum(inner == MASK or is_secret(inner) for inner in walk(value))


def _lost(goal: Goal, error: EngineError, asked: Collection[str]) -> set[str]:
    """What to leave out after a failed preview: what the engine complained of, else every import that may be it.

    A crash is nobody's complaint, and may name what it happened at: with 3.206 an import that has to be replaced.
    """
    open_ = {item.urn for item in goal.registrations if item.import_id and item.is_new} - set(asked)
    blamed = {urn for urn in open_ if goal.run_urn(urn) in error.urns}
    return blamed or {urn for urn in open_ if _names(goal.run_urn(urn), str(error))} or open_


def _names(urn: str, text: str) -> bool:
    return re.search(rf"{re.escape(urn)}(?![\w-])", text) is not None


def _line_about(urn: str, text: str) -> str:
    """The line that names it, else the first one."""
    lines = text.splitlines() or [""]
    return next((line for line in lines if _names(urn, line)), lines[0])


def with_next_ids(goal: Goal, lost: Collection[str], reasons: Mapping[str, str] = {}) -> Goal:
    """The goal with the next known id of what was not found by the one before, and without an import where none is.

    `reasons` has what the engine says of each failed import, by URN in this run.
    """
    more = {item.urn: item.more_ids for item in goal.registrations if item.urn in lost and item.more_ids}
    return without_imports(importing(goal, more), set(lost) - more.keys(), reasons=reasons)


def replaced_imports(goal: Goal, steps: Iterable[Step]) -> frozenset[str]:
    """URNs of the goal whose import id stands in the way of the replacement that they need."""
    replaced = {step.urn for step in steps if step.op == "replace" or (step.op == "create" and step.replace_keys)}
    return frozenset(item.urn for urn, item in goal.by_run_urn.items() if item.import_id and urn in replaced)


def without_imports(
    goal: Goal, urns: Collection[str], keys: Mapping[str, str] = {}, reasons: Mapping[str, str] = {}
) -> Goal:
    """The goal without the import ids of some registrations, and with a note about each.

    By URN in this run: `keys` has what the provider would replace an object for that is there, and `reasons` what the
    engine says of an import that failed.
    """
    notes: list[Risk] = []

    def without(item: Registration) -> Registration:
        if item.urn not in urns or not item.import_id:
            return item
        urn = goal.run_urn(item.urn)
        notes.append(_without_import(item, keys.get(urn), reasons.get(urn, "")))
        if item.all_inputs:
            return replace(item, import_id="", all_inputs=False, inputs=sent_inputs(item.source))
        return replace(item, import_id="")

    made = goal.each(without)
    return replace(made, notes=(*goal.notes, *notes))


_NOTHING_THERE: Final = re.compile(r"resource '.*' does not exist")
"""How the engine says that a provider has found no object to import (resource/deploy/step.go)."""


def _without_import(item: Registration, why: str | None, reason: str) -> Risk:
    """What is to be said where something is not imported.

    `why`: for what the provider would replace the object; `reason`: with what the import failed.
    """
    if not item.all_inputs:
        message = (
            f"was imported as {item.import_id} and can't be imported again; a program that still imports that id "
            "will plan to replace the new object"
        )
        return Risk("import-lost", message, item.urn)
    # Only tried, as the operator asked for whatever is still there.
    if why is None and reason and not _NOTHING_THERE.search(reason):
        message = f"is re-created: {item.import_id} may still exist, but can't be imported: {reason}"
        return Risk("not-adopted", message, item.urn)
    if why is None:
        return Risk(NOT_FOUND, f"is re-created: the old object {item.import_id} is gone", item.urn)
    message = (
        f"is re-created: {item.import_id} still exists, but can't be changed to match the target without being "
        f"replaced{f' for {why}' if why else ''}"
    )
    return Risk("not-adopted", message, item.urn)
