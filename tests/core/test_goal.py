"""Goals: what is sent, what is left out, and how identity is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.goal import default_values
from pulumi_rewind.goal.build import build_goal
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.identity import match, rehomed
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.sent_inputs import provider_made_keys, sent_inputs
from pulumi_rewind.state.values import SECRET, SIG
from tests.support.checkpoints import checkpoint, goal, res, urn


def test_only_what_the_program_sent_is_sent() -> None:
    server = res(
        "web",
        inputs={
            "image": "1",
            "name": "web-1234",
            "nested": {"a": 1, "b": 2, "__defaults": ["b"]},
            "__defaults": ["name"],
        },
        propertyDependencies={"image": [], "nested": []},
    )
    state = checkpoint(server)
    assert sent_inputs(state.resources[1]) == {"image": "1", "nested": {"a": 1}}
    assert provider_made_keys(state.resources[1]) == {"name", "__defaults"}


def test_an_imported_resource_sends_all_but_marked_defaults() -> None:
    state = checkpoint(res("web", inputs={"image": "1", "name": "n", "__defaults": ["name"]}))
    assert sent_inputs(state.resources[1]) == {"image": "1"}


def test_defaults_inside_a_secret_are_left_out() -> None:
    secret = {SIG: SECRET, "plaintext": '{"a": 1, "b": 2, "__defaults": ["b"]}'}
    state = checkpoint(res("web", inputs={"s": secret}, propertyDependencies={"s": []}))
    assert json.loads(sent_inputs(state.resources[1])["s"]["plaintext"]) == {"a": 1}


def test_kubernetes_auto_names_are_left_out() -> None:
    metadata = {"name": "web-abc", "annotations": {"pulumi.com/autonamed": "true"}, "labels": {"a": "b"}}
    state = checkpoint(res("web", inputs={"metadata": metadata}, propertyDependencies={"metadata": []}))
    assert sent_inputs(state.resources[1]) == {"metadata": {"labels": {"a": "b"}}}


KEYS = st.sampled_from(["a", "b", "name"])
NESTED = st.dictionaries(KEYS, st.integers(0, 2), max_size=2) | st.sampled_from(["web-1a2b3c4", "x"])


@given(st.dictionaries(KEYS, NESTED), st.lists(KEYS, max_size=2), st.lists(KEYS, max_size=2))
def test_what_both_states_have_alike_needs_no_pins(
    inputs: dict[str, Any], defaults: list[str], sent: list[str]
) -> None:
    inputs = {key: {**value, "__defaults": defaults} if isinstance(value, dict) else value
              for key, value in inputs.items()}  # fmt: skip
    web = res("web", inputs={**inputs, "__defaults": defaults}, propertyDependencies={key: [] for key in sent})
    made = goal(checkpoint(web), checkpoint(web | {"outputs": {"etag": "2"}}))
    with patch.object(default_values, "_sent", lambda _: object()):  # a closer look
        assert default_values.with_pinned(made) == made


def test_no_urn_is_sent_that_this_run_does_not_register() -> None:
    target = checkpoint(
        res("db"),
        res(
            "web",
            dependencies=[urn("db"), urn("gone")],
            inputs={"x": 1},
            propertyDependencies={"x": [urn("gone"), urn("db")]},
            deletedWith=urn("gone"),
            replaceWith=[urn("gone")],
        ),
    )
    web = goal(target, target).by_urn()[urn("web")]
    assert web.dependencies == (urn("db"),)
    assert web.property_dependencies == {"x": (urn("db"),)}
    assert web.deleted_with == ""
    assert web.replace_with == ()


def test_default_providers_and_copies_that_wait_for_deletion_are_not_registered() -> None:
    provider = res("default_1_2_3", "pulumi:providers:t", parent="", inputs={"version": "1.2.3"})
    explicit = res("mine", "pulumi:providers:t", inputs={"version": "2.0.0", "region": "x"})
    web = res("web", provider=f"{provider['urn']}::{provider['id']}")
    target = checkpoint(provider, explicit, web, res("web", delete=True, id="old"))
    built = goal(target, target)
    assert [item.name for item in built.registrations] == ["p-dev", "mine", "web"]
    assert built.by_urn()[urn("web")].package.version == "1.2.3"
    assert built.by_urn()[urn("mine", "pulumi:providers:t")].inputs == {"region": "x"}
    assert built.packages == ("t",)


def test_a_renamed_resource_keeps_its_identity_by_an_alias() -> None:
    built = goal(checkpoint(res("old-name", id="i-1")), checkpoint(res("new-name", id="i-1")))
    assert built.by_urn()[urn("old-name")].aliases == (urn("new-name"),)
    assert built.pairs[urn("old-name")] == urn("new-name")  # so that it is not deleted


def test_a_renamed_component_is_found_through_its_children() -> None:
    def side(component: str, type_: str) -> Checkpoint:
        parent = res(component, type_, custom=False, id="")
        return checkpoint(parent, res(f"{component}-c", f"{type_}$t:m:R", parent=parent["urn"], id="i-1"))

    target, live = side("one", "my:c:A"), side("two", "my:c:B")
    assert match(target.resources, live.resources)[urn("one", "my:c:A")] == urn("two", "my:c:B")


def test_a_stack_rename_is_no_change_of_identity() -> None:
    live = json.loads(checkpoint(res("web")).raw.replace(b":dev::p::", b":prod::q::"))
    pairs = match(checkpoint(res("web")).resources, decode_checkpoint(json.dumps(live).encode(), source="x").resources)
    assert pairs[urn("web")] == rehomed(urn("web"), "prod", "q")


def test_hooks_of_live_and_goal_are_all_known() -> None:
    built = goal(
        checkpoint(res("a", resourceHooks={"BeforeCreate": ["one"], "OnError": ["retry"]})),
        checkpoint(res("b", resourceHooks={"AfterDelete": ["two"]})),
    )
    assert built.hooks == (("one", False), ("retry", True), ("two", False))


def test_a_parameterised_package_is_rebuilt_from_its_provider() -> None:
    internal = {"name": "base", "version": "0.9.0", "parameterization": "aGVsbG8="}
    provider = res("default_2", "pulumi:providers:sub", parent="", inputs={"version": "2.0.0", "__internal": internal})
    target = checkpoint(provider, res("x", provider=f"{provider['urn']}::i"))
    package = goal(target, target).by_urn()[urn("x")].package
    assert (package.base_name, package.base_version) == ("base", "0.9.0")
    assert package.parameter is not None
    assert package.parameter.value == b"hello"


def test_the_fingerprint_changes_with_what_is_sent_and_shows_no_secret() -> None:
    def one(value: object) -> str:
        state = checkpoint(res("a", inputs={"x": value}, propertyDependencies={"x": []}))
        return goal(state, state).fingerprint()

    assert one(1) != one(2)
    assert one({SIG: SECRET, "plaintext": '"a"'}) == one({SIG: SECRET, "plaintext": '"b"'})


names = st.lists(st.text("ab:/$é ", min_size=1, max_size=6), min_size=1, max_size=6, unique=True)


@given(names, names)
def test_every_live_urn_is_given_away_once_and_order_holds(target_names: list[str], live_names: list[str]) -> None:
    def side(chosen: list[str]) -> Checkpoint:
        made: list[dict[str, Any]] = []
        for index, name in enumerate(chosen):
            before = [made[-1]["urn"]] if made else []
            made.append(res(name, id=f"id-{index}", dependencies=before))
        return checkpoint(*made)

    target, live = side(target_names), side(live_names)
    built = goal(target, live)
    assert len(set(built.pairs.values())) == len(built.pairs)
    seen: set[str] = set()
    for item in built.registrations:
        assert set(item.prerequisites()) <= seen
        seen.add(item.urn)


def test_a_target_whose_parent_is_missing_is_refused() -> None:
    group = res("group", "t:m:Group", custom=False, id="")
    child = res("child", "t:m:Group$t:m:R", parent=group["urn"])
    built = goal(checkpoint(child), checkpoint(group, child))
    (note,) = built.notes
    assert (note.code, note.blocking, note.urn) == ("damaged-target", True, child["urn"])
    assert "is part of group" in note.message
    assert goal(checkpoint(group, child), checkpoint(group, child)).notes == ()


def test_registrations_are_looked_up_by_the_urn_of_a_run_in_a_renamed_stack() -> None:
    state = checkpoint(res("web"))
    built = build_goal(state, checkpoint(), project="shop", stack="prod")
    now = rehomed(urn("web"), "prod", "shop")
    assert now != urn("web")
    assert built.by_run_urn[now].urn == urn("web")
    assert urn("web") not in built.by_run_urn
    other = built.each(lambda item: replace(item, all_inputs=True))
    assert other.by_run_urn[now].all_inputs
