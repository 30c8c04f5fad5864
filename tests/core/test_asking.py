"""What providers are asked about: all that differs between live and target, and all that this can reach."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.engine.events import EngineEvent, ResourcePre, StepMetadata
from pulumi_rewind.goal.model import registers
from pulumi_rewind.goal.reach import needed, of_state, reached
from pulumi_rewind.plan.asking import LONGEST, asked_about, narrowed, reaches_further, settled, unsettled
from pulumi_rewind.state.model import Checkpoint, urn_name
from tests.support.checkpoints import STACK, checkpoint, goal, provider, replayed, res, secret, urn, used

OTHERS = [res(f"other-{number}", inputs={"n": number}) for number in range(20)]
COMPONENT = res("group", "t:m:Group", custom=False, id="", outputs={"address": "a"})
DEFAULT = res("default_1_0_0", "pulumi:providers:t", parent="", inputs={"version": "1.0.0"})


def names(urns: Any) -> set[str]:
    return {urn_name(one) for one in urns}


def asked(target: list[dict[str, Any]], live: list[dict[str, Any]], **deployment: Any) -> set[str]:
    return names(asked_about(checkpoint(*target, *OTHERS), checkpoint(*live, *OTHERS, **deployment)))


def web(image: str = "one", **fields: Any) -> dict[str, Any]:
    return res("web", inputs={"image": image}, **fields)


# -- what differs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        {"inputs": {"image": "two"}},
        {"outputs": {"image": "one", "size": 3}},
        {"id": "another"},
        {"protect": True},
        {"dependencies": [urn("other-1")]},
        {"ignoreChanges": ["image"]},
        {"inputs": {"image": secret("one")}},
    ],
)
def test_what_differs_is_asked_about(other: dict[str, Any]) -> None:
    assert asked([web()], [web() | other]) == {"web"}


def test_what_only_one_side_has_is_asked_about() -> None:
    assert asked([res("gone")], [res("new")]) == {"gone", "new"}


@pytest.mark.parametrize("waits", [{"taint": True}, {"initErrors": ["not ready"]}, {"refreshBeforeUpdate": True}])
def test_what_waits_for_a_step_is_asked_about_although_nothing_differs(waits: dict[str, Any]) -> None:
    assert asked([web(**waits)], [web(**waits)]) == {"web"}


def test_times_and_places_in_the_program_are_no_difference() -> None:
    noted = {"modified": "2026-11-29T12:00:00Z", "sourcePosition": "project:///main.py#3"}
    assert settled(checkpoint(web() | noted).resources[1], checkpoint(web()).resources[1])
    assert asked([web("two"), res("user") | noted], [web(), res("user")]) == {"web"}


def test_where_nothing_differs_everything_is_asked_about() -> None:
    assert asked([web()], [web()]) == set()


@pytest.mark.parametrize(
    "one",
    [
        res("web", id="old", delete=True),
        res("view", viewOf=urn("web")),
        res("part", snippetID="s"),
        DEFAULT,
    ],
)
def test_with_something_that_the_engine_sees_to_itself_everything_is_asked_about(one: dict[str, Any]) -> None:
    assert asked([web()], [web("two"), one]) == set()
    assert asked([web(), one], [web("two")]) == set()


def test_with_an_open_operation_everything_is_asked_about() -> None:
    pending = {"pending_operations": [{"resource": web(), "type": "updating"}]}
    assert asked([web()], [web("two")]) == {"web"}
    assert asked([web()], [web("two")], **pending) == set()


# -- what that reaches -----------------------------------------------------------------------------------------------


def test_what_refers_to_it_is_asked_about_at_any_depth() -> None:
    def stack(image: str) -> list[dict[str, Any]]:
        return [
            web(image),
            res("proxy", propertyDependencies={"id": [urn("web")]}),
            res("cache", dependencies=[urn("proxy")]),
            res("child", parent=urn("cache")),
            res("mate", deletedWith=urn("child")),
            res("twin", replaceWith=[urn("mate")]),
        ]

    assert asked(stack("one"), stack("two")) == {"web", "proxy", "cache", "child", "mate", "twin"}


def test_what_has_a_changed_provider_is_asked_about() -> None:
    assert asked([provider(region="eu"), used()], [provider(region="us"), used()]) == {"prov", "web"}


def test_a_change_in_a_component_reaches_what_uses_it_and_not_its_other_children() -> None:
    def stack(image: str) -> list[dict[str, Any]]:
        inside = {"parent": COMPONENT["urn"]}
        return [
            COMPONENT,
            res("web", "t:m:Group$t:m:R", inputs={"image": image}, **inside),
            res("sibling", "t:m:Group$t:m:R", **inside),
            res("user", dependencies=[COMPONENT["urn"]]),
        ]

    assert asked(stack("one"), stack("two")) == {"web", "group", "user"}


def test_where_too_much_is_reached_only_what_differs_is_asked_about() -> None:
    users = [res(f"user-{number}", dependencies=[urn("web")]) for number in range(30)]
    assert asked([web(), *users], [web("two"), *users]) == {"web"}


def test_where_too_much_differs_everything_is_asked_about() -> None:
    many = [res(f"many-{number}", inputs={"n": "one"}) for number in range(30)]
    assert asked(many, [one | {"inputs": {"n": "two"}} for one in many]) == set()


def test_a_command_line_is_not_endless() -> None:
    fits, one = LONGEST // len(urn("r-0000")), len(urn("r-0000"))
    large = checkpoint(*(res(f"r-{number:04}") for number in range(3 * fits)))
    urns = [res.urn for res in large.resources if not res.is_stack]
    assert len(narrowed(set(urns[:fits]), large)) == fits
    assert narrowed(set(urns[: fits + 1]), large) == ()
    assert narrowed({urn("r" * LONGEST)}, large) == ()
    assert narrowed({urn("r" * (LONGEST - one))}, large) != ()


@pytest.mark.parametrize("name", ["*.shop.example", "a\0b"])
def test_a_name_that_the_engine_would_take_for_another_is_no_target(name: str) -> None:
    assert narrowed({urn(name)}, checkpoint(res(name), *OTHERS)) == ()
    assert asked([res(name)], [res(name, id="another")]) == set()


# -- a goal ----------------------------------------------------------------------------------------------------------


def test_what_is_not_in_live_as_the_goal_has_it_must_be_asked_about() -> None:
    target, live = checkpoint(web(), *OTHERS), checkpoint(web("two"), *OTHERS)
    assert unsettled(goal(target, live), live) == {urn("web")}
    more = checkpoint(web("two"), *OTHERS, res("new"))
    assert unsettled(goal(target, more), more) == {urn("web"), urn("new")}
    less = checkpoint(*OTHERS)
    assert unsettled(goal(target, less), less) == {urn("web")}


def test_what_is_needed_is_registered_with_what_is_asked_about() -> None:
    def stack(image: str) -> Checkpoint:
        return checkpoint(
            provider(),
            res("net", dependencies=[]),
            used(inputs={"image": image}, dependencies=[urn("net")]),
            res("user", dependencies=[urn("web", "cloud:index:Thing")]),
            *OTHERS,
        )

    wanted = goal(stack("one"), stack("two"))
    found = needed(wanted, [urn("web", "cloud:index:Thing")])
    assert names(found) == {"p-dev", "prov", "net", "web", "user"}


def test_what_is_new_needs_no_other_new_one() -> None:
    wanted = goal(checkpoint(res("one"), res("two"), *OTHERS), checkpoint(*OTHERS))
    assert names(needed(wanted, [urn("one")])) == {"p-dev", "one"}


def test_a_damaged_target_ends_too() -> None:
    """It is looked at before it is refused."""
    own = res("loop", "t:m:Group", custom=False, id="") | {"parent": urn("loop", "t:m:Group")}
    assert asked([own, web()], [web("two")]) == {"loop", "web"}


# -- what a preview shows --------------------------------------------------------------------------------------------


def shown(ops: dict[str, str], *, of: Checkpoint, **changed: Any) -> bool:
    """Whether a preview with these steps, that asked about `web` alone, reaches further."""
    wanted = goal(of, of)
    report = replayed(wanted)
    report.relinked.clear()
    for name, value in changed.items():
        getattr(report, name).update(value)
    events: list[EngineEvent] = [ResourcePre(StepMetadata(op, one)) for one, op in ops.items()]
    return reaches_further((events, b"", report), wanted, of, [urn("web")])


def test_a_step_of_what_was_not_asked_about_reaches_further() -> None:
    state = checkpoint(DEFAULT, web(), *OTHERS)
    assert not shown({urn("web"): "update", urn("other-1"): "same", str(STACK["urn"]): "update"}, of=state)
    assert shown({urn("web"): "update", DEFAULT["urn"]: "update"}, of=state)


@pytest.mark.parametrize(("op", "further"), [("update", False), ("replace", True), ("delete", True)])
def test_a_new_object_reaches_what_refers_to_it(op: str, *, further: bool) -> None:
    state = checkpoint(web(), res("user", dependencies=[urn("web")]), *OTHERS)
    assert shown({urn("web"): op}, of=state) is further
    assert not shown({urn("web"): op}, of=checkpoint(web(), *OTHERS))


def test_a_value_that_follows_something_new_reaches_further() -> None:
    state = checkpoint(web(), *OTHERS)
    relinked = {"relinked": {urn("other-1"): {"n"}}}
    assert not shown({}, of=state, **relinked), "it is sent as live has it"
    assert shown({}, of=state, **relinked, sent={urn("other-1"): {"n": 7}})


def test_an_output_of_a_component_that_changes_reaches_further() -> None:
    state = checkpoint(COMPONENT, web(), *OTHERS)
    assert not shown({}, of=state)
    assert shown({}, of=state, outputs={COMPONENT["urn"]: {"address": "b"}})


# -- any state -------------------------------------------------------------------------------------------------------


@st.composite
def graphs(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Resources that depend on earlier ones, in components or not."""
    found: list[dict[str, Any]] = []
    for number in range(draw(st.integers(2, 12))):
        component = draw(st.integers(0, 3)) == 0
        before = [one["urn"] for one in found]
        groups = [one["urn"] for one in found if not one["custom"]]
        uses = draw(st.sets(st.sampled_from(before), max_size=2)) if before else set[str]()
        found.append(
            res(
                f"r{number}",
                custom=not component,
                id="" if component else f"id-{number}",
                dependencies=sorted(uses),
                parent=draw(st.sampled_from([str(STACK["urn"]), *groups])),
            )
        )
    return found


@given(graphs(), st.data())
def test_nothing_that_stays_apart_refers_to_what_is_reached(
    resources: list[dict[str, Any]], data: st.DataObject
) -> None:
    state = checkpoint(*resources)
    start = data.draw(st.sampled_from([one["urn"] for one in resources]))
    found = reached([start], of_state(state))
    for one in state.resources:
        if one.urn not in found and registers(one):
            assert found.isdisjoint(one.uses)


@given(graphs(), st.data())
def test_what_is_needed_is_complete(resources: list[dict[str, Any]], data: st.DataObject) -> None:
    state = checkpoint(*resources)
    wanted = goal(state, state)
    start = data.draw(st.sampled_from([one["urn"] for one in resources]))
    found = needed(wanted, [start])
    assert start in found
    assert all(set(item.prerequisites()) <= found for item in wanted.registrations if item.urn in found)
