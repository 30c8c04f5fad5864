"""Whole inputs of the kinds that others may write, for spoiling."""

from __future__ import annotations

import base64
import contextlib
import json
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pulumi_rewind.errors import RewindError
from pulumi_rewind.secrets.passphrase import Key
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.values import SECRET, SIG

RECORDINGS = Path(__file__).parents[1] / "support" / "tui" / "recordings"
URN = "urn:pulumi:dev::shop::aws:s3/bucket:Bucket::logs"
ROOT = "urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev"
PROVIDER = "urn:pulumi:dev::shop::pulumi:providers:aws::default_7_0_0"
KEY = Key(AESGCM(bytes(32)))
SEALED = KEY.seal(b'"s3cr3t-value"')


@dataclass(frozen=True)
class Target:
    """One kind of input."""

    seeds: tuple[bytes, ...]
    run: Callable[[bytes], None]


def resource(name: str, type_: str = "aws:s3/bucket:Bucket", **fields: Any) -> dict[str, Any]:
    urn = f"urn:pulumi:dev::shop::{type_}::{name}"
    return {"urn": urn, "type": type_, "custom": True, "id": f"{name}-id", "parent": ROOT, **fields}


class Code:
    """Stands for a dynamic provider."""

    def undo_create(self) -> None:
        """Found by its name."""


def whole_states() -> Iterator[dict[str, Any]]:
    """Checkpoints in which each special kind of value and each field of a resource stands somewhere."""
    secret = {SIG: SECRET, "ciphertext": SEALED}
    opened = {SIG: SECRET, "plaintext": '{"user": "ada", "password": "hunter2-hunter2"}'}
    asset = {SIG: "c44067f5952c0a294b673a41bacd8c17", "path": "a.txt", "hash": "0" * 64}
    archive = {SIG: "0def7320c3a5731c473e5ecbe6d01bc7", "assets": {"a": {**asset, "text": "logs-id", "path": ""}}}
    reference = {SIG: "5cf8f73096256a8f31e491e813e4eb8e", "urn": URN, "id": "logs-id", "packageVersion": ""}
    number = {SIG: "8ad145fe-0d11-4827-bfd7-1abcbf086f5c", "value": "7ff8000000000001"}
    output = {SIG: "d0e6a833031e9bbcd3f4e8bde6ca49a4", "value": "x", "dependencies": [URN]}
    policy = json.dumps({"Version": "2012", "Statement": [{"Effect": "Allow", "Resource": "arn:aws:s3:::logs-id/*"}]})
    for hidden in (secret, opened):
        yield {
            "version": 3,
            "features": ["taint"],
            "checkpoint": {
                "stack": "organization/shop/dev",
                "latest": {
                    "manifest": {"time": "2026-11-24T10:30:18Z", "magic": "m", "version": "v3.276.0"},
                    "secrets_providers": {"type": "passphrase", "state": {"salt": f"v1:AAAAAAAAAAA=:{SEALED}"}},
                    "resources": [
                        {"urn": ROOT, "type": "pulumi:pulumi:Stack", "custom": False, "outputs": {"url": "logs-id"}},
                        {
                            "urn": PROVIDER, "type": "pulumi:providers:aws", "custom": True, "id": "p-1",
                            "inputs": {"version": "7.0.0", "region": "eu", "__internal": '{"pluginDownloadURL": "u"}'},
                        },
                        resource(
                            "logs", provider=f"{PROVIDER}::p-1", inputs={"name": "logs", "__defaults": ["name"]},
                            outputs={"arn": "arn:aws:s3:::logs-id", "port": 5432, "name": "logs", "id": "logs-id"},
                        ),
                        resource(
                            "policy", "aws:iam/policy:Policy", provider=f"{PROVIDER}::p-1", dependencies=[URN],
                            propertyDependencies={"policy": [URN], "rules": None},
                            inputs={
                                "policy": policy, "password": hidden, "code": asset, "all": archive, "ref": reference,
                                "rules": [{"name": "a", "port": 80}, {"name": "b", "port": 443, "cidr": "10.0.0.0/8"}],
                                "nan": number, "out": output, "user": "export B=logs-id\nport: 5432\n", "on": True,
                            },
                            outputs={"password": hidden, "id": "policy-id"}, ignoreChanges=["rules[*].cidr", 'a["b"]'],
                            aliases=[URN], customTimeouts={"create": 60}, replacementTrigger={"a": [1]},
                            stackTrace=[{"sourcePosition": "project:///main.py#1,2"}], deletedWith=URN,
                        ),
                        resource(
                            "made", "pulumi-python:dynamic:Resource",
                            inputs={"__provider": base64.b64encode(pickle.dumps(Code)).decode(), "n": 1},
                        ),
                        {**resource("logs"), "id": "older", "delete": True},
                    ],
                    "pending_operations": [{"type": "creating", "resource": resource("queue")}],
                    "metadata": {"integrity_error": None},
                },
            },
        }  # fmt: skip


def encoded(document: Any) -> bytes:
    return json.dumps(document).encode()


STATES = tuple(encoded(state) for state in whole_states())
EXPORT = encoded({"version": 3, "deployment": json.loads(STATES[0])["checkpoint"]["latest"]})


def recorded(pattern: str, limit: int = 60_000) -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for path in sorted(RECORDINGS.rglob(pattern)) if path.stat().st_size < limit)


def opened(raw: bytes) -> Checkpoint:
    return decode_checkpoint(raw, source="fuzzed", decrypted=True)


@contextlib.contextmanager
def ours() -> Iterator[None]:
    """For one of several questions to the same input."""
    with contextlib.suppress(RewindError):
        yield
