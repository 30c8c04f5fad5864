"""What an operator decides about pending creates, and what that does to a state; without an engine."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_rewind.errors import RefusedError, UsageError
from pulumi_rewind.state.pending_creates import Decision, adoptions, alone, decide, merged, resolved

NOW = "2026-01-02T03:04:05Z"


def urn(name: str, kind: str = "t:m:T") -> str:
    return f"urn:pulumi:dev::shop::{kind}::{name}"


PROVIDER = urn("default", "pulumi:providers:t")
A, B = urn("a"), urn("b=c")


def entry(name: str, **more: Any) -> dict[str, Any]:
    made = {"urn": urn(name), "type": "t:m:T", "custom": True, "provider": f"{PROVIDER}::p1"}
    return made | {"inputs": {"x": 1, "__defaults": ["x"]}} | more


def export(*resources: dict[str, Any], pending: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    provider = {"urn": PROVIDER, "type": "pulumi:providers:t", "custom": True, "id": "p1"}
    return {
        "version": 3,
        "deployment": {
            "manifest": {"version": "v3"},
            "resources": [provider, *resources],
            "pending_operations": [{"resource": item, "type": "creating"} for item in pending],
        },
    }


def urns(document: dict[str, Any]) -> list[str]:
    return [item["urn"].rsplit("::", 1)[-1] for item in document["deployment"]["resources"]]


def test_decisions_by_urn_and_by_name() -> None:
    assert decide([A, B], [f"{A}=srv-1=="], ["b=c"]) == (Decision(A, "srv-1=="), Decision(B))
    assert decide([A, B], ["b=c=id"], clear_all=True) == (Decision(B, "id"), Decision(A))
    assert decide([A, A], ["a=1", "a=2"]) == (Decision(A, "1"), Decision(A, "2"))
    assert decide([A, A], ["a=1"], ["a"]) == (Decision(A, "1"), Decision(A))


@pytest.mark.parametrize(
    ("adopt", "clear", "said"),
    [
        ((), (), "no decision is given for"),
        (("a=1",), (), "no decision is given for"),
        (("nobody=1",), (), "is not a pending create"),
        (("a",), (), "names no id"),
        (("a= ",), (), "names no id"),
        (("a=1", "a=2"), (), "has more decisions than pending creates"),
        (("a=1",), ("a",), "both adopted and cleared"),
        ((), ("web",), "is not a pending create"),
    ],
)
def test_decisions_that_make_no_sense_are_refused(adopt: tuple[str, ...], clear: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        decide([A, B], adopt, clear)
    assert caught.value.hint


def test_a_name_that_means_several_wants_a_urn() -> None:
    with pytest.raises(UsageError, match="matches several"):
        decide([urn("web"), urn("web", "t:m:Other")], clear=["web"])


def test_an_adopted_object_enters_after_what_it_needs_with_everything_it_was_made_from() -> None:
    before = entry("base", id="base-1")
    made = entry("a", dependencies=[urn("base")], propertyDependencies={"x": [urn("base")]}, parent=urn("base"))
    document = export(before, entry("other", id="o-1"), pending=(made, entry("gone")))
    found = adoptions(document, [Decision(A, "a-1"), Decision(urn("gone"))], NOW)
    assert [item.entry for item in found] == [{**made, "id": "a-1", "created": NOW, "modified": NOW}]
    after = resolved(document, found)
    assert urns(after) == ["default", "base", "a", "other"]
    assert after["deployment"]["pending_operations"] == []
    assert after["deployment"]["manifest"] == {"version": "v3"}


def test_what_is_read_alone_has_only_its_provider_and_parents() -> None:
    made = entry("a", id="a-1", parent=urn("base"), dependencies=[urn("other")], delete=True)
    small = alone(export(entry("base", id="1"), entry("other", id="2")), made)
    assert urns(small) == ["default", "base", "a"]
    assert "dependencies" not in small["deployment"]["resources"][-1]
    assert "delete" not in small["deployment"]["resources"][-1]


def test_a_read_gives_outputs_and_keeps_the_rest() -> None:
    made = entry("a", id="a-1", dependencies=[urn("base")])
    seen = export(entry("a", id="a-1", outputs={"arn": "x"}))
    assert merged(made, seen) == {**made, "outputs": {"arn": "x"}}
    assert merged(made, export()) is None


def test_a_second_object_of_a_urn_becomes_an_old_copy() -> None:
    document = export(entry("a", id="a-1"), pending=(entry("a"), entry("a")))
    found = adoptions(document, [Decision(A, "a-1"), Decision(A, "a-2")], NOW)
    assert [(item.entry["id"], item.leftover, item.entry["delete"]) for item in found] == [("a-2", True, True)]
    after = resolved(document, found)["deployment"]["resources"]
    assert [(item.get("id"), item.get("delete", False)) for item in after] == [
        ("p1", False),
        ("a-2", True),
        ("a-1", False),
    ]


def test_where_a_rollback_goes_on_the_object_that_it_replaces_becomes_the_old_copy() -> None:
    user = entry("user", id="u-1", dependencies=[A])
    document = export(entry("a", id="a-1"), user, pending=(entry("a"),))
    found = adoptions(document, [Decision(A, "a-2")], NOW, goes_on=True)
    after = resolved(document, found)["deployment"]["resources"]
    assert [(item["urn"], item.get("id"), item.get("delete", False)) for item in after[1:]] == [
        (A, "a-2", False),
        (A, "a-1", True),
        (urn("user"), "u-1", False),
    ]


def test_the_new_one_of_a_replacement_takes_the_place_of_the_one_that_is_gone() -> None:
    gone = entry("a", id="a-1", pendingReplacement=True)
    user = entry("user", id="u-1", dependencies=[A])
    document = export(gone, user, pending=(entry("a"),))
    after = resolved(document, adoptions(document, [Decision(A, "a-2")], NOW))
    assert [(item["urn"], item.get("id")) for item in after["deployment"]["resources"][1:]] == [
        (A, "a-2"),
        (urn("user"), "u-1"),
    ]
    between = export(gone, user, pending=(entry("a", dependencies=[urn("user")]),))
    with pytest.raises(RefusedError, match="can't be added to the state"):
        resolved(between, adoptions(between, [Decision(A, "a-2")], NOW))
