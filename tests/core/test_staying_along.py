"""What has to stay with what is left out, as a preview tells."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.goal.build import build_goal
from pulumi_rewind.goal.model import Goal
from pulumi_rewind.goal.skipping import LeftAlone
from pulumi_rewind.plan.model import Step
from pulumi_rewind.plan.staying_along import also_staying, touched_risk
from pulumi_rewind.state.model import Checkpoint
from tests.support.checkpoints import checkpoint, res, urn


def uses(name: str, *others: str, v: str = "1") -> dict[str, Any]:
    return res(
        name,
        inputs={"v": v, "of": ",".join(others)},
        dependencies=[urn(other) for other in others],
        propertyDependencies={"v": [], "of": [urn(other) for other in others]},
    )


def without(target: Checkpoint, live: Checkpoint, name: str, stays: dict[str, str]) -> Goal:
    return build_goal(target, live, project="p", stack="dev", only=[f"!{name}"], stays=stays)


def step(name: str, op: str) -> Step:
    return Step(urn(name), name, "t:m:R", op, op)


def notes(goal: Goal) -> dict[str, tuple[str, str]]:
    return {note.urn: (note.message, note.because) for note in goal.notes if isinstance(note, LeftAlone)}


LIVE = checkpoint(uses("cm", v="2"), uses("db", v="2"), uses("app", "cm", "db", v="2"), uses("lone", v="2"))
TARGET = checkpoint(uses("cm"), uses("db"), uses("app", "cm", "db"), uses("lone"))


def test_what_is_replaced_under_what_is_left_out_stays_with_it() -> None:
    """https://github.com/pulumi/pulumi/issues/22694: what an excluded resource depends on is replaced."""
    goal = without(TARGET, LIVE, "app", {})
    steps = [step("cm", "replace"), step("app", "update"), step("lone", "update")]
    more = also_staying(goal, steps, LIVE)
    assert more == {urn("cm"): urn("app")}
    again = without(TARGET, LIVE, "app", more)
    message, because = notes(again)[urn("cm")]
    assert message.startswith("stays as it is, because app, which stays, uses it; it differs from the target in v")
    assert because == urn("app")
    assert notes(again)[urn("app")][1] == ""
    assert {item.name for item in again.registrations if item.from_live} == {"cm", "app"}
    assert also_staying(again, [step("lone", "update")], LIVE) == {}


def test_what_changes_without_touching_it_goes_back() -> None:
    goal = without(TARGET, LIVE, "app", {})
    assert also_staying(goal, [step("db", "update"), step("cm", "replace")], LIVE) == {}


def test_what_it_would_be_replaced_with_stays_too() -> None:
    live = checkpoint(uses("net", v="2"), uses("db") | {"replaceWith": [urn("net")]})
    goal = without(checkpoint(uses("net"), uses("db")), live, "db", {})
    assert also_staying(goal, [step("net", "replace"), step("db", "replace")], live) == {urn("net"): urn("db")}
    assert also_staying(goal, [step("net", "update"), step("db", "update")], live) == {}


def test_what_is_touched_for_no_reason_blocks() -> None:
    goal = without(TARGET, LIVE, "app", {})
    assert also_staying(goal, [step("app", "update")], LIVE) == {}
    (risk,) = touched_risk(step("app", "update"), goal)
    assert (risk.code, risk.blocking) == ("left-out-touched", True)
    assert touched_risk(step("lone", "update"), goal) == ()


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=8), st.integers(0, 4), st.sets(st.integers(0, 4))
)
def test_it_comes_to_an_end_in_which_nothing_left_out_is_touched(
    links: list[tuple[int, int]], left: int, replaced: set[int]
) -> None:
    """The engine is played: what is replaced gets a new id, and so touches all that refers to it."""
    names = "abcde"
    edges = {(max(pair), min(pair)) for pair in links if pair[0] != pair[1]}
    users = {one: [other for user, other in sorted(edges) if user == one] for one in range(5)}
    side = [[uses(names[one], *(names[other] for other in users[one]), v=v) for one in range(5)] for v in "12"]
    target, live = checkpoint(*side[0]), checkpoint(*side[1])
    stays: dict[str, str] = {}
    for _ in range(6):
        goal = without(target, live, names[left], stays)
        kept = {item.name for item in goal.registrations if item.from_live}
        moving = {one for one in replaced if names[one] not in kept}
        touched = {one for one in range(5) if moving.intersection(users[one])} - moving
        steps = [step(names[one], "replace") for one in moving] + [step(names[one], "update") for one in touched]
        more = also_staying(goal, steps, live)
        if not more:
            break
        stays |= more
    else:
        raise AssertionError("no end")
    assert not {names[one] for one in touched} & set(kept)
