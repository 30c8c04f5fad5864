"""How two plans for the same target differ, for people and for machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pulumi_rewind.plan.contrast import contrast
from pulumi_rewind_tui.text.cells import Line, Span
from pulumi_rewind_tui.text.plan import plan_json, risk_line
from pulumi_rewind_tui.text.spans import op_span
from pulumi_rewind_tui.words.words import plural, resource_name

if TYPE_CHECKING:
    from pulumi_rewind.plan.model import Plan


def contrast_lines(first: Plan, second: Plan) -> Iterator[Line]:
    """What the second plan does otherwise than the first, below the first."""
    found = contrast(first, second)
    yield []
    yield [
        Span(f"{second.strategy} beside {first.strategy}", "title"),
        f"   {plural(len(found), 'step differs', 'steps differ')}" if found else "   the same steps",
    ]
    for one in found:
        ops: list[Span | str] = []
        for op in (one.first, one.second):
            ops += [op_span(op) if op else Span("nothing", "dim"), " → "]
        yield ["  ", Span(resource_name(one.urn), "bold"), "  ", *ops[:-1]]
    said = set(first.all_risks)
    for risk in second.all_risks:
        if risk not in said:
            yield risk_line(risk, f"{second.strategy}: ")


def contrast_json(first: Plan, second: Plan) -> dict[str, Any]:
    """Both plans, each below the name of its strategy, and the steps in which they differ."""
    best = first.recommendation
    return {
        first.strategy: plan_json(first),
        second.strategy: plan_json(second),
        "differ": [
            {"urn": one.urn, first.strategy: one.first or None, second.strategy: one.second or None}
            for one in contrast(first, second)
        ],
        "recommended": best.strategy if best else first.strategy,
        "reason": best.reason if best else "",
    }
