"""Held objects in the live state: which come back, which are deleted, and that nothing else changes. What is held."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.plan.arrangement import Arrangement
from pulumi_rewind.plan.held_entries import WithHeld, with_held
from pulumi_rewind.plan.state_edits import arrange, arranged
from pulumi_rewind.state.model import Checkpoint, Resource
from pulumi_rewind.window.held import (
    Batch,
    HeldEntry,
    Holdings,
    entries_of,
    held_entries,
    still_held,
    unsettled,
    without_returned,
)
from tests.support.checkpoints import checkpoint, provider, res, urn, used

Entry = dict[str, Any]


def raw(*entries: Entry) -> list[msgspec.Raw]:
    return [msgspec.Raw(json.dumps(entry).encode()) for entry in entries]


def look(target: Checkpoint, joined: WithHeld, **options: Any) -> Arrangement:
    return arrange(
        target,
        joined.state,
        project="p",
        stack="dev",
        origin=lambda _: "",
        held=joined.places,
        dropped=joined.dropped,
        **options,
    )


def after(
    target: Checkpoint, live: Checkpoint, *entries: Entry, drop: Iterable[str] = (), **options: Any
) -> Checkpoint:
    joined = with_held(live, raw(*entries), set(drop))
    found = look(target, joined, **options)
    return arranged(joined.state, found) if found else live


def ids(state: Checkpoint) -> dict[str, str]:
    return {one.name: one.id for one in state.resources if one.custom and not one.delete}


def copies(state: Checkpoint) -> set[str]:
    return {one.id for one in state.resources if one.delete}


def check_valid(state: Checkpoint) -> None:
    """As the engine checks it: what an entry refers to stands before it, a provider with its id."""
    living, urns, providers = set[str](), set[str](), set[str]()
    for one in state.resources:
        uses = {one.parent, one.deleted_with, *one.uses, *(one.replace_with or ())} - {""}
        assert uses <= (urns if one.delete else living), f"{one.name} needs {uses - urns}"
        assert not one.provider or one.provider in providers, f"{one.name} is made by {one.provider}"
        urns.add(one.urn)
        if one.is_provider:
            providers.add(f"{one.urn}::{one.id}")
        if not one.delete:
            assert one.urn not in living
            living.add(one.urn)


def cloud(identifier: str) -> Entry:
    """An explicit provider, always under the same name."""
    return {**provider(), "id": identifier}


# -- any stack --------------------------------------------------------------------------------------------------------


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Entry], list[Entry], list[Entry]]:
    """A stack, what an update made of it, and the entries of some of the objects that this let go of."""
    count = draw(st.integers(1, 6))
    group = res("group", "t:m:Group", custom=False)
    del group["id"]
    first, second = cloud("prov-1"), cloud("prov-2")
    moved = draw(st.booleans())
    before: list[Entry] = [group, first]
    live: list[Entry] = [*([group] if draw(st.booleans()) else []), second if moved else first]
    held: list[Entry] = [{**group}, first]
    there: set[str] = set()
    for number in range(count):
        name = f"r{number}"
        needs = draw(st.sets(st.integers(0, number - 1), max_size=2)) if number else set()
        entry = res(name, id=f"old-{name}", dependencies=sorted(urn(f"r{one}") for one in needs), inputs={"n": 1})
        if draw(st.booleans()):
            entry = {**used(name), **entry, "provider": f"{first['urn']}::prov-1"}
        if draw(st.booleans()):
            entry["parent"] = group["urn"]
        before.append(entry)
        now = draw(st.sampled_from(["kept", "replaced", "deleted"]))
        if now == "deleted" or (entry["parent"] == group["urn"] and group not in live):
            held += [entry] if draw(st.booleans()) else []
            continue
        changed = {**entry, "dependencies": [one for one in entry["dependencies"] if one in there], "inputs": {"n": 2}}
        if "provider" in entry:
            changed["provider"] = f"{first['urn']}::{(second if moved else first)['id']}"
        if now == "replaced":
            held += [entry] if draw(st.booleans()) else []
            changed["id"] = f"new-{name}"
        live.append(changed)
        there.add(entry["urn"])
    return before, live, held


@given(worlds(), st.data())
def test_what_comes_back_stands_on_what_it_needs_and_all_else_stays(
    world: tuple[list[Entry], list[Entry], list[Entry]], data: st.DataObject
) -> None:
    before, live_entries, held = world
    target, live = checkpoint(*before), checkpoint(*live_entries)
    check_valid(live)
    objects = [entry for entry in held if entry["urn"].startswith(urn("r")[:-1]) and entry["id"].startswith("old-")]
    drop = {entry["urn"] for entry in objects if data.draw(st.booleans())}
    joined = with_held(live, raw(*held), drop)
    found = look(target, joined)
    state = arranged(joined.state, found) if found else live
    check_valid(state)

    there, now = ids(live), ids(state)
    back = {entry["id"] for entry in objects} & set(now.values()) - set(there.values())
    for entry in objects:
        if entry["urn"] in drop:
            assert entry["id"] in copies(state) or entry["id"] in there.values()
        elif entry["id"] not in back:
            assert entry["id"] not in {one.id for one in state.resources} - set(there.values()), "it is in no state"
    written = {one.id: one for one in state.resources if one.custom}
    for one in live.resources:
        if one.custom:
            assert one.id in written, "what is there is not forgotten"
            if now.get(one.name) == one.id:
                assert bytes(written[one.id].inputs) == bytes(one.inputs)
                assert not written[one.id].delete
    left = [entry for entry in held if entry.get("id") not in written]
    if not drop:  # which leaves copies that another rollback could return
        assert not look(target, with_held(state, raw(*left))).returned, "once more, nothing else comes back"


def test_what_needs_something_that_is_gone_does_not_come_back() -> None:
    net, db = res("net", id="n1"), res("db", id="d1", dependencies=[urn("net")])
    alone, net["replaceWith"] = checkpoint(res("web")), [urn("gone")]
    state = after(checkpoint(net, db), alone, net, db)
    check_valid(state)
    assert ids(state) == {"web": "web-id", "net": "n1", "db": "d1"}
    assert ids(after(checkpoint(net, db), alone, db)) == {"web": "web-id"}


def test_the_newer_object_becomes_a_copy_to_delete_and_can_be_held_itself() -> None:
    live = checkpoint(res("db", id="d2"))
    state = after(checkpoint(res("db", id="d1")), live, res("db", id="d1"), hold={(urn("db"), "d2")})
    assert ids(state) == {"db": "d1"}
    (copy,) = (one for one in state.resources if one.delete)
    assert (copy.id, copy.retain_on_delete) == ("d2", True)


def test_of_two_that_are_held_the_one_of_the_target_comes_back() -> None:
    live, first, second = checkpoint(res("db", id="d3")), res("db", id="d1"), res("db", id="d2")
    for wanted in (first, second):
        assert ids(after(checkpoint(wanted), live, first, second)) == {"db": wanted["id"]}
        assert copies(after(checkpoint(wanted), live, first, second)) == {"d3"}
    assert after(checkpoint(res("db", id="d3")), live, first, second) is live


# -- what carries them ------------------------------------------------------------------------------------------------

DEFAULT = "urn:pulumi:dev::p::pulumi:providers:t::default_1_0_0"


def default(identifier: str) -> Entry:
    entry = res("default_1_0_0", "pulumi:providers:t", id=identifier)
    del entry["parent"]
    return entry


def test_they_get_the_provider_that_the_engine_has_made_since() -> None:
    db = res("db", id="d1", provider=f"{DEFAULT}::a")
    target = checkpoint(default("a"), db)
    for live, identifier in ((checkpoint(default("b")), "b"), (checkpoint(), "a")):
        state = after(target, live, default("a"), db)
        check_valid(state)
        assert {one.provider for one in state.resources if one.name == "db"} == {f"{DEFAULT}::{identifier}"}


def test_two_that_had_other_providers_of_the_engine_come_back_under_one() -> None:
    """Held one after the other, between which nothing was left, so that the engine made a new one."""
    batches = [
        batch(after=1, entries=[default("a"), db("one", "a")]),
        batch(after=5, entries=[default("b"), db("two", "b")]),
    ]
    holdings = Holdings("s", 2, tuple(batches))
    entries = [entry.entry for _, entry in entries_of(holdings, still_held(holdings, checkpoint(), 9))]
    target = checkpoint(default("a"), db("one", "a"), db("two", "a"))
    joined = with_held(checkpoint(), entries)
    state = arranged(joined.state, look(target, joined))
    check_valid(state)
    assert set(ids(state)) == {"default_1_0_0", "one", "two"}


def test_what_was_held_under_two_explicit_providers_of_one_name_has_both() -> None:
    """The provider was replaced between the two updates that held something."""
    batches = []
    for number, identifier in enumerate(("p1", "p2")):
        owner = cloud(identifier)
        entry = {**used(f"db{number}"), "id": f"d{number}", "provider": f"{owner['urn']}::{identifier}"}
        made = (HeldEntry(raw(owner)[0], needed_only=True), HeldEntry(raw(entry)[0]))
        batches.append(Batch(run=identifier, kind="update", after=number, since=1.0, until=9.0, entries=made))
    holdings = Holdings("s", 2, tuple(batches))
    both = still_held(holdings, checkpoint(), 9)
    joined = with_held(
        checkpoint(), [entry.entry for _, entry in entries_of(holdings, both)], {one.urn for one in both}
    )
    state = arranged(joined.state, look(checkpoint(), joined))
    check_valid(state)
    assert copies(state) == {"p1", "p2", "d0", "d1"}


def test_an_object_does_not_come_back_under_another_explicit_provider() -> None:
    old, new = cloud("p1"), cloud("p2")
    db = {**used("db", id="d1"), "provider": f"{old['urn']}::p1"}
    other = {**used("web"), "provider": f"{old['urn']}::p2"}
    live = checkpoint(new, other)
    state = after(checkpoint(old, db), live, old, db)
    check_valid(state)
    assert ids(state) == {"prov": "p1", "db": "d1", "web": "web-id"}
    # Where it is not to come back with its provider, it doesn't at all.
    assert after(checkpoint(new, db), live, db) is live


def test_what_is_deleted_has_a_provider_and_nothing_that_is_gone() -> None:
    old, new = cloud("p1"), cloud("p2")
    db = {
        **used("db", id="d1"),
        "provider": f"{old['urn']}::p1",
        "parent": urn("gone"),
        "dependencies": [urn("gone"), urn("web")],
        "propertyDependencies": {"a": [urn("gone")], "b": [urn("web")]},
        "deletedWith": urn("gone"),
        "replaceWith": [urn("gone")],
    }
    live = checkpoint(new, res("web"))
    state = after(live, live, old, db, drop={db["urn"]})
    check_valid(state)
    assert copies(state) == {"p1", "d1"}
    (entry,) = (one for one in state.resources if one.id == "d1")
    assert (entry.dependencies, entry.property_dependencies) == ((urn("web"),), {"a": (), "b": (urn("web"),)})


# -- what is held -----------------------------------------------------------------------------------------------------


def db(name: str = "db", under: str = "", **fields: Any) -> Entry:
    entry = res(name, id=f"{name}-1", **fields)
    return {**entry, "provider": f"{DEFAULT}::{under}"} if under else entry


def batch(*, after: int, entries: list[Entry], since: float = 1.0, **fields: Any) -> Batch:
    made = [
        HeldEntry(one, needed_only=not json.loads(bytes(one))["urn"].startswith(urn("")[:-1]), **fields)
        for one in raw(*entries)
    ]
    return Batch(run=f"run{after}", kind="update", after=after, since=since, until=9.0, entries=tuple(made))


def held(holdings: Holdings, live: Checkpoint, newest: int = 2) -> set[str]:
    return {one.id for one in still_held(holdings, live, newest)}


def test_held_is_what_no_entry_of_live_is() -> None:
    noted = Holdings("s", 1, (batch(after=1, entries=[db()]),))
    assert held(noted, checkpoint()) == {"db-1"}
    assert held(noted, checkpoint(res("db", id="db-2"))) == {"db-1"}
    assert held(noted, checkpoint(res("other", id="db-1"))) == set(), "imported under another name"
    assert held(noted, checkpoint(res("db", "t:m:Other", id="db-1"))) == {"db-1"}
    assert held(noted, checkpoint(res("db", id="db-1", delete=True))) == set(), "it waits for its deletion"
    assert held(noted, checkpoint(res("seen", id="db-1", external=True))) == {"db-1"}, "it is only read"


def test_what_was_confirmed_is_held_until_its_update_has_run() -> None:
    noted = Holdings("s", 1, (batch(after=1, entries=[db()], deleting=3),))
    assert held(noted, checkpoint(), newest=2) == {"db-1"}
    assert held(noted, checkpoint(), newest=3) == set()


def test_an_object_that_was_held_twice_is_one() -> None:
    noted = Holdings("s", 2, (batch(after=1, entries=[db()]), batch(after=4, entries=[db(inputs={"n": 2})])))
    (one,) = still_held(noted, checkpoint(), 5)
    assert one.batch.after == 4
    ((_, entry),) = entries_of(noted, [one])
    assert entry.resource.decoded_inputs() == {"n": 2}


def test_a_batch_stays_known_while_an_update_may_still_let_go_of_it() -> None:
    """Failed or killed, it leaves marks and copies; a run that holds other things must not forget them."""
    noted = Holdings("s", 1, (batch(after=1, entries=[db()]),))
    assert unsettled(noted, checkpoint(), 2)
    assert unsettled(noted, checkpoint(db(delete=True, retainOnDelete=True)), 2)
    assert unsettled(noted, checkpoint(db(retainOnDelete=True)), 2)
    assert not unsettled(noted, checkpoint(db()), 2)


def test_what_is_live_again_is_forgotten_and_what_is_about_to_leave_is_not() -> None:
    noted = Holdings("s", 1, (batch(after=1, entries=[db(), db("other")]),))

    def left(*live: Entry, before: float = 2.0) -> set[str]:
        batches = without_returned(noted, checkpoint(*live), before)
        return {entry.resource.id for one in batches for entry in one.entries}

    assert left(db()) == {"other-1"}
    assert left(db(), before=1.0) == {"db-1", "other-1"}, "noted by a run that came later"
    assert left(db(retainOnDelete=True)) == left(db(delete=True)) == left(db(external=True)) == {"db-1", "other-1"}


def test_marks_of_a_killed_update_are_not_taken_for_the_program_s() -> None:
    first = batch(after=1, entries=[db(), db("kept", retainOnDelete=True)])
    live = checkpoint(db(retainOnDelete=True), db("kept", retainOnDelete=True))
    objects = {(urn("db"), "db-1"), (urn("kept"), "kept-1")}

    def retained(*marked: Batch) -> dict[str, bool]:
        found = (entry.resource for entry in held_entries(live, objects, {}, marked))
        return {one.name: one.retain_on_delete for one in found if one.custom}

    assert retained(first) == {"db": False, "kept": True}
    assert retained() == {"db": True, "kept": True}


def test_it_is_noted_with_the_components_and_the_very_provider_that_it_needs() -> None:
    group = res("group", "t:m:Group", custom=False)
    old, new = {**cloud("p1"), "delete": True}, cloud("p2")
    one = {**used("db", id="d1", parent=group["urn"]), "provider": f"{old['urn']}::p1", "delete": True}
    live = checkpoint(group, new, one, old, res("web"))
    noted = held_entries(live, {(one["urn"], "d1")}, {})
    found: list[tuple[str, str, bool]] = [(it.resource.name, it.resource.id, it.needed_only) for it in noted]
    assert ("prov", "p1", True) in found
    assert ("group", group["id"], True) in found
    assert found[-1] == ("db", "d1", False)
    assert "web" not in {name for name, _, _ in found}
    assert isinstance(noted[0].resource, Resource)
