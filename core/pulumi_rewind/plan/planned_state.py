"""The state that a plan is going to make, as far as a preview knows it: what the review compares live with. Pure.

A target's recorded values are not what is applied: ids of re-created dependencies are relinked, provider defaults of
objects that stay are kept. Values that only the run can tell are `state.values.UNKNOWN`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from pulumi_rewind.engine.events import EngineEvent, ResourceDone, StepMetadata
from pulumi_rewind.goal.model import Goal, Registration
from pulumi_rewind.goal.replay_report import ReplayReport
from pulumi_rewind.state.model import Checkpoint, Deployment, Resource
from pulumi_rewind.state.property_path import keeping
from pulumi_rewind.state.sent_inputs import provider_made_keys
from pulumi_rewind.state.values import DEFAULTS, UNKNOWN, Json, unmasked


def refreshed_state(events: Iterable[EngineEvent], live: Checkpoint) -> Checkpoint:
    """Live as the engine's refresh found it in a preview; `live` decrypted. The same one if nothing was refreshed."""
    found: dict[str, StepMetadata] = {}
    for event in events:
        if isinstance(event, ResourceDone) and event.step.op == "refresh":
            found[event.step.urn] = event.step
    if not found:
        return live
    resources = [_found(res, found[res.urn]) if res.urn in found and not res.delete else res for res in live.resources]
    there = tuple(res for res in resources if res is not None)
    return Checkpoint(live.raw, msgspec.structs.replace(live.deployment, resources=there), decrypted=live.decrypted)


def _found(res: Resource, step: StepMetadata) -> Resource | None:
    """A resource as its refresh found it; None if it is gone."""
    if step.new is None:
        return None
    changing, changed = step.changing, dict[str, Any]()
    for name, recorded in (("inputs", res.decoded_inputs()), ("outputs", res.decoded_outputs())):
        seen = getattr(step.new, name)
        if seen is not None:
            now = {key: unmasked(value, recorded.get(key), key in changing) for key, value in seen.items()}
            if now != recorded:
                changed[name] = msgspec.Raw(msgspec.json.encode(now))
    return msgspec.structs.replace(res, **changed)


_NEW_OBJECT = frozenset({"create", "replace", "import"})


def planned_state(goal: Goal, report: ReplayReport, live: Checkpoint, ops: Mapping[str, str]) -> Checkpoint:
    """What live will be after the plan; `ops` is the step's operation by URN in this stack."""
    resources = [_planned(item, goal, report, live, ops) for item in goal.registrations]
    resources += [res for res in live.resources if res.is_default_provider or res.view_of or res.snippet_id]
    return Checkpoint(b"", Deployment(resources=tuple(resources)), decrypted=live.decrypted)


def _planned(
    item: Registration, goal: Goal, report: ReplayReport, live: Checkpoint, ops: Mapping[str, str]
) -> Resource:
    if item.urn in report.kept and item.live_source is not None:
        return item.live_source
    if item.from_live and item.urn not in report.relinked:
        return item.source
    urn = report.urns.get(item.urn) or goal.run_urn(item.urn)
    new_object = ops.get(urn) in _NEW_OBJECT

    def here(reference: str) -> str:
        """A recorded reference as this run has it: a partial goal may let live's entry stand for the target's."""
        key = reference if reference in report.urns else goal.pairs.get(reference, reference)
        return report.urns.get(key, goal.run_urn(reference))

    changed: dict[str, Any] = {
        "urn": urn,
        "parent": here(item.source.parent) if item.source.parent else "",
        "dependencies": tuple(report.urns[key] for key in item.dependencies if key in report.urns),
        "inputs": _inputs(item, report, urn, live, new_object),
    }
    partner = live.by_urn.get(item.live_urn)
    if partner is not None and not new_object:
        changed["id"] = partner.id
    if partner is not None and item.source.provider and not item.provider:
        changed["provider"] = partner.provider  # today's default provider stands for the recorded one
    if urn in report.outputs:
        changed["outputs"] = msgspec.Raw(msgspec.json.encode(report.outputs[urn]))
    return msgspec.structs.replace(item.source, **changed)


def _inputs(item: Registration, report: ReplayReport, urn: str, live: Checkpoint, new_object: bool) -> msgspec.Raw:
    overlay: dict[str, Json] = {}
    sent = {**report.sent.get(urn, {}), **report.partly.get(item.urn, {})}
    for key in report.relinked.get(item.urn, ()):
        overlay[key] = sent.get(key)
    partner = live.by_urn.get(item.live_urn)
    made = provider_made_keys(item.source) - {DEFAULTS} if item.source.custom and not item.source.is_provider else ()
    if made:
        today = partner.decoded_inputs() if partner is not None and not new_object else {}
        recorded = item.source.decoded_inputs()
        for key in made:
            value = today.get(key, UNKNOWN if new_object else recorded[key])
            if value != recorded[key]:
                overlay[key] = value
    ignores = item.source.ignore_changes and partner is not None and not new_object
    if not (overlay or ignores):
        return item.source.inputs
    inputs = item.source.decoded_inputs() | overlay
    if ignores and partner is not None:
        inputs = keeping(item.source.ignore_changes, partner.decoded_inputs(), inputs)
    return msgspec.Raw(msgspec.json.encode(inputs))
