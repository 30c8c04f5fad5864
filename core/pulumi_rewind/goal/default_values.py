"""Which input values count as the provider's own defaults, kept where the engine would forget it. Pure.

An object that is imported is sent with all its inputs, names included, or the import would want another auto-name.
The state then calls every one of them explicit (``__defaults: []``), and the operator's next own update, which doesn't
send them, would replace the object. So the recorded bookkeeping is put back into the state after the run: nested
``__defaults``, the keys of ``propertyDependencies`` and the import id (engine behaviour of Pulumi 3.276).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from pulumi_rewind.goal.model import Goal, Registration
from pulumi_rewind.goal.replay_report import ReplayReport
from pulumi_rewind.state.model import Checkpoint, Resource
from pulumi_rewind.state.sent_inputs import provider_made_keys, sent_inputs, without_defaults
from pulumi_rewind.state.values import DEFAULTS, SIG, Json, content_of, each, is_secret, reveal

_PROVIDERS_COPY: Final = "__inputs"
"""The output in which pulumi-kubernetes (4.25) keeps the inputs that it compares the next ones with."""


def full_inputs(res: Resource, identifier: str) -> dict[str, Json]:
    """Every recorded input, the provider's included; one that is the old id becomes `identifier`."""
    made = provider_made_keys(res)
    return {
        key: identifier if key in made and value == res.id else without_marks(value)
        for key, value in res.decoded_inputs().items()
        if key != DEFAULTS
    }


def without_marks(value: Json) -> Json:
    """A value without its ``__defaults`` lists; the values that these name stay."""
    if isinstance(value, dict):
        plain = SIG not in value
        return {key: without_marks(item) for key, item in value.items() if key != DEFAULTS} if plain else value
    return each(value, without_marks)


def marked(value: Json, recorded: Json) -> Json:
    """A value with the ``__defaults`` lists of the recorded one, as far as the two have the same shape."""
    if isinstance(value, list) and isinstance(recorded, list) and len(value) == len(recorded):
        return [marked(item, other) for item, other in zip(value, recorded, strict=True)]
    if not isinstance(value, dict) or not isinstance(recorded, dict) or SIG in value or SIG in recorded:
        return value
    result = {key: marked(item, recorded.get(key)) for key, item in value.items() if key != DEFAULTS}
    if isinstance(recorded.get(DEFAULTS), list):
        result[DEFAULTS] = [key for key in recorded[DEFAULTS] if isinstance(key, str) and key in result]
    return result


def with_pinned(goal: Goal) -> Goal:
    """The goal, with what live calls explicit sent as it is where the target calls the same value a default.

    An object that was imported by hand, or by a run that ended before its bookkeeping was put back, would otherwise
    get another auto-name and be replaced for it.
    """
    return goal.each(lambda item: replace(item, **_pins(item)))


def _pins(item: Registration) -> dict[str, Any]:
    live = item.live_source
    if item.kind != "custom" or item.from_live or live is None or item.all_inputs:
        return {}
    same = live.id == item.source.id
    imported = live.import_id == live.id and not item.source.import_id
    if not (same or imported):
        return {}
    if _sent(live) == _sent(item.source):
        return {}
    recorded, today = item.source.decoded_inputs(), live.decoded_inputs()
    explicit = sent_inputs(live)
    extra = {
        key: without_marks(today[key])
        for key in provider_made_keys(item.source) & explicit.keys()
        # What was imported in place of a lost object has names of its own.
        if key not in {DEFAULTS, *item.inputs}
        and (not same or without_marks(recorded[key]) == without_marks(today[key]))
    }
    for key in item.inputs.keys() & explicit.keys() & recorded.keys():
        whole = without_marks(recorded[key])
        if (
            whole == without_marks(today[key]) != item.inputs[key]
            and without_defaults(today[key]) == whole
            and item.inputs[key] == sent_inputs(item.source).get(key)  # else a callback wants it otherwise
        ):
            extra[key] = whole
    return {"inputs": {**item.inputs, **extra}, "all_inputs": True} if extra else {}


def _sent(res: Resource) -> tuple[Any, ...]:
    """All that tells which inputs of a resource count as explicit."""
    return res.urn, res.inputs, res.property_dependencies


def as_recorded(item: Registration, sent: Mapping[str, Json]) -> dict[str, Json]:
    """What was sent, as the state has it once the bookkeeping is put back: without what counts as a default."""
    if not item.all_inputs:
        return dict(sent)
    recorded = item.source.decoded_inputs()
    kept = sent_inputs(item.source).keys()
    own = _without_taken(sent, reveal(item.inputs), reveal(recorded))
    return {key: without_defaults(marked(value, recorded.get(key))) for key, value in own.items() if key in kept}


def _without_taken(value: Json, sent: Json, recorded: Json) -> Json:
    """A value without what was sent only because the adopted object has it: the record has no such key.

    Opened secrets in `value` are looked into; `sent` and `recorded` are revealed.
    """
    if is_secret(value) and "plaintext" in value:
        inside = content_of(value)
        kept = _without_taken(inside, sent, recorded)
        return value if kept == inside else {**value, "plaintext": msgspec.json.encode(kept).decode()}
    if isinstance(value, list) and isinstance(sent, list) and isinstance(recorded, list):
        same = len(value) == len(sent) == len(recorded)
        return [_without_taken(*parts) for parts in zip(value, sent, recorded, strict=True)] if same else value
    if not all(isinstance(one, dict) and SIG not in one for one in (value, sent, recorded)):
        return value
    return {
        key: _without_taken(inner, sent.get(key), recorded.get(key))
        for key, inner in value.items()
        if key in recorded or key not in sent
    }


def restore_bookkeeping(
    resources: Iterable[dict[str, Any]], goal: Goal, report: ReplayReport, after: Checkpoint
) -> list[str]:
    """Puts the recorded bookkeeping back into a state's resources, in place; the URNs of those that changed.

    `resources` are those of an exported deployment, secrets encrypted, and `after` is the same state decrypted. A
    secret in which something was put back goes in plaintext, every other one stays encrypted.
    """
    wanted = {report.urns[item.urn]: item for item in goal.registrations if item.all_inputs and item.urn in report.urns}
    changed = []
    for entry in resources:
        urn = str(entry.get("urn"))
        item, there = wanted.get(urn), after.by_urn.get(urn)
        if item is None or there is None or entry.get("delete"):
            continue
        before = dict(entry)
        recorded = item.source.decoded_inputs()
        taken = (reveal(item.inputs), reveal(recorded))
        inputs, outputs = there.decoded_inputs(), there.decoded_outputs()
        kept = marked(_without_taken(inputs, *taken), recorded)
        entry["inputs"] = _sealed_where_same(kept, inputs, entry.get("inputs") or {})
        if _PROVIDERS_COPY in outputs:
            kept = {**outputs, _PROVIDERS_COPY: _without_taken(outputs[_PROVIDERS_COPY], *taken)}
            entry["outputs"] = _sealed_where_same(kept, outputs, entry["outputs"])
        listed = entry.get("propertyDependencies")
        if listed and item.source.property_dependencies:
            entry["propertyDependencies"] = {
                key: urns for key, urns in listed.items() if key in item.source.property_dependencies
            }
        elif not item.source.property_dependencies:
            entry.pop("propertyDependencies", None)
        if item.source.import_id:
            entry["importID"] = item.source.import_id
        else:
            entry.pop("importID", None)
        if before != entry:
            changed.append(urn)
    return changed


def _sealed_where_same(value: Json, before: Json, stored: Json) -> Json:
    """A value with what is as `before`, which is decrypted, as it is `stored`."""
    if value == before:
        return stored
    if isinstance(value, dict) and isinstance(before, dict) and not (SIG in value or SIG in before):
        return {key: _sealed_where_same(item, before.get(key), stored.get(key)) for key, item in value.items()}
    return value
