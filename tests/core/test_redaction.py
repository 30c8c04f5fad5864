"""Secrets in text that others wrote are masked in whatever form they are quoted, and nothing else is."""

from __future__ import annotations

import base64
import binascii
import html
import json
import random
import shlex
import string
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pulumi_rewind.secrets.redaction import Redactor
from pulumi_rewind.state.values import MASK

pure = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])

PEM = (
    "-----BEGIN TEST KEY-----\nMIIEvAIBADANBgkqhkiG9w0QUJDREVGR0hJSktMTU5P\n"
    "c2VjcmV0LWxpbmUtdHdvLW9mLXRoZS1rZXktMTIzNDU2\n-----END TEST KEY-----\n"
)


def _base64(before: str) -> Callable[[str], str]:
    return lambda secret: base64.b64encode((before + secret).encode()).decode()


ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "json": json.dumps,
    "json, not ascii": lambda secret: json.dumps(secret, ensure_ascii=False),
    "json in json": lambda secret: json.dumps(json.dumps({"key": secret})),
    "repr": repr,
    "repr of bytes": lambda secret: repr(secret.encode()),
    "base64": _base64(""),
    "base64, one byte before": _base64("a"),
    "base64, two bytes before": _base64("a:"),
    "base64, for URLs": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    "base64, unpadded": lambda secret: base64.b64encode(secret.encode()).decode().rstrip("="),
    "base64 of json": lambda secret: base64.b64encode(json.dumps({"k": secret}).encode()).decode(),
    "base64 of base64": lambda secret: base64.b64encode(base64.b64encode(secret.encode())).decode(),
    "base64 after a path": lambda secret: "v1/" + base64.b64encode(secret.encode()).decode(),
    "url": lambda secret: quote(secret, safe=""),
    "url, small letters": lambda secret: "".join(f"%{byte:02x}" for byte in secret.encode()),
    "url, form": quote_plus,
    "url of base64": lambda secret: quote(base64.b64encode(secret.encode()).decode(), safe=""),
    "hex": lambda secret: secret.encode().hex(),
    "hex, capital letters": lambda secret: secret.encode().hex().upper(),
    "hex, colons": lambda secret: binascii.hexlify(secret.encode(), ":").decode(),
    "shell": shlex.quote,
    "html": html.escape,
    "yaml": lambda secret: "key: |\n" + "".join(f"    {line}\n" for line in secret.splitlines()),
    "windows": lambda secret: secret.replace("\n", "\r\n"),
}
LETTERS = st.sampled_from(string.ascii_letters + string.digits)
SECRETS = st.one_of(
    st.text(LETTERS, min_size=8, max_size=60),
    st.text(
        st.sampled_from(string.ascii_letters + string.digits + "!@#$%^&*()-_=+[]{};:'\",.<>/?\\|` äß€😀"), min_size=9
    ),
    st.lists(st.text(LETTERS, min_size=16, max_size=64), min_size=2, max_size=6).map("\n".join),
)
AROUND = st.sampled_from(["", " ", "'", '"', "(", "failed: ", "value=", "…", "\n", "\t"])


@pure
@given(SECRETS, st.sampled_from(sorted(ENCODINGS)), AROUND, AROUND)
@example(PEM, "json in json", "", "")
@example(PEM, "yaml", "", "")
@example("p@ss/w0rd hunter5+value", "url", "postgres://app:", "@db:5432")
def test_no_form_of_a_secret_is_left(secret: str, how: str, before: str, after: str) -> None:
    """For every encoding: neither it nor a long part of it is in the text afterwards."""
    secret = secret.strip()
    if len(secret) < 8:
        return
    encoded = ENCODINGS[how](secret)
    out = Redactor(more=[secret])(f"{before}{encoded}{after}")
    assert MASK in out
    for line in encoded.splitlines():
        telling = line.strip("\"' ")
        for at in range(max(len(telling) - 15, 0)):
            piece = telling[at : at + 16]
            assert "-----" in piece or piece not in out or piece in before + after, (piece, out)
    assert secret not in out


@pure
@given(st.text(LETTERS, min_size=40, max_size=200).filter(lambda text: len(set(text)) > 12), st.data())
def test_a_secret_that_was_cut_short_is_masked(secret: str, data: st.DataObject) -> None:
    """Terminals, logs and providers cut what is long; a long part of it gives a secret away."""
    start = data.draw(st.integers(0, len(secret) - 32))
    stop = data.draw(st.integers(start + 32, len(secret)))
    how = data.draw(st.sampled_from(["plain", "json", "base64", "hex"]))
    out = Redactor(more=[secret])(f"bad value {ENCODINGS[how](secret[start:stop])}… (truncated)")
    assert secret[start + 8 : stop - 8] not in out
    assert MASK in out


ORDINARY = (
    "error: creating the deployment production/web (administrator) failed: trueish value onward, port 80800, "
    "kubernetes:core/v1:Secret, https://api.example.com/apis/v1/namespaces/default/deployments?dryRun=All&x=%2Fon%2F"
)


@pure
@given(st.lists(st.sampled_from(["on", "prod", "admin", "true", "80", "8080", "api", "core", "", "deploy", "x"])))
def test_short_secrets_leave_ordinary_text_alone(secrets: list[str]) -> None:
    """They are masked as whole words at most: what they are part of stays readable."""
    out = Redactor(more=secrets)(ORDINARY)
    for word in ("production", "administrator", "trueish", "onward", "80800", "deployments", "namespaces"):
        assert word in out
    assert Redactor(more=["prod"])("user prod, production") == f"user {MASK}, production"


@pure
@given(st.text(LETTERS, min_size=16), st.text(min_size=0, max_size=200))
def test_text_without_secrets_is_left_as_it_is(secret: str, text: str) -> None:
    """Whatever the text: nothing is masked that isn't a secret."""
    if secret.lower() not in text.lower():
        assert Redactor(more=[secret + "0a1b2c3d"])(text) == text


def test_what_secrets_have_in_common_is_no_secret() -> None:
    """The armour of keys and the keys of a configuration file stay readable."""
    text = "expected -----BEGIN TEST KEY----- in certificate-authority-data of the kubeconfig"
    kubeconfig = "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: MIIC1zCCAb8CFBmCZ0Kq\n"
    assert Redactor(more=[PEM, kubeconfig])(text) == text


@pytest.mark.serial
def test_thousands_of_secrets_cost_little() -> None:
    """3,000 secrets and 5,000 lines: the cost is that of the lines, not of both multiplied."""
    rnd = random.Random(7)

    def secret() -> str:
        return "".join(rnd.choices(string.ascii_letters + string.digits, k=rnd.choice((6, 12, 24, 64, 900))))

    words = (
        "kubernetes:core/v1:Secret",
        "failed",
        "to",
        "create",
        "https://api.example.com/v1/pods/web-7d4b9c",
        "us-1",
    )
    lines = [" ".join(rnd.choices(words, k=rnd.randint(4, 12))) for _ in range(5000)]

    def seconds(secrets: list[str]) -> float:
        began = time.process_time()
        redact = Redactor(more=secrets)
        for line in lines:
            redact(line)
        return time.process_time() - began

    few, many = seconds([secret() for _ in range(10)]), seconds([secret() for _ in range(3000)])
    assert many < 30 * few, (few, many)  # both multiplied would be 300 times as much
