"""Whatever is nested without measure, or repeated a hundred thousand times, is told in linear time and walked safely.

Each input is so large that what is quadratic would run into pytest's own time limit.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pulumi_rewind.callbacks.answers import Lines, message_of
from pulumi_rewind.callbacks.state_code import undo_methods
from pulumi_rewind.diff.checkpoints import diff_checkpoints
from pulumi_rewind.engine.events import strip_color_tags
from pulumi_rewind.errors import CallbackError, CheckpointError, EngineError, RewindError
from pulumi_rewind.goal.build import build_goal
from pulumi_rewind.goal.replay_report import ReplayReport
from pulumi_rewind.plan.verify import verify
from pulumi_rewind.project.stack_configuration import recorded_config
from pulumi_rewind.records.content import decode_update, evidence_reason
from pulumi_rewind.relinking.links import make_link
from pulumi_rewind.relinking.relink import Relinker
from pulumi_rewind.replay.plan_constraint import constrain_plan
from pulumi_rewind.replay.wire import to_wire
from pulumi_rewind.secrets.redaction import Redactor
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.decrypted import opened_json
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.naming import Names
from pulumi_rewind.state.property_path import parse_path
from pulumi_rewind.state.show import value_text
from pulumi_rewind.state.values import SECRET, SIG, content_of, mask, reveal
from pulumi_rewind.system.documents import load_json, load_toml, load_yaml
from pulumi_rewind.system.nesting import DEEPEST, too_deep, value_too_deep
from tests.support.checkpoints import replayed
from tests.support.filestore import FileStore

MANY = 100_000
SHORT = lambda value: str(value)[:16]  # noqa: E731 - names of inputs
DEEP = b"[" * MANY + b"]" * MANY


def nested(levels: int, inner: Any = "x") -> Any:
    for _ in range(levels // 2):
        inner = [{"a": inner}]
    return inner


def state(inputs: bytes) -> bytes:
    entry = b'{"urn":"urn:pulumi:dev::p::t:m:R::a","type":"t:m:R","custom":true,"id":"a","inputs":%b}' % inputs
    return b'{"version":3,"deployment":{"resources":[%b]}}' % entry


def decoded(inputs: bytes) -> Checkpoint:
    return decode_checkpoint(state(inputs), source="the state", decrypted=True)


@pytest.mark.parametrize("raw", [b"[" * 300 + b"]" * 300, b'{"a":' * 300 + b"1" + b"}" * 300, b"[" * 300], ids=SHORT)
def test_depth_is_told_whatever_it_is_made_of(raw: bytes) -> None:
    assert too_deep(raw)
    assert too_deep(b'{"text": "}]\\"]", "a": %b' % raw)
    assert not too_deep(json.dumps({"text": raw.decode()}).encode())
    assert not too_deep(b"[]" * 1000)


def test_the_limit_is_the_same_before_and_after_decoding() -> None:
    for levels in (DEEPEST - 2, DEEPEST, DEEPEST + 2):
        value = nested(levels)
        assert too_deep(json.dumps(value).encode()) == value_too_deep(value) == (levels > DEEPEST)


@pytest.mark.parametrize(
    "raw", [b'"' * 1_000_001, b'"\\"' * 500_000, b'"' + b"\\" * 1_000_001, b"[" * 5_000_000], ids=SHORT
)
def test_depth_is_told_in_linear_time(raw: bytes) -> None:
    too_deep(raw)
    too_deep(b"[" * 300 + raw)


def test_a_state_that_is_too_deep_for_anything() -> None:
    with pytest.raises(CheckpointError):
        decode_checkpoint(DEEP, source="the state")
    with pytest.raises(CheckpointError, match="properties of a resource"):
        decoded(b'{"a":%b}' % (b"[" * 300 + b"]" * 300)).resources[0].decoded_inputs()
    for place in (b'"metadata":%b', b'"snippets":[{"a":%b}]', b'"secrets_providers":{"type":"x","state":%b}'):
        raw = b'{"version":3,"deployment":{%b}}' % (place % (b"[" * 300 + b"]" * 300))
        with pytest.raises(CheckpointError, match="nested more than 100 deep"):
            decode_checkpoint(raw, source="the state")


def test_what_is_just_not_too_deep_is_safe_on_the_whole_road() -> None:
    """Under as many frames as a screen of the UI has below it."""

    def below(frames: int) -> None:
        if frames:
            return below(frames - 1)
        deep = nested(DEEPEST - 4)
        secret = {SIG: SECRET, "plaintext": json.dumps(nested(DEEPEST // 2 - 4))}
        for _ in range(2):
            secret = {SIG: SECRET, "plaintext": json.dumps(nested(DEEPEST // 2 - 6, secret))}
        old = decoded(json.dumps({"a": deep, "s": secret}).encode())
        new = decoded(json.dumps({"a": nested(DEEPEST - 4, "y"), "s": nested(DEEPEST - 6, secret)}).encode())
        assert diff_checkpoints(old, new).resources
        goal = build_goal(old, new, project="p", stack="dev")
        verify(goal, replayed(goal), new, new)
        for side in (old, new):
            inputs = side.resources[0].decoded_inputs()
            value_text(mask(inputs))
            reveal(inputs)
            to_wire(inputs)
            link = make_link("u", "x", {"b": deep}, "z", {"b": deep}, preview=True)
            Relinker([link]).apply(inputs)
        return None

    below(80)


def test_secrets_within_secrets_have_an_end() -> None:
    value: Any = "x"
    for _ in range(12):
        value = {SIG: SECRET, "plaintext": json.dumps(value)}
    with pytest.raises(CheckpointError, match="a secret in the checkpoint is damaged"):
        reveal(value)


@pytest.mark.parametrize("text", ["[" * 300 + "]" * 300, "[" * MANY, '"\ud800"', "1" * 5_000, "nonsense"], ids=SHORT)
def test_a_secret_that_holds_what_it_cant_hold(text: str) -> None:
    with pytest.raises(CheckpointError, match="a secret in the checkpoint is damaged"):
        content_of({SIG: SECRET, "plaintext": text})


def test_a_history_record_a_lock_and_a_record(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "backend")
    store.add(1)
    store.path("history", 1).write_bytes(DEEP)
    assert store.open().history(store.ref).update(1).result == "unreadable"
    deep = b'{"kind":"update","result":"succeeded","config":{"a":%b}}' % (b"[" * 300 + b"]" * 300)
    store.path("history", 1).write_bytes(deep)
    assert recorded_config(store.open().history(store.ref).update(1)) is None
    for raw in (DEEP, deep):
        with pytest.raises(RewindError):
            decode_update(raw, 1)
    store.lock(content=DEEP.decode())
    assert [lock.username for lock in store.open().locks(store.ref)] == [""]
    (store.pulumi / "meta.yaml").write_text("version: " + "9" * MANY)
    with pytest.raises(RewindError, match="has no version"):
        store.open()


# -- documents --------------------------------------------------------------------------------------------------------

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (LAUGHS, "more than 100,000 values"),
        ("a: &x {b: *x}", "refers to a value that contains it"),
        ("[" * MANY, "deep"),
        ("[" * 150 + "]" * 150, "it is nested more than 100 deep"),
        ("- " * MANY, "deep"),
        ("? " * MANY, "deep"),
        ("{a: " * MANY, "deep"),
        ("a: " + ":".join(["1"] * MANY), "digits"),
        ("a: 9" + "9" * 5_000, "digits"),
        ("a: 2026-99-99", "month"),
        ("!!python/object/apply:os.system [x]", "constructor"),
        ("a: !!int x", "invalid literal"),
        ("a: !!timestamp x", "can't be read"),
        ("a: \t{", "token"),
    ],
    ids=SHORT,
)
def test_yaml_that_explodes(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        load_yaml(text)


def test_yaml_as_people_write_it() -> None:
    assert load_yaml("a: &x [1, 010, yes]\nb: *x\nc: {<<: {d: 1}, e: 1:30}\n") == {
        "a": [1, 8, True], "b": [1, 8, True], "c": {"d": 1, "e": 90},
    }  # fmt: skip
    assert load_yaml("") is None


@pytest.mark.parametrize(
    "text", ["a=" + "[" * MANY, "a" + ".a" * MANY + "=1", "a=" + "9" * 5_000, "a=", "a" + ".a" * 999 + "=1"]
)
def test_toml_that_explodes(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        load_toml(text)


@pytest.mark.parametrize("text", ["[" * MANY, "[" * 300 + "]" * 300, "9" * 5_000, "{"], ids=SHORT)
def test_json_that_explodes(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        load_json(text)


# -- a hundred thousand times -----------------------------------------------------------------------------------------


def test_plaintext_a_hundred_thousand_times() -> None:
    for raw in (b'"plaintext"' * MANY, b'"%b"' % SECRET.encode() * MANY):
        assert evidence_reason(raw, ()) == ""
        assert evidence_reason(b"{" + raw + b"}", ()) == ""
    both = b'{"%b": "%b", "plaintext": "x"}' % (SIG.encode(), SECRET.encode())
    assert evidence_reason(b'"plaintext"' * MANY + both, ()) == "its secrets are not encrypted"
    assert evidence_reason(b'{"plaintext":"x","%b":"%b"}' % (SIG.encode(), SECRET.encode()), ()) != ""


def test_secrets_a_hundred_thousand_times() -> None:
    sealed = b'{"%b":"%b","ciphertext":"x"}' % (SIG.encode(), SECRET.encode())
    found = opened_json(b"[" + b",".join([sealed] * MANY) + b"]", lambda _text: b'"y"')
    assert found.count(b'"plaintext":"\\"y\\""') == MANY
    opened_json(b'{"a":%b,"ciphertext":"%b' % (sealed[:-1], b"\\x" * MANY), lambda _text: b'"y"')


def test_texts_that_are_taken_apart() -> None:
    assert parse_path(".".join(["a"] * MANY)) == ("a",) * MANY
    assert parse_path('["' + "x" * MANY + '"]') == ("x" * MANY,)
    assert parse_path("[" * MANY) is None
    assert parse_path("[+-5]") is None
    assert strip_color_tags("<{%x%}>" * MANY) == ""
    assert strip_color_tags("<{%" * MANY) == "<{%" * MANY
    assert undo_methods(b"\x80\x04undo_" + b"(" * MANY) == frozenset()


def test_a_pattern_of_brackets() -> None:
    names = Names(decoded(b"{}").resources)
    assert names.meant("[" * MANY) == frozenset()
    assert names.meant("urn:*[a-c]") == frozenset(["urn:pulumi:dev::p::t:m:R::a"])


def test_a_long_secret_that_is_quoted_whole_and_cut() -> None:
    secret = "".join(f"{number * 7919 % 100_003:05}abcdefg" for number in range(40_000))
    redact = Redactor(more=[secret])
    assert len(redact(f"<{secret}>")) == len("<[secret]>")
    assert len(redact(f"<{secret[12:-12]}>")) == len("<[secret]>")


def test_a_block_that_stands_thousands_of_times_in_a_text() -> None:
    """Each of them once was a level of recursion."""
    link = make_link("u", "i", {"text": "first line\nsecond"}, "j", {"text": "third\nfourth"}, preview=True)
    text = "first line\nsecond\n--\n" * 3_000
    assert Relinker([link], direct=False).apply({"a": text}).value == {"a": "third\nfourth\n--\n" * 3_000}


def test_tokens_in_one_long_word() -> None:
    link = make_link("u", "logs-id", {}, "other-id", {}, preview=True)
    Relinker([link], direct=False).apply({"a": "logs-id-" * 20_000, "b": "logs-id:5/" * 20_000})


# -- what processes answer --------------------------------------------------------------------------------------------


def test_lines_are_put_together_in_linear_time_and_cut() -> None:
    lines = Lines(1 << 20)
    found = [line for _ in range(20_000) for line in lines.feed(b"x" * 500)]
    assert found == []
    assert lines.feed(b"\nshort\nbegun") == [b"x" * (1 << 20), b"short"]
    assert lines.rest() == b"begun"


@pytest.mark.parametrize(
    "line", [b"", b"nonsense", b"[]", DEEP, b'{"end": 1}', b'{"progress": [1, 2]}', b"\xff"], ids=SHORT
)
def test_an_answer_that_is_none(line: bytes) -> None:
    with pytest.raises(CallbackError, match="restore: its process sent an invalid answer"):
        message_of(line, "restore")


@pytest.mark.parametrize(
    "plan", [b"", b"[]", DEEP, b'{"resourcePlans": {"u": 1}}', b"\xff", b'{"resourcePlans": [1]}'], ids=SHORT
)
def test_a_plan_of_the_engine_that_is_none(plan: bytes) -> None:
    with pytest.raises(EngineError, match="the engine's plan can't be read"):
        constrain_plan(plan, ReplayReport())


def test_numbers_beyond_all_measure() -> None:
    """JSON has them, and Python takes them for whole numbers that no float can hold."""
    huge = decoded(b'{"a": 1%b, "text": "{\\"x\\": 1%b}"}' % (b"0" * 400, b"0" * 400))
    goal = build_goal(huge, huge, project="p", stack="dev")
    verify(goal, replayed(goal), huge, huge)
    link = make_link("u", "i", {"n": 10**400}, "j", {"n": 10**401}, preview=True)
    Relinker([link]).apply(huge.resources[0].decoded_inputs())
    Redactor(more=[str(10**400)])


def test_bytes_that_are_no_text_within_a_state() -> None:
    """They are skipped when a state is decoded, and met when a resource is looked into."""
    for bad in (b'"\xff"', b'"\\ud800"'):
        with pytest.raises(CheckpointError):
            decoded(b'{"a": %b}' % bad).resources[0].decoded_inputs()
        with contextlib.suppress(CheckpointError):  # whether they differ may be told from the bytes
            diff_checkpoints(decoded(b'{"a": %b}' % bad), decoded(b'{"a": 1, "b": %b}' % bad))
    assert msgspec.json.decode(b'"\\u00e9"') == "é"
