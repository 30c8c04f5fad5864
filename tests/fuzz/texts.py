"""What is taken apart as text."""

from __future__ import annotations

import base64
import json
import pickle
from pathlib import Path

import msgspec

from pulumi_rewind.callbacks.state_code import embedded_code, undo_methods
from pulumi_rewind.goal.build import build_goal
from pulumi_rewind.history.targets import resolve_target
from pulumi_rewind.relinking.links import make_link
from pulumi_rewind.relinking.literals import Literals
from pulumi_rewind.relinking.relink import Relinker
from pulumi_rewind.relinking.text import block_at, json_parts, token_after, tokens, word_around
from pulumi_rewind.secrets.passphrase import salt_of
from pulumi_rewind.secrets.redaction import Redactor
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.naming import Names
from pulumi_rewind.state.property_path import keeping, parse_path
from tests.fuzz.seeds import KEY, SEALED, URN, Code, Target, encoded, opened, resource
from tests.support.filestore import FileStore


def text_targets(store: FileStore, live: Checkpoint) -> dict[str, Target]:
    """By name; `store` has three updates."""
    timeline = store.timeline()
    secrets = ("hunter2-hunter2", "line one\nline two is longer\n", "0123456789abcdefghijklmnopqrstuvwxyz0123456789")
    redact = Redactor([live], secrets)
    link = make_link(
        URN, "logs-id", {"arn": "arn:aws:s3:::logs-id", "port": 5432, "text": "first line\nsecond line"},
        "other-id", {"arn": "arn:aws:s3:::other-id", "port": 5433, "text": "third\nline"}, preview=True,
    )  # fmt: skip

    def text(raw: bytes) -> str:
        return raw.decode(errors="replace")

    def target(raw: bytes) -> None:
        resolve_target(timeline, text(raw))

    def find(raw: bytes) -> None:
        store.open().find(text(raw), "shop")

    def path(raw: bytes) -> None:
        parse_path(text(raw))
        keeping([text(raw)], {"rules": [{"a": 1}], "a": {"b": 2}}, {"rules": [{"a": 2}], "a": {"b": 3}})

    def selection(raw: bytes) -> None:
        Names(live.resources).meant(text(raw))
        build_goal(live, live, project="shop", stack="dev", only=(text(raw),))

    def redaction(raw: bytes) -> None:
        said = redact(text(raw))
        assert "hunter2-hunter2" not in said

    def relinking(raw: bytes) -> None:
        value = text(raw)
        Relinker([link], literals=lambda: Literals(live.resources), direct=False).apply({"a": value, "b": [value]})
        json_parts(value)
        for hit in tokens(value, ("logs-id", "5432")):
            word_around(value, hit.start, hit.end)
            token_after(value, hit.end)
            block_at(value, hit.start, "logs-id\nmore")

    def ciphertext(raw: bytes) -> None:
        salt_of(msgspec.Raw(raw))
        KEY.open(text(raw))

    def methods(raw: bytes) -> None:
        undo_methods(raw)
        source = base64.b64encode(raw).decode()
        state = {**resource("a", "pulumi-python:dynamic:Resource"), "inputs": {"__provider": source}}
        embedded_code(opened(encoded({"version": 3, "deployment": {"resources": [state]}})).resources[0], Path("/"))

    quoted = json.dumps(json.dumps({"password": secrets[0], "all": secrets[2]})).encode()
    escaped = b"https://x/?p=" + b"".join(b"%%%02x" % byte for byte in secrets[0].encode())
    plain = (
        b"cut: 0123456789abcdefghijklmno; "
        + base64.b64encode(secrets[2].encode())
        + b" "
        + secrets[2].encode().hex().encode()
    )
    policy = json.dumps(
        {"Resource": ["arn:aws:s3:::logs-id/*"], "port": 5432, "x": json.dumps({"id": "logs-id"})}
    ).encode()
    block = b"key: logs-id\ntext: |\n    first line\n    second line\nweb-logs-id:5432\nDB_PORT=5432\n"
    packed = base64.b64encode(policy)
    return {
        "target": Target((b"#1", b"-1", b"@2026-11-23T14:00+01:00", b"last-good", b"11111", b"refs/tags/v1"), target),
        "name of a stack": Target((b"dev", b"shop/dev", b"organization/shop/dev"), find),
        "property path": Target((b'tags["k8s.io/owner"]', b"rules[*].cidr", b'a["b\\"c"][-1].d'), path),
        "name of a resource": Target((b"logs", b"!aws:s3*", b"*", URN.encode(), b"[a-c]*"), selection),
        "text with secrets": Target((quoted, escaped, plain, b"error: hunter2-hunter2 &amp; \\x68unter2"), redaction),
        "text with references": Target((policy, block, packed), relinking),
        "ciphertext and salt": Target((SEALED.encode(), encoded({"salt": f"v1:AAAAAAAAAAA=:{SEALED}"})), ciphertext),
        "pickled provider": Target((pickle.dumps(Code), pickle.dumps({"undo_create": [1, 2.5, b"x"]}, 0)), methods),
    }
