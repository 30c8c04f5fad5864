"""An adopted object keeps what its server has filled in, and the state doesn't come to call that the program's."""

from __future__ import annotations

from typing import Any

from pulumi_rewind.engine.events import PropertyDiff, ResourceDone, StepMetadata, StepState
from pulumi_rewind.goal.default_values import as_recorded, restore_bookkeeping
from pulumi_rewind.plan.adoption import adopting, like_the_objects
from pulumi_rewind.plan.model import plan_steps
from tests.support.checkpoints import checkpoint, goal, replayed, res, urn

SENT: dict[str, Any] = {
    "metadata": {"name": "postgres"},
    "spec": {"replicas": 1, "containers": [{"image": "postgres:15"}]},
}
FILLED: dict[str, Any] = {
    "metadata": {"name": "postgres"},
    "spec": {
        "replicas": 1,
        "podManagementPolicy": "OrderedReady",
        "containers": [{"image": "postgres:15", "imagePullPolicy": "IfNotPresent", "edited": "by hand"}],
    },
    "type": "Opaque",
}
KEPT = ["spec.podManagementPolicy", "spec.containers[0].imagePullPolicy", "type"]


def imported(read: dict[str, Any]) -> ResourceDone:
    """The engine's preview of an import: the provider would replace the object for what the server filled in."""
    gone = {path: PropertyDiff("delete-replace" if path == KEPT[0] else "delete") for path in KEPT}
    gone |= {"spec.containers[0].edited": PropertyDiff("delete")}
    new = StepState(id="postgres", inputs=read)
    return ResourceDone(StepMetadata("import", urn("db"), "t:m:R", new=new, detailed_diff=gone))


def test_an_adopted_object_keeps_what_its_server_filled_in() -> None:
    containers = [{"image": "postgres:15", "imagePullPolicy": "IfNotPresent"}]
    outputs = FILLED | {"spec": FILLED["spec"] | {"containers": containers}}
    recorded = res("db", id="postgres", inputs=SENT, outputs=outputs)
    made = adopting(goal(checkpoint(recorded), checkpoint()), {"*": ""})
    events = [imported(FILLED)]

    liked, changed = like_the_objects(made, events, plan_steps(events, made))

    item = next(one for one in liked.registrations if one.name == "db")
    assert changed
    assert item.filled == set(KEPT), "what somebody has added is none of the target's"
    assert item.inputs == outputs
    assert not like_the_objects(liked, events, plan_steps(events, liked))[1], "it comes to an end"

    assert as_recorded(item, item.inputs) == SENT
    state: list[dict[str, Any]] = [
        {"urn": urn("db"), "inputs": dict(item.inputs), "outputs": {**outputs, "__inputs": dict(item.inputs)}}
    ]
    assert restore_bookkeeping(state, liked, replayed(liked)) == [urn("db")]
    assert state[0]["inputs"] == SENT
    assert state[0]["outputs"] == outputs | {"__inputs": SENT}
