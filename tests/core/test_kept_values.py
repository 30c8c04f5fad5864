"""What a provider leaves as it is today although the target does not set it: said before, and by the result."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_rewind.engine.events import PropertyDiff, ResourceDone, StepMetadata, StepState
from pulumi_rewind.plan.kept_values import kept_value_risks
from pulumi_rewind.plan.verify import verify
from tests.support.checkpoints import checkpoint, goal, replayed, res, urn

ON, OFF = {"enabled": True}, {"enabled": False}
TARGET = checkpoint(
    res("b", inputs={"name": "b"}, outputs={"name": "b", "versions": OFF}, propertyDependencies={"name": []})
)


def live(versions: Any = ON, **fields: Any) -> Any:
    inputs = {"name": "b", "versions": versions}
    known: dict[str, list[str]] = {"name": [], "versions": []}
    return checkpoint(res("b", inputs=inputs, outputs=inputs, propertyDependencies=known) | fields)


@pytest.mark.parametrize(
    ("op", "after", "diff", "told"),
    [
        ("update", ON, [], True),
        ("same", ON, [], True),
        ("update", OFF, [], False),
        ("update", ON, ["versions.enabled"], False),
        ("replace", ON, [], False),
    ],
)
def test_a_value_that_its_provider_keeps_is_told_before(op: str, after: Any, diff: list[str], *, told: bool) -> None:
    wanted = goal(TARGET, live())
    new = StepState(inputs={"name": "b"}, outputs={"name": "b", "versions": after})
    changes = {path: PropertyDiff("delete") for path in diff}
    step = StepMetadata(op, urn("b"), "t:m:R", new=new, detailed_diff=changes)
    risks = [risk for one in kept_value_risks([ResourceDone(step)], wanted).values() for risk in one]
    assert [(risk.code, "versions" in risk.message) for risk in risks] == [("kept-value", True)] * told


def test_what_the_target_has_as_well_is_none() -> None:
    wanted = goal(TARGET, live(OFF))
    new = StepState(inputs={"name": "b"}, outputs={"name": "b", "versions": OFF})
    assert kept_value_risks([ResourceDone(StepMetadata("same", urn("b"), "t:m:R", new=new))], wanted) == {}


def test_the_result_says_it_again() -> None:
    wanted = goal(TARGET, live())

    def found(versions: Any, **fields: Any) -> list[tuple[str, bool]]:
        outputs = {"name": "b", "versions": versions}
        entry = res("b", inputs={"name": "b"}, outputs=outputs, propertyDependencies={"name": []}) | fields
        after = checkpoint(entry)
        return [(one.path, one.expected) for one in verify(wanted, replayed(wanted), live(), after)]

    assert found(ON) == [("outputs.versions", True)]
    assert found(OFF) == []
    assert found(ON, id="another") == [], "what was made anew has not kept anything"
