"""Whether two stored checkpoints say the same about the resources, found out as cheaply as possible.

Nearly always the answer is in the bytes: a DIY backend keeps with each update a copy of the state file.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

_HEAD: Final = re.compile(
    rb'\{"version":\d+,(?:"features":\[[^\]]*\],)?(?:"checkpoint":\{"stack":"[^"\\]*","latest"|"deployment"):\{'
    rb'("manifest":\{[^{}]*\})'
)
"""How a checkpoint begins as Pulumi writes it, up to the end of the manifest."""

_PART: Final = 1 << 20
"""Bytes that are compared at once: the rest of a state as a whole would be a second copy of it."""

_NULL: Final = msgspec.Raw(b"null")


class _Body(msgspec.Struct):
    latest: dict[str, msgspec.Raw] | None = None


class _File(msgspec.Struct):
    checkpoint: _Body | None = None
    deployment: dict[str, msgspec.Raw] | None = None


def same_bytes(one: bytes, other: bytes) -> bool:
    """Whether two checkpoints (decompressed) hold the same deployment.

    Left aside: the manifest (when and by which engine it was written), white space, the order of keys, and the two
    shapes of a checkpoint. Encrypted secrets count as written. What can't be decoded equals only its like.
    """
    if one == other or _same_but_manifest(one, other):
        return True
    try:
        left, right = _parts(one), _parts(other)
        return left.keys() == right.keys() and all(_same_value(left[key], right[key]) for key in left)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError):
        return False


def _same_but_manifest(one: bytes, other: bytes) -> bool:
    left, right = _HEAD.match(one), _HEAD.match(other)
    if left is None or right is None or len(one) - left.end() != len(other) - right.end():
        return False
    at, shift = left.end(), right.end() - left.end()
    return one[: left.start(1)] == other[: right.start(1)] and all(
        one[start : start + _PART] == other[start + shift : start + shift + _PART]
        for start in range(at, len(one), _PART)
    )


def _parts(raw: bytes) -> dict[str, msgspec.Raw]:
    file = msgspec.json.decode(raw, type=_File)
    if file.checkpoint is None and file.deployment is None:
        raise msgspec.ValidationError("not a checkpoint")
    parts = file.deployment or (file.checkpoint.latest if file.checkpoint else None) or {}
    return {key: value for key, value in parts.items() if key != "manifest" and value != _NULL}


def _same_value(one: msgspec.Raw, other: msgspec.Raw) -> bool:
    """Compares views: a copy of the resources would be as large as the state."""
    if one == other:
        return True
    if _first(one) == _first(other) == b"[":  # resources: stop at the first that differs
        mine, theirs = (msgspec.json.decode(value, type=list[msgspec.Raw]) for value in (one, other))
        return len(mine) == len(theirs) and all(
            a == b or _canonical(a) == _canonical(b) for a, b in zip(mine, theirs, strict=True)
        )
    return _canonical(one) == _canonical(other)


def _first(value: msgspec.Raw) -> bytes:
    return bytes(memoryview(value)[:1])


def _canonical(value: msgspec.Raw) -> bytes:
    return msgspec.json.encode(msgspec.json.decode(value), order="sorted")
