"""What the engine's preview would take away although the target has it, by the events of previews."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_rewind.engine.events import PropertyDiff, ResourceDone, StepMetadata, StepState
from pulumi_rewind.plan.lost_values import vanishing_risks
from pulumi_rewind.risk import Risk
from pulumi_rewind.state.values import SECRET, SIG
from tests.support.checkpoints import checkpoint, goal, replayed, res, urn

SERVER, DATABASE = "t:m:R", "acme:index:Database"
HIDDEN = {SIG: SECRET, "plaintext": '"hush"'}


def found(
    recorded: dict[str, Any],
    after: dict[str, Any],
    *,
    type_: str = SERVER,
    op: str = "update",
    diff: dict[str, str] | None = None,
    **fields: Any,
) -> list[tuple[str, bool]]:
    """Code and blocking of the risks of one step, whose inputs come out of the preview as `after`."""
    entry = {"inputs": recorded, "propertyDependencies": {key: [] for key in recorded} or {"x": []}} | fields
    target = checkpoint(res("r", type_, **entry))
    wanted = goal(target, checkpoint(res("r", type_)))
    said = {path: PropertyDiff(how) for path, how in (diff or {}).items()} or None
    step = StepMetadata(op, urn("r", type_), type_, new=StepState(inputs=after), detailed_diff=said)
    risks = vanishing_risks([ResourceDone(step)], wanted, replayed(wanted), ())
    return [(risk.code, risk.blocking) for one in risks.values() for risk in one]


@pytest.mark.parametrize(
    ("recorded", "after", "fields", "expected"),
    [
        ({"a": "b"}, {"a": "other"}, {}, []),
        ({"a": "b"}, {}, {}, [("would-vanish", False)]),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {}}}, {}, [("would-vanish", False)]),
        ({"a": "b"}, {}, {"type_": DATABASE}, [("would-vanish", True)]),
        ({"a": HIDDEN}, {}, {}, [("would-vanish", True)]),
        ({"a": {"b": HIDDEN}}, {"a": {"b": ""}}, {}, [("would-vanish", True)]),
        ({"a": "b"}, {}, {"op": "same"}, []),
        ({"a": "b"}, {}, {"ignoreChanges": ["a"]}, []),
        ({"a": {}, "b": "", "c": None}, {}, {}, []),
        ({"a": "b", "__defaults": ["a"]}, {}, {"type_": DATABASE}, []),
        ({"a": "r-1a2b3c4"}, {}, {"propertyDependencies": {"b": []}}, []),
        ({"a": False}, {}, {}, [("would-vanish", False)]),
        ({}, {}, {"diff": {"p": "delete"}, "outputs": {"p": "theirs"}, "type_": DATABASE}, [("would-vanish", False)]),
        ({}, {}, {"diff": {'p["a.b"][0]': "delete"}, "outputs": {"p": {"a.b": [HIDDEN]}}}, [("would-vanish", True)]),
        ({}, {}, {"diff": {"p": "delete"}, "outputs": {"q": "theirs"}}, []),
        ({"p": ["x"]}, {"p": ["x"]}, {"diff": {"p[1]": "delete"}}, []),
        ({}, {}, {"op": "create", "propertyDependencies": {"password": []}}, [("not-recorded", False)]),
        ({}, {}, {"propertyDependencies": {"password": []}}, []),
    ],
)
def test_what_goes_is_told(
    recorded: dict[str, Any], after: dict[str, Any], fields: dict[str, Any], expected: list[tuple[str, bool]]
) -> None:
    assert found(recorded, after, **fields) == expected


def test_the_worst_comes_first() -> None:
    codes = ["not-refreshed", "runs-again", "would-vanish", "path-content"]
    risks = [*(Risk(code, "") for code in codes), Risk("data-loss", ""), Risk("locked", "")]
    ordered = [risk.code for risk in sorted(risks, key=lambda risk: risk.rank)]
    assert ordered == ["locked", "data-loss", "would-vanish", "path-content", "runs-again", "not-refreshed"]
