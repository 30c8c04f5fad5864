"""What is sent in the place of properties that a provider's Check stored under another name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.plan.verify import verify
from pulumi_rewind.state.sent_inputs import provider_made_keys, sent_inputs, stand_ins, written_inputs
from tests.support.checkpoints import checkpoint, goal, replayed, res, urn
from tests.support.served import bridged_schema


def vault(inputs: dict[str, Any], sent: dict[str, list[str]], **fields: Any) -> Any:
    return checkpoint(res("db"), res("v", inputs=inputs, propertyDependencies=sent, **fields)).by_urn[urn("v")]


def test_what_was_stored_under_another_name_is_sent_under_that() -> None:
    """https://github.com/pulumi/pulumi-kubernetes/issues/653"""
    inputs = {
        "apiVersion": "v1",
        "data": {"token": "b25l"},
        "metadata": {"name": "v-1a2b3c4d", "annotations": {"pulumi.com/autonamed": "true"}},
    }
    found = vault(inputs, {"apiVersion": [], "stringData": []})
    assert sent_inputs(found) == {"apiVersion": "v1", "data": {"token": "b25l"}}
    assert provider_made_keys(found) == {"metadata"}


@pytest.mark.parametrize(
    ("inputs", "sent", "fields", "expected"),
    [
        ({"a": 1, "b": 2}, {"a": []}, {}, {}),  # nothing vanished: b is the provider's
        ({"a": 1, "b": 2, "__defaults": ["b"]}, {"a": [], "gone": []}, {}, {}),
        ({"b": 2, "c": []}, {"x": [], "y": []}, {}, {"b": 2, "c": []}),
        ({"b": 2}, {"x": []}, {"ignoreChanges": ["x"]}, {}),  # never taken over
        ({"b": 2}, {"x": []}, {"custom": False}, {}),  # a component has no Check: a null
        ({"name": "v-1a2b3c4", "b": 2}, {"x": []}, {}, {"b": 2}),  # an auto-name, which no list marks
        ({"name": "v-service", "b": 2}, {"x": []}, {}, {"name": "v-service", "b": 2}),
        ({"b": {"c": 1, "__defaults": ["c"]}}, {"x": []}, {}, {}),  # filled in as a whole
    ],
)
def test_only_what_may_have_been_sent_stands_in(
    inputs: dict[str, Any], sent: dict[str, list[str]], fields: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert stand_ins(vault(inputs, sent, **fields)) == expected


def test_what_stands_in_was_computed_from_what_the_vanished_one_was() -> None:
    found = checkpoint(
        res("db"),
        res("v", inputs={"data": {"url": "db-id"}, "a": 1}, propertyDependencies={"stringData": [urn("db")], "a": []}),
    )
    item = goal(found, found).by_urn()[urn("v")]
    assert item.property_dependencies == {"stringData": (urn("db"),), "a": (), "data": (urn("db"),)}
    assert item.stand_ins == {"data"}
    assert written_inputs(item.source) == {"a": 1}


def test_a_program_wrote_what_it_sent_and_computed_from_nothing() -> None:
    inputs = {"a": 1, "b": {"c": 2, "d": 3, "__defaults": ["d"]}, "e": 4, "filled": 5, "__defaults": ["filled"]}
    assert written_inputs(vault(inputs, {"a": [], "b": [], "e": [urn("db")]})) == {"a": 1, "b": {"c": 2}}
    old = res("v", inputs=inputs)
    assert written_inputs(checkpoint(old).by_urn[urn("v")]) == {"a": 1, "b": {"c": 2}, "e": 4}
    depends = checkpoint(res("db"), old | {"dependencies": [urn("db")]}).by_urn[urn("v")]
    assert written_inputs(depends) == {}, "an old state doesn't say which of them"


@pytest.mark.parametrize("recorded", [["stringData"], ["stringData", "data"]])
@pytest.mark.parametrize("today", [["stringData"], ["stringData", "data"]])
def test_a_state_that_lists_what_stood_in_equals_one_that_does_not(recorded: list[str], today: list[str]) -> None:
    target, live = (
        checkpoint(res("v", inputs={"data": {"a": "b"}}, propertyDependencies={key: [] for key in listed}))
        for listed in (recorded, today)
    )
    wanted = goal(target, live)
    assert verify(wanted, replayed(wanted), live, live) == ()


values = st.text("abc", max_size=3) | st.integers(0, 3) | st.booleans()
members = st.dictionaries(st.sampled_from("abc"), values, min_size=1, max_size=3)
programs = st.fixed_dictionaries(
    {"zone": values},  # a state without any listed property is one of an import: all of it is sent
    optional={
        "stringData": members | st.none(),
        "data": members,
        "textLabels": members,
        "labels": members,
        "compat": values,
        "type": values,
        "name": st.just("mine"),
    },
)


@given(programs, programs)
def test_what_is_sent_comes_to_what_was_recorded(program: dict[str, Any], today: dict[str, Any]) -> None:
    """For every object: through the same Check again, on top of whatever the object is today."""
    schema = bridged_schema()
    kind = schema.kinds("1.0.0")["bridged:index:Vault"]

    def checked(news: dict[str, Any], olds: dict[str, Any]) -> dict[str, Any]:
        made: Callable[[], str] = lambda: "v-0f1e2d3"  # noqa: E731
        return dict(schema.check(kind, {key: value for key, value in news.items() if value is not None}, olds, made))

    recorded = checked(program, {})
    sent = sent_inputs(vault(recorded, {key: [] for key in program}))
    assert checked(sent, {}) == recorded  # made anew
    now = checked(today, recorded if "name" not in {**program, **today} else {})
    again = checked(sent, now)
    assert {**again, "type": "", "name": ""} == {**recorded, "type": "", "name": ""}
    assert "name" in program or "name" not in sent
