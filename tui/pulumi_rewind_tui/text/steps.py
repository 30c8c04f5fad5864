"""The steps of a plan as a tree, for the review on the command line and on the screen. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from pulumi_rewind.state.show import KNOWN_WHEN_RUN
from pulumi_rewind_tui.text.values import shown_text

if TYPE_CHECKING:
    from pulumi_rewind.diff.checkpoints import ResourceDiff
    from pulumi_rewind.plan.model import Plan, Step

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


_ANEW: Final = frozenset({"create", "replace", "return", "import"})


def renewed(steps: Iterable[Step]) -> frozenset[str]:
    """The resources that get a new id."""
    return frozenset(step.urn for step in steps if step.op in _ANEW)


def if_needed(step: Step, diff: ResourceDiff | None, anew: Collection[str]) -> bool:
    """Whether only the run can tell if there is anything to do: what changes is unknown, and nothing it uses is new."""
    if step.op != "update" or diff is None or diff.old is None or any(urn in anew for urn in diff.old.uses):
        return False
    changes = diff.changes()
    return bool(changes) and all(KNOWN_WHEN_RUN in shown_text(change.new) for change in changes)


def counted(plan: Plan) -> tuple[dict[str, int], dict[str, int]]:
    """The steps of a plan by operation: those that are certain, and those that may turn out not to be needed."""
    diffs = {item.urn: item for item in plan.diff.resources}
    anew = renewed(plan.steps)
    perhaps = Counter(step.op for step in plan.steps if if_needed(step, diffs.get(step.urn), anew))
    certain = {op: number - perhaps[op] for op, number in plan.changes.items() if op != "same"}
    return {op: number for op, number in certain.items() if number > 0}, dict(perhaps)
