"""Fields of a checkpoint that a goal treats in a way of its own; docs/fidelity.md names these tests."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from pulumi_rewind.goal.replay_report import ReplayReport
from pulumi_rewind.plan.adoption import replaced_imports, without_imports
from pulumi_rewind.replay import wire
from pulumi_rewind.replay.options import parse_position
from pulumi_rewind.replay.plan_constraint import constrain_plan
from pulumi_rewind.state.identity import match
from pulumi_rewind.state.sent_inputs import sent_inputs
from pulumi_rewind.state.values import BYTE_STRING, RESOURCE_REF, SIG, SPECIAL_FLOAT, UNKNOWN
from tests.support.checkpoints import checkpoint, goal, res, urn

NAN = {SIG: SPECIAL_FLOAT, "value": "7ff8000000000001"}


def test_dependencies_of_a_property_without_a_value_are_kept() -> None:
    target = checkpoint(res("a"), res("b", inputs={}, propertyDependencies={"size": [urn("a")]}))
    assert goal(target, target).by_urn()[urn("b")].property_dependencies == {"size": (urn("a"),)}


def test_a_providers_own_setting_may_be_called_like_the_engines() -> None:
    inputs = {"pluginDownloadURL": "mine", "version": "1.0.0", "__internal": {"pluginDownloadURL": "http://x"}}
    sent = res("p", "pulumi:providers:t", inputs=inputs, propertyDependencies={"pluginDownloadURL": []})
    old = res("q", "pulumi:providers:t", inputs=inputs)
    state = checkpoint(sent, old)
    assert sent_inputs(state.by_urn[sent["urn"]]) == {"pluginDownloadURL": "mine"}
    assert sent_inputs(state.by_urn[old["urn"]]) == {}


def test_a_plugins_checksums_and_mappings_are_read() -> None:
    internal = {"pluginChecksums": {"linux-amd64": "00ff"}, "envVarMappings": {"MINE": "THEIRS"}}
    state = checkpoint(res("p", "pulumi:providers:t", inputs={"__internal": internal}))
    package = goal(state, state).by_urn()[urn("p", "pulumi:providers:t")].package
    assert package.checksums == (("linux-amd64", b"\x00\xff"),)
    assert package.env_var_mappings == (("MINE", "THEIRS"),)


def default(version: str) -> dict[str, Any]:
    name = f"default_{version.replace('.', '_')}"
    return res(name, "pulumi:providers:t", parent="", id=f"id-{version}", inputs={"version": version})


def test_a_default_provider_below_another_one_is_named_or_blocks() -> None:
    one, two = default("1.0.0"), default("2.0.0")
    above = res("above", provider=f"{one['urn']}::id-1.0.0")
    below = res("below", "t:m:R$t:m:R", parent=above["urn"], provider=f"{two['urn']}::id-2.0.0")
    target = checkpoint(one, two, above, below)
    named = goal(target, target)
    assert named.by_urn()[below["urn"]].provider_literal == f"{two['urn']}::id-2.0.0"
    assert [urn for urn, _ in named.default_providers] == [two["urn"]]
    assert not named.notes
    lost = goal(target, checkpoint(one, above))
    assert [(note.code, note.urn, note.blocking) for note in lost.notes] == [
        ("default-provider-lost", below["urn"], True)
    ]


def test_what_waited_for_its_replacement_is_left_out_and_named() -> None:
    target = checkpoint(res("a", pendingReplacement=True), res("b"))
    built = goal(target, checkpoint())
    assert [item.name for item in built.registrations] == ["p-dev", "b"]
    assert [(note.code, note.urn) for note in built.notes] == [("left-out", urn("a"))]


def test_a_tainted_resource_is_named() -> None:
    built = goal(checkpoint(res("a")), checkpoint(res("a", taint=True)))
    assert [(note.code, note.urn) for note in built.notes] == [("tainted", urn("a"))]


def test_views_and_snippets_are_the_engines() -> None:
    target = checkpoint(res("a"), res("v", viewOf=urn("a")), res("s", snippetID="one"))
    built = goal(target, checkpoint(res("t", snippetID="two")))
    assert [item.name for item in built.registrations] == ["p-dev", "a"]
    assert [(note.code, note.urn) for note in built.notes] == [("snippet", urn("s")), ("snippet", urn("t"))]


def test_positions_become_places_in_the_project() -> None:
    assert parse_position("project:///a/b.py#8,3", "/home/ada") == ("file:///home/ada/a/b.py", 8, 3)
    assert parse_position("elsewhere", "/home/ada") is None


def test_byte_strings_and_special_floats_travel_as_the_engine_wants_them() -> None:
    raw = {SIG: BYTE_STRING, "value": "/w=="}
    assert wire.to_wire({"raw": raw})["raw"] == raw
    assert str(wire.to_wire(NAN)) == "nan"


def plan_of(**values: Any) -> dict[str, Any]:
    difference = {"adds": values}
    plan = {"resourcePlans": {"u": {"goal": {"inputDiff": difference, "outputDiff": difference}}}}
    report = ReplayReport(sent={"u": dict.fromkeys(values)})
    held = json.loads(constrain_plan(json.dumps(plan).encode(), report))
    found: dict[str, Any] = held["resourcePlans"]["u"]["goal"]["outputDiff"]["adds"]
    return found


def test_what_a_preview_cannot_know_is_not_held() -> None:
    made = {SIG: RESOURCE_REF, "urn": "x", "id": "i"}
    unmade = {SIG: RESOURCE_REF, "urn": "x", "id": UNKNOWN}
    component = {SIG: RESOURCE_REF, "urn": "x"}
    held = plan_of(a=[unmade], b=made, c=component, d={"n": NAN}, e=1)
    assert held == {"a": UNKNOWN, "b": made, "c": component, "d": UNKNOWN, "e": 1}


@pytest.mark.parametrize(("live_id", "live_import", "sent"), [("x", "x", "x"), ("x", "", "x"), ("y", "", "")])
def test_an_import_id_is_kept_while_it_is_the_same_object(live_id: str, live_import: str, sent: str) -> None:
    target = checkpoint(res("a", id="x", importID="x"))
    live = checkpoint(res("a", id=live_id, importID=live_import))
    assert goal(target, live).by_urn()[urn("a")].import_id == sent


def test_an_import_that_stands_in_the_way_is_left_out_with_a_note() -> None:
    target = checkpoint(res("a", id="x", importID="x"), res("b"))
    lost = goal(target, checkpoint())
    assert lost.by_urn()[urn("a")].import_id == "x"
    step: Any = SimpleNamespace(urn=urn("a"), op="replace")
    assert replaced_imports(lost, [step]) == {urn("a")}
    free = without_imports(lost, {urn("a")})
    assert free.by_urn()[urn("a")].import_id == ""
    assert [(note.code, note.urn) for note in free.notes] == [("import-lost", urn("a"))]


def test_an_import_would_pin_what_the_provider_made_and_is_not_done() -> None:
    inputs = {"image": "1", "name": "auto", "__defaults": ["name"]}
    target = checkpoint(res("a", id="x", importID="x", inputs=inputs, propertyDependencies={"image": []}))
    assert goal(target, checkpoint()).by_urn()[urn("a")].import_id == ""


def test_one_object_is_known_by_its_birth_and_by_the_names_it_had() -> None:
    def at(name: str, created: str, type_: str = "t:m:R") -> dict[str, Any]:
        return res(name, type_, id="same", created=created)

    was = checkpoint(at("a", "1"), at("b", "2"), at("old", "3", "t:m:Old"))
    then = checkpoint(at("x", "1"), at("b", "2"), at("old", "3"))
    assert match(was.resources, then.resources)[urn("a")] == urn("x")
    assert match(was.resources, then.resources)[urn("old", "t:m:Old")] == urn("old")
    anew = checkpoint(at("x", "8"), at("b", "9"))
    assert urn("a") not in match(was.resources, anew.resources)
    assert match(was.resources, anew.resources, [then])[urn("a")] == urn("x")


def test_the_history_is_not_read_without_need() -> None:
    def unread() -> Any:
        raise AssertionError("the history was read")
        yield

    target = checkpoint(res("a"), res("b"))
    assert match(target.resources, target.resources, unread())
    assert match(target.resources, checkpoint(res("a")).resources, unread())


def test_deleted_twins_do_not_confuse_a_birth() -> None:
    old = res("a", id="same", created="1")
    live = checkpoint(res("x", id="same", created="1"), res("a", id="same", created="1", delete=True))
    assert match(checkpoint(old).resources, live.resources)[urn("a")] == urn("x")
    assert msgspec.json.encode(live.by_urn[urn("x")].id) == b'"same"'
