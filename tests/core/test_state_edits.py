"""What is rewritten in a state before a rollback: returned copies, crossed names, objects that existed before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.goal.model import Selection, references
from pulumi_rewind.history.object_origins import Origins
from pulumi_rewind.plan.arrangement import Arrangement
from pulumi_rewind.plan.model import Step
from pulumi_rewind.plan.state_edit_risks import arranged_steps
from pulumi_rewind.plan.state_edits import arrange, arranged
from pulumi_rewind.risk import DATA_LOSS, Risk
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.formats import exported
from pulumi_rewind.state.model import Checkpoint, Resource, urn_name
from tests.support.checkpoints import checkpoint, res, urn


def made_here(_: Resource) -> str:
    return ""


def look(target: Checkpoint, live: Checkpoint, **options: Any) -> Arrangement:
    return arrange(target, live, project="p", stack="dev", **{"origin": made_here, **options})


def entries(state: Checkpoint) -> list[tuple[str, str, bool]]:
    return [(res.name, res.id, res.delete) for res in state.resources if res.custom]


# -- a half-failed update -------------------------------------------------------------------------------------------


@st.composite
def half_failed(draw: st.DrawFn) -> tuple[Checkpoint, Checkpoint, set[str]]:
    """A stack, what a half-failed update of it left, and which resources it had replaced."""
    names = [f"r{number}" for number in range(draw(st.integers(1, 7)))]
    before: list[dict[str, Any]] = []
    for number, name in enumerate(names):
        needed = draw(st.sets(st.sampled_from(names[:number]), max_size=2)) if number else set()
        urns = sorted(urn(other) for other in needed)
        before.append(
            res(name, id=f"old-{name}", created=f"2026-01-0{number + 1}T00:00:00Z", dependencies=urns, inputs={"n": 1})
        )
    replaced = draw(st.sets(st.sampled_from(names)))
    extra = draw(st.booleans())
    living, copies = [], []
    for entry in before:
        name = urn_name(entry["urn"])
        if name in replaced:
            copies.append({**entry, "delete": True})
            living.append({**entry, "id": f"new-{name}", "created": "2026-02-01T00:00:00Z"})
        else:
            living.append({**entry, "inputs": {"n": 2}})
    if extra:
        living.append(res("extra", id="extra-1", dependencies=[urn(draw(st.sampled_from(names)))]))
    # The engine writes copies after what lives, or right behind what took their place.
    shuffled = draw(st.permutations(copies))
    return checkpoint(*before), checkpoint(*living, *shuffled), replaced


@given(half_failed())
def test_every_old_copy_that_the_target_knows_comes_back(case: tuple[Checkpoint, Checkpoint, set[str]]) -> None:
    target, live, replaced = case
    found = look(target, live)
    assert {urn_name(one.urn) for one in found.returned} == replaced
    if not found:
        return
    after = arranged(live, found)
    now = {res.name: res for res in after.resources if res.custom and not res.delete}
    assert {name: res.id for name, res in now.items() if name != "extra"} == {
        res.name: res.id for res in target.resources if res.custom
    }
    assert sorted((name, id_) for name, id_, _ in entries(after)) == sorted(
        (name, id_) for name, id_, _ in entries(live)
    )
    assert {id_ for _, id_, dead in entries(after) if dead} == {f"new-{name}" for name in replaced}
    seen: set[str] = set()
    for one in after.resources:
        if not one.delete:
            assert seen.issuperset(references(one)), "each entry follows what it refers to"
            assert one.urn not in seen
            seen.add(one.urn)
    assert not look(target, after), "what was rewritten is not rewritten again"


@given(half_failed(), st.data())
def test_what_stays_as_it_is_is_left_alone(case: tuple[Checkpoint, Checkpoint, set[str]], data: st.DataObject) -> None:
    target, live, replaced = case
    urns = [res.urn for res in target.resources if res.custom]
    chosen = frozenset(data.draw(st.sets(st.sampled_from(urns))))
    stays = frozenset(urns) - chosen
    left = stays if data.draw(st.booleans()) else frozenset()
    found = look(target, live, selection=Selection(chosen, stays, (), left))
    assert {one.urn for one in found.returned} <= chosen
    for one in live.resources:
        if one.urn in left and not one.delete:
            assert {back.urn for back in found.returned}.isdisjoint(references(one)), (
                "what is left out keeps what it uses"
            )
    if not left:
        assert {urn_name(one.urn) for one in found.returned} == replaced & {urn_name(one) for one in chosen}
    assert {urn_name(one.urn) for one in found.returned} <= replaced


def test_what_isnt_known_here_stays_as_it_is() -> None:
    before = res("a", id="1", outputs={"big": 12345678901234567890})
    live = json.loads(checkpoint({**before, "id": "2", "future": [1, {"x": None}]}, {**before, "delete": True}).raw)
    live["features"], live["version"] = ["hooks"], 4
    live["checkpoint"]["latest"]["metadata"] = {"later": True}
    stored = decode_checkpoint(json.dumps(live).encode(), source="test")
    after = json.loads(arranged(stored, look(checkpoint(before), stored)).raw)
    assert (after["version"], after["features"], after["deployment"]["metadata"]) == (4, ["hooks"], {"later": True})
    first, second = after["deployment"]["resources"][1:]
    assert first == before, "the number is as it was, and `delete` is gone"
    assert second == {**before, "id": "2", "future": [1, {"x": None}], "delete": True}


def test_a_copy_that_another_object_of_the_target_is_not_stays_to_be_deleted() -> None:
    target = checkpoint(res("a", id="3"))
    live = checkpoint(res("a", id="2"), res("a", id="1", delete=True))
    assert not look(target, live)


def test_what_was_deleted_for_a_replacement_cant_come_back() -> None:
    gone = res("a", id="1", delete=True, pendingReplacement=True)
    assert not look(checkpoint(res("a", id="1")), checkpoint(gone))


def test_a_copy_of_what_is_gone_comes_back_as_well() -> None:
    live = checkpoint(res("a", id="1", delete=True))
    found = look(checkpoint(res("a", id="1")), live)
    assert entries(arranged(live, found)) == [("a", "1", False)]


def test_a_copy_that_needs_what_is_gone_stays_where_it_is() -> None:
    target = checkpoint(res("base"), res("a", id="1", dependencies=[urn("base")]))
    live = checkpoint(res("a", id="2"), res("a", id="1", delete=True, dependencies=[urn("base")]))
    assert look(target, live).returned == ()


def test_objects_that_need_each_other_in_turn_cant_all_come_back() -> None:
    target = checkpoint(res("a", id="1", dependencies=[]), res("b", id="1"))
    live = checkpoint(
        res("a", id="2"),
        res("b", id="1", dependencies=[urn("a")]),
        res("a", id="1", delete=True, dependencies=[urn("b")]),
    )
    assert not look(target, live)


def test_an_id_that_is_nobodys_own_counts_with_the_moment_of_creation() -> None:
    now, then = {"id": "none", "created": "2"}, {"id": "none", "created": "1"}
    target = checkpoint(res("password", **then))
    live = checkpoint(res("password", **now), res("password", delete=True, **then))
    assert [one.id for one in look(target, live).returned] == ["none"]
    other = checkpoint(res("password", **now), res("password", delete=True, id="none", created="3"))
    assert not look(target, other)


def test_a_copy_that_is_the_live_object_itself_is_not_deleted() -> None:
    """A file that was made again under its path: deleting the old copy removes the new one."""
    live = checkpoint(res("file", id="/etc/app", created="2"), res("file", id="/etc/app", created="1", delete=True))
    found = look(checkpoint(res("file", id="/etc/app", created="1")), live)
    assert (found.returned, [one.origin for one in found.kept]) == ((), [""])
    assert [one.retain_on_delete for one in arranged(live, found).resources if one.custom] == [False, True]


# -- crossed names --------------------------------------------------------------------------------------------------


@given(st.permutations(["a", "b", "c", "d"]), st.sets(st.sampled_from(["a", "b", "c", "d"])))
def test_objects_get_their_names_back(where: list[str], gone: set[str]) -> None:
    names = ["a", "b", "c", "d"]
    target = checkpoint(*(res(name, id=f"{name}-1") for name in names))
    homes = {name: place for name, place in zip(names, where, strict=True) if name not in gone}
    user = res("user", dependencies=[urn(place) for place in homes.values()])
    live = checkpoint(*(res(place, id=f"{name}-1") for name, place in homes.items()), user)
    found = look(target, live)
    assert found.stuck == ()
    after = arranged(live, found) if found else live
    now = {res.id: res.name for res in after.resources if res.custom and not res.delete}
    occupied = set(homes.values())
    for name, place in homes.items():
        # A name that is free is left to an alias, unless the object had to make room.
        assert now[f"{name}-1"] in ({name} if name in occupied else {name, place})
    moved = {now[f"{name}-1"] for name in homes}
    assert {urn_name(one) for one in after.by_urn[urn("user")].dependencies or ()} == moved


def test_an_object_that_took_a_name_makes_room_for_its_owner() -> None:
    target = checkpoint(res("primary", id="1"))
    live = checkpoint(res("old", id="1"), res("primary", id="2"))
    after = arranged(live, look(target, live))
    assert entries(after) == [("primary", "1", False), ("primary", "2", True)]


def test_names_that_no_renaming_can_give_back_are_reported() -> None:
    inner = "t:m:Group$t:m:R"
    target = checkpoint(res("a", id="1"))
    live = checkpoint(res("a", id="2"), res("a", inner, id="1"))
    found = look(target, live)
    assert not found
    assert [(one.id, one.live_urn, one.other_id) for one in found.stuck] == [("1", urn("a", inner), "2")]


def test_every_reference_is_renamed() -> None:
    provider = res("prov", "pulumi:providers:x", id="p")
    fields: Mapping[str, Any] = {
        "provider": f"{provider['urn']}::p",
        "propertyDependencies": {"x": [urn("a"), urn("z")], "y": None},
        "deletedWith": urn("a"),
        "replaceWith": [urn("b")],
        "parent": urn("a"),
    }
    target = checkpoint(provider, res("a", id="1"), res("b", id="2"))
    live = checkpoint(provider, res("z"), res("a", id="2"), res("b", id="1"), res("user", **fields))
    user = arranged(live, look(target, live)).by_urn[urn("user")]
    assert (user.parent, user.deleted_with, user.replace_with) == (urn("b"), urn("b"), (urn("a"),))
    assert user.property_dependencies == {"x": (urn("b"), urn("z")), "y": None}
    assert user.provider == fields["provider"]


# -- where objects come from ----------------------------------------------------------------------------------------


class History:
    """As much of a timeline as `Origins` asks for; counts the checkpoints that it reads."""

    def __init__(self, *updates: tuple[dict[str, Any], Checkpoint]) -> None:
        self.updates = updates
        self.reads = 0

    def __len__(self) -> int:
        return len(self.updates)

    def update(self, number: int) -> Any:
        from pulumi_rewind.state.model import Update

        return Update(**{"number": number, "kind": "update", "result": "succeeded", **self.updates[number - 1][0]})

    def checkpoint(self, number: int) -> Checkpoint:
        self.reads += 1
        return self.updates[number - 1][1]


def origin(history: History, target: int, entry: dict[str, Any]) -> str:
    live = checkpoint(entry)
    return Origins(history, target)(live.resources[-1])  # type: ignore[arg-type]


def test_where_an_object_comes_from() -> None:
    none, plain = checkpoint(), checkpoint(res("db", id="x"))
    imported = checkpoint(res("db", id="x", importID="x"))
    assert origin(History(({}, none), ({}, imported)), 1, res("db", id="x", importID="x")) == "was imported"
    made = History(({}, none), ({}, plain), ({}, plain))
    assert origin(made, 1, res("db", id="x")) == ""
    dropped = History(({}, none), ({}, imported), ({}, plain))
    assert origin(dropped, 1, res("db", id="x")) == "was imported by #2", "the program no longer says so"
    command = History(({}, none), ({"kind": "resource-import"}, plain), ({}, plain))
    assert origin(command, 1, res("db", id="x")) == "was imported by #2"
    retained = History(({}, plain), ({}, none), ({"changes": {"import": 1, "create": 1}}, plain))
    assert origin(retained, 2, res("db", id="x")) == "was adopted by #3"
    beside = History(({}, none), ({"changes": {"import": 1, "create": 1}}, plain))
    assert origin(beside, 1, res("db", id="x")) == "", "it was another one that was imported"


def test_few_checkpoints_are_read_of_a_long_history() -> None:
    without, with_it = checkpoint(), checkpoint(res("db", id="x"))
    history = History(*(({}, without if number < 600 else with_it) for number in range(1200)))
    assert origin(history, 1, res("db", id="x")) == ""
    assert history.reads <= 13


@given(half_failed(), st.sets(st.sampled_from(["new-r0", "new-r1", "extra-1", "old-r0"])))
def test_what_existed_before_is_never_deleted(case: tuple[Checkpoint, Checkpoint, set[str]], foreign: set[str]) -> None:
    target, live, _ = case
    found = look(target, live, origin=lambda res: "was imported" if res.id in foreign else "")
    after = arranged(live, found) if found else live
    back = {res.id for res in target.resources if res.id}
    for one in after.resources:
        if one.id in foreign - back:
            assert one.retain_on_delete
        elif one.custom:
            assert not one.retain_on_delete


def test_an_import_that_stays_in_the_stack_is_not_marked() -> None:
    live = checkpoint(res("db", id="x", importID="x"))
    origin = Origins(History(), 0)  # type: ignore[arg-type]
    stays = Selection(frozenset(), frozenset({urn("db")}), ())
    assert look(checkpoint(), live, origin=origin).kept
    assert not look(checkpoint(), live, origin=origin, selection=stays)


def test_a_step_says_what_becomes_of_an_object_that_existed_before() -> None:
    live = checkpoint(res("db", id="x", importID="x"))
    arrangement = look(checkpoint(), live, origin=Origins(History(), 0))  # type: ignore[arg-type]
    (step,) = arranged_steps(
        [Step(urn("db"), "db", "t:m:R", "discard", "kept", old_id="x", risks=(Risk(DATA_LOSS, "lost", urn("db")),))],
        arrangement,
        (),
    )
    assert [risk.message for risk in step.risks] == [
        (
            "existed before: x was imported. It is only removed from the state, and the object stays as it is "
            "(`--delete-imported 'db'` deletes it)"
        )
    ]


def test_the_rewritten_state_is_one_that_an_import_takes() -> None:
    live = checkpoint(res("a", id="2"), res("a", id="1", delete=True))
    after = arranged(live, look(checkpoint(res("a", id="1")), live))
    assert exported(after.raw) == after.raw
