"""What a change can reach: everything that refers to what is changed, at any depth. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from pulumi_rewind.goal.model import Goal, references


def reached(urns: Iterable[str], *goals: Goal) -> frozenset[str]:
    """Some URNs and those of everything that refers to them in one of the goals, in the next one to all found so far.

    In URNs of this run: a goal's and live's are the same but for a renamed stack or resource, which both are in.
    """
    found = set(urns)
    for goal in goals:
        for item in goal.registrations:  # dependencies come first
            if (
                item.urn in found
                or found.intersection(item.prerequisites())
                or found.intersection(references(item.source))
            ):
                found.update((item.urn, item.live_urn, goal.run_urn(item.urn)))
    return frozenset(found)
