"""Leaving resources out of a rollback: what stays with them, what stays away with them, and what is said of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.engine.events import Diagnostic, ResourceFailed, StepMetadata
from pulumi_rewind.errors import UsageError
from pulumi_rewind.goal.build import build_goal
from pulumi_rewind.goal.model import Goal
from pulumi_rewind.plan.blockers import Blockers, left_alone
from pulumi_rewind.state.model import Checkpoint
from tests.support.checkpoints import STACK, checkpoint, res, urn


def uses(name: str, *others: str, **fields: Any) -> dict[str, Any]:
    """A resource that depends on others by a property."""
    inputs = {"v": "1", "of": ",".join(others)} | fields
    return res(
        name,
        inputs=inputs,
        dependencies=[urn(other) for other in others],
        propertyDependencies={"v": [], "of": [urn(other) for other in others]},
    )


def without(target: Checkpoint, live: Checkpoint, *names: str) -> Goal:
    return build_goal(target, live, project="p", stack="dev", only=[f"!{name}" for name in names])


def sources(goal: Goal) -> dict[str, str]:
    """Where each registration comes from."""
    return {item.name: "live" if item.from_live else "target" for item in goal.registrations if item.kind != "stack"}


def notes(goal: Goal) -> dict[str, str]:
    return {note.urn.split("::")[-1]: note.message for note in goal.notes if note.code == "skipped"}


def test_what_is_left_out_stays_as_it_is_and_says_what_differs_and_who_uses_it() -> None:
    target = checkpoint(uses("db"), uses("app", "db"), uses("lone"))
    live = checkpoint(uses("db", v="2"), uses("app", "db", v="2"), uses("lone", v="2"))
    goal = without(target, live, "db")
    assert sources(goal) == {"db": "live", "app": "target", "lone": "target"}
    assert notes(goal) == {"db": "stays as it is, because you skip it; it differs from the target in v; used by app"}
    assert [(one.urn, one.expected) for one in left_alone(goal.notes)] == [(urn("db"), True)]


def test_what_only_live_has_stays_with_what_it_uses() -> None:
    target = checkpoint(uses("lone"))
    live = checkpoint(uses("net"), uses("jobs", "net"), uses("other"), uses("lone", v="2"))
    goal = without(target, live, "jobs")
    assert sources(goal) == {"net": "live", "jobs": "live", "lone": "target"}
    assert notes(goal) == {
        "jobs": "stays although the target lacks it, because you skip it",
        "net": "stays although the target lacks it, because jobs, which stays, uses it; used by jobs",
    }


def test_what_cannot_be_without_one_that_is_not_there_stays_away_or_as_it_is() -> None:
    target = checkpoint(uses("db"), uses("app", "db"), uses("tail", "app"), uses("new", "db"))
    live = checkpoint(uses("app", v="2"), uses("tail", "app", v="2"))
    goal = without(target, live, "db")
    assert sources(goal) == {"app": "live", "tail": "target"}
    assert notes(goal)["db"].startswith("is not brought back, because you skip it")
    assert notes(goal)["new"] == "is not brought back, because it needs db, which is left out"
    assert notes(goal)["app"].startswith("stays as it is, because it needs db, which is left out")


def test_a_component_means_what_is_in_it_and_an_empty_target_keeps_the_stack() -> None:
    component = res("group", "t:m:Group", custom=False, id="")
    inner = res("inner", "t:m:Group$t:m:R", parent=component["urn"], inputs={"v": "2"}, propertyDependencies={"v": []})
    live = checkpoint(component, inner, uses("lone"))
    bare = json.loads(checkpoint().raw)
    bare["checkpoint"]["latest"]["resources"] = []
    from pulumi_rewind.state.decoding import decode_checkpoint

    goal = without(decode_checkpoint(json.dumps(bare).encode(), source="test"), live, "group")
    assert sources(goal) == {"group": "live", "inner": "live"}
    assert [item.urn for item in goal.registrations if item.kind == "stack"] == [STACK["urn"]]


def test_a_name_that_means_nothing_lists_what_there_is() -> None:
    with pytest.raises(UsageError, match="left out: 'nobody' matches no resource") as caught:
        without(checkpoint(uses("db")), checkpoint(uses("app")), "nobody")
    assert caught.value.hint == "There are: app, db."


def test_together_with_a_choice_it_takes_away_from_the_chosen() -> None:
    target = checkpoint(uses("db"), uses("app"), uses("lone"))
    live = checkpoint(uses("db", v="2"), uses("app", v="2"), uses("lone", v="2"))
    goal = build_goal(target, live, project="p", stack="dev", only=["db", "app", "!app"])
    assert sources(goal) == {"db": "target", "app": "live", "lone": "live"}


NAMES = ["a", "b", "c", "d", "e", "f"]
LINKS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=8)
SUBSET = st.sets(st.sampled_from(NAMES), min_size=1)


def side(present: set[str], links: list[tuple[int, int]], value: str) -> Checkpoint:
    pairs = {(NAMES[max(link)], NAMES[min(link)]) for link in links if link[0] != link[1]}
    return checkpoint(
        *(uses(name, *sorted(b for a, b in pairs if a == name and b in present), v=value) for name in sorted(present))
    )


@given(SUBSET, SUBSET, LINKS, LINKS, st.data())
def test_every_reference_of_every_goal_is_registered(
    before: set[str], now: set[str], old: list[tuple[int, int]], new: list[tuple[int, int]], data: Any
) -> None:
    """A URN that isn't registered corrupts the state; a recorded reference that is lost points at nothing."""
    skipped = data.draw(st.sets(st.sampled_from(sorted(before | now)), min_size=1))
    goal = without(side(before, old, "1"), side(now, new, "2"), *skipped)
    registered = {item.urn for item in goal.registrations}
    for item in goal.registrations:
        assert set(item.prerequisites()) <= registered
        recorded = {other for urns in (item.source.property_dependencies or {}).values() for other in urns or ()}
        assert recorded == {other for urns in item.property_dependencies.values() for other in urns}
    for name in skipped:
        assert sources(goal).get(name, "live") == "live"
        assert (name in now) == (name in sources(goal))


def test_blockers_are_named_with_the_way_to_pass_them() -> None:
    found = Blockers()
    assert found.hint("dev") == ""
    found.add(Diagnostic("so so", "warning", urn("fine")))
    found.add(Diagnostic("boom", "error", urn("a b")))
    found.add(Diagnostic("update failed", "error", str(STACK["urn"])))
    found.add(Diagnostic("boom", "error", urn("c")))
    assert found.hint("dev") == (
        " `pulumi-rewind resume dev --skip 'a b' --skip c` leaves a b, c as it is and does the rest."
    )
    found.add(ResourceFailed(StepMetadata("update", urn("c"))))
    assert found.names == ("c",), "what was not reached because of it is named by errors, too"
