"""Which object is which: no id that several objects share makes one of two strangers."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.plan.adoption import adoptable, importing
from pulumi_rewind.plan.former_ids import ids_since, taken_back
from pulumi_rewind.plan.model import Step
from pulumi_rewind.risk import Risk
from pulumi_rewind.state.identity import is_constant_id, match, may_be_one
from pulumi_rewind.up.recovery import without_own_losses
from tests.support.checkpoints import checkpoint, goal, provider, res, urn, used
from tests.support.plans import plan_of

PASSWORD = "random:index/randomPassword:RandomPassword"


def pairs(target: Any, live: Any, *history: Any) -> dict[str, str]:
    found = match(target.resources, live.resources, history)
    return {a: b for a, b in found.items() if a != b}


def test_two_passwords_with_the_id_none_are_strangers() -> None:
    """The id is a fixed word: https://github.com/pulumi/pulumi-random/pull/39"""
    then = checkpoint(res("a", PASSWORD, id="none", created="2026-01-01T00:00:00Z"))
    now = checkpoint(res("b", PASSWORD, id="none", created="2026-02-01T00:00:00Z"))
    assert pairs(then, now) == {}
    again = checkpoint(res("b", PASSWORD, id="none", created="2026-01-01T00:00:00Z"))
    assert pairs(then, again) == {urn("a", PASSWORD): urn("b", PASSWORD)}, "one moment: renamed"


def test_an_id_that_two_objects_of_another_state_shared_says_nothing() -> None:
    then = checkpoint(res("a", id="42", created="2026-01-01T00:00:00Z"))
    now = checkpoint(res("b", id="42", created="2026-02-01T00:00:00Z"))
    assert pairs(then, now) == {urn("a"): urn("b")}, "imported again under another name"
    both = checkpoint(
        res("x", id="42", created="2026-01-03T00:00:00Z"), res("y", id="42", created="2026-01-04T00:00:00Z")
    )
    assert pairs(then, now, both) == {}


moments = st.sampled_from(["2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"])
objects = st.lists(st.tuples(st.sampled_from("abcdef"), moments), min_size=1, max_size=4, unique_by=lambda one: one[0])


@given(objects, objects, st.sampled_from(["-", "none", "shared"]))
def test_objects_of_one_id_are_paired_by_their_moment_alone(
    then: list[tuple[str, str]], now: list[tuple[str, str]], identifier: str
) -> None:
    def side(found: list[tuple[str, str]]) -> Any:
        extra = [res("z1", id="shared", created="1"), res("z2", id="shared", created="2")]
        return checkpoint(*extra, *(res(name, id=identifier, created=moment) for name, moment in found))

    born_then, born_now = dict(then), dict(now)
    for target, live in pairs(side(then), side(now)).items():
        assert born_then[target.rsplit("::", 1)[1]] == born_now[live.rsplit("::", 1)[1]]


def test_what_may_be_one_object() -> None:
    def of(**fields: Any) -> Any:
        return checkpoint(res("a", **fields)).by_urn[urn("a")]

    assert may_be_one(of(id="1", created="x"), of(id="1", created="x"))
    assert may_be_one(of(id="1"), of(id="1", created="x")), "not recorded"
    assert may_be_one(of(id="1", created="x", external=True), of(id="1", created="y")), "it existed before it was read"
    assert not may_be_one(of(id="1", created="x"), of(id="1", created="y"))
    assert not may_be_one(of(id="1"), of(id="2"))
    assert [word for word in ("-", "none", "None", "i-1", "/a", "42") if is_constant_id(word)] == ["-", "none", "None"]


def losing(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether taking back what is there now needs leave, in view of what was there before."""
    loss = Risk("data-loss", "holds data")
    step = Step(urn("db"), "db", "t:m:R", "delete", "deleted", (loss,), old_id=now["id"])
    return without_own_losses(
        plan_of(steps=(step,)), checkpoint(res("old", **before)), checkpoint(res("db", **now))
    ).loses_data


def test_what_an_update_made_is_not_older_because_of_an_id_that_all_have() -> None:
    assert not losing({"id": "none", "created": "1"}, {"id": "none", "created": "2"})
    assert losing({"id": "none", "created": "1"}, {"id": "none", "created": "1"})
    assert losing({"id": "none"}, {"id": "none", "created": "2"}), "in doubt it is older"
    assert losing({"id": "db-1", "created": "1", "external": True}, {"id": "db-1", "created": "2"}), "it was only read"
    imported = {"id": "db-1", "created": "2", "importID": "db-1"}
    assert losing({"id": "db-1", "created": "1"}, imported)
    assert losing({"id": "another", "created": "1"}, imported), "what is imported existed before"


def test_a_read_object_is_taken_back_by_its_id_and_only_then() -> None:
    then = checkpoint(res("db", id="db-1", inputs={"a": 1}), res("note", id="none"), res("web", id="i-1"))
    cases: list[tuple[Any, tuple[Any, ...], dict[str, str]]] = [
        (checkpoint(res("db", id="db-1", external=True), res("web", id="i-1")), (), {"db": "db-1"}),
        (checkpoint(res("other", id="db-1", external=True)), (), {"db": "db-1"}),
        (checkpoint(res("db", id="db-2", external=True)), (), {}),
        (checkpoint(), (checkpoint(res("x", id="db-1", external=True)),), {"db": "db-1"}),
        (checkpoint(), (checkpoint(res("x", id="db-1")), checkpoint(res("note", id="none", external=True))), {}),
        (
            checkpoint(res("db", id="db-2"), res("mine", id="db-1")),
            (checkpoint(res("x", id="db-1", external=True)),),
            {},
        ),
    ]
    for live, history, wanted in cases:
        made = taken_back(goal(then, live), live, history)
        assert {item.name: item.import_id for item in made.registrations if item.import_id} == wanted


def test_the_ids_that_the_history_knows_newest_first() -> None:
    then = checkpoint(res("db", id="1", created="c1"))
    renamed = checkpoint(res("db2", id="1", created="c1"))
    replaced = checkpoint(res("db2", id="2", created="c2"))
    back = checkpoint(res("db", id="3", created="c3"), res("else", id="9", created="c9"))
    live = checkpoint(res("mine", id="2", created="c2"))
    made = goal(then, live)
    items = [item for item in adoptable(made) if item.name == "db"]
    newest_first = [back, replaced, renamed, then]
    assert ids_since(items, live, newest_first) == {urn("db"): ["3", "1"]}, "2 is managed by live"
    tried = importing(made, {urn("db"): ["3", "1", "1"]}).by_urn()[urn("db")]
    assert (tried.import_id, tried.more_ids) == ("3", ("1",))


def test_two_providers_that_became_one_are_not_both_it() -> None:
    then = checkpoint(provider("p1"), provider("p2"), used("a", "p1"), used("b", "p2"))
    now = checkpoint(provider("q"), used("a", "q"), used("b", "q"))
    kind = "pulumi:providers:cloud"
    assert pairs(then, now) == {urn("p1", kind): urn("q", kind)}
