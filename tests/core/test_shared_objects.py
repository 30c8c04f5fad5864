"""Two entries of one object in the state: deleting one of them is not let through, and nothing else is taken for it."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_rewind.goal.build import build_goal
from pulumi_rewind.plan.model import Step
from pulumi_rewind.plan.risks import step_risks
from tests.support.checkpoints import checkpoint

AT = "2026-11-24T10:00:00.000000001Z"
LATER = "2026-11-24T10:00:00.000000002Z"


def entry(name: str, **more: Any) -> dict[str, Any]:
    type_ = "test:index:Thing"
    made = {"urn": f"urn:pulumi:dev::shop::{type_}::{name}", "type": type_, "custom": True, "id": "one", "created": AT}
    return made | {"provider": "urn:pulumi:dev::shop::pulumi:providers:test::default::p"} | more


def codes(gone: dict[str, Any], op: str = "delete", forecast: str = "deleted") -> list[str]:
    """The risks of deleting an entry beside `a`, which stays."""
    live = checkpoint(entry("a"), gone)
    goal = build_goal(checkpoint(entry("a")), live, project="shop", stack="dev")
    step = Step(gone["urn"], "b", gone["type"], op, forecast)
    return [risk.code for risk in step_risks(step, live, (), stack="dev", kept=goal.pairs.values())]


@pytest.mark.parametrize("gone", [entry("b"), entry("b", created=None)])
@pytest.mark.parametrize("op", ["delete", "replace"])
def test_the_other_entry_of_an_object_is_not_deleted(gone: dict[str, Any], op: str) -> None:
    assert codes(gone, op) == ["shared-object"]


@pytest.mark.parametrize(
    "gone",
    [
        entry("b", created=LATER),  # random:RandomPassword calls each of its objects "none"
        entry("b", id="two"),
        entry("b", provider="urn:pulumi:dev::shop::pulumi:providers:test::other::p"),
        entry("b", external=True),
        entry("b", custom=False, id=""),
    ],
)
def test_what_only_looks_alike_is_deleted(gone: dict[str, Any]) -> None:
    assert codes(gone) == []


def test_what_a_step_keeps_is_no_risk() -> None:
    assert codes(entry("b"), forecast="kept") == []
    assert codes(entry("b"), op="update") == []
