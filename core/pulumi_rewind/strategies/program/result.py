"""What running a program comes to, as far as a preview tells, and how that compares with a checkpoint. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from pulumi_rewind.engine.events import EngineEvent, ResourceDone, ResourcePre, StepMetadata
from pulumi_rewind.goal.replay_report import ReplayReport
from pulumi_rewind.plan.model import Step, plan_steps
from pulumi_rewind.plan.verify import Difference
from pulumi_rewind.replay.plan_constraint import readable_plan
from pulumi_rewind.state.identity import rehomed
from pulumi_rewind.state.model import Checkpoint, Deployment, Resource, parse_urn
from pulumi_rewind.state.sent_inputs import sent_inputs
from pulumi_rewind.state.values import Json, contains_unknown, each, reveal, unmasked, walk

_SHORT = 6
"""Ids up to this length are only taken for ids where they stand alone."""


@dataclass(frozen=True)
class Declared:
    """What a preview of a program says that the program registers."""

    sent: Mapping[str, frozenset[str]]
    """URN → the inputs that the program sent; what else is in an input was filled in by the provider."""
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """URN → the URNs of what it needs."""

    def report(self) -> ReplayReport:
        """The same for `replay.plan_constraint.constrain_plan`."""
        return ReplayReport(sent={urn: dict.fromkeys(keys) for urn, keys in self.sent.items()})


@readable_plan()
def declared(plan: bytes) -> Declared:
    """Reads the engine's own plan."""
    document = msgspec.json.decode(plan)
    sent: dict[str, frozenset[str]] = {}
    needs: dict[str, tuple[str, ...]] = {}
    for urn, entry in (document.get("resourcePlans") or {}).items():
        goal = entry.get("goal") or {}
        keys = goal.get("propertyDependencies")
        if keys is None:  # nothing is said: all of it counts as sent
            inputs = goal.get("inputDiff") or {}
            keys = {**(inputs.get("adds") or {}), **(inputs.get("updates") or {})}
        sent[urn] = frozenset(keys)
        provider, _, _ = (goal.get("provider") or "").rpartition("::")
        needs[urn] = tuple(filter(None, (goal.get("parent"), provider, *(goal.get("dependencies") or ()))))
    return Declared(sent, needs)


def program_steps(events: Iterable[EngineEvent], target: Checkpoint, stack: str, project: str) -> tuple[Step, ...]:
    """The steps of a program's preview; what the target doesn't have either is created, not brought back."""
    events = list(events)
    known = {rehomed(res.urn, stack, project) for res in target.resources}
    before = {
        event.step.urn: event.step.old.urn
        for event in events
        if isinstance(event, ResourcePre | ResourceDone) and event.step.old is not None and event.step.old.urn
    }
    found = []
    for step in plan_steps(events):
        if step.op == "create" and step.urn not in known:
            step = replace(step, forecast="created")
        old = before.get(step.urn, step.urn)
        if old != step.urn and step.op not in {"create", "delete"}:
            step = replace(step, renamed_from=old)
            if step.op == "same":
                step = replace(step, op="rename", forecast="renamed")
        found.append(step)
    return tuple(found)


def program_state(events: Iterable[EngineEvent], steps: Iterable[Step], said: Declared, live: Checkpoint) -> Checkpoint:
    """The state that the program is going to leave; `live` decrypted.

    Events mask secrets: one that doesn't change is taken from live, another is unknown.
    """
    ops = {step.urn: step for step in steps}
    last: dict[str, StepMetadata] = {}
    for event in events:
        if isinstance(event, ResourcePre | ResourceDone) and event.step.new is not None:
            last[event.step.urn] = event.step
    resources: list[Resource] = []
    for urn, meta in last.items():
        new, step = meta.new, ops.get(urn)
        assert new is not None
        if step is not None and step.op == "delete":
            continue
        old = live.by_urn.get(meta.old.urn if meta.old is not None and meta.old.urn else urn)
        resources.append(_resource(urn, meta, step, old, said))
    return Checkpoint(b"", Deployment(resources=tuple(resources)), decrypted=live.decrypted)


def _resource(urn: str, meta: StepMetadata, step: Step | None, old: Resource | None, said: Declared) -> Resource:
    new = meta.new
    assert new is not None
    made = step is not None and step.op in {"create", "replace", "import"}
    grouping = not new.provider and not meta.type.startswith("pulumi:providers:")
    changed: dict[str, Any] = {"urn": urn, "parent": new.parent}
    keys = {re.split(r"[.\[]", key)[0] for key in step.keys} if step is not None else set()
    moved = made or (step is not None and step.op == "update")
    if moved or old is None:
        before = old.decoded_inputs() if old is not None else {}
        inputs = {key: unmasked(value, before.get(key), key in keys) for key, value in (new.inputs or {}).items()}
        changed["inputs"] = msgspec.Raw(msgspec.json.encode(inputs))
        if urn in said.sent:
            changed["property_dependencies"] = dict.fromkeys(sorted(said.sent[urn]), ())
    if grouping and new.outputs is not None:
        before = old.decoded_outputs() if old is not None else {}
        outputs = {key: unmasked(value, before.get(key), False) for key, value in new.outputs.items()}
        changed["outputs"] = msgspec.Raw(msgspec.json.encode(outputs))
    if old is None:
        return Resource(type=meta.type or parse_urn(urn).type, custom=not grouping, provider=new.provider, **changed)
    if made:
        changed["id"] = ""
    elif not grouping:
        changed["protect"], changed["retain_on_delete"] = new.protect, new.retain_on_delete
    return msgspec.structs.replace(old, **changed)


def unlike_target(state: Checkpoint, target: Checkpoint, stack: str, project: str) -> tuple[Difference, ...]:
    """Where a state is not what the target's checkpoint recorded; both decrypted. Says where, never what.

    Compared is what a program decides: which resources there are, and the inputs that it sent. New ids in place of
    recorded ones, default providers and values that aren't known yet are no difference.
    """
    old = {rehomed(res.urn, stack, project): res for res in target.resources if _counts(res)}
    new = {res.urn: res for res in state.resources if _counts(res)}
    found = [
        Difference(urn, "", "is in the target, but the program does not create it") for urn in old if urn not in new
    ]
    found += [Difference(urn, "", "is created by the program, but not in the target") for urn in new if urn not in old]
    both = [urn for urn in old if urn in new]
    # An id that isn't known yet is an unknown value wherever it is used; until then the old one is a text like others.
    moved = [urn for urn in both if old[urn].id and new[urn].id and old[urn].id != new[urn].id]
    names = {old[urn].id: f"<{urn}>" for urn in moved}
    others = {new[urn].id: f"<{urn}>" for urn in moved}
    for urn in both:
        before, after = _values(old[urn], names), _values(new[urn], others)
        for key in sorted(before.keys() | after.keys()):
            if key not in after:
                found.append(Difference(urn, f"inputs.{key}", "is in the target, but the program doesn't set it"))
            elif key not in before:
                found.append(Difference(urn, f"inputs.{key}", "is set by the program, but not in the target"))
            elif before[key] != after[key] and not contains_unknown(after[key]):
                used = [rehomed(one, stack, project) for res in (old[urn], new[urn]) for one in _used(res, key)]
                outputs = [_outputs_elsewhere(old[one], new[one]) for one in dict.fromkeys(used) if one in moved]
                then, now = ({text: name for pairs in outputs for text, name in pairs[side].items()} for side in (0, 1))
                if _renamed(before[key], then) == _renamed(after[key], now):
                    continue
                found.append(Difference(urn, f"inputs.{key}", "has a different value than in the target"))
    return tuple(found)


def _used(res: Resource, key: str) -> Iterable[str]:
    """The URNs of what a property was computed from."""
    return (res.property_dependencies or {}).get(key) or ()


def _outputs_elsewhere(old: Resource, new: Resource) -> tuple[dict[str, str], dict[str, str]]:
    """Texts that one object gave and another one gives in its place, then and now, with a name for each.

    What the program itself sent is none of them: where that differs, the program differs.
    """
    own = {value for res in (old, new) for value in walk(sent_inputs(res)) if isinstance(value, str)}
    then: dict[str, str] = {}
    now: dict[str, str] = {}

    def compare(before: Json, after: Json, path: str) -> None:
        if isinstance(before, dict) and isinstance(after, dict):
            for key in before.keys() & after.keys():
                compare(before[key], after[key], f"{path}.{key}")
        elif isinstance(before, str) and isinstance(after, str) and before != after and not own & {before, after}:
            then[before] = now[after] = f"<{new.urn}{path}>"

    compare(reveal(old.decoded_outputs()), reveal(new.decoded_outputs()), "")
    return then, now


def _counts(res: Resource) -> bool:
    return not (res.delete or res.is_default_provider or res.view_of or res.external)


def _values(res: Resource, names: Mapping[str, str]) -> dict[str, Json]:
    """What the program sent, without secrets' wrappers, ids replaced by the names of their resources."""
    return {key: _renamed(reveal(value), names) for key, value in sent_inputs(res).items()}


def _renamed(value: Json, names: Mapping[str, str]) -> Json:
    if isinstance(value, str):
        for old, new in names.items():
            value = value.replace(old, new) if len(old) > _SHORT else new if value == old else value
        return value
    return each(value, lambda item: _renamed(item, names))
