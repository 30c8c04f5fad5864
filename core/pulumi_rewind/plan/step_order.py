"""The order of a plan's steps: the same for the same plan, whichever resource the engine came to first. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pulumi_rewind.goal.model import references
from pulumi_rewind.goal.order import in_dependency_order
from pulumi_rewind.plan.model import Step
from pulumi_rewind.state.model import Checkpoint


def in_order(steps: Iterable[Step], registered: Iterable[str], live: Checkpoint) -> tuple[Step, ...]:
    """The steps in a stable order that the engine could go: it works on several resources at a time.

    First what is `registered` (URNs in the run, each after what it needs), then what goes, each before what it needs.
    """
    place = {urn: number for number, urn in enumerate(registered)}
    there = live.by_urn
    going, _ = in_dependency_order(there, lambda urn: (one for one in references(there[urn]) if one in there))
    backwards = {urn: -number for number, urn in enumerate(going)}

    def key(step: Step) -> tuple[bool, int, str]:
        goes = step.op == "delete" or step.urn not in place
        where = backwards.get(step.renamed_from or step.urn, 0) if goes else place[step.urn]
        return goes, where, step.urn

    return tuple(sorted(steps, key=key))


def registration_order(needs: Mapping[str, Iterable[str]], live: Checkpoint) -> list[str]:
    """What a program registers (URN → what that needs), each after its needs; as in live where that leaves a choice."""
    keys = [*(urn for urn in live.by_urn if urn in needs), *sorted(needs.keys() - live.by_urn.keys())]
    return in_dependency_order(keys, lambda urn: (one for one in needs[urn] if one in needs))[0]
