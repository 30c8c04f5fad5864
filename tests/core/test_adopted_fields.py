"""An adopted object keeps what its own system gave it; the state then says nothing of it, as the record does."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec

from pulumi_rewind.engine.events import PropertyDiff, ResourceDone, StepMetadata, StepState
from pulumi_rewind.goal.default_values import as_recorded, restore_bookkeeping
from pulumi_rewind.goal.model import Goal
from pulumi_rewind.plan.adoption import importing, like_the_objects
from pulumi_rewind.plan.lost_values import vanishing_risks
from pulumi_rewind.plan.model import plan_steps
from pulumi_rewind.state.values import SECRET, SIG, contains_secret, reveal
from tests.support.checkpoints import checkpoint, goal, replayed, res, secret, urn

SERVICE = "kubernetes:core/v1:Service"
RECORDED = {"spec": {"ports": [80], "type": "NodePort"}}
READ = {"spec": {"ports": [80], "type": "NodePort", "clusterIP": "10.0.0.7", "sessionAffinity": "None"}}


def adopted(**outputs: Any) -> Goal:
    """A goal that adopts a service of which live knows nothing."""
    target = checkpoint(
        res("web", SERVICE, id="ns/web", inputs=RECORDED, outputs=outputs, propertyDependencies={"spec": []})
    )
    made = goal(target, checkpoint())
    return importing(made, {urn("web", SERVICE): ["ns/web"]})


def events(*forced: str, read: dict[str, Any] = READ) -> list[Any]:
    """A preview that imports it, and would then replace it for some properties."""
    at = urn("web", SERVICE)
    step = StepMetadata("import", at, SERVICE, new=StepState(id="ns/web", inputs=read))
    replacing = StepMetadata(
        "replace", at, SERVICE, old=StepState(id="ns/web"), new=StepState(inputs=RECORDED), keys=list(forced)
    )
    return [ResourceDone(step), ResourceDone(replacing)]


def put_back(entry: dict[str, Any], made: Goal, **opened: Any) -> list[str]:
    """Repairs an entry of an exported state; `opened` is what of it is otherwise once it is decrypted."""
    there = checkpoint({"type": SERVICE, "custom": True, "id": "ns/web", **entry, **opened})
    return restore_bookkeeping([entry], made, replayed(made), there)


def test_what_the_cluster_gave_it_is_taken_over_and_nothing_else() -> None:
    before = adopted()
    seen = events("spec.clusterIP", "spec.type", "spec.nothing")
    after, changed = like_the_objects(before, seen, plan_steps(seen, before))
    assert changed
    (item,) = (one for one in after.registrations if one.name == "web")
    assert item.inputs == {"spec": {**RECORDED["spec"], "clusterIP": "10.0.0.7"}}
    assert not like_the_objects(after, seen, plan_steps(seen, after))[1], "it comes to an end"
    masked = events("spec.clusterIP", read={"spec": {"clusterIP": "[secret]"}})
    assert not like_the_objects(before, masked, plan_steps(masked, before))[1]


def test_the_state_is_as_recorded_afterwards_also_in_the_copy_of_the_provider() -> None:
    seen = events("spec.clusterIP")
    made, _ = like_the_objects(adopted(), seen, plan_steps(seen, adopted()))
    (item,) = (one for one in made.registrations if one.name == "web")
    sent = {"spec": {**RECORDED["spec"], "clusterIP": "10.0.0.7"}}
    entry: dict[str, Any] = {
        "urn": urn("web", SERVICE),
        "inputs": dict(sent),
        "outputs": {"__inputs": dict(sent), **READ},
        "propertyDependencies": {"spec": []},
        "importID": "ns/web",
    }
    assert put_back(entry, made) == [urn("web", SERVICE)]
    assert entry["inputs"] == RECORDED
    assert entry["outputs"] == {"__inputs": RECORDED, **READ}
    assert as_recorded(item, sent) == RECORDED
    assert as_recorded(dataclasses.replace(item, inputs=RECORDED), sent) == sent, "only what was taken over goes"


def test_leaving_out_what_no_program_sent_is_no_loss_of_what_is_adopted() -> None:
    made = adopted(spec=READ["spec"])
    step = StepMetadata(
        "update", urn("web", SERVICE), SERVICE, new=StepState(inputs=RECORDED),
        detailed_diff={"spec.sessionAffinity": PropertyDiff("delete")},
    )  # fmt: skip
    assert vanishing_risks([ResourceDone(step)], made, replayed(made), ()) == {}
    empty = msgspec.structs.replace(step, new=StepState(inputs={}))
    assert vanishing_risks([ResourceDone(empty)], made, replayed(made), ()), "what the program sent is one"


def test_so_it_is_inside_lists() -> None:
    """A Job is replaced for whatever its containers would lose."""
    sent = {"spec": {"containers": [{"image": "migrate:1"}, {"image": "log:1"}]}}
    read = {"spec": {"containers": [{"image": "migrate:1", "imagePullPolicy": "IfNotPresent"}, {"image": "log:1"}]}}
    target = checkpoint(res("job", "t:m:Job", id="ns/job", inputs=sent, propertyDependencies={"spec": []}))
    made = importing(goal(target, checkpoint()), {urn("job", "t:m:Job"): ["ns/job"]})
    at = urn("job", "t:m:Job")
    seen: list[Any] = [
        ResourceDone(StepMetadata("import", at, new=StepState(id="ns/job", inputs=read))),
        ResourceDone(StepMetadata("replace", at, keys=["spec.containers[0].imagePullPolicy"])),
    ]
    liked, changed = like_the_objects(made, seen, plan_steps(seen, made))
    assert changed
    entry: dict[str, Any] = {"urn": at, "inputs": read, "outputs": {"__inputs": read}}
    put_back(entry, liked)
    assert (entry["inputs"], entry["outputs"]) == (sent, {"__inputs": sent})


def test_so_it_is_inside_secrets_and_only_those_are_opened() -> None:
    """A provider makes a whole list secret for one value in it."""
    at = urn("job", "t:m:Job")
    sent = {"key": secret("k"), "spec": {"containers": secret([{"image": "migrate:1", "env": ["s3cret"]}])}}
    read = {"spec": {"containers": [{"image": "migrate:1", "env": ["s3cret"], "imagePullPolicy": "Always"}]}}
    target = checkpoint(res("job", "t:m:Job", id="ns/job", inputs=sent, propertyDependencies={"key": [], "spec": []}))
    made = importing(goal(target, checkpoint()), {at: ["ns/job"]})
    seen: list[Any] = [
        ResourceDone(StepMetadata("import", at, new=StepState(id="ns/job", inputs=read))),
        ResourceDone(StepMetadata("replace", at, keys=["spec.containers[0].imagePullPolicy"])),
    ]
    liked, changed = like_the_objects(made, seen, plan_steps(seen, made))
    assert changed
    sealed: dict[str, Any] = {
        "key": {SIG: SECRET, "ciphertext": "v1:key"},
        "spec": {"containers": {SIG: SECRET, "ciphertext": "v1:containers"}},
    }
    opened = {"key": secret("k"), "spec": {"containers": secret(read["spec"]["containers"])}}
    entry: dict[str, Any] = {"urn": at, "inputs": sealed, "outputs": {"__inputs": sealed}}
    outputs = {"__inputs": opened}
    assert put_back(entry, liked, inputs=opened, outputs=outputs) == [at]
    for found in (entry["inputs"], entry["outputs"]["__inputs"]):
        assert found["key"] == sealed["key"], "what is as recorded stays encrypted"
        assert reveal(found["spec"]) == reveal(sent["spec"])
        assert contains_secret(found["spec"])
    (item,) = (one for one in liked.registrations if one.name == "job")
    assert reveal(as_recorded(item, item.inputs)) == reveal(sent)
