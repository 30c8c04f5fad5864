"""The diff by resource: what is joined with what, what counts, what only follows, what can't be told."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from pulumi_rewind.diff.checkpoints import diff_checkpoints, diff_to_json
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.model import Checkpoint, Deployment, Resource
from pulumi_rewind.state.values import ASSET, RESOURCE_REF, SIG
from tests.support.checkpoints import checkpoint, res, urn
from tests.support.diffs import (
    apply,
    by_name,
    changes,
    encrypted,
    flat,
    names,
    nothing,
    one,
    paths,
    secret,
    values,
)  # fmt: skip


def test_added_removed_and_changed_with_paths() -> None:
    assert changes({"a": 1, "t": {"x": "1"}, "gone": True}, {"a": 2, "t": {"x": "1", "y.z": 3}}) == [
        ("inputs.a", "changed", 1, 2),
        ('inputs.t["y.z"]', "added", None, 3),
        ("inputs.gone", "removed", True, None),
    ]


def test_what_is_the_same_is_not_even_decoded() -> None:
    def state(size: str) -> Checkpoint:
        broken = Resource(urn=urn("a"), type="t:m:R", custom=True, id="a", inputs=msgspec.Raw(b"{not JSON"))
        other = Resource(urn=urn("b"), type="t:m:R", custom=True, id="b", inputs=msgspec.Raw(size.encode()))
        return Checkpoint(b"", Deployment(resources=(broken, other)))

    assert [item.name for item in diff_checkpoints(state('{"s":1}'), state('{"s":2}')).resources] == ["b"]


def test_order_is_that_of_the_new_checkpoint_and_deletes_come_last() -> None:
    old = checkpoint(res("gone"), res("b"), res("c", inputs={"x": 1}))
    new = checkpoint(res("c", inputs={"x": 2}), res("new"), res("b"))
    assert [(item.name, item.op) for item in diff_checkpoints(old, new).resources] == [
        ("c", "update"),
        ("new", "create"),
        ("gone", "delete"),
    ]


def test_create_delete_replace_rename() -> None:
    old = checkpoint(res("gone"), res("new-object", id="i-1"), res("before", id="i-7", inputs={"a": 1}))
    new = checkpoint(res("came"), res("new-object", id="i-2"), res("after", id="i-7", inputs={"a": 1}))
    found = diff_checkpoints(old, new)
    assert {item.name: item.op for item in found.resources} == {
        "came": "create", "new-object": "same", "after": "rename", "gone": "delete",
    }  # fmt: skip
    renamed = next(item for item in found.resources if item.name == "after")
    assert (renamed.old_urn, renamed.renamed, renamed.changes()) == (urn("before"), True, ())
    assert found.counts() == {"create": 1, "rename": 1, "delete": 1}
    assert [item.name for item in found.new_objects] == ["new-object"]


def test_a_rename_with_another_change_is_an_update_that_knows_its_old_name() -> None:
    old, new = checkpoint(res("before", id="i", inputs={"a": 1})), checkpoint(res("after", id="i", inputs={"a": 2}))
    item = by_name(old, new)["after"]
    assert (item.op, item.old_urn, paths(item)) == ("update", urn("before"), ["inputs.a"])


def test_a_renamed_component_renames_its_children_and_nothing_else() -> None:
    def state(name: str) -> Checkpoint:
        component = res(name, "my:C", custom=False, id="")
        child = res("child", f"my:{name}$t:m:R", id="c-1", parent=component["urn"])
        ref = {SIG: RESOURCE_REF, "urn": child["urn"], "id": "c-1"}
        user = res("user", dependencies=[child["urn"]], deletedWith=child["urn"], inputs={"child": ref})
        return checkpoint(component, child, user)

    found = by_name(state("one"), state("two"))
    assert {name: item.op for name, item in found.items() if not item.consequential} == {
        "two": "rename",
        "child": "rename",
    }
    assert paths(found["child"]) == []
    assert paths(found["user"]) == ["inputs.child"]  # the reference; dependencies and deletedWith follow the rename
    assert found["user"].consequential


def test_copies_that_wait_for_deletion_are_left_out() -> None:
    waiting = res("r", id="old", delete=True)
    assert nothing(checkpoint(res("r")), checkpoint(res("r"), waiting))
    assert nothing(checkpoint(res("r"), waiting), checkpoint(res("r")))


def test_a_created_resource_shows_its_inputs_and_what_was_decided_about_it() -> None:
    new = res("r", inputs={"a": {"b": 1}}, protect=True, dependencies=[urn("x")], outputs={"arn": "x"})
    item = by_name(checkpoint(), checkpoint(new))["r"]
    assert [(change.path, change.kind, change.new) for change in item.changes()] == [
        ("inputs.a", "added", {"b": 1}),
        ("options.protect", "added", True),
    ]
    assert paths(item, outputs=True)[-2:] == ["id", "outputs.arn"]
    assert [change.kind for change in by_name(checkpoint(new), checkpoint())["r"].changes()] == ["removed", "removed"]


# -- what follows from a new id -----------------------------------------------------------------------------------


def test_what_follows_from_a_new_id_is_consequential() -> None:
    def state(id_: str, version: int) -> Checkpoint:
        db = res("db", id=id_, outputs={"arn": f"arn:aws:{id_[-1]}/x", "given": f"given-{id_}"}, inputs={"given": "x"})
        uses: dict[str, Any] = {"dependencies": [db["urn"]]}
        return checkpoint(
            db,
            res("web", inputs={"url": f"http://{id_}/"}, **uses),
            res("hidden", inputs={"url": secret(f"http://{id_}/")}, **uses),
            res("arn", inputs={"arn": f"arn:aws:{id_[-1]}/x"}, propertyDependencies={"arn": [db["urn"]]}),
            res("both", inputs={"id": id_, "v": version}, **uses),
            res("nodep", inputs={"id": id_}, dependencies=[urn("web")]),
            res("chance", inputs={"text": f"no{id_}ne"}, dependencies=[urn("web")]),
            res("group", custom=False, id="", outputs={"id": f"x-{id_}"}),
        )

    found = by_name(state("db-0001", 1), state("db-0002", 2))
    assert {name: item.consequential for name, item in found.items()} == {
        "db": True, "web": True, "hidden": True, "arn": True, "both": False, "nodep": True, "chance": False,
        "group": True,
    }  # fmt: skip
    assert (found["db"].op, found["db"].new_object) == ("same", True)
    assert diff_checkpoints(state("db-0001", 1), state("db-0002", 2)).counts() == {"update": 2}


def test_a_given_value_that_changed_with_a_replacement_does_not_follow_from_it() -> None:
    def state(id_: str, given: str) -> Checkpoint:
        db = res("db", id=id_, inputs={"engine": given}, outputs={"engine": given})
        return checkpoint(db, res("web", inputs={"engine": given}, dependencies=[db["urn"]]))

    assert not by_name(state("db-0001", "postgres"), state("db-0002", "mariadb"))["web"].consequential


def test_a_new_id_that_is_a_secret_now_is_more_than_a_new_id() -> None:
    old = checkpoint(res("db", id="db-0001"), res("web", inputs={"id": "db-0001"}))
    new = checkpoint(res("db", id="db-0002"), res("web", inputs={"id": secret("db-0002")}))
    assert not by_name(old, new)["web"].consequential


def test_an_id_of_what_was_only_read_is_what_the_program_asked_for() -> None:
    item = by_name(checkpoint(res("r", id="a", external=True)), checkpoint(res("r", id="b", external=True)))["r"]
    assert (item.op, item.consequential, paths(item)) == ("update", False, ["options.id"])


# -- secrets ------------------------------------------------------------------------------------------------------


def test_secrets_are_compared_by_what_they_hold_and_not_shown() -> None:
    assert nothing(checkpoint(res("r", inputs={"p": secret("x")})), checkpoint(res("r", inputs={"p": secret("x")})))
    again = secret("x") | {"ciphertext": "other"}
    assert nothing(checkpoint(res("r", inputs={"p": secret("x")})), checkpoint(res("r", inputs={"p": again})))
    assert changes({"p": secret("x")}, {"p": secret("y")}) == [("inputs.p", "changed", "[secret]", "[secret]")]
    assert changes({"p": secret("x")}, {"p": secret("y")}, secrets=True) == [("inputs.p", "changed", "x", "y")]
    assert changes({}, {"p": {"in": secret("x")}}) == [("inputs.p", "added", None, {"in": "[secret]"})]


def test_a_secret_that_becomes_plain_is_a_change_and_stays_hidden() -> None:
    assert changes({"p": secret("x")}, {"p": "x"}) == [("inputs.p", "changed", "[secret]", "[plain]")]
    assert changes({"p": "x"}, {"p": encrypted("c")}) == [("inputs.p", "changed", "[plain]", "[secret]")]
    assert changes({"p": "x"}, {"p": secret("x")}, secrets=True) == [("inputs.p", "changed", "[plain] x", "x")]
    change = one({"p": "x"}, {"p": encrypted("c")}).changes()[0]
    assert (change.secret, change.comparable) == (True, True)


def test_encrypted_secrets_are_not_comparable_and_never_called_changed_for_sure() -> None:
    item = one({"p": encrypted("AAA")}, {"p": encrypted("BBB")})
    assert (item.uncertain, item.consequential) == (True, False)
    assert [(change.comparable, change.secret) for change in item.changes(secrets=True)] == [(False, True)]
    assert "AAA" not in repr(item.changes(secrets=True))
    found = diff_checkpoints(
        checkpoint(res("r", inputs={"p": encrypted("A")})), checkpoint(res("r", inputs={"p": encrypted("B")}))
    )
    assert found.counts() == {}
    same = checkpoint(res("r", inputs={"p": encrypted("A"), "q": 1}))
    assert nothing(same, checkpoint(res("r", inputs={"q": 1, "p": encrypted("A")})))


def test_a_real_change_beside_an_encrypted_secret_is_certain() -> None:
    item = one({"p": encrypted("AAA"), "q": 1}, {"p": encrypted("BBB"), "q": 2})
    assert not item.uncertain
    assert {change.path: change.comparable for change in item.changes()} == {"inputs.p": False, "inputs.q": True}


def test_the_same_ciphertext_is_the_same_secret() -> None:
    item = one({"p": encrypted("AAA"), "q": 1}, {"p": encrypted("AAA"), "q": 2})
    assert paths(item) == ["inputs.q"]


def test_one_decrypted_side_is_not_enough() -> None:
    assert one({"p": encrypted("AAA")}, {"p": secret("x")}).uncertain
    assert one({"p": secret("x")}, {"p": encrypted("AAA")}).uncertain


def test_encrypted_outputs_of_custom_resources_are_uncertain() -> None:
    old = checkpoint(res("r", outputs={"result": encrypted("A")}))
    item = by_name(old, checkpoint(res("r", outputs={"result": encrypted("B")})))["r"]
    assert (item.uncertain, item.consequential, paths(item)) == (True, False, [])


# -- the JSON form ------------------------------------------------------------------------------------------------


def test_the_json_form() -> None:
    old, new = checkpoint(res("r", inputs={"p": secret("x")})), checkpoint(res("r", inputs={"p": secret("y")}))
    change = {"path": "inputs.p", "kind": "changed", "old": "[secret]", "new": "[secret]", "secret": True}
    expected: dict[str, Any] = {
        "from": "live",
        "to": "#1",
        "sameContent": False,
        "newIds": [],
        "resources": [{"urn": urn("r"), "type": "t:m:R", "name": "r", "op": "update", "changes": [change]}],
    }
    assert diff_to_json(diff_checkpoints(old, new), "live", "#1") == expected
    change |= {"old": "x", "new": "y"}
    assert diff_to_json(diff_checkpoints(old, new), "live", "#1", secrets=True) == expected


def test_the_json_form_tells_what_is_renamed_consequential_and_uncertain() -> None:
    old = checkpoint(res("a", id="i-1"), res("b", outputs={"e": 1}), res("c", inputs={"p": encrypted("A")}))
    new = checkpoint(res("z", id="i-1"), res("b", outputs={"e": 2}), res("c", inputs={"p": encrypted("B")}))
    found = {item["name"]: item for item in diff_to_json(diff_checkpoints(old, new), "a", "b")["resources"]}
    assert found["z"]["oldUrn"] == urn("a")
    assert found["b"]["consequential"] is True
    assert [change["path"] for change in found["b"]["changes"]] == ["outputs.e"]
    assert found["c"]["uncertain"] is True
    assert found["c"]["changes"][0]["comparable"] is False
    asset = {SIG: ASSET, "hash": "h", "path": "p"}
    json.dumps(diff_to_json(diff_checkpoints(old, checkpoint(res("r", inputs={"a": asset}))), "a", "b"))


# -- whole stacks -------------------------------------------------------------------------------------------------

resources = st.fixed_dictionaries(
    {
        "inputs": st.dictionaries(names, values, max_size=3),
        "outputs": st.dictionaries(names, values, max_size=2),
        "protect": st.booleans(),
    }
)
stacks = st.dictionaries(names, resources, max_size=4)


@settings(deadline=None)
@given(stacks, stacks, st.booleans())
def test_a_diff_of_stacks_applied_to_the_old_gives_the_new(
    old: dict[str, Any], new: dict[str, Any], indented: bool
) -> None:
    def state(parts: dict[str, Any], indent: int | None) -> Checkpoint:
        listed = [res(name, **fields) for name, fields in parts.items()]
        body = json.dumps({"version": 3, "deployment": {"resources": listed}}, indent=indent)
        return decode_checkpoint(body.encode(), source="test", decrypted=True)

    found = diff_checkpoints(state(old, None), state(new, 4 if indented else None))
    made = {urn(name): json.loads(json.dumps(fields)) for name, fields in old.items()}
    for item in found.resources:
        if item.op == "delete":
            del made[item.urn]
            continue
        base = made.setdefault(item.urn, {"inputs": {}, "outputs": {}, "protect": False})
        sections: dict[str, list[Any]] = {"inputs": [], "outputs": []}
        for section, edit in item._edits(outputs=True, noise=True):
            if section in sections and edit.path:
                sections[section].append((edit.path, edit))
            elif edit.path == ("protect",):
                base["protect"] = bool(edit.new)
        for name, edits in sections.items():
            base[name] = apply(base[name], edits)
    assert flat(made) == flat({urn(name): fields for name, fields in new.items()})
