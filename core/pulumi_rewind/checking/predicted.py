"""The state that an update would leave, as far as its preview tells. Pure.

The engine's events name what each resource becomes, with secrets masked; its plan has the same secrets as the state is
going to store them. What doesn't exist yet has a made-up id, which no object can have; values that only the update can
tell are made up as well, so that they differ from today's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from pulumi_rewind.engine.events import EngineEvent, ResourceDone, ResourcePre, StepMetadata, StepState
from pulumi_rewind.goal.order import in_dependency_order
from pulumi_rewind.replay.plan_constraint import readable_plan
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.formats import exported
from pulumi_rewind.state.model import Checkpoint, parse_urn
from pulumi_rewind.state.values import MASK, Json, contains_unknown, each, is_secret, is_unknown, walk

MADE_UP: Final = "pulumi-rewind-made-up"
"""What the ids and values begin with that are made up."""

_MAKES: Final = frozenset({"create", "replace", "create-replacement"})
_FINDS: Final = frozenset({"import", "import-replacement", "read", "read-replacement"})
_GOES: Final = frozenset({"delete", "delete-replaced", "discard", "discard-replaced", "remove-pending-replace"})


@dataclass(frozen=True)
class Predicted:
    """A state that is still to come."""

    state: Checkpoint
    """In the shape that ``pulumi stack import`` takes; secrets as the backend would store them."""
    made_up: frozenset[str]
    """URNs of what has a made-up id."""


@readable_plan()
def predicted_state(events: Iterable[EngineEvent], plan: bytes, live: Checkpoint) -> Predicted:
    """What live (as stored) becomes by an update; `events` and `plan` are those of its preview.

    Raises:
        EngineError: the engine's plan can't be read.
        CheckpointError: live is damaged.
    """
    plans: Mapping[str, Any] = msgspec.json.decode(plan).get("resourcePlans") or {}
    document = msgspec.json.decode(exported(live.raw), type=dict[str, msgspec.Raw])
    deployment = msgspec.json.decode(document.get("deployment") or b"{}", type=dict[str, msgspec.Raw])
    before = {
        entry["urn"]: entry
        for entry in msgspec.json.decode(deployment.get("resources") or b"[]") or ()
        if isinstance(entry, dict) and not entry.get("delete")
    }
    fates = _fates(events)
    moved = {fate.old_urn for fate in fates.values() if fate.old_urn not in fates}
    entries: dict[str, dict[str, Any]] = {
        urn: entry for urn, entry in before.items() if urn not in fates and urn not in moved
    }
    made: dict[str, str] = {}
    for urn, fate in fates.items():
        was = before.get(fate.old_urn, {})
        if fate.new is None or not (was or fate.made or fate.found):  # the latter: `--target` leaves its creation out
            continue
        entry = _entry(urn, fate, was, plans.get(urn) or {})
        if fate.made and entry.get("custom"):
            entry["id"] = made[urn] = f"{MADE_UP}-{len(made) + 1}"
        entries[urn] = entry
    _connect(entries, made)
    order, _ = in_dependency_order(
        [*(urn for urn in before if urn in entries), *entries],
        lambda urn: [one for one in _needs(entries[urn]) if one in entries],
    )
    deployment["resources"] = msgspec.Raw(msgspec.json.encode([entries[urn] for urn in order]))
    deployment.pop("pending_operations", None)
    document["deployment"] = msgspec.Raw(msgspec.json.encode(deployment))
    return Predicted(decode_checkpoint(msgspec.json.encode(document), source="the predicted state"), frozenset(made))


@dataclass(frozen=True)
class _Fate:
    """What the update does with one resource."""

    new: StepState | None
    """None: it goes."""
    changing: frozenset[str]
    old_urn: str
    made: bool
    """Whether another object takes its place."""
    replaced: bool
    found: bool
    """Whether it is an object that exists already: imported or read."""


def _fates(events: Iterable[EngineEvent]) -> dict[str, _Fate]:
    seen: dict[str, list[StepMetadata]] = {}
    for event in events:
        if not isinstance(event, ResourcePre | ResourceDone) or not event.step.urn or event.step.op == "refresh":
            continue
        if event.step.old is None or not event.step.old.delete:
            seen.setdefault(event.step.urn, []).append(event.step)
    found: dict[str, _Fate] = {}
    for urn, steps in seen.items():
        ops = {step.op for step in steps}
        last = next((step for step in reversed(steps) if step.new is not None and step.op not in _GOES), None)
        old = next((step.old for step in steps if step.old is not None and step.old.urn), None)
        found[urn] = _Fate(
            new=last.new if last is not None else None,
            changing=frozenset().union(*(step.changing for step in steps)),
            old_urn=old.urn if old is not None else urn,
            made=bool(ops & _MAKES),
            replaced=bool(ops & _MAKES) and old is not None,
            found=bool(ops & _FINDS),
        )
    return found


def _entry(urn: str, fate: _Fate, was: Mapping[str, Any], planned: Mapping[str, Any]) -> dict[str, Any]:
    """One resource as the state would have it, ids and references of new objects still unknown."""
    new = fate.new
    assert new is not None
    goal = planned.get("goal") or {}
    fresh = fate.made or (fate.found and not was)
    entry: dict[str, Any] = {} if fresh else dict(was)
    type_ = new.type or parse_urn(urn).type
    custom = bool(was.get("custom", goal.get("custom", bool(new.provider) or type_.startswith("pulumi:providers:"))))
    entry |= {"urn": urn, "type": type_, "custom": custom}
    if fate.found and new.id and not is_unknown(new.id):
        entry |= {"id": new.id, "external": new.external}
    if fate.replaced and custom:
        entry["taint"] = True  # going back makes another one: the engine needn't ask the provider about this one
    _put(entry, "parent", new.parent)
    _put(entry, "provider", goal.get("provider") or new.provider)
    _put(entry, "protect", new.protect)
    _put(entry, "retainOnDelete", new.retain_on_delete)
    if goal:
        for key in ("dependencies", "propertyDependencies", "deletedWith", "ignoreChanges", "additionalSecretOutputs"):
            _put(entry, key, goal.get(key))
    old = {} if fresh else was.get("inputs") or {}
    sealed = was.get("inputs") or {}
    diff = goal.get("inputDiff") or {}
    planned_inputs = {**(diff.get("adds") or {}), **(diff.get("updates") or {})}
    if new.inputs is not None:
        entry["inputs"] = {
            key: _guessed(_unsealed(value, key, planned_inputs, sealed), old.get(key))
            for key, value in new.inputs.items()
        }
    outputs = planned.get("state")
    if isinstance(outputs, dict):
        kept = {} if fresh else was.get("outputs") or {}
        entry["outputs"] = {
            key: kept[key] if key in kept and contains_unknown(value) else _guessed(value, kept.get(key))
            for key, value in outputs.items()
        }
    return entry


def _put(entry: dict[str, Any], key: str, value: Any) -> None:
    """Sets a field, or removes it where there is nothing to say."""
    if value:
        entry[key] = value
    else:
        entry.pop(key, None)


def _unsealed(value: Json, key: str, planned: Mapping[str, Json], before: Mapping[str, Json]) -> Json:
    """A property of an event as the state would store it: masked secrets as the plan or live has them."""
    if not _masked(value):
        return value
    return next((side[key] for side in (planned, before) if key in side), value)


def _masked(value: Json) -> bool:
    return any(is_secret(one) or (isinstance(one, str) and MASK in one) for one in walk(value))


def _guessed(value: Json, before: Json) -> Json:
    """A value without unknowns: something of the kind that stood there before, and that differs from it."""
    if is_unknown(value) or (is_secret(value) and value.get("ciphertext") == MASK):
        return _another(before)
    if isinstance(value, dict):
        olds = before if isinstance(before, dict) else {}
        return {key: _guessed(item, olds.get(key)) for key, item in value.items()}
    if isinstance(value, list):
        lists = before if isinstance(before, list) and len(before) == len(value) else [None] * len(value)
        return [_guessed(item, old) for item, old in zip(value, lists, strict=True)]
    return value


def _another(before: Json) -> Json:
    if isinstance(before, bool):
        return not before
    if isinstance(before, int | float):
        return before + 1
    if isinstance(before, list):
        return [*before[:0], MADE_UP] if all(isinstance(one, str) for one in before) else []
    if isinstance(before, dict) and not is_secret(before):
        return each(before, _another)
    return MADE_UP


def _connect(entries: Mapping[str, dict[str, Any]], made: Mapping[str, str]) -> None:
    """Gives references to providers their ids, and drops references to what isn't there."""
    for entry in entries.values():
        provider = str(entry.get("provider") or "")
        urn = provider.rpartition("::")[0]
        if urn in made:
            entry["provider"] = f"{urn}::{made[urn]}"
        for key in ("dependencies", "replaceWith"):
            if entry.get(key):
                entry[key] = [one for one in entry[key] if one in entries]
        if entry.get("deletedWith") and entry["deletedWith"] not in entries:
            del entry["deletedWith"]
        listed = entry.get("propertyDependencies")
        if listed:
            entry["propertyDependencies"] = {
                key: [one for one in urns or () if one in entries] for key, urns in listed.items()
            }


def _needs(entry: Mapping[str, Any]) -> list[str]:
    urns = [entry.get("parent"), str(entry.get("provider") or "").rpartition("::")[0], entry.get("deletedWith")]
    urns += entry.get("dependencies") or ()
    for several in (entry.get("propertyDependencies") or {}).values():
        urns += several or ()
    return [urn for urn in dict.fromkeys(urns) if urn and urn != entry["urn"]]
