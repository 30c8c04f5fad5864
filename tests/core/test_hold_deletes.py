"""What can be held of what an update deletes, and why something can't."""

from __future__ import annotations

from typing import Any

from pulumi_rewind.choices import HOLD_ALL, HOLD_STATEFUL
from pulumi_rewind.plan.arrangement import Holding
from pulumi_rewind.plan.hold_deletes import holding, tells_first, with_held_copies, with_holding
from pulumi_rewind.plan.model import Step
from pulumi_rewind.risk import DATA_LOSS, HELD, LEFTOVER, LOSES_DATA, NOT_HELD, Risk
from pulumi_rewind.state.model import Checkpoint
from tests.support.checkpoints import checkpoint, provider, res, urn, used

DATA = ["t:m:Db"]


def db(name: str, **fields: Any) -> dict[str, Any]:
    return res(name, "t:m:Db", **fields)


def data(name: str) -> str:
    return urn(name, "t:m:Db")


def step(live: Checkpoint, name: str, op: str = "delete", **fields: Any) -> Step:
    one = next(one for one in live.resources if one.name == name and not one.delete)
    return Step(one.urn, name, one.type, op, op, old_id=one.id, **fields)


def found(live: Checkpoint, *steps: Step | str, mode: str = HOLD_STATEFUL, **options: Any) -> Holding:
    made = [one if isinstance(one, Step) else step(live, one) for one in steps]
    return holding(made, live, mode, stateful=DATA, **options)


def names(one: Holding) -> set[str]:
    return {urn.split("::")[-1] for urn, _ in one.objects}


def test_of_what_goes_it_is_what_holds_data_or_all() -> None:
    live = checkpoint(db("db"), res("web"), db("stays"), db("changed"))
    steps = [
        step(live, "db"),
        step(live, "web", "replace"),
        step(live, "stays", "same"),
        step(live, "changed", "update"),
    ]
    assert names(found(live, *steps)) == {"db"}
    assert names(found(live, *steps, mode=HOLD_ALL)) == {"db", "web"}
    assert found(live, *steps).objects == {(data("db"), "db-id")}


def test_what_leaves_the_state_alive_anyway_is_held_too() -> None:
    """Else nothing would know it: the program says ``retainOnDelete``, or a killed update had marked it."""
    live = checkpoint(db("db", retainOnDelete=True))
    assert names(found(live, step(live, "db", "discard"))) == {"db"}
    live = checkpoint(db("db"))
    assert not found(live, step(live, "db", "discard")).objects, "it is only read from now on, and nobody's to delete"


def test_it_is_held_with_all_that_it_needs_and_that_goes_with_it() -> None:
    live = checkpoint(
        res("net"),
        res("stays"),
        res("subnet", dependencies=[urn("net"), urn("stays")]),
        db("db", propertyDependencies={"subnet": [urn("subnet")]}),
        res("part", deletedWith=data("db")),
        res("child", parent=data("db")),
        res("other", dependencies=[data("db")]),
    )
    one = found(live, "net", "subnet", "db", "part", "child", "other")
    assert names(one) == {"net", "subnet", "db", "part", "child"}, "what only uses it goes"
    assert set(one.because.values()) == {"db"}
    assert data("db") not in one.because
    assert names(found(live, "db", "other")) == {"db"}, "what doesn't go needs no mark"


def test_what_is_deleted_with_something_else_is_held_with_that() -> None:
    live = checkpoint(res("cluster"), db("db", deletedWith=urn("cluster")))
    assert names(found(live, "cluster", "db")) == {"cluster", "db"}


def test_what_can_not_be_held() -> None:
    live = checkpoint(
        db("first"), db("out"), db("needs", dependencies=[data("first")]), db("gone", pendingReplacement=True)
    )
    one = found(live, step(live, "first", "replace", delete_first=True), "out", "needs", "gone", excluded=["out"])
    assert one.objects == frozenset()
    assert {urn.split("::")[-1]: why for urn, why in one.refused.items()} == {
        "first": "it is deleted before its replacement is made",
        "out": "`hold_excluded` in rewind.toml leaves it out",
        "needs": "needs first: it is deleted before its replacement is made",
        "gone": "a killed update has deleted it already",
    }
    told = [tells_first(step(live, name, "replace"), one) for name in ("first", "out", "needs", "gone")]
    assert told == [True, False, False, False]


def test_a_provider_is_no_object_but_goes_along() -> None:
    live = checkpoint(provider(), used("db", type="t:m:Db"))
    live = checkpoint(provider(), {**used("db"), "type": "t:m:Db"})
    one = found(live, step(live, "prov", "replace", delete_first=True), step(live, "db", "replace"), excluded=["prov"])
    assert names(one) == {"prov", "db"}, "nothing is deleted with a provider"
    assert found(live, "prov", mode=HOLD_ALL).objects == frozenset()


def test_what_is_only_read_and_what_has_no_object_is_not_held() -> None:
    live = checkpoint(
        db("seen", external=True), db("view", viewOf=urn("x")), db("none", id=""), res("group", custom=False)
    )
    assert found(live, "seen", "view", "none", "group", mode=HOLD_ALL).objects == frozenset()


def test_old_copies_that_wait_for_their_deletion_are_held() -> None:
    live = checkpoint(
        db("db", id="new"), db("db", id="old", delete=True), db("out", id="left", delete=True), res("web", delete=True)
    )
    one = found(live, excluded=["out"])
    assert one.objects == {(data("db"), "old")}
    said = [Risk(LEFTOVER, "lost", data(name), LOSES_DATA, id_) for name, id_ in (("db", "old"), ("out", "left"))]
    assert [risk.loses_data for risk in with_held_copies(said, one)] == [False, True]
    assert names(found(live, mode=HOLD_ALL)) == {"db", "out", "web"}


def test_what_gives_its_place_to_an_object_that_comes_back() -> None:
    live = checkpoint(db("db", id="new"), res("web"))
    assert found(live, dying=[1, 2]).objects == {(data("db"), "new")}
    assert found(live, dying=[1, 2], excluded=["db"]).refused


def test_a_renamed_object_goes_by_its_live_name() -> None:
    live = checkpoint(db("db"))
    moved = Step(data("new"), "new", "t:m:Db", "replace", "", old_id="db-id", renamed_from=data("db"))
    one = found(live, moved)
    assert one.objects == {(data("db"), "db-id")}
    (told,) = with_holding([moved], one)
    assert [risk.code for risk in told.risks] == [HELD]


def test_a_review_says_what_is_held_and_what_can_t_be() -> None:
    live = checkpoint(res("net"), db("db", dependencies=[urn("net")]), db("out"), res("web"))
    loses = [Risk(DATA_LOSS, "lost", data(name)) for name in ("db", "out")]
    steps = [
        step(live, "net"),
        step(live, "db", risks=(loses[0],)),
        step(live, "out", risks=(loses[1],)),
        step(live, "web"),
    ]
    told = {one.name: one.risks for one in with_holding(steps, found(live, *steps, excluded=["out"]))}
    assert {name: [risk.code for risk in risks] for name, risks in told.items()} == {
        "net": [HELD],
        "db": [HELD],
        "out": [DATA_LOSS, NOT_HELD],
        "web": [],
    }
    assert "because db needs it" in told["net"][0].message
    assert "db-id stays alive" in told["db"][0].message
