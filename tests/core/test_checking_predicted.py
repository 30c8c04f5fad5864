"""The state that an update would leave: from events and the engine's plan, with what is unknown made up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pulumi_rewind.checking.predicted import MADE_UP, Predicted, predicted_state
from pulumi_rewind.engine.events import EngineEvent, ResourceDone, ResourcePre, StepMetadata, StepState
from pulumi_rewind.errors import EngineError
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.values import SECRET, SIG, UNKNOWN, is_unknown, walk
from tests.support.checkpoints import STACK, checkpoint, res, urn

MASKED = {SIG: SECRET, "ciphertext": "[secret]"}
SEALED = {SIG: SECRET, "ciphertext": "v1:old"}
RESEALED = {SIG: SECRET, "ciphertext": "v1:new"}
OUT = str(STACK["urn"])


def state(name: str, type_: str = "t:m:R", **fields: Any) -> StepState:
    return StepState(**{"urn": urn(name, type_), "type": type_, "id": f"{name}-id", "parent": OUT, **fields})


def event(name: str, op: str, type_: str = "t:m:R", *, old: bool = True, **new: Any) -> EngineEvent:
    before = state(name, type_, inputs={}) if old else None
    after = state(name, type_, **new) if not op.startswith(("delete", "discard")) else None
    return ResourceDone(StepMetadata(op=op, urn=urn(name, type_), type=type_, old=before, new=after))


def predicted(live: Checkpoint, *events: EngineEvent, **plans: Any) -> Predicted:
    entries = {urn(name): plan for name, plan in plans.items()}
    return predicted_state(events, json.dumps({"resourcePlans": entries}).encode(), live)


def test_what_stays_what_goes_and_what_comes() -> None:
    live = checkpoint(res("stays"), res("goes"), res("changes", inputs={"size": 1}), res("old", delete=True))
    found = predicted(
        live,
        event("goes", "delete"),
        event("changes", "update", inputs={"size": 2}),
        event("comes", "create", old=False, id="", inputs={"size": 3}),
        comes={"goal": {"custom": True, "dependencies": [urn("goes"), urn("changes")]}},
    )
    by_urn = found.state.by_urn
    assert [one.name for one in found.state.resources] == ["p-dev", "stays", "changes", "comes"]
    assert by_urn[urn("stays")] == live.by_urn[urn("stays")]
    assert (by_urn[urn("changes")].id, by_urn[urn("changes")].decoded_inputs()) == ("changes-id", {"size": 2})
    assert by_urn[urn("comes")].id == f"{MADE_UP}-1"
    assert by_urn[urn("comes")].dependencies == (urn("changes"),), "a reference to what isn't there damages a state"
    assert found.made_up == {urn("comes")}


def test_a_replacement_has_a_made_up_id_and_is_marked_so_that_nobody_is_asked_about_it() -> None:
    live = checkpoint(res("a", inputs={"zone": "x"}, outputs={"at": "1"}), res("b", inputs={"to": "a-id"}))
    found = predicted(
        live,
        event("a", "create-replacement", id="", inputs={"zone": "y"}),
        event("a", "replace", id="", inputs={"zone": "y"}),
        event("a", "delete-replaced"),
        event("b", "update", inputs={"to": UNKNOWN, "deep": [{"n": UNKNOWN}]}),
        a={"goal": {}, "state": {"at": UNKNOWN, "zone": "y"}},
    )
    a, b = found.state.by_urn[urn("a")], found.state.by_urn[urn("b")]
    assert (a.id, a.taint, b.taint) == (f"{MADE_UP}-1", True, False)
    assert a.decoded_outputs() == {"at": MADE_UP, "zone": "y"}
    assert b.decoded_inputs()["to"] != "a-id"
    assert not any(is_unknown(value) for value in walk(b.decoded_inputs()))
    assert b.id == "b-id"


def test_secrets_are_those_of_the_plan_and_of_live() -> None:
    live = checkpoint(res("a", inputs={"new": SEALED, "same": SEALED, "lost": 1}))
    found = predicted(
        live,
        event("a", "update", inputs={"new": MASKED, "same": MASKED, "lost": MASKED}),
        a={"goal": {"inputDiff": {"updates": {"new": RESEALED}}}},
    )
    inputs = found.state.by_urn[urn("a")].decoded_inputs()
    assert (inputs["new"], inputs["same"]) == (RESEALED, SEALED)
    assert "[secret]" not in json.dumps(inputs)


@pytest.mark.parametrize(
    ("before", "after"), [(5, 6), (True, False), ("x", MADE_UP), (["x"], [MADE_UP]), (None, MADE_UP)]
)
def test_what_is_made_up_is_of_the_kind_that_was_there_and_differs(before: Any, after: Any) -> None:
    found = predicted(checkpoint(res("a", inputs={"v": before})), event("a", "update", inputs={"v": UNKNOWN}))
    assert found.state.by_urn[urn("a")].decoded_inputs() == {"v": after}


def test_outputs_of_an_object_that_stays_keep_what_is_not_known_yet() -> None:
    live = checkpoint(res("a", outputs={"arn": "arn:a", "size": 1}))
    found = predicted(
        live, event("a", "update", inputs={}), a={"goal": {}, "state": {"arn": UNKNOWN, "size": 2, "etag": UNKNOWN}}
    )
    assert found.state.by_urn[urn("a")].decoded_outputs() == {"arn": "arn:a", "size": 2, "etag": MADE_UP}


def test_a_rename_keeps_the_object_and_an_import_has_its_real_id() -> None:
    live = checkpoint(res("a"))
    renamed = ResourceDone(StepMetadata(op="same", urn=urn("b"), old=state("a"), new=state("b", id="a-id")))
    found = predicted(live, renamed, event("theirs", "import", old=False, id="real", inputs={}))
    assert [one.name for one in found.state.resources] == ["p-dev", "b", "theirs"]
    assert (found.state.by_urn[urn("b")].id, found.state.by_urn[urn("theirs")].id) == ("a-id", "real")
    assert found.made_up == frozenset()


def test_what_uses_a_new_provider_names_its_made_up_id_and_comes_after_it() -> None:
    kind = "pulumi:providers:t"
    reference = f"{urn('p', kind)}::{UNKNOWN}"
    found = predicted(
        checkpoint(),
        event("a", "create", old=False, id="", provider=reference, inputs={}),
        event("p", "create", kind, old=False, id="", inputs={}),
    )
    by_urn = found.state.by_urn
    assert by_urn[urn("a")].provider == f"{urn('p', kind)}::{by_urn[urn('p', kind)].id}"
    assert [one.name for one in found.state.resources] == ["p-dev", "p", "a"]


def test_old_copies_and_refreshes_say_nothing_of_the_resource_itself() -> None:
    live = checkpoint(res("a"))
    copy = StepMetadata(op="delete-replaced", urn=urn("a"), old=state("a", id="older", delete=True))
    refreshed = StepMetadata(op="refresh", urn=urn("a"), old=state("a"), new=None)
    found = predicted(live, ResourcePre(copy), ResourceDone(refreshed))
    assert found.state.by_urn[urn("a")] == live.by_urn[urn("a")]


def test_what_a_targeted_update_does_not_create_is_not_there() -> None:
    left_out = event("a", "same", old=False, id="", inputs={})
    assert [one.name for one in predicted(checkpoint(), left_out).state.resources] == ["p-dev"]


def test_a_plan_that_can_not_be_read_is_an_error() -> None:
    with pytest.raises(EngineError):
        predicted_state([], b"?", checkpoint())
