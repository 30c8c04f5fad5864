"""Which replacements delete the old object first, and what says so."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.choices import USUAL
from pulumi_rewind.engine.events import parse_event
from pulumi_rewind.engine.messages import says_taken
from pulumi_rewind.errors import IncompleteError, InterruptedRun, UsageError
from pulumi_rewind.goal.model import Goal, Registration
from pulumi_rewind.plan.delete_first import (
    ASKED,
    SET,
    deleted_before,
    deleting_first,
    kept_names,
    more_than_reviewed,
    order_risks,
    same_place,
)
from pulumi_rewind.plan.model import Plan, Step
from pulumi_rewind.risk import DATA_LOSS, HELD, SAME_NAME, Risk
from pulumi_rewind.rollback import name_conflicts
from pulumi_rewind.rollback.read_back import found_by, to_read
from pulumi_rewind.state.identity import is_constant_id
from pulumi_rewind.state.model import StackRef
from pulumi_rewind.strategies.preview import PreviewControl
from tests.support.checkpoints import checkpoint, goal, res, urn
from tests.support.plans import plan_of


def registration(identifier: str, inputs: dict[str, Any], today: dict[str, Any] | None = None, **fields: Any) -> Any:
    """The registration of one resource that live has as well."""
    then = checkpoint(res("a", id=identifier, inputs=inputs, **fields))
    now = checkpoint(res("a", id=identifier, inputs=inputs | (today or {}), **fields))
    return next(item for item in goal(then, now).registrations if item.kind == "custom")


@pytest.mark.parametrize(
    ("identifier", "inputs", "today", "key"),
    [
        ("/srv/a", {"path": "/srv/a", "mode": 1}, {"mode": 2}, "path"),
        ("orders", {"table": "orders", "engine": "x"}, {"engine": "y"}, "table"),
        ("prod/orders", {"namespace": "prod", "name": "orders"}, {"size": "m"}, "namespace and name"),
        ("1f2e", {"filename": "/etc/x.conf", "content": "a"}, {"content": "b"}, "filename"),
        ("a&b<c>", {"name": "a&b<c>"}, {"x": 1}, "name"),
        ("i-1", {"name": "web"}, {"size": "m"}, ""),
        ("/srv/a", {"path": "/srv/a"}, {"path": "/srv/b"}, ""),
        ("r-1", {"path": "/"}, {"size": "m"}, ""),  # a folder of roles
        ("none", {"mode": "none"}, {"size": "m"}, ""),  # an id that every object has
        ("eu/west", {"region": "eu", "zone": "west"}, {"size": "m"}, ""),  # two settings, no name
        ("", {"path": ""}, {"size": "m"}, ""),
    ],
)
def test_the_same_place_is_known_by_the_id_or_by_a_files_path(
    identifier: str, inputs: dict[str, Any], today: dict[str, Any], key: str
) -> None:
    found = same_place(registration(identifier, inputs, today))
    assert (found[0] if found else "") == key


def test_an_object_of_a_namespace_is_deleted_before_the_one_of_the_same_name_is_made() -> None:
    """The new one went with the old: https://github.com/pulumi/pulumi-kubernetes/issues/4522"""
    inputs = {"metadata": {"namespace": "app", "name": "cache"}, "spec": {"replicas": 1}}
    item = registration("app/cache", inputs, {"spec": {"replicas": 2}})
    assert same_place(item) == ("metadata.namespace and metadata.name", "app/cache")


words = st.text("abc/.-:&ü ", min_size=1, max_size=12).filter(lambda text: not is_constant_id(text))


@given(words, words)
def test_an_id_that_is_an_input_on_both_sides_is_always_seen(identifier: str, other: str) -> None:
    place = same_place(registration(identifier, {"what": identifier, "other": 1}, {"other": other}))
    assert place == ("what", identifier)


def test_a_name_is_what_the_program_wrote_and_what_stays() -> None:
    inputs = {
        "name": "web", "bucketName": "b", "label": "old", "userName": {"x": 1}, "size": "m", "tags": {"Name": "web"},
        "auto": "x", "topicName": "t-1",
    }  # fmt: skip
    sent: dict[str, list[str]] = {key: [] for key in inputs if key != "auto"} | {"topicName": [urn("topic")]}
    item = registration("i-1", inputs, {"label": "new"}, propertyDependencies=sent, dependencies=[])
    assert kept_names(item) == {"name": "web", "bucketName": "b", "topicName": "t-1"}, "the topic isn't registered"
    item = replace(item, property_dependencies={**item.property_dependencies, "topicName": ("t",)})
    assert set(kept_names(item)) == {"name", "bucketName"}, "another resource says what it is"


def test_the_step_says_why_and_a_name_alone_only_warns() -> None:
    step = Step(urn("a"), "a", "t:m:R", "replace", "replaced", replace_keys=("engine",))
    item = registration("i-1", {"name": "web", "engine": "1"}, {"engine": "2"})
    (risk,) = order_risks(step, item)
    assert (risk.code, "name 'web'" in risk.message, "--delete-first a" in risk.message) == ("same-name", True, True)
    assert order_risks(replace(step, replace_keys=("name",)), item) == ()
    assert order_risks(replace(step, op="update"), item) == ()
    first = replace(step, delete_first=True)
    assert [one.message for one in order_risks(first, replace(item, delete_first=ASKED))] == [
        "is deleted before its replacement is created, as you asked for"
    ]
    assert [one.code for one in order_risks(first, item)] == ["delete-first"], "the provider says so"
    assert order_risks(first, item, told=True) == (), "that it can't be held says so, too"
    assert len(order_risks(first, replace(item, delete_first=ASKED), told=True)) == 1, "but not why"


def marks(made: Goal) -> dict[str, str]:
    return {item.name: item.delete_first for item in made.registrations if item.delete_first}


def test_words_mean_exact_names_before_patterns_and_are_part_of_what_is_reviewed() -> None:
    side = checkpoint(res("a*"), res("ab"), res("b", "x:y:Table"), res("group", custom=False, id=""))
    made = goal(side, side)
    assert marks(deleting_first(made, ["a*"])) == {"a*": ASKED}
    assert marks(deleting_first(made, ["a?"])) == {"a*": ASKED, "ab": ASKED}
    assert marks(deleting_first(made, [urn("ab")], ["*:Table", "nothing"])) == {"ab": ASKED, "b": SET}
    for word in ("c", "group"):
        with pytest.raises(UsageError, match="matches no resource") as caught:
            deleting_first(made, [word])
        assert "ab" in caught.value.hint
    assert deleting_first(made, ["ab"]).fingerprint() != made.fingerprint()


@pytest.mark.parametrize(
    ("message", "taken"),
    [
        ("AlreadyExists: prod-pool is taken by pool-1", True),
        ("ResourceInUseException: Table already exists: orders", True),
        ("BucketAlreadyOwnedByYou: Your previous request", True),
        ('A resource with the ID "x" already exists - to be managed via Terraform', True),
        ("InvalidGroup.Duplicate: the security group 'x' ...", True),
        ("the name must be unique in its account", True),
        ("quota exceeded", False),
        ("access denied", False),
        ("ConflictException: another operation is in progress", False),
    ],
)
def test_errors_that_say_that_a_name_is_taken(message: str, taken: bool) -> None:
    assert says_taken(message) == taken


def events(*lines: tuple[str, str, str]) -> list[Any]:
    """Event name, operation and resource name each."""
    made = []
    for event, op, name in lines:
        new = None if op == "delete" else {"urn": urn(name), "type": "t:m:R", "inputs": {"a": 2, "b": 1}}
        old = {"urn": urn(name), "type": "t:m:R", "inputs": {"a": 1, "b": 1}}
        metadata = {"op": op, "urn": urn(name), "type": "t:m:R", "old": old, "new": new}
        made.append(parse_event(json.dumps({event: {"metadata": metadata}})))
    return made


def test_the_order_of_an_earlier_update_is_read_off_its_events() -> None:
    seen = events(
        ("resourcePreEvent", "delete-replaced", "a"), ("resourcePreEvent", "create-replacement", "a"),
        ("resourcePreEvent", "create-replacement", "b"), ("resourcePreEvent", "delete-replaced", "b"),
        ("resourcePreEvent", "update", "c"),
    )  # fmt: skip
    assert deleted_before(seen) == {urn("a")}


def test_what_was_made_is_read_and_what_is_gone_or_differs_is_named() -> None:
    def step(name: str, op: str, type_: str = "t:m:R", forecast: str = "") -> Step:
        return Step(urn(name, type_), name, type_, op, forecast)

    moving = [step("a", "replace"), step("b", "create"), step("c", "create", "t:m:Other"), step("d", "update")]
    moving.append(step("back", "return", forecast="returned"))
    wanted = to_read(moving)
    assert list(wanted) == [urn("a"), urn("b"), urn("back")], "b may be what a was"
    assert to_read([step("b", "create"), step("e", "delete", forecast="kept")]) == {}
    seen = events(
        ("resourcePreEvent", "refresh", "a"), ("resOutputsEvent", "delete", "a"), ("resOutputsEvent", "update", "b"),
        ("resOutputsEvent", "same", "c"), ("resOutputsEvent", "delete", "not-asked-for"),
    )  # fmt: skip
    gone, other = found_by(seen, {**wanted, urn("c"): ""})
    assert (gone.urn, gone.expected) == (urn("a"), False)
    assert "is gone" in gone.message
    assert "`--delete-first a`" in gone.message
    assert (other.urn, other.message.endswith("other values of a")) == (urn("b"), True)


def test_another_form_of_what_was_sent_is_no_difference() -> None:
    """AWS instances: the script is sent, its hash is kept, and a refresh reads the hash as the input."""

    def side(script: str, kept: str, groups: list[str]) -> dict[str, Any]:
        about = {"urn": urn("web"), "type": "t:m:R"}
        inputs = {"userData": script, "groups": groups, "tags": {}}
        return {**about, "inputs": inputs, "outputs": {"userData": kept, "groups": groups}}

    def read(new: dict[str, Any]) -> list[str]:
        step = {"op": "update", "urn": urn("web"), "type": "t:m:R", "old": side("#!/bin/sh", "5f2e", ["a"]), "new": new}
        seen = parse_event(json.dumps({"resOutputsEvent": {"metadata": step}}))
        assert seen is not None
        return [one.message.rpartition(" of ")[2] for one in found_by([seen], {urn("web"): ""})]

    assert read(side("5f2e", "5f2e", ["a"])) == []
    assert read(side("00ff", "00ff", ["a"])) == ["userData"], "another script is there"
    assert read(side("5f2e", "5f2e", [])) == ["groups"]


def test_after_half_of_a_run_nothing_more_may_be_done_than_was_reviewed() -> None:
    def step(name: str, op: str) -> Step:
        return Step(urn(name), name, "t:m:R", op, "")

    reviewed = [step("a", "replace"), step("b", "update"), step("c", "create"), step("d", "delete")]
    assert more_than_reviewed([step("a", "replace"), step("b", "update")], reviewed) == []
    assert more_than_reviewed([step("a", "create"), step("c", "update"), step("d", "delete")], reviewed) == []
    assert more_than_reviewed([step("b", "replace"), step("e", "update"), step("d", "create")], reviewed) == [
        "b: replace instead of update",
        "e: update instead of nothing",
        "d: create instead of delete",
    ]


def test_a_registration_asks_the_engine_for_it() -> None:
    from pulumi.runtime.proto import resource_pb2

    from pulumi_rewind.replay.options import fill_options

    item: Registration = registration("/a", {"path": "/a"})
    for one, wanted in ((item, False), (replace(item, delete_first=ASKED), True)):
        request = resource_pb2.RegisterResourceRequest()
        fill_options(request, one, "/")
        assert (request.deleteBeforeReplace, request.deleteBeforeReplaceDefined) == (wanted, wanted)


def test_who_stops_while_the_way_on_is_planned_is_not_told_that_nothing_was_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stopped(*_: Any) -> Plan:
        raise InterruptedRun("the preview was stopped; nothing was changed")

    monkeypatch.setattr(name_conflicts, "plan_again", stopped)
    session: Any = SimpleNamespace(stack=StackRef("p", "dev"))
    reviewed = plan_of(prepared=SimpleNamespace(choices=USUAL))
    with pytest.raises(
        InterruptedRun, match="stopped half-way; pool can't be created while the old object exists"
    ) as raised:
        name_conflicts.deleting_taken_first(session, reviewed, [urn("pool")], PreviewControl())
    assert "nothing was changed" not in str(raised.value)
    assert "resume dev --delete-first pool" in raised.value.hint


HELD_OLD = Risk(HELD, "is held", urn("a"), object_id="i-1")
TAKEN = Risk(SAME_NAME, "keeps its name", urn("a"))
LOST = Risk(DATA_LOSS, "holds data", urn("a"))


def test_what_is_held_is_not_deleted_for_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run would lose data that the operator was told is held."""
    step = Step(urn("a"), "a", "t:m:R", "replace", "replaced", old_id="i-1", risks=(TAKEN,))
    blockers: Any = SimpleNamespace(taken={urn("a")}, failed={urn("a")})
    assert name_conflicts.announced_taken(plan_of(steps=(step,)), blockers) == (urn("a"),)
    held = replace(step, risks=(TAKEN, HELD_OLD))
    assert name_conflicts.announced_taken(plan_of(steps=(held,)), blockers) == ()
    item = registration("i-1", {"name": "web", "engine": "1"}, {"engine": "2"})
    (told,) = order_risks(step, item, held=True)
    assert "the run stops there" in told.message

    now = plan_of(steps=(replace(step, risks=(LOST,)),), prepared=SimpleNamespace(close=lambda: None))
    monkeypatch.setattr(name_conflicts, "plan_again", lambda *_: now)
    session: Any = SimpleNamespace(stack=StackRef("p", "dev"))
    reviewed = plan_of(steps=(held,), prepared=SimpleNamespace(choices=USUAL))
    with pytest.raises(IncompleteError, match="would do more than was reviewed: a: its data would be lost"):
        name_conflicts.deleting_taken_first(session, reviewed, [urn("a")], PreviewControl())
