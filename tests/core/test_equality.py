"""Whether two states say the same: new ids and what follows from them are no difference, everything else is."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulumi_rewind.diff.certain import surely_other
from pulumi_rewind.diff.checkpoints import compare, diff_checkpoints, diff_to_json
from pulumi_rewind.diff.equality import same_content
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.model import ROOT_STACK_TYPE, Checkpoint
from pulumi_rewind.state.values import DEFAULTS, RESOURCE_REF, SIG
from tests.support.checkpoints import checkpoint, res, urn
from tests.support.diffs import by_name, encrypted, secret


def stack(db: str, net: str, **web: Any) -> Checkpoint:
    """A database and a network with these ids, and what uses them in many ways."""
    base = res("db", "aws:rds/instance:Instance", id=db, inputs={"size": "s"}, propertyDependencies={"size": []},
               outputs={"size": "s", "endpoint": f"{db}.example.com:5432"})  # fmt: skip
    network = res("net", id=net, outputs={"subnets": [f"{net}-a", f"{net}-b"]})
    uses: dict[str, Any] = {"dependencies": [base["urn"], network["urn"]]}
    inputs = {
        "url": f"postgres://{db}.example.com:5432/app",
        "json": json.dumps({"net": net, "n": 1}),
        "code": base64.b64encode(f"connect {db}".encode()).decode(),
        "hidden": secret({"db": db}),
        "subnets": [f"{net}-a", f"{net}-b"],
        "ref": {SIG: RESOURCE_REF, "urn": base["urn"], "id": db},
    }
    user = res("web", inputs=inputs | web, outputs={"host": f"web-{net}"}, **uses)
    after = res("edge", inputs={"backend": f"web-{net}"}, dependencies=[user["urn"]])
    shown = {"urn": urn("p-dev", "pulumi:pulumi:Stack"), "type": "pulumi:pulumi:Stack", "outputs": {"db": db}}
    return checkpoint(base, network, user, after, res("group", "my:C", custom=False, id="", outputs=shown["outputs"]))


idents = st.text("abcdef0123456789", min_size=8, max_size=12)


@given(idents, idents, idents, idents)
def test_a_stack_made_anew_is_the_same_whatever_its_ids(db: str, net: str, other: str, another: str) -> None:
    if len({db, net, other, another}) < 4 or any(one in two for one in (db, net) for two in (other, another)):
        return
    old, new = stack(f"db-{db}", f"net-{net}"), stack(f"db-{other}", f"net-{another}")
    assert same_content(old, new) is True
    assert same_content(new, old) is True
    found = diff_checkpoints(old, new)
    assert found.same_content
    assert [item.name for item in found.new_objects] == ["db", "net"]
    assert found.counts() == {}


@given(st.sampled_from(["url", "json", "code", "hidden", "subnets"]))
def test_one_real_change_is_seen_among_new_ids(key: str) -> None:
    changed = {
        "url": "postgres://db-2222.example.com:5432/other",
        "json": json.dumps({"net": "net-2222", "n": 2}),
        "code": base64.b64encode(b"connect db-1111").decode(),  # still the old one's
        "hidden": secret({"db": "db-2222", "more": 1}),
        "subnets": ["net-2222-b", "net-2222-a"],
    }
    assert same_content(stack("db-1111", "net-1111"), stack("db-2222", "net-2222", **{key: changed[key]})) is False


@pytest.mark.parametrize("how", ["dependencies", "propertyDependencies"])
def test_who_still_names_the_old_object_is_not_the_same(how: str) -> None:
    """A run that ended between the two: the object is another one, and its user was not told yet."""

    def state(id_: str, told: str) -> Checkpoint:
        db = res("db", id=id_)
        uses: Any = {"url": [db["urn"]], "n": None} if how == "propertyDependencies" else [db["urn"]]
        return checkpoint(db, res("web", inputs={"url": f"http://{told}/", "n": 1}, **{how: uses}))

    before, between, after = state("db-1111", "db-1111"), state("db-2222", "db-1111"), state("db-2222", "db-2222")
    assert same_content(before, after) is True
    for one, other in ((before, between), (between, before)):
        assert same_content(one, other) is False
        assert by_name(one, other)["web"].stale
        assert not diff_checkpoints(one, other).same_content


def test_a_literal_that_does_not_follow_a_new_object_is_no_difference() -> None:
    """The old object said `available`, the new one `creating`; whoever has the word by itself keeps it."""

    def state(id_: str, status: str) -> Checkpoint:
        db = res("db", id=id_, outputs={"status": status})
        return checkpoint(db, res("web", inputs={"word": "available", "id": id_}, dependencies=[db["urn"]]))

    assert same_content(state("db-1111", "available"), state("db-2222", "creating")) is True


def test_what_a_provider_fills_in_does_not_count_for_another_object() -> None:
    def named(id_: str, **inputs: Any) -> Checkpoint:
        return checkpoint(res("r", id=id_, inputs=inputs, propertyDependencies={"size": [], "spec": []}))

    old = named("a-1111", size=1, name="r-17c3", spec={"name": "s-1", DEFAULTS: ["name"]})
    assert same_content(old, named("a-2222", size=1, name="r-99ff", spec={"name": "s-2", DEFAULTS: ["name"]})) is True
    assert same_content(old, named("a-2222", size=2, name="r-99ff", spec={"name": "s-2", DEFAULTS: ["name"]})) is False
    # The same object with another default is changed, and a name that somebody chose is no default.
    assert same_content(old, named("a-1111", size=1, name="r-99ff", spec={"name": "s-1", DEFAULTS: ["name"]})) is False
    assert same_content(old, named("a-2222", size=1, name="r-17c3", spec={"name": "s-1"})) is False


def test_a_replacement_with_a_change_is_still_one() -> None:
    old = checkpoint(res("r", id="a-1111", inputs={"engine": "pg15"}))
    item = by_name(old, checkpoint(res("r", id="a-2222", inputs={"engine": "pg16"})))["r"]
    assert (item.op, item.new_object, item.consequential) == ("replace", True, False)


def test_an_import_id_goes_with_its_object() -> None:
    old = checkpoint(res("r", id="a-1111", importID="a-1111"))
    assert same_content(old, checkpoint(res("r", id="a-2222"))) is True
    assert same_content(old, checkpoint(res("r", id="a-1111"))) is False


def test_values_that_come_through_a_component_or_another_resource_follow() -> None:
    def state(id_: str) -> Checkpoint:
        group = res("group", "my:C", custom=False, id="", outputs={"addr": f"http://{id_}/"})
        inner = res("db", "my:C$t:m:R", id=id_, parent=group["urn"])
        user = res("user", inputs={"addr": f"http://{id_}/"}, dependencies=[group["urn"]])
        return checkpoint(group, inner, user)

    assert same_content(state("db-1111"), state("db-2222")) is True


def test_what_an_update_would_still_work_on_is_a_difference() -> None:
    good = checkpoint(res("r"))
    assert same_content(good, checkpoint(res("r"), res("r", id="old", delete=True))) is False
    pending = {"resource": res("r"), "type": "creating"}
    assert same_content(good, checkpoint(res("r"), pending_operations=[pending])) is False


def test_only_secrets_that_cannot_be_read_leave_it_open() -> None:
    one, other = (checkpoint(res("r", inputs={"p": encrypted(text)})) for text in ("AAA", "BBB"))
    assert same_content(one, other) is None
    assert same_content(one, checkpoint(res("r", inputs={"p": encrypted("BBB"), "q": 1}))) is False
    assert not diff_checkpoints(one, other).same_content


def test_the_json_form_is_empty_where_only_ids_are_new() -> None:
    found = diff_to_json(diff_checkpoints(stack("db-1111", "net-1111"), stack("db-2222", "net-2222")), "live", "#1")
    assert (found["sameContent"], found["resources"]) == (True, [])
    assert found["newIds"][0] == {
        "urn": urn("db", "aws:rds/instance:Instance"), "type": "aws:rds/instance:Instance", "name": "db",
        "old": "db-1111", "new": "db-2222",
    }  # fmt: skip
    mixed = diff_to_json(
        diff_checkpoints(stack("db-1111", "net-1111"), stack("db-2222", "net-2222", subnets=[])), "live", "#1"
    )
    assert mixed["sameContent"] is False
    assert {item["name"] for item in mixed["resources"] if not item.get("consequential")} == {"web"}
    assert [item["name"] for item in mixed["newIds"]] == ["db", "net"]


def test_an_object_that_still_waits_as_an_old_copy_returns() -> None:
    """A half-failed update has replaced it; going back brings it back by its id."""
    before = res("db", id="1", inputs={"engine": "15"}, propertyDependencies={"engine": []})
    now = {**before, "id": "2", "inputs": {"engine": "16"}}
    failed = checkpoint(now, {**before, "delete": True})
    (back,) = diff_checkpoints(failed, checkpoint(before)).resources
    assert back.op == "return"
    (forth,) = diff_checkpoints(checkpoint(before), failed).resources
    assert forth.op == "replace"
    gone = checkpoint(now, {**before, "delete": True, "pendingReplacement": True})
    assert diff_checkpoints(gone, checkpoint(before)).resources[0].op == "replace"


values = st.sampled_from(
    (1, "db-1111", "db-2222", "http://db-1111/", {"__defaults": []}, '{"a": "db-1111"}', "[1]", "[1 ]", "é", 1.0, True)
)
things = st.fixed_dictionaries(
    {
        "id": st.sampled_from(("db-1111", "db-2222", "")),
        "inputs": st.dictionaries(st.sampled_from("xy"), values),
        "outputs": st.dictionaries(st.sampled_from("xy"), values),
        "propertyDependencies": st.sampled_from((None, {"x": []}, {"x": [urn("db")], "y": None})),
    },
    optional={"external": st.just(True)},
)
parts = st.fixed_dictionaries(
    {"db": things}, optional={"web": things, "default_1": st.just({}), "default_2": st.just({}), "root": things}
)


@settings(deadline=None, max_examples=300)
@given(parts, parts)
def test_what_bytes_tell_is_what_a_closer_look_tells(one: dict[str, Any], other: dict[str, Any]) -> None:
    def made(name: str, given: dict[str, Any]) -> dict[str, Any]:
        if name == "root":
            return res(name, ROOT_STACK_TYPE, **given, custom=False)
        return res(name, "pulumi:providers:aws", parent="") if name.startswith("default") else res(name, **given)

    old, new = (checkpoint(*(made(*item) for item in fields.items())) for fields in (one, other))
    if surely_other(old, new):
        assert any(not (item.consequential or item.uncertain) for item in compare(old, new))


TEXTS = (
    ("שלום 🚀", "שלום 🚀"),
    ("tab\tand\nline", "tab\tand\nline"),
    ('{"n": 1}', '{"n":1}'),
    ("[1, 2]", " [1,\t2]\n"),
    ("{}", "{ }"),
)


@pytest.mark.parametrize(("one", "other"), TEXTS)
@pytest.mark.parametrize("deeper", [False, True])
def test_how_a_state_is_written_is_no_difference(one: str, other: str, deeper: bool) -> None:
    """Escapes, indentation, forms of numbers, and JSON text; as versions of the engine and other tools write them."""

    def of(text: str, count: float, **written: Any) -> Checkpoint:
        inputs = {"count": count, "x": {"of": [text], "n": 1.5} if deeper else text}
        made = checkpoint(res("a", inputs=inputs, outputs=inputs, propertyDependencies={"x": [], "count": []}))
        return decode_checkpoint(json.dumps(json.loads(made.raw), **written).encode(), source="test")

    plain, escaped = of(one, 3, ensure_ascii=False, indent=4), of(other, 3.0)
    assert not surely_other(plain, escaped)
    assert same_content(plain, escaped) is True
    assert diff_checkpoints(plain, escaped).resources == ()
    assert diff_checkpoints(escaped, plain).resources == ()
    assert same_content(plain, of(f"{other}!", 3)) is False
