"""Spoils inputs: bytes anywhere, and the values, keys and levels of JSON trees. The same seed makes the same inputs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from pulumi_rewind.state.values import DEFAULTS, SIG

KINDS = (
    "1b47061264138c4ac30d75fd1eb44270", "c44067f5952c0a294b673a41bacd8c17", "0def7320c3a5731c473e5ecbe6d01bc7",
    "5cf8f73096256a8f31e491e813e4eb8e", "d0e6a833031e9bbcd3f4e8bde6ca49a4", "803fd3297a5875dc03ca845dda5d2a98",
    "8ad145fe-0d11-4827-bfd7-1abcbf086f5c", "nonsense",
)  # fmt: skip
KEYS = (
    SIG, DEFAULTS, "plaintext", "ciphertext", "value", "path", "hash", "assets", "text", "urn", "uri", "id", "name",
    "secure", "__internal", "version", "", "state", "salt", "provider", "dependencies", "inputs", "outputs", "type",
    "parameterization", "metadata", "op", "old", "new", "initErrors", "propertyDependencies", "parent", "__provider",
)  # fmt: skip
SCALARS: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**63, -(2**63), 2**64, 10**400, 0.5, -0.0, 1e308, float("nan"), float("inf"),
    "", " ", "\0", "\ud800", "é", "\u202e", "x" * 300, "[", "{", "null", '"x"', "{}", "[[]]", "9" * 30, "9" * 5000,
    "::", "urn:pulumi:dev::shop::a:b:C::d", "04da6b54-80e4-46f7-96ec-b56ff0331ba9", "[secret]", "%41", "\\u0041",
    "e30=", "v1:AAAA:AAAA", "v1:", "2026-11-23T14:00", "*", "../..", "/dev/zero",
)  # fmt: skip
CHUNKS = (
    b"{", b"}", b"[", b"]", b'"', b"\\", b":", b",", b"\0", b"\xff", b"\xed\xa0\x80", b"null", b"1e999", b"-", b"\n",
    b"\r", b"\t", b" ", b"&a ", b"*a", b"<<: ", b"? ", b"- ", b"!!python/object ", b"%", b"'", b"''", b"#", b"@", b"=",
    b"\xef\xbb\xbf", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x80\x04", b".", b"<{%", b"%}>", b"'''", b'"""', b"\\u00",
)  # fmt: skip
LEVELS = (3, 40, 150, 260, 600, 1_200)


class Mutator:
    """Makes inputs out of seeds."""

    def __init__(self, seed: str, seeds: Sequence[bytes]) -> None:
        self.random = Random(seed)
        self.seeds = seeds

    def made(self) -> bytes:
        """One more input; now and then a seed as it is."""
        raw = self.random.choice(self.seeds)
        if self.random.random() < 0.7:
            raw = self._as_tree(raw) or raw
        if self.random.random() < 0.45:
            for _ in range(self.random.choice((1, 1, 2, 4))):
                raw = self._bytes(raw)
        return raw

    # -- bytes --------------------------------------------------------------------------------------------------

    def _bytes(self, raw: bytes) -> bytes:
        some = self.random
        at = some.randrange(len(raw) + 1)
        to = min(len(raw), at + some.choice((1, 2, 8, 64, 500)))
        match some.randrange(9):
            case 0:
                return raw[:at]
            case 1:
                return raw[:at] + raw[to:]
            case 2:
                return raw[:at] + bytes((some.randrange(256),)) + raw[at + 1 :]
            case 3:
                return raw[:at] + some.choice(CHUNKS) + raw[at:]
            case 4:
                return raw[:at] + some.choice(CHUNKS) * some.choice((2, 20, 300, 2_000)) + raw[at:]
            case 5:
                return raw[:to] + raw[at:to] * some.choice((1, 2, 30)) + raw[to:]
            case 6:
                other = some.choice(self.seeds)
                return raw[:at] + other[some.randrange(len(other) + 1) :]
            case 7:
                return raw[:at] + raw[at:to].swapcase()[::-1] + raw[to:]
            case _:
                return raw[:at] + json.dumps(some.choice(SCALARS)).encode() + raw[to:]

    # -- trees --------------------------------------------------------------------------------------------------

    def _as_tree(self, raw: bytes) -> bytes | None:
        try:
            tree = json.loads(raw)
        except (ValueError, RecursionError):
            return None
        for _ in range(self.random.choice((1, 1, 2, 3, 8))):
            tree = self._changed(tree)
        try:
            return json.dumps(tree, separators=self.random.choice(((",", ":"), None))).encode()
        except (RecursionError, ValueError):
            return None

    def _changed(self, tree: Any) -> Any:
        """The tree with something else at one place, found on a random way down."""
        put: Callable[[Any], None] | None = None
        value = tree
        for _ in range(self.random.choice((1, 2, 3, 4, 6, 8, 12))):
            if isinstance(value, dict) and value:
                key = self.random.choice(list(value))
                put, value = self._setter(value, key), value[key]
            elif isinstance(value, list) and value:
                index = self.random.randrange(len(value))
                put, value = self._setter(value, index), value[index]
        new = self._other(value, tree)
        if put is None:
            return new
        put(new)
        return tree

    @staticmethod
    def _setter(holder: Any, key: Any) -> Callable[[Any], None]:
        return lambda new: holder.__setitem__(key, new)

    def _other(self, value: Any, tree: Any) -> Any:
        some = self.random
        match some.randrange(11):
            case 0 | 1:
                return some.choice(SCALARS)
            case 2:
                return {SIG: some.choice(KINDS), **self._object(value)}
            case 3:
                return [value] * some.choice((0, 1, 2, 30))
            case 4:
                return {some.choice(KEYS): value}
            case 5 if isinstance(value, dict):
                return {**value, some.choice(KEYS): some.choice(SCALARS)}
            case 5 | 6:
                try:
                    return json.dumps(value)
                except (RecursionError, ValueError):
                    return None
            case 7:
                for _ in range(some.choice(LEVELS[:4])):
                    value = [value] if some.random() < 0.5 else {some.choice(KEYS): value}
                return value
            case 8:
                return json.loads(json.dumps(some.choice(self._parts(tree))))
            case 9 if isinstance(value, str):
                at = some.randrange(len(value) + 1)
                return value[:at] + str(some.choice(SCALARS)) + value[at + some.randrange(3) :]
            case 9 if isinstance(value, list):
                return some.sample(value, len(value))
            case _ if isinstance(value, dict):
                return {key: item for key, item in value.items() if some.random() < 0.8}
            case _:
                return self._object(value)

    def _object(self, value: Any) -> dict[str, Any]:
        some = self.random
        return {some.choice(KEYS): some.choice((value, *SCALARS)) for _ in range(some.randrange(4))}

    @staticmethod
    def _parts(tree: Any) -> list[Any]:
        level, parts = [tree], [None]
        for _ in range(6):
            level = [
                inner
                for item in level
                if isinstance(item, dict | list)
                for inner in (item.values() if isinstance(item, dict) else item)
            ][:200]
            parts += level
        return parts
