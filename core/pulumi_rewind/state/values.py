"""Property values as Pulumi stores them: signatures, secrets, unknowns.

A checkpoint holds plain JSON in which an object with the key `SIG` is not an object but
a secret, asset, archive, resource reference, byte string or special float.

Source: Pulumi checkpoint v3, ``sdk/go/common/resource/properties.go`` (facts only).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias, TypeGuard

import msgspec

from pulumi_rewind.errors import CheckpointError
from pulumi_rewind.system.nesting import DEEPEST, too_deep

SIG: Final = "4dabf18193072939515e22adb298388d"
"""The key that marks an object as a special value; its value selects the kind."""

SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a public marker
ASSET: Final = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE: Final = "0def7320c3a5731c473e5ecbe6d01bc7"
RESOURCE_REF: Final = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
BYTE_STRING: Final = "803fd3297a5875dc03ca845dda5d2a98"
SPECIAL_FLOAT: Final = "8ad145fe-0d11-4827-bfd7-1abcbf086f5c"

UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""The plain string that stands for "not known yet" on the wire and in events."""

UNKNOWNS: Final = frozenset(
    {
        UNKNOWN,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
"""All wire sentinels for unknown values, one for each JSON type."""

DEFAULTS: Final = "__defaults"
"""Where bridged providers list the keys that they filled in themselves."""

MASK: Final = "[secret]"
"""What stands in place of a secret wherever something is shown."""

_SECRETS_WITHIN: Final = b"\\" * 15 + b'"' + SECRET.encode()
"""How a secret in a secret in a secret and so on is written: each has its own depth, and walks go through all."""

Json: TypeAlias = Any
"""A decoded JSON value, signatures still in place."""


def kind_of(value: object) -> str | None:
    """The signature of a special value, None for plain JSON."""
    if isinstance(value, dict):
        sig = value.get(SIG)
        return sig if isinstance(sig, str) else None
    return None


def is_secret(value: object) -> TypeGuard[dict[str, Json]]:
    """Whether a value is a secret, encrypted or not."""
    return isinstance(value, dict) and value.get(SIG) == SECRET


def is_unknown(value: object) -> bool:
    """Whether a value is one of the wire sentinels for "not known yet"."""
    return isinstance(value, str) and value in UNKNOWNS


def contains_secret(value: Json) -> bool:
    """Whether a secret stands anywhere inside a value."""
    return isinstance(value, dict | list) and any(is_secret(inner) for inner in walk(value))


def contains_unknown(value: Json) -> bool:
    """Whether an unknown stands anywhere inside a value."""
    return any(is_unknown(inner) for inner in walk(value))


def walk(value: Json) -> Iterator[Json]:
    """A value and everything inside it, special values included as they stand."""
    stack = [value]
    while stack:
        current = stack.pop()
        yield current
        if isinstance(current, dict):
            stack.extend(current.values())
        elif isinstance(current, list):
            stack.extend(current)


def same(old: Json, new: Json) -> bool:
    """Equality as JSON has it: true is not 1, 1 is 1.0."""
    if old is new:
        return True
    if old != new:
        return False
    if msgspec.json.encode(old) == msgspec.json.encode(new):
        return True
    return _same_types(old, new)  # Python takes true for 1


def _same_types(old: Json, new: Json) -> bool:
    """Whether two values that Python calls equal hold booleans in the same places."""
    if isinstance(old, dict):
        return all(_same_types(value, new[key]) for key, value in old.items())
    if isinstance(old, list):
        return all(map(_same_types, old, new))
    return isinstance(old, bool) == isinstance(new, bool)


def each(value: Json, change: Callable[[Json], Json]) -> Json:
    """An object or a list with every member changed; any other value as it is."""
    if isinstance(value, dict):
        return {key: change(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [change(inner) for inner in value]
    return value


def mask(value: Json) -> Json:
    """The same value with every secret replaced by ``[secret]``; for anything shown or hashed."""
    return MASK if is_secret(value) else each(value, mask)


def unmasked(value: Json, before: Json, changed: bool) -> Json:
    """A value of an engine's event with its masked secrets as they were `before`, unknown where they changed.

    `changed` says that the property is one of those that change.
    """
    if is_secret(value):
        if is_secret(before) and not changed:
            return before
        return {SIG: value[SIG], "plaintext": msgspec.json.encode(UNKNOWN).decode()}
    if isinstance(value, str) and MASK in value:  # the engine masks secret configuration wherever it stands
        return before if isinstance(before, str) and not changed else UNKNOWN
    if isinstance(value, dict):
        old = before if isinstance(before, dict) else {}
        return {key: unmasked(item, old.get(key), changed) for key, item in value.items()}
    if isinstance(value, list):
        olds = before if isinstance(before, list) and len(before) == len(value) else [None] * len(value)
        return [unmasked(item, old, changed) for item, old in zip(value, olds, strict=True)]
    return value


def decoded(raw: bytes | msgspec.Raw, what: str) -> Json:
    """JSON that was stored within a checkpoint and is looked into only now; `what` names it.

    Raises:
        CheckpointError: damaged, or nested too deeply.
    """
    try:
        text = bytes(raw)
        if not too_deep(text):
            return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        pass
    raise damaged_value(what)


def decoded_object(raw: bytes | msgspec.Raw) -> dict[str, Json] | None:
    """The same, where it is to be an object; None where it isn't, or is damaged."""
    try:
        found = decoded(raw, "the object")
    except CheckpointError:
        return None
    return found if isinstance(found, dict) else None


def as_float(number: float) -> float:
    """A number of JSON as the engine has it: whole ones beyond all measure are infinite."""
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


def content_of(secret: Mapping[str, Json]) -> Json:
    """What a decrypted secret holds: its ``plaintext`` is a JSON document.

    Raises:
        CheckpointError: it isn't one.
    """
    try:
        text = str(secret["plaintext"]).encode()
    except UnicodeEncodeError:
        raise damaged_value("a secret") from None
    if _SECRETS_WITHIN in text or too_deep(text, DEEPEST // 2):
        raise damaged_value("a secret")
    return decoded(text, "a secret")


def damaged_value(what: str) -> CheckpointError:
    """The error for a special value that holds what it can't hold; never says the value."""
    return CheckpointError(
        f"{what} in the checkpoint is damaged", hint="Choose another update, or restore the file from a backup."
    )


def reveal(value: Json) -> Json:
    """The same value with every decrypted secret replaced by what it holds.

    A secret that is still encrypted becomes ``[secret]``.
    """
    if is_secret(value):
        text = value.get("plaintext")
        if not isinstance(text, str):
            return MASK
        return reveal(content_of(value))
    return each(value, reveal)
