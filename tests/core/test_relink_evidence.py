"""Relinking touches only what belongs to the object: literals that look like its ids and outputs stay as they are."""

from __future__ import annotations

import base64
import hashlib
import json
import textwrap
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.relinking.links import Link, make_link
from pulumi_rewind.relinking.literals import Literals
from pulumi_rewind.relinking.relink import Relinked, Relinker
from pulumi_rewind.state.values import SECRET, SIG, UNKNOWN
from tests.support.checkpoints import checkpoint, res, urn

FN = "urn:pulumi:dev::p::fn:index:Fn::f"
OLD = {"arn": "arn:fn:fn-111aa", "version": "2", "status": "Active", "memory": 1002, "ready": True, "shards": 1}
NEW = {"arn": "arn:fn:fn-222bb", "version": "3", "status": "Pending", "memory": 1003, "ready": False, "shards": 4}


def function(preview: bool = False, **other: Any) -> Link:
    new = {} if preview else NEW | {key: pair[1] for key, pair in other.items()}
    old = OLD | {key: pair[0] for key, pair in other.items()}
    return make_link(FN, "fn-111aa", old, "" if preview else "fn-222bb", new, preview=preview)


def apply(value: Any, *links: Link, key: str = "prop", **options: Any) -> Relinked:
    return Relinker(links or (function(),), **options).apply(value, key)


def test_what_stands_under_its_own_name_follows_and_equal_literals_stay() -> None:
    """A published version that an alias names: https://github.com/hashicorp/terraform-provider-aws/issues/3192."""
    value = {"fn": "fn-111aa", "functionVersion": "2", "weight": "2", "state": "Active", "shard": 1, "parts": 1}
    outcome = apply(value, key="target")
    assert outcome.value == value | {"fn": "fn-222bb", "functionVersion": "3", "shard": 4}
    assert outcome.unsure == {"target.state"}  # the version and the shards were found where they belong


def test_a_text_that_the_program_writes_elsewhere_too_does_not_follow_its_name() -> None:
    """A namespace that is labelled with the release, and what lies in it, see tests/real/stacks/shopk8s."""
    namespace, patch, api = (f"urn:pulumi:dev::p::kubernetes:core/v1:{kind}::{kind}" for kind in "NPA")
    labels = {"metadata": {"name": "shop-8f3a11", "labels": {"release": "v2"}}}
    link = make_link(
        namespace, "shop-8f3a11", labels, "shop-8f3a11", {"metadata": {"labels": {"release": "v3"}}}, preview=False
    )
    metadata = {"namespace": "shop-8f3a11", "annotations": {"shop/release": "v2"}}
    beside = {"urn": patch, "type": "t", "custom": True, "id": "d", "inputs": {"labels": {"touched": "v2"}}}
    alone = [
        {"urn": namespace, "type": "t", "custom": True, "id": "shop-8f3a11", "inputs": labels, "outputs": labels},
        {
            "urn": api,
            "type": "t",
            "custom": True,
            "id": "a",
            "inputs": {"metadata": metadata},
            "propertyDependencies": {"metadata": [namespace]},
        },
    ]

    def relinked(*resources: dict[str, Any]) -> Relinked:
        literals = Literals(checkpoint(*resources).resources)
        return Relinker([link], literals=lambda: literals).apply(metadata, "metadata")

    outcome = relinked(*alone, beside)
    assert (outcome.value, outcome.unsure) == (metadata, {"metadata.annotations.shop/release"})
    assert relinked(*alone).value == metadata | {"annotations": {"shop/release": "v3"}}


def test_the_literals_of_a_state_machine_stay() -> None:
    text = json.dumps(
        {"StartAt": "Active", "States": {"Active": {"Resource": OLD["arn"], "Next": "Pending", "TimeoutMs": 1002}}}
    )
    outcome = apply(text, key="definition")
    assert outcome.value == text.replace("fn-111aa", "fn-222bb")
    assert outcome.unsure == {"definition"}


@pytest.mark.parametrize("key", ["status", "version", "memory", "ready"])
def test_a_property_that_is_nothing_but_an_output_follows(key: str) -> None:
    outcome = apply(OLD[key], key=key)
    assert (outcome.value, outcome.unsure) == (NEW[key], frozenset())


def test_a_state_under_another_name_and_truth_values_stay() -> None:
    assert apply("Active", key="mode") == Relinked("Active", False, frozenset(), frozenset({"mode"}))
    assert apply(True, key="enabled").value is True
    assert apply({"ready": True, "status": "Active"}).value == {"ready": True, "status": "Active"}
    assert apply("2", key="version", direct=False).value == "3"
    assert apply("2", key="count", direct=False).value == "2"  # it isn't known that it came from there


def test_ids_inside_longer_words_and_numbers() -> None:
    short = make_link(FN, "i-1", {"address": "10.0.0.1"}, "i-2", {"address": "10.0.0.9"}, preview=False)
    assert apply("i-1", short).value == "i-2"
    value = ["i-12", "xi-1", "a i-1 b", "10.0.0.12", "110.0.0.1", "10.0.0.1.5"]
    assert apply(value, short).value == value
    assert apply("http://10.0.0.1:80/", short).value == "http://10.0.0.9:80/"


def test_a_short_id_is_taken_for_one_only_where_nothing_else_can_be_it() -> None:
    seven = make_link(FN, "7", {"arn": "arn:fn:7"}, "9", {"arn": "arn:fn:9"}, preview=False)
    assert apply({"target": "7", "n": 1}, seven).value == {"target": "9", "n": 1}
    assert apply({"fn": "7", "weight": "7", "n": 7}, seven).value == {"fn": "9", "weight": "7", "n": 7}
    both = apply({"target": "7", "weight": "7"}, seven)
    assert both.value == {"target": "7", "weight": "7"}
    assert both.unsure == {"prop.target", "prop.weight"}
    constant = make_link(FN, "none", {"result": "x"}, "", {}, preview=True)
    assert apply({"mode": "none"}, constant).value == {"mode": "none"}


def test_two_objects_that_had_one_value_leave_it_alone() -> None:
    first = make_link(FN, "fn-aaa111", {"host": "10.1.2.30"}, "fn-aaa222", {"host": "10.1.2.31"}, preview=False)
    second = make_link(FN + "2", "fn-bbb111", {"host": "10.1.2.30"}, "fn-bbb222", {"host": "10.9.9.99"}, preview=False)
    outcome = apply({"a": "10.1.2.30", "b": "fn-aaa111"}, first, second)
    assert outcome.value == {"a": "10.1.2.30", "b": "fn-aaa222"}
    assert outcome.unsure == {"prop.a"}


def test_a_text_that_the_program_wrote_down_elsewhere_stays() -> None:
    stack = checkpoint(
        res("f", "fn:index:Fn", id="fn-111aa", outputs={"host": "10.1.2.30", "zone": "zone-b2"}),
        res("other", inputs={"allow": "10.1.2.30"}, propertyDependencies={"allow": []}),
        res("user", inputs={"use": "zone-b2"}, propertyDependencies={"use": [urn("f", "fn:index:Fn")]}),
        res("twin", "fn:index:Fn", id="prod-fn-111aa"),
    )
    literals = Literals(stack.resources)
    moved = function(host=("10.1.2.30", "10.1.2.31"), zone=("zone-b2", "zone-c3"))
    outcome = apply(
        {"a": "10.1.2.30", "b": "at zone-b2", "c": "prod-fn-111aa x-fn-111aa"}, moved, literals=lambda: literals
    )
    assert outcome.value == {"a": "10.1.2.30", "b": "at zone-c3", "c": "prod-fn-111aa x-fn-222bb"}
    assert "prop.a" in outcome.unsure
    assert apply("10.1.2.30", moved, literals=lambda: literals).value == "10.1.2.31"  # the whole property, though


def test_ports_and_versions_beside_an_id_or_behind_their_name() -> None:
    text = "fn=arn:fn:fn-111aa:2 --fn-version=2 --weight=2\nversion: 2\nretries: 2"
    wanted = "fn=arn:fn:fn-222bb:3 --fn-version=3 --weight=2\nversion: 3\nretries: 2"
    assert apply(text).value == wanted
    environment = [{"name": "FN_VERSION", "value": "2"}, {"name": "WEIGHT", "value": "2"}]
    now = [{"name": "FN_VERSION", "value": "3"}, {"name": "WEIGHT", "value": "2"}]
    assert apply(environment).value == now
    assert json.loads(apply(json.dumps(environment)).value) == now


def test_a_number_of_an_object_that_is_left_in_text_is_named() -> None:
    assert apply("takes fn-111aa and 1002 MB").unsure == {"prop"}


def test_keys_of_text_stay_and_are_named() -> None:
    text = "fn-111aa:\n  id: fn-111aa\n  - fn-111aa: x\nuse fn-111aa: now\n"
    outcome = apply(text)
    assert outcome.value == "fn-111aa:\n  id: fn-222bb\n  - fn-111aa: x\nuse fn-222bb: now\n"
    assert outcome.unsure == {"prop"}


def test_a_policy_that_has_an_id_in_its_keys_is_named() -> None:
    """https://github.com/pulumi/pulumi-eks/issues/871: a part of the provider's id is the key of a condition."""
    old, new = (f"arn:aws:iam::1:oidc-provider/oidc.eks.example/id/{hex_}" for hex_ in ("AB12CD34EF", "99FF88EE77"))
    oidc = make_link(FN, old, {"arn": old}, new, {"arn": new}, preview=False)
    policy = {"Principal": {"Federated": old}, "Condition": {"oidc.eks.example/id/AB12CD34EF:sub": "system"}}
    outcome = apply(json.dumps(policy), oidc, key="assumeRolePolicy")
    assert json.loads(outcome.value)["Principal"] == {"Federated": new}
    assert outcome.unsure == {"assumeRolePolicy"}


@pytest.mark.parametrize("derived", [
    hashlib.sha256(b"fn-4c81e97ab2").hexdigest(), hashlib.md5(b"fn-4c81e97ab2").hexdigest()[:12], "lb-4c81e9",
    base64.b64encode(hashlib.sha256(b"fn-4c81e97ab2").digest()).decode(),
])  # fmt: skip
def test_a_digest_or_piece_of_an_id_is_named_beside_the_id_itself(derived: str) -> None:
    moved = make_link(FN, "fn-4c81e97ab2", {}, "fn-0a0b0c0d0e", {}, preview=False)
    outcome = apply({"fn": "fn-4c81e97ab2", "derived": derived, "other": "a1b2c3d4e5f6"}, moved)
    assert outcome.value["fn"] == "fn-0a0b0c0d0e"
    assert outcome.unsure == {"prop.derived"}


PEMS = [
    "-----BEGIN CERTIFICATE-----\n" + f"MIIB{n}a\n{n}bcd==\n" * (n + 1) + "-----END CERTIFICATE-----\n" for n in (1, 2)
]


def test_an_indented_block_follows_line_by_line() -> None:
    """A certificate in YAML: https://github.com/coreos/bugs/issues/1969."""
    cert = make_link(FN, "c-111111", {"certPem": PEMS[0]}, "c-222222", {"certPem": PEMS[1]}, preview=False)
    for prefix in ("", "      ", "\t"):
        text, wanted = (f"files:\n  content: |\n{textwrap.indent(pem, prefix)}\nend: 1\n" for pem in PEMS)
        assert apply(text, cert).value == wanted
    chain = apply(PEMS[0] + "other" + PEMS[0], cert)
    assert chain.value == PEMS[1] + "other" + PEMS[0]  # part of a longer word
    assert apply(json.dumps({"c": PEMS[0], "n": 1}), cert).value == json.dumps({"c": PEMS[1], "n": 1})
    line = make_link(
        FN, "k-111111", {"key": "ssh-rsa AAB3x1\n"}, "k-222222", {"key": "ssh-rsa AAC4y2\n"}, preview=False
    )
    assert apply("keys:\n  - ssh-rsa AAB3x1\n", line).value == "keys:\n  - ssh-rsa AAC4y2\n"
    unknown = make_link(FN, "c-111111", {"certPem": PEMS[0]}, "", {}, preview=True)
    assert apply(textwrap.indent(PEMS[0], "  "), unknown).value == UNKNOWN


def test_numbers_written_as_floats_and_text() -> None:
    """A port as text: https://github.com/pulumi/pulumi-digitalocean/issues/288."""
    port = make_link(
        "urn:pulumi:dev::p::random:index:Integer::port", "48624", {"result": 48624}, "51234", {"result": 51234.0},
        preview=False,
    )  # fmt: skip
    value = {"a": "48624.0"}
    assert apply(value, port).value == {"a": "51234.0"}
    assert apply("48624", port).value == "51234"
    assert apply(48624.0, port).value == 51234
    assert (
        apply('{"port": 48624, "p": "48624.0", "f": 48624.0}', port).value
        == ('{"port": 51234, "p": "51234.0", "f": 51234.0}')
        or apply('{"port": 48624}', port).value == '{"port": 51234}'
    )


def test_two_objects_that_write_one_number_in_two_ways_agree() -> None:
    integer, sleep = "urn:pulumi:dev::p::random:index:Integer::port", FN
    port = make_link(integer, "48624", {"result": 48624}, "51234", {"result": 51234}, preview=False)
    waits = make_link(sleep, "t1", {"port": "48624.0"}, "t2", {"port": "51234.0"}, preview=False)
    other = make_link(sleep, "t1", {"port": "48624.0"}, "t2", {"port": "60000.0"}, preview=False)
    both = frozenset({integer, sleep})
    assert apply(48624, port, waits, key="port", direct=False) == Relinked(51234, True, both, frozenset())
    assert apply("48624.0", port, waits, key="port", direct=False).value == "51234.0"
    assert apply(48624, port, other, key="port", direct=False).unsure == {"port"}


def test_what_is_found_beside_something_unknown_is_found() -> None:
    known = make_link(FN + "9", "48624", {"result": 48624}, "48624", {"result": 48624}, preview=True, follows=True)
    text = json.dumps({"fleet": "fn-111aa", "result": 48624})
    outcome = apply(text, function(preview=True), known)
    assert outcome.value == UNKNOWN
    assert outcome.found == {FN, FN + "9"}


def test_a_secret_follows_as_text_does() -> None:
    old, new = ({"config": {SIG: SECRET, "plaintext": json.dumps(f"token tok-{n}x")}} for n in (1, 2))
    cluster = make_link(FN, "cluster-1", old, "cluster-2", new, preview=False)
    assert apply(old["config"], cluster).value == new["config"]


WORDS = st.sampled_from(["Active", "Pending", "2", "3", "fn", "fn-111aa", "fn-222bb", "1", "true", "x y", "", "1002"])
LEAVES = WORDS | st.sampled_from([1002, 1, 2, 1003, True, False, None, 2.5]) | st.text(max_size=8)
NAMES = st.sampled_from(["weight", "Active", "2", "name1", "limit", "fn-111a", "a b", "Pending"]) | st.text(max_size=5)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=16
)


def literals_only(value: Any) -> Any:
    """The value with the one thing replaced that is surely the function's: its id."""
    if isinstance(value, dict):
        return {key: literals_only(item) for key, item in value.items()}
    if isinstance(value, list):
        return [literals_only(item) for item in value]
    return "fn-222bb" if value == "fn-111aa" else value


@given(VALUES)
def test_nothing_but_the_id_changes_in_any_value_and_no_key_ever(value: Any) -> None:
    inside = {"first": value}
    assert apply(inside).value == literals_only(inside)


@given(VALUES, st.sampled_from([None, 1, 4]), st.booleans())
def test_json_text_keeps_every_byte_but_the_id(value: Any, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps({"first": value, "b": "1"}, indent=indent, ensure_ascii=ascii_only)
    wanted = json.dumps(literals_only({"first": value, "b": "1"}), indent=indent, ensure_ascii=ascii_only)
    assert apply(text).value == wanted


@given(st.text(alphabet="abi-1_2. ", max_size=12), st.text(alphabet="abi-1_2. ", max_size=12))
def test_an_id_that_is_part_of_a_longer_word_stays(before: str, after: str) -> None:
    moved = make_link(FN, "i-1a2b3c", {}, "i-9z8y7x", {}, preview=False)
    text = f"{before}i-1a2b3c{after}"
    alone = not before[-1:].isalnum() and not after[:1].isalnum()
    assert apply(text, moved).value == (f"{before}i-9z8y7x{after}" if alone else text)


@given(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6))
def test_a_number_that_equals_an_output_stays_unless_it_has_its_name(old: int, new: int) -> None:
    moved = make_link(FN, "fn-111aa", {"quota": old}, "fn-222bb", {"quota": new}, preview=False)
    value = {"limit": old, "text": f"{old}", "cpuQuota": old}
    assert apply(value, moved).value == value | {"cpuQuota": new}


def test_what_an_object_passes_on_is_found_for_both() -> None:
    """A pet's name that a ConfigMap holds too, and a container under the name of the ConfigMap's key."""
    pet, settings = "urn:pulumi:dev::p::random:index/pet:Pet::pet", "urn:pulumi:dev::p::k:v1:ConfigMap::settings"
    links = (
        make_link(pet, "humble-dog", {"length": 2}, "chief-akita", {"length": 2}, preview=False),
        make_link(
            settings, "ns/settings-1a", {"data": {"fleet": "humble-dog"}},
            "ns/settings-2b", {"data": {"fleet": "chief-akita"}}, preview=False,
        ),
    )  # fmt: skip
    outcome = Relinker(links).apply({"env": [{"name": "FLEET", "value": "humble-dog"}], "fleet": "humble-dog"}, "spec")
    assert outcome.value == {"env": [{"name": "FLEET", "value": "chief-akita"}], "fleet": "chief-akita"}
    assert outcome.found == {pet, settings}
