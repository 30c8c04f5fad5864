"""How the plans of two strategies for the same target differ. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_rewind.state.model import parse_urn

if TYPE_CHECKING:
    from pulumi_rewind.plan.model import Plan


@dataclass(frozen=True)
class Contrast:
    """A resource that one plan treats otherwise than the other."""

    urn: str
    first: str
    """The operation in the first plan; empty where it leaves the resource alone."""
    second: str

    @property
    def name(self) -> str:
        """The resource's logical name."""
        return parse_urn(self.urn).name


def contrast(first: Plan, second: Plan) -> tuple[Contrast, ...]:
    """Steps that only one of the plans has, and those with another operation, in the order of the plans."""
    ones = {step.urn: step.op for step in first.steps}
    others = {step.urn: step.op for step in second.steps}
    return tuple(
        Contrast(urn, ones.get(urn, ""), others.get(urn, ""))
        for urn in dict.fromkeys((*ones, *others))
        if ones.get(urn) != others.get(urn)
    )
