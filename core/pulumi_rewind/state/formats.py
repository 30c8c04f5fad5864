"""The two shapes of a stored state: the file of a DIY backend, and what ``pulumi stack export`` prints. Pure."""

from __future__ import annotations

import msgspec

from pulumi_rewind.state.model import Checkpoint, StackRef


class _Body(msgspec.Struct):
    stack: str
    latest: msgspec.Raw


class _File(msgspec.Struct, omit_defaults=True):
    version: int
    checkpoint: _Body
    features: list[str] | None = None


class _Export(msgspec.Struct):
    version: int
    deployment: msgspec.Raw
    features: list[str] | None = None


def exported(raw: bytes) -> bytes:
    """A stored state in the shape that ``pulumi stack export`` prints and ``import`` reads."""
    document = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    if "deployment" in document:
        return raw
    body = msgspec.json.decode(document["checkpoint"], type=dict[str, msgspec.Raw])
    found = {"version": document["version"], "deployment": body.get("latest", msgspec.Raw(b"{}"))}
    if "features" in document:
        found["features"] = document["features"]
    return msgspec.json.encode(found)


def state_file(checkpoint: Checkpoint, stack: StackRef) -> bytes:
    """A checkpoint in the shape of a DIY backend's file, whichever of the two shapes it came in."""
    if b'"checkpoint"' in checkpoint.raw[:400]:
        return checkpoint.raw
    export = msgspec.json.decode(checkpoint.raw, type=_Export)
    body = _Body(f"organization/{stack.project}/{stack.name}", export.deployment)
    return msgspec.json.encode(_File(export.version, body, export.features))
