"""The order of a plan's steps: the same whichever resource the engine came to first, and one that it could go."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.plan.model import Step
from pulumi_rewind.plan.step_order import in_order, registration_order
from pulumi_rewind.state.model import Checkpoint, Deployment, Resource
from pulumi_rewind.up.review import ordered

HEAD = "urn:pulumi:dev::shop::a:b:C::"

GRAPHS = st.integers(1, 9).flatmap(
    lambda size: st.tuples(
        *(st.sets(st.integers(0, max(0, number - 1)), max_size=3 if number else 0) for number in range(size))
    )
)
"""For each resource the numbers of what it needs, all smaller."""


def step(urn: str, op: str) -> Step:
    return Step(urn, urn.rsplit("::", 1)[1], "a:b:C", op, "restored")


@given(GRAPHS, st.data())
def test_the_order_of_events_does_not_matter_and_everything_follows_what_it_needs(
    graph: tuple[set[int], ...], data: st.DataObject
) -> None:
    urns = [f"{HEAD}{number}" for number in range(len(graph))]
    needs = {urn: [urns[one] for one in sorted(graph[number])] for number, urn in enumerate(urns)}
    # A resource goes only with all that needs it.
    going: set[str] = set()
    for urn in reversed(urns):
        users = [user for user in urns if urn in needs[user]]
        if all(user in going for user in users) and data.draw(st.booleans()):
            going.add(urn)
    there = [urn for urn in urns if urn in going or data.draw(st.booleans())]
    live = _state({urn: [one for one in needs[urn] if one in there] for urn in there})
    staying = {urn: needs[urn] for urn in urns if urn not in going}
    steps = [step(urn, "delete" if urn in going else "update") for urn in urns]
    shuffled = data.draw(st.permutations(steps))
    again = dict(data.draw(st.permutations(list(staying.items()))))

    ordered = in_order(shuffled, registration_order(again, live), live)

    assert ordered == in_order(steps, registration_order(staying, live), live)
    place = {one.urn: number for number, one in enumerate(ordered)}
    for user, needed in [(urn, one) for urn in urns for one in needs[urn]]:
        if user in going and needed in there:
            assert needed not in going or place[user] < place[needed]
        elif user not in going:
            assert place[needed] < place[user]


def test_what_is_registered_comes_first_and_what_goes_in_reverse() -> None:
    live = _state({f"{HEAD}net": [], f"{HEAD}db": [f"{HEAD}net"], f"{HEAD}app": [f"{HEAD}db"]})
    steps = [step(f"{HEAD}{name}", op) for name, op in (("net", "delete"), ("db", "delete"), ("new", "create"))]
    names = [one.name for one in in_order(steps, [f"{HEAD}app", f"{HEAD}new"], live)]
    assert names == ["new", "db", "net"]


def test_the_review_of_an_update_has_the_same_order() -> None:
    live = _state({f"{HEAD}db": [], f"{HEAD}old": []})
    entries = {f"{HEAD}app": {"goal": {"dependencies": [f"{HEAD}db", f"{HEAD}new"]}}, f"{HEAD}new": {}, f"{HEAD}db": {}}
    plan = msgspec.json.encode({"resourcePlans": entries})
    ops = {"old": "delete", "app": "create", "new": "create", "db": "update"}
    steps = tuple(step(HEAD + name, op) for name, op in ops.items())
    assert [one.name for one in ordered(steps, plan, live)] == ["db", "new", "app", "old"]
    assert ordered(steps, b"?", live) == steps


def _state(needs: dict[str, list[str]]) -> Checkpoint:
    resources: list[Any] = [
        Resource(urn=urn, type="a:b:C", custom=True, id="i", dependencies=tuple(wanted))
        for urn, wanted in needs.items()
    ]
    return Checkpoint(b"", Deployment(resources=tuple(resources)), decrypted=True)
