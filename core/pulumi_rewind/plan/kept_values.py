"""What stays as it is in live although the target does not set it. Pure.

Many providers can't tell "no longer set" from "leave it as it is": the versioning of an AWS bucket stays on once a
program has turned it on. Such a state has the target's inputs, and the object is not what it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pulumi_rewind.engine.events import EngineEvent, ResourceDone
from pulumi_rewind.goal.model import Goal, Registration
from pulumi_rewind.risk import KEPT_VALUE, Risk
from pulumi_rewind.state.naming import listed
from pulumi_rewind.state.values import DEFAULTS, Json, reveal


def kept_values(item: Registration, inputs: Mapping[str, Json], outputs: Mapping[str, Json]) -> list[str]:
    """Properties that live sets and `inputs` don't, with live's value in `outputs` where the target has another one."""
    live = item.live_source
    if item.kind != "custom" or item.from_live or live is None:
        return []
    gone = live.decoded_inputs().keys() - inputs.keys() - {DEFAULTS}
    if not gone:
        return []
    was, wanted = live.decoded_outputs(), item.source.decoded_outputs()
    return sorted(
        key
        for key in gone & outputs.keys() & was.keys()
        if reveal(outputs[key]) == reveal(was[key]) != reveal(wanted.get(key))
    )


def kept_value_risks(events: Iterable[EngineEvent], goal: Goal) -> dict[str, tuple[Risk, ...]]:
    """By URN in this run: what the engine's preview leaves as it is in live, of what the target does not set."""
    found: dict[str, tuple[Risk, ...]] = {}
    for event in events:
        if not isinstance(event, ResourceDone) or event.step.op not in {"same", "update"} or event.step.new is None:
            continue
        step, new = event.step, event.step.new
        item = goal.by_run_urn.get(step.urn)
        kept = kept_values(item, new.inputs or {}, new.outputs or {}) if item is not None else []
        if named := [key for key in kept if key not in step.changing]:
            message = f"keeps {listed(named)} as today: the target does not set it, and the provider leaves it as it is"
            found[step.urn] = (Risk(KEPT_VALUE, message, step.urn),)
    return found
