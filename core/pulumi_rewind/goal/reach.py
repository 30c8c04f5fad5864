"""What a change can reach: everything that refers to what is changed, at any depth. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TypeAlias

from pulumi_rewind.goal.model import Goal, references
from pulumi_rewind.state.model import Checkpoint

Side: TypeAlias = Iterable[tuple[tuple[str, ...], Iterable[str], Iterable[str]]]
"""Each resource's URNs, those of all that it refers to, and of what changes with it; dependencies come first."""


def reached(urns: Iterable[str], *sides: Side) -> frozenset[str]:
    """Some URNs and those of all that refers to them on one of the sides, in the next one to all found so far."""
    found = set(urns)
    for side in sides:
        rest, before = list(side), -1
        while before != len(found):  # what changes along may have been passed already
            before = len(found)
            for own, used, along in rest:
                if not (found.isdisjoint(own) and found.isdisjoint(used)):
                    found.update(own, along)
    return frozenset(found)


def needed(goal: Goal, asked: Collection[str]) -> frozenset[str]:
    """URNs of the goal: what an engine has to be told that is asked about some (in URNs of the run).

    That is these, everything that refers to one of them, children included (the engine takes what it is not told of for
    something that goes with them), and everything that all this can't be without.
    """
    about = reached(asked, of_goal(goal))
    found = {item.urn for item in goal.registrations if item.urn in about or item.kind == "stack"}
    for item in reversed(goal.registrations):  # dependencies come first
        if item.urn in found:
            found.update(item.prerequisites())
    return frozenset(found)


def of_goal(goal: Goal) -> Side:
    """A goal's. A renamed stack or resource has several URNs, of which live has one and this run another."""
    for item in goal.registrations:
        own = filter(None, (item.urn, item.live_urn, goal.run_urn(item.urn)))
        yield tuple(own), (*item.prerequisites(), *references(item.source)), ()


def of_state(state: Checkpoint) -> Side:
    """A state's. What is in a component changes the component's outputs, and so concerns what uses these; being in the
    same component, or in the stack, concerns nobody.
    """
    around: dict[str, tuple[str, ...]] = {res.urn: () for res in state.resources if res.is_stack}
    for res in state.resources:  # parents come first
        used = [*res.uses, *(res.replace_with or ()), res.deleted_with, res.provider_urn]
        if res.parent not in around:
            used.append(res.parent)
        outer = around.get(res.parent, ())
        if res.is_component:
            around[res.urn] = (res.urn, *outer)
        yield (res.urn,), [urn for urn in used if urn], outer
