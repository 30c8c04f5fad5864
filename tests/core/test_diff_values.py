"""The diff by property: paths, lists, JSON in text, secrets, special values; and that it says all there is to say."""

from __future__ import annotations

import copy
import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulumi_rewind.diff.certain import differing
from pulumi_rewind.diff.properties import JSON_TEXT, PLAIN, Edit, edits, path_text, shown
from pulumi_rewind.errors import CheckpointError
from pulumi_rewind.state.values import (
    ARCHIVE,
    ASSET,
    BYTE_STRING,
    MASK,
    RESOURCE_REF,
    SIG,
    SPECIAL_FLOAT,
    Json,
    same,
)
from tests.support.diffs import apply, encrypted, flat, leaves, names, secret, texts, values


def found(old: Json, new: Json, *, noise: bool = False) -> list[tuple[str, str, Any, Any]]:
    """Edits as text path, kind and what is shown."""
    return [(path_text(edit.path), edit.kind, *shown(edit, secrets=False)) for edit in edits(old, new, noise=noise)]


# -- lists --------------------------------------------------------------------------------------------------------


def test_one_inserted_element_is_one_change() -> None:
    assert found(["a", "b", "c"], ["a", "new", "b", "c"]) == [("[1]", "added", None, "new")]
    assert found(["a", "a", "a"], ["a", "a", "a", "a"]) == [("[3]", "added", None, "a")]
    assert found(["a", "b", "c"], ["a", "c"]) == [("[1]", "removed", "b", None)]
    assert found([{"n": 1}, {"n": 2}], [{"n": 1}, {"n": 3}]) == [("[1].n", "changed", 2, 3)]


def test_an_edited_element_stays_itself_beside_an_inserted_one() -> None:
    web, db = {"name": "web", "port": 80, "image": "1"}, {"name": "db", "port": 5432, "image": "1"}
    new = [{"name": "cache", "port": 6379, "image": "1"}, web | {"image": "2"}, db | {"image": "2"}]
    assert found([web, db], new) == [
        ("[0]", "added", None, new[0]),
        ("[1].image", "changed", "1", "2"),
        ("[2].image", "changed", "1", "2"),
    ]
    assert found([web, db], [db | {"image": "2"}]) == [
        ("[0]", "removed", web, None),
        ("[0].image", "changed", "1", "2"),
    ]


def test_another_element_in_the_same_place_is_one_change() -> None:
    assert found([{"a": 1, "b": 2}], [{"c": 3}]) == [("[0]", "changed", {"a": 1, "b": 2}, {"c": 3})]


def test_a_name_tells_more_than_all_else_that_is_alike() -> None:
    old = [{"name": "a", "x": 1, "y": 1}]
    new = [{"name": "b", "x": 1, "y": 1}, {"name": "a", "x": 2, "y": 2}]
    assert found(old, new) == [("[0]", "added", None, new[0]), ("[1].x", "changed", 1, 2), ("[1].y", "changed", 1, 2)]


def test_noise_inside_elements_does_not_spoil_the_alignment() -> None:
    old = [{"v": number, "__defaults": ["x"]} for number in range(99)]
    new = [{"v": -1, "__defaults": []}, *({"v": number, "__defaults": []} for number in range(99))]
    assert found(old, new) == [("[0]", "added", None, {"v": -1})]


def test_secrets_in_lists_are_aligned_by_what_they_hold() -> None:
    old = [secret(number) | {"ciphertext": f"1-{number}"} for number in range(99)]
    new = [secret(number) | {"ciphertext": f"2-{number}"} for number in (-1, *range(99))]
    assert found(old, new) == [("[0]", "added", None, MASK)]


@given(st.lists(st.integers(0, 3), max_size=12), st.integers(0, 12), st.integers(0, 3))
def test_an_insertion_anywhere_is_one_edit(old: list[int], place: int, what: int) -> None:
    new = [*old[:place], what, *old[place:]]
    assert [edit.kind for edit in edits(old, new)] == ["added"]
    assert [edit.kind for edit in edits(new, old)] == ["removed"]


@pytest.mark.parametrize("kind", ["unlike", "repeating", "objects"])
def test_long_lists_take_no_longer_than_they_must(kind: str) -> None:
    def made(number: int, seed: int) -> Json:
        match kind:
            case "unlike":
                return f"{seed}-{number}"
            case "repeating":
                return (number * seed) % 3
            case _:
                return {"name": f"n{number}", "v": number % (seed + 2)}

    old, new = [made(number, 1) for number in range(6_000)], [made(number, 2) for number in range(6_100)]
    start = time.process_time()
    steps = [(edit.path, edit) for edit in edits(old, new)]
    assert time.process_time() - start < 5
    assert apply(old, steps) == new


# -- JSON in text -------------------------------------------------------------------------------------------------


def test_json_text_is_compared_as_json() -> None:
    old = json.dumps({"Statement": [{"Effect": "Allow"}], "V": 1})
    new = json.dumps({"V": 1, "Statement": [{"Effect": "Deny"}]}, indent=2)
    assert found({"policy": old}, {"policy": new}) == [
        ("policy{json}.Statement[0].Effect", "changed", "Allow", "Deny"),
    ]


def test_json_text_written_differently_is_noise() -> None:
    old, new = '{"a": [1, 2]}', '{ "a": [1,2] }'
    assert found(old, new) == []
    assert found(old, new, noise=True) == [("", "changed", old, new)]


def test_json_text_in_json_text() -> None:
    old, new = (json.dumps({"inner": json.dumps([1, value])}) for value in (2, 3))
    assert found(old, new) == [("{json}.inner{json}[1]", "changed", 2, 3)]


@pytest.mark.parametrize(("old", "new"), [("{a", "{b"), ('["a"]', '{"a": 1}'), ("1", "2"), ('["\\ud800"]', "[1]")])
def test_what_is_not_json_on_both_sides_is_text(old: str, new: str) -> None:
    assert found(old, new) == [("", "changed", old, new)]


def test_text_of_several_lines_is_one_value() -> None:
    assert found("a\nb\n", "a\nc\n") == [("", "changed", "a\nb\n", "a\nc\n")]


# -- values of their own kind -------------------------------------------------------------------------------------


def test_true_is_not_one() -> None:
    assert found({"a": [True]}, {"a": [1]}) == [("a[0]", "changed", True, 1)]
    assert found({"a": 1}, {"a": 1.0}) == []
    assert not same({"a": [{"b": False}]}, {"a": [{"b": 0}]})


def test_assets_and_archives_are_their_content() -> None:
    for kind, word in ((ASSET, "asset"), (ARCHIVE, "archive")):
        one = {SIG: kind, "hash": "0123456789abcdef", "path": "a.txt"}
        assert found(one, one | {"path": "b.txt"}) == []
        assert found([one], [one | {"path": "b.txt"}]) == []
        other = one | {"hash": "fedcba9876543210"}
        assert found(one, other) == [("", "changed", f"{word} 0123456789ab a.txt", f"{word} fedcba987654 a.txt")]
        assert found({SIG: kind, "path": "a"}, {SIG: kind, "path": "b"})[0][1] == "changed"


def test_special_values_are_told_in_words() -> None:
    ref = {SIG: RESOURCE_REF, "urn": "urn:pulumi:dev::p::t:m:R::r", "id": "i-1"}
    nan, inf = ({SIG: SPECIAL_FLOAT, "value": bits} for bits in ("7ff8000000000001", "7ff0000000000000"))
    assert found(ref, ref | {"id": "i-2"}) == [("", "changed", f"→ {ref['urn']} i-1", f"→ {ref['urn']} i-2")]
    assert found(nan, inf) == [("", "changed", "NaN", "Infinity")]
    assert found({SIG: BYTE_STRING, "value": "/w=="}, "x") == [("", "changed", "bytes /w==", "x")]
    assert found({}, {"a": {"deep": [nan]}}) == [("a", "added", None, {"deep": ["NaN"]})]


# -- secrets ------------------------------------------------------------------------------------------------------


def test_a_secret_object_is_one_value_and_its_keys_stay_hidden() -> None:
    old, new = secret({"user": "a", "pin": 1}), secret({"user": "a", "pin": 2})
    assert found(old, new) == [("", "changed", MASK, MASK)]
    edit = next(edits(old, new))
    assert shown(edit, secrets=True) == ({"user": "a", "pin": 1}, {"user": "a", "pin": 2})
    assert found(old, {**old, "plaintext": '{ "pin":1, "user":"a" }'}) == []


def test_a_secret_inside_a_secret() -> None:
    old, new = secret({"in": secret("a")}), secret({"in": secret("b")})
    assert found(old, new) == [("", "changed", MASK, MASK)]
    assert found(old, secret({"in": secret("a")})) == []
    assert shown(next(edits(old, new)), secrets=True) == ({"in": "a"}, {"in": "b"})


def test_plaintext_that_is_no_json_stays_closed() -> None:
    old, new = secret("x") | {"plaintext": "not json"}, secret("x")
    assert shown(next(edits(old, new)), secrets=False) == (MASK, MASK)
    with pytest.raises(CheckpointError, match="damaged"):
        shown(next(edits(old, new)), secrets=True)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (secret("HIDDEN"), "HIDDEN"),
        (encrypted("c"), "HIDDEN"),
        ({"a": secret("HIDDEN")}, {"a": "HIDDEN"}),
        ({"a": {"b": "HIDDEN"}}, {"a": secret({"b": "HIDDEN"})}),
        ({"a": {"b": secret("HIDDEN")}}, {"a": "HIDDEN"}),
        ({"a": ["HIDDEN"]}, {"a": {"b": encrypted("c")}}),
        (["x", "HIDDEN"], ["x", "y", secret("HIDDEN")]),
        ([encrypted("c")], ["y", "HIDDEN", "z"]),
        (["HIDDEN", secret("y")], [secret("HIDDEN")]),
        ([{"n": 1, "v": "HIDDEN"}], [{"n": 1, "v": secret("HIDDEN")}]),
        ({"a": json.dumps({"p": "HIDDEN"})}, {"a": secret(json.dumps({"p": "HIDDEN"}))}),
    ],
)
def test_what_is_a_secret_on_one_side_is_shown_on_neither(old: Json, new: Json) -> None:
    for one, other in ((old, new), (new, old)):
        listed = list(edits(one, other))
        assert listed
        assert "HIDDEN" not in repr([shown(edit, secrets=False) for edit in listed])
        assert any(edit.secret for edit in listed)


tokens = st.integers(0, 99).map(lambda number: f"TOKEN-{number}")
holders = st.recursive(
    leaves | tokens.map(secret) | tokens.map(encrypted),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=3),
    max_leaves=10,
)


@settings(deadline=None)
@given(holders, holders)
def test_no_secret_is_ever_shown_unasked(old: Json, new: Json) -> None:
    for edit in edits(old, new, noise=True):
        assert "TOKEN" not in repr(shown(edit, secrets=False))


def test_a_secret_that_became_plain_says_so() -> None:
    edit = next(edits(secret("x"), "x"))
    assert shown(edit, secrets=False) == (MASK, PLAIN)
    assert shown(edit, secrets=True) == ("x", f"{PLAIN} x")


# -- paths --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("inputs", "tags", "Name"), "inputs.tags.Name"),
        (("inputs", "a/b:c", 0, "é"), "inputs.a/b:c[0].é"),
        (("inputs", "a.b"), 'inputs["a.b"]'),
        (("inputs", ""), 'inputs[""]'),
        (("inputs", "{json}"), 'inputs["{json}"]'),
        (("inputs", JSON_TEXT), "inputs{json}"),
        (("inputs", "[0]"), 'inputs["[0]"]'),
        (("inputs", "a b"), 'inputs["a b"]'),
        (("inputs", 'q"\n\x1b\u202e'), 'inputs["q\\"\\n\\u001b\\u202e"]'),
        (("inputs", "\x7f"), 'inputs["\\u007f"]'),
    ],
)
def test_paths_are_one_safe_line(path: tuple[Any, ...], text: str) -> None:
    assert path_text(path) == text


segments = st.lists(names | st.text(max_size=5) | st.integers(0, 20) | st.just(JSON_TEXT), min_size=1, max_size=4)


@given(segments, segments)
def test_different_paths_are_different_texts(one: list[Any], other: list[Any]) -> None:
    assert (path_text(["inputs", *one]) == path_text(["inputs", *other])) == (one == other)
    assert path_text(one).isprintable()


# -- properties ---------------------------------------------------------------------------------------------------


def steps(old: Json, new: Json) -> list[tuple[Any, Edit]]:
    return [(edit.path, edit) for edit in edits(old, new, noise=True)]


@settings(deadline=None)
@given(values, values)
def test_applied_to_the_old_it_gives_the_new(old: Json, new: Json) -> None:
    assert flat(apply(old, steps(old, new))) == flat(new)


def test_the_bookkeeping_in_a_list_counts_only_as_noise() -> None:
    old, new = [{"a": 1, "__defaults": []}], [{"a": 1, "__defaults": ["a"]}]
    assert found(old, new) == []
    assert found(old, new, noise=True) == [("[0].__defaults[0]", "added", None, "a")]
    assert found({}, {"a": {"b": 1, "__defaults": ["b"]}}) == [("a", "added", None, {"b": 1})]


@settings(deadline=None)
@given(values, st.data())
def test_applied_to_the_old_it_gives_an_edited_new(old: Json, data: st.DataObject) -> None:
    new = edited(copy.deepcopy(old), data.draw)
    assert flat(apply(old, steps(old, new))) == flat(new)


def edited(value: Json, draw: Any) -> Json:
    """A value with one place in it changed: that keeps most of it alike, which unrelated values are not."""
    if isinstance(value, list) and value and draw(st.booleans()):
        index = draw(st.integers(0, len(value) - 1))
        match draw(st.sampled_from(["inside", "insert", "delete", "swap"])):
            case "inside":
                value[index] = edited(value[index], draw)
            case "insert":
                value.insert(index, draw(values))
            case "delete":
                del value[index]
            case _:
                value.append(value.pop(index))
        return value
    if isinstance(value, dict) and value and SIG not in value and draw(st.booleans()):
        key = draw(st.sampled_from(sorted(value)))
        value[key] = edited(value[key], draw)
        return value
    return draw(values)


@settings(deadline=None)
@given(values)
def test_the_same_gives_nothing(value: Json) -> None:
    assert steps(value, copy.deepcopy(value)) == []
    assert same(value, copy.deepcopy(value))


@settings(deadline=None)
@given(st.dictionaries(names, values, max_size=4), st.data())
def test_members_that_are_the_same_bytes_make_no_difference(old: dict[str, Json], data: st.DataObject) -> None:
    new = {key: edited(copy.deepcopy(old[key]), data.draw) if data.draw(st.booleans()) else old[key] for key in old}
    new |= data.draw(st.dictionaries(names, values, max_size=2))
    one, other = (msgspec.Raw(msgspec.json.encode(side)) for side in (old, new))
    for noise in (False, True):
        assert list(edits(*differing(one, other), noise=noise)) == list(edits(old, new, noise=noise))
    assert not any(key in new and repr(old[key]) == repr(new[key]) for key in differing(one, other)[0])


def test_a_special_value_is_never_taken_apart() -> None:
    one, other = (msgspec.Raw(msgspec.json.encode(secret(value))) for value in (1, 2))
    assert differing(one, other) == (secret(1), secret(2))
    assert differing(msgspec.Raw(b"null"), msgspec.Raw(b'{"a":1}')) == ({}, {"a": 1})
    with pytest.raises(CheckpointError, match="damaged"):
        differing(msgspec.Raw(b"[]"), other)


@settings(deadline=None)
@given(st.dictionaries(names, texts, max_size=4), st.dictionaries(names, texts, max_size=4))
def test_there_and_back_are_the_same_paths(old: Json, new: Json) -> None:
    def listed(one: Json, other: Json) -> set[str]:
        return {path_text(edit.path) for edit in edits(one, other)}

    assert listed(old, new) == listed(new, old)
