"""The steps of a plan as a tree, for the review on the command line and on the screen. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from pulumi_rewind.plan.model import Step

Place: TypeAlias = tuple[bool, ...]
"""Where a step stands in the tree: for each of its parents and itself whether it is the last one there."""


def tree(steps: Sequence[Step]) -> Iterator[tuple[Step, Place]]:
    """The steps in the engine's order, each below its parent if that has a step too."""
    urns = {step.urn for step in steps}
    children: dict[str, list[Step]] = {}
    for step in steps:
        children.setdefault(step.parent if step.parent in urns and step.parent != step.urn else "", []).append(step)
    seen: set[str] = set()

    def branch(steps: Sequence[Step], above: Place) -> Iterator[tuple[Step, Place]]:
        here = [step for step in steps if step.urn not in seen]
        for step in here:
            if step.urn not in seen:
                seen.add(step.urn)
                place = (*above, step is here[-1])
                yield step, place
                yield from branch(children.get(step.urn, ()), place)

    yield from branch(children.get("", ()), ())
    yield from branch(steps, ())  # parents in a circle
