"""What is kept of a failed update quotes no secret: known ones are masked, messages that may quote others left out."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulumi_rewind.records.withheld import SENTENCE, masked_events, withheld
from pulumi_rewind.secrets.redaction import Redactor
from pulumi_rewind.state.values import MASK, SECRET, SIG
from tests.support.checkpoints import STACK, urn

HIDDEN = {SIG: SECRET, "ciphertext": MASK}
"""How the engine writes a secret into its events."""


def step(kind: str, name: str, op: str, new: dict[str, Any], old: dict[str, Any] | None = None, **more: Any) -> str:
    sides = {
        "old": None if old is None else {"urn": urn(name), "inputs": old},
        "new": {"urn": urn(name), "inputs": new, "initErrors": more.pop("init", None)},
    }
    return json.dumps({kind: {"metadata": {"op": op, "urn": urn(name), "type": "t:m:R", **sides, **more}}})


def said(message: str, about: str = "", severity: str = "error") -> str:
    return json.dumps({"diagnosticEvent": {"urn": about, "message": message, "severity": severity}})


def log(*lines: str) -> bytes:
    return "\n".join(lines).encode()


QUOTES: dict[str, Callable[[str], str]] = {
    "plain": str,
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "url": lambda secret: quote(secret, safe=""),
    "json": lambda secret: json.dumps({"a": secret}),
    "reversed": lambda secret: secret[::-1],  # no decoding finds that
}


@settings(max_examples=100, deadline=None)
@given(
    st.text(st.sampled_from("abcdefghXYZ0123456789!/+"), min_size=8, max_size=40),
    st.sampled_from(sorted(QUOTES)),
    st.sampled_from(["failed", "begun"]),
    st.sampled_from([urn("new"), "", STACK["urn"]]),
    st.sampled_from(["error", "info#err", "debug"]),
)
def test_no_form_of_a_secret_of_a_failed_create_is_kept(
    secret: str, how: str, end: str, about: str, severity: str
) -> None:
    """Whatever the provider made of it, and wherever the message was filed."""
    quoted = QUOTES[how](secret)
    lines = [
        step("resourcePreEvent", "new", "create", {"key": HIDDEN}),
        said(f"rejected: {quoted}", about, severity),
        said("update failed"),
    ]
    if end == "failed":
        lines.append(step("resOpFailedEvent", "new", "create", {"key": HIDDEN}, init=[f"not ready: {quoted}"]))
    kept = masked_events(withheld(log(*lines)).log(log(*lines)), Redactor())
    assert quoted.encode() not in kept
    assert b"update failed" in kept


@settings(max_examples=100, deadline=None)
@given(
    st.text(st.sampled_from("abcdefghXYZ0123456789!/+"), min_size=8, max_size=40),
    st.sampled_from(sorted(set(QUOTES) - {"reversed"})),
)
def test_known_secrets_are_masked_in_all_that_is_kept(secret: str, how: str) -> None:
    """In messages, in what a provider says of an object that isn't ready, and in inputs that nobody called secret."""
    quoted = QUOTES[how](secret)
    lines = log(
        said(f"rejected: {quoted}", urn("web")),
        step("resOpFailedEvent", "web", "update", {"size": quoted}, {"size": "s"}, init=[f"not ready: {quoted}"]),
    )
    kept = masked_events(withheld(lines).log(lines), Redactor(more=[secret]))
    assert quoted.encode() not in kept
    assert secret.encode() not in kept
    for line in kept.splitlines():
        json.loads(line)


def test_messages_about_others_are_kept() -> None:
    """Of resources without secret inputs, and of those whose secrets a state has."""
    lines = log(
        step("resourcePreEvent", "plain", "create", {"size": "s"}),
        step("resourcePreEvent", "made", "create", {"key": HIDDEN}),
        step("resOutputsEvent", "made", "create", {"key": HIDDEN}),
        step("resourcePreEvent", "half", "create", {"key": HIDDEN}),
        step("resOpFailedEvent", "half", "create", {"key": HIDDEN}, init=["not ready"]),
        step("resourcePreEvent", "new", "create", {"key": HIDDEN}),
    )
    found = withheld(lines, entered={urn("half")})
    assert found.unknown == {urn("new")}
    for name in ("plain", "made", "half"):
        assert found.message(urn(name), "the quota is used up") == "the quota is used up"
    assert found.message(urn("new"), "the quota is used up") == SENTENCE
    assert withheld(b"").message("", "anything") == "anything"


@pytest.mark.parametrize(
    ("old", "changed", "unknown"),
    [
        ({"key": HIDDEN, "size": "s"}, ["size"], False),  # the secret is that of the state
        ({"key": HIDDEN, "size": "s"}, ["key"], True),
        ({"key": HIDDEN, "size": "s"}, [], True),  # the provider doesn't say
        ({"size": "s"}, ["size"], True),  # it became one
    ],
)
def test_an_update_that_failed_sent_what_the_state_has_unless_a_secret_changed(
    old: dict[str, Any], changed: list[str], unknown: bool
) -> None:
    new = {"key": HIDDEN, "size": "l"}
    lines = log(step("resOpFailedEvent", "web", "update", new, old, diffs=changed))
    assert (urn("web") in withheld(lines).unknown) == unknown


def test_a_line_that_is_no_event_is_not_kept() -> None:
    created = step("resourcePreEvent", "new", "create", {"key": HIDDEN})
    odd = json.dumps({"resOpFailedEvent": {"metadata": {"new": {"urn": {"a": 1}, "initErrors": ["no"]}}}})
    lines = log(created, '"hunter2"', "[1]", odd, said("all went well", urn("old")))
    kept = withheld(lines).log(lines).split(b"\n")
    assert [sorted(json.loads(line)) for line in kept] == [
        ["resourcePreEvent"], ["resOpFailedEvent"], ["diagnosticEvent"],
    ]  # fmt: skip


def test_a_document_with_a_secret_in_it_is_masked_where_it_is_dumped() -> None:
    """In the form of https://github.com/pulumi/pulumi-pulumiservice/issues/384, where a whole environment is printed,
    and of https://github.com/pulumi/pulumi-terraform-bridge/issues/3158, where the beginning of one is.
    """
    document = "values:\n  apiKey: DWedwije87dcweijdjj78e6ytgh\n  region: eu\n"
    dumped = f"error: invalid environment {json.dumps(document)}: unknown key"
    out = Redactor(more=[document])(dumped)
    assert "DWedwije87dcweijdjj78e6ytgh" not in out
    assert out.startswith("error: invalid environment ")
    assert out.endswith(": unknown key")
    pair = '{"username": "admin", "password": "correct-horse-battery-9"}'
    cut = f"expected string type, got {pair[:58]}... of type object"
    assert "correct-horse-bat" not in Redactor(more=[pair])(cut)


def test_a_step_that_sends_nothing_is_kept_as_it_is() -> None:
    """What the engine knows of it is masked by the engine; a long log of such steps costs nothing."""
    line = b'{"resourcePreEvent": {"metadata": {"op":"same", "urn": "quoted hunter2"}}}'
    redactor = Redactor(more=["hunter2"])
    assert masked_events(line, redactor) == line
    assert b"hunter2" not in masked_events(line.replace(b"same", b"update"), redactor)
