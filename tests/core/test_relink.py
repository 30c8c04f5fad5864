"""Relinking: new ids and outputs of a dependency reach every place where the old ones stood."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.relinking.links import Link, make_link
from pulumi_rewind.relinking.relink import Relinker
from pulumi_rewind.state.values import ASSET, RESOURCE_REF, SECRET, SIG, UNKNOWN

URN = "urn:pulumi:dev::p::t:m:Db::db"


def link(old: str = "db-1111", new: str = "db-2222", **outputs: tuple[Any, Any]) -> Link:
    return make_link(
        URN,
        old,
        {key: pair[0] for key, pair in outputs.items()},
        new,
        {key: pair[1] for key, pair in outputs.items()},
        preview=False,
    )


def relinked(value: Any, *links: Link) -> Any:
    return Relinker(links or (link(),)).apply(value).value


def test_a_whole_value_is_replaced() -> None:
    assert relinked("db-1111") == "db-2222"


def test_inside_a_longer_string_at_token_boundaries_only() -> None:
    assert relinked("postgres://db-1111:5432/x?h=db-1111") == "postgres://db-2222:5432/x?h=db-2222"
    assert relinked("db-11112 xdb-1111") == "db-11112 xdb-1111"


def test_nested_values_lists_and_secrets() -> None:
    value = {"a": [{"b": "db-1111"}], "c": {SIG: SECRET, "plaintext": json.dumps({"id": "pre/db-1111"})}}
    new = relinked(value)
    assert new["a"] == [{"b": "db-2222"}]
    assert new["c"][SIG] == SECRET
    assert json.loads(new["c"]["plaintext"]) == {"id": "pre/db-2222"}


def test_json_in_a_string_keeps_its_style() -> None:
    compact = json.dumps({"db": "db-1111", "n": 1}, separators=(",", ":"))
    spaced = json.dumps({"db": "db-1111", "n": [1, 2]}, indent=2)
    assert relinked(compact) == compact.replace("1111", "2222")
    assert relinked(spaced) == spaced.replace("1111", "2222")


def test_a_short_id_is_replaced_as_a_whole_value_and_as_a_leaf_of_json() -> None:
    short = link("db1", "db2")
    assert relinked("db1", short) == "db2"
    assert relinked("x db1 y", short) == "x db1 y"
    assert relinked('{"db": "db1", "note": "db1 y"}', short) == '{"db": "db2", "note": "db1 y"}'


def test_base64_of_text() -> None:
    text = base64.b64encode(b"#!/bin/sh\nconnect db-1111\n").decode()
    assert base64.b64decode(relinked(text)) == b"#!/bin/sh\nconnect db-2222\n"


def test_ids_that_json_escapes() -> None:
    odd = link('db"ö/1', 'db"ü/2')
    for ascii_only in (True, False):
        text = json.dumps({"id": 'x db"ö/1'}, ensure_ascii=ascii_only)
        assert json.loads(relinked(text, odd)) == {"id": 'x db"ü/2'}


def test_the_longest_match_wins() -> None:
    both = link("db-1111", "db-2222", arn=("arn:aws:db-1111", "arn:aws:db-2222/new"))
    assert relinked("use arn:aws:db-1111 now", both) == "use arn:aws:db-2222/new now"


def test_a_very_long_value_is_found_without_a_pattern_of_its_length() -> None:
    old, new = "x" + "-y" * 2_000_000, "z" * 5_000
    started = time.process_time()
    relinker = Relinker((link(text=(old, new)), link("other-1", "other-2", text=(f'"{old}', "quoted"))))
    assert relinker.apply(old).value == new
    mixed = f"other-1 {old}, a{old} {old}"
    assert relinker.apply(mixed).value == f"other-2 {new}, a{old} {new}"
    assert relinker.apply(json.dumps([f'"{old}'])).value == '["quoted"]'
    assert relinker.apply(f"{old}b").value == f"{old}b"
    assert time.process_time() - started < 3
    unknown = Relinker((link(text=(old, UNKNOWN)),)).apply(f"a {old}")
    assert (unknown.value, unknown.found) == (UNKNOWN, {URN})


def test_an_id_beats_an_output_of_the_same_text() -> None:
    first = make_link(URN, "", {"label": "shared-name"}, "", {"label": "other-label"}, preview=False)
    second = link("shared-name", "new-id-value")
    assert relinked("shared-name", first, second) == "new-id-value"


def test_a_number_follows_where_it_stands_under_its_name_or_is_the_whole_property() -> None:
    ports = link(port=(5432, 6543), small=(80, 81))
    value = {"dbPort": 5432, "a": 5432, "ports": [5432], "b": 80}
    assert relinked(value, ports) == {"dbPort": 6543, "a": 5432, "ports": [6543], "b": 80}
    assert relinked(80, ports) == 81


def test_resource_references_follow() -> None:
    reference = {SIG: RESOURCE_REF, "urn": URN, "id": "db-1111", "packageVersion": ""}
    new = Relinker([link()], references={URN: ("urn:new", "db-2222")}).apply(reference).value
    assert (new["urn"], new["id"]) == ("urn:new", "db-2222")


def test_the_text_of_an_asset_follows_and_drops_its_hash() -> None:
    new = relinked({SIG: ASSET, "hash": "abc", "text": "host db-1111"})
    assert new["text"] == "host db-2222"
    assert "hash" not in new


def test_a_preview_makes_the_whole_string_unknown() -> None:
    unknown = make_link(URN, "db-1111", {"arn": "arn:db-1111"}, "", {}, preview=True)
    for value in ("db-1111", "pre db-1111 post", json.dumps({"a": "db-1111"}), base64.b64encode(b"x db-1111").decode()):
        assert relinked(value, unknown) == UNKNOWN
    assert relinked(["a", "db-1111"], unknown) == ["a", UNKNOWN]


def test_found_names_a_dependency_even_where_nothing_changed() -> None:
    same = make_link(URN, "db-1111", {"zone": "zone-east"}, "db-2222", {"zone": "zone-east"}, preview=False)
    outcome = Relinker([same]).apply("in zone-east")
    assert not outcome.changed
    assert outcome.found == {URN}
    assert Relinker([same]).apply("derived").found == frozenset()


def test_a_secret_output_links_like_any_other() -> None:
    old = {"password": {SIG: SECRET, "plaintext": '"hunter-two"'}}
    new = {"password": {SIG: SECRET, "plaintext": '"hunter-three"'}}
    assert relinked("hunter-two", make_link(URN, "i", old, "i", new, preview=False)) == "hunter-three"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_values_without_an_occurrence_stay_as_they_are(value: Any) -> None:
    far = link("id-that-no-text-holds-0001", "id-that-no-text-holds-0002")
    outcome = Relinker([far]).apply(value)
    assert outcome.value == value
    assert not outcome.found


@given(st.text(max_size=20), st.text(max_size=20))
def test_forth_and_back_gives_the_same_text(before: str, after: str) -> None:
    text = f"{before} db-1111 {after}"
    forth = relinked(text, link("db-1111", "db-2222"))
    if "db-2222" not in text:
        assert relinked(forth, link("db-2222", "db-1111")) == text


def test_what_lies_in_something_unknown_is_unknown() -> None:
    old = {"net": {"ips": ["10.0.0.1"]}, "gone": {"name": "old-name"}}
    for preview, absent in ((False, None), (True, UNKNOWN)):
        made = make_link(URN, "", old, "", {"net": UNKNOWN, "gone": 5}, preview=preview)
        assert [(leaf.old, leaf.new) for leaf in made.leaves] == [("10.0.0.1", UNKNOWN), ("old-name", absent)]


def partly(value: Any) -> Any:
    return Relinker([make_link(URN, "db-1111", {}, "", {}, preview=True)], partly=True).apply(value).value


def test_what_a_preview_knows_of_a_text_can_be_shown() -> None:
    settings = json.dumps({"headline": "open", "db": "db-1111", "hosts": ["a", "x/db-1111"]})
    whole = Relinker([make_link(URN, "db-1111", {}, "", {}, preview=True)])
    assert whole.apply(settings).value == UNKNOWN, "a partly unknown text can't be sent"
    assert json.loads(partly(settings)) == {"headline": "open", "db": UNKNOWN, "hosts": ["a", f"x/{UNKNOWN}"]}
    assert partly("postgres://db-1111/shop") == f"postgres://{UNKNOWN}/shop"
    assert partly(["db-1111", 1]) == [UNKNOWN, 1]
    assert partly(base64.b64encode(b"host=db-1111").decode()) == UNKNOWN, "nobody reads half of that"
