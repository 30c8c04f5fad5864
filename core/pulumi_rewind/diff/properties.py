"""What differs between two property values, path by path. Pure.

Values inside JSON text are compared as JSON, lists are aligned so that one inserted element is one change, secrets are
compared by what they hold, assets and archives by their hash.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import msgspec

from pulumi_rewind.diff.lists import align
from pulumi_rewind.state.show import readable, value_text
from pulumi_rewind.state.values import (
    DEFAULTS,
    MASK,
    SECRET,
    Json,
    contains_secret,
    is_secret,
    kind_of,
    mask,
    reveal,
    same,
)

Kind = Literal["added", "removed", "changed"]

PLAIN: Final = "[plain]"
"""What stands in place of the side that is no secret, where the other side is one."""


class Inside(enum.Enum):
    """A path's step into a string: what follows is a path in the JSON that the string holds."""

    JSON = "{json}"


JSON_TEXT: Final = Inside.JSON

Segment: TypeAlias = str | int | Inside


@dataclass(frozen=True)
class Edit:
    """One difference, not masked.

    Indices in a path count in the new list, save one: the last step of what is `removed` counts in the old list.
    """

    path: tuple[Segment, ...]
    kind: Kind
    old: Json
    new: Json
    secret: bool = False
    """Whether a value is, or holds, a secret; also where it is plain and stands for one."""
    comparable: bool = True
    """False: an encrypted secret; whether it changed can't be told."""


def edits(old: Json, new: Json, path: tuple[Segment, ...] = (), *, noise: bool = False) -> Iterator[Edit]:
    """Every difference from old to new.

    With `noise` also what means nothing by itself: the bookkeeping of providers (``__defaults``) and JSON text that
    is only written differently.
    """
    if isinstance(old, dict) or isinstance(new, dict):
        yield from _dicts(old, new, path, noise)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _lists(old, new, path, noise)
    elif isinstance(old, str) and isinstance(new, str):
        if old != new:
            yield from _strings(old, new, path, noise)
    elif not same(old, new):
        yield Edit(path, "changed", old, new, contains_secret(old) or contains_secret(new))


def _dicts(old: Json, new: Json, path: tuple[Segment, ...], noise: bool) -> Iterator[Edit]:
    """What is an object on a side: a secret, another special value, or a plain object."""
    one, other = kind_of(old), kind_of(new)
    if SECRET in (one, other):
        yield from _secrets(old, new, path)
    elif one is None and other is None and isinstance(old, dict) and isinstance(new, dict):
        yield from _objects(old, new, path, noise)
    elif one is None or one != other or not _same_special(old, new):
        yield Edit(path, "changed", old, new, contains_secret(old) or contains_secret(new))


def _same_special(old: dict[str, Json], new: dict[str, Json]) -> bool:
    """Assets and archives are their content; where a hash is missing, and for all else, every part counts."""
    if old.get("hash") and new.get("hash"):
        return bool(old["hash"] == new["hash"])
    return same(old, new)


def _secrets(old: Json, new: Json, path: tuple[Segment, ...]) -> Iterator[Edit]:
    """A secret is one value: paths inside it would tell how it is made."""
    if not (is_secret(old) and is_secret(new)):
        yield Edit(path, "changed", old, new, secret=True)
        return
    one, other = old.get("plaintext"), new.get("plaintext")
    if isinstance(one, str) and isinstance(other, str):
        if one != other and not _same_secret(one, other):
            yield Edit(path, "changed", old, new, secret=True)
        return
    cipher = old.get("ciphertext")
    if cipher is None or cipher != new.get("ciphertext"):
        yield Edit(path, "changed", old, new, secret=True, comparable=False)


def _same_secret(one: str, other: str) -> bool:
    """Whether two texts are the same JSON document, however it is written and whatever else it hides."""
    try:
        old, new = msgspec.json.decode(one), msgspec.json.decode(other)
    except (msgspec.DecodeError, RecursionError):
        return False
    return next(edits(old, new, noise=True), None) is None


def _objects(old: dict[str, Json], new: dict[str, Json], path: tuple[Segment, ...], noise: bool) -> Iterator[Edit]:
    if same(old, new):
        return
    for key, value in old.items():
        if key == DEFAULTS and not noise:
            continue
        if key in new:
            other = new[key]
            if value is not other:
                yield from edits(value, other, (*path, key), noise=noise)
        else:
            yield Edit((*path, key), "removed", value, None, contains_secret(value))
    for key, value in new.items():
        if key not in old and (key != DEFAULTS or noise):
            yield Edit((*path, key), "added", None, value, contains_secret(value))


def _lists(old: list[Json], new: list[Json], path: tuple[Segment, ...], noise: bool) -> Iterator[Edit]:
    if same(old, new):
        return
    # In a list of secrets a plain element may be one of them that stopped or began to be a secret.
    sealed = any(map(is_secret, old)) or any(map(is_secret, new))
    for left, right in align(old, new, noise=noise):
        if right is None:
            assert left is not None
            yield Edit((*path, left), "removed", old[left], None, sealed or contains_secret(old[left]))
        elif left is None:
            yield Edit((*path, right), "added", None, new[right], sealed or contains_secret(new[right]))
        else:
            yield from _elements(old[left], new[right], (*path, right), noise, sealed)


def _elements(old: Json, new: Json, path: tuple[Segment, ...], noise: bool, sealed: bool) -> Iterator[Edit]:
    if isinstance(old, dict) and isinstance(new, dict) and not old.keys() & new.keys():
        if old or new:  # another element in the same place rather than an edited one
            yield Edit(path, "changed", old, new, sealed or contains_secret(old) or contains_secret(new))
        return
    for edit in edits(old, new, path, noise=noise):
        if sealed and not edit.secret:
            edit = Edit(edit.path, edit.kind, edit.old, edit.new, secret=True)
        yield edit


def _strings(old: str, new: str, path: tuple[Segment, ...], noise: bool) -> Iterator[Edit]:
    one = json_inside(old)
    other = json_inside(new) if one is not None else None
    if other is None or type(one) is not type(other):
        yield Edit(path, "changed", old, new)
        return
    found = False
    for edit in edits(one, other, (*path, JSON_TEXT), noise=True):
        found = True
        yield edit
    if noise and not found:
        yield Edit(path, "changed", old, new)


def json_inside(text: str) -> Any | None:
    """The object or list that a string holds as JSON text, None if it doesn't."""
    ends = text.strip(" \t\r\n")
    if ends[:1] + ends[-1:] not in ("{}", "[]"):
        return None
    try:
        value = msgspec.json.decode(ends)  # stricter than json: no NaN, no lone surrogates
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


_SPECIAL_CHARACTERS: Final = frozenset('.[]"{}')


def path_text(path: Sequence[Segment]) -> str:
    """A path as one safe line: ``inputs.tags.Name``, ``inputs.policy{json}.Statement[0]``, ``inputs["a.b"]``."""
    out = ""
    for segment in path:
        if isinstance(segment, Inside):
            out += segment.value
        elif isinstance(segment, int):
            out += f"[{segment}]"
        elif segment.isascii() and segment.isidentifier():  # most are; what follows looks closer
            out += f".{segment}" if out else segment
        elif not segment or _SPECIAL_CHARACTERS.intersection(segment) or any(map(str.isspace, segment)):
            out += f"[{json.dumps(segment, ensure_ascii=not segment.isprintable())}]"
        elif not segment.isprintable():
            out += f"[{json.dumps(segment)}]"
        else:
            out += f".{segment}" if out else segment
    return out


def shown(edit: Edit, *, secrets: bool) -> tuple[Json, Json]:
    """Both sides of an edit for showing: secrets masked or in the clear, special values in words."""
    if secrets:
        old, new = readable(opened(edit.old)), readable(opened(edit.new))
        if edit.kind == "changed" and old == new:  # only its being a secret changed
            old, new = (side if contains_secret(raw) else f"{PLAIN} {value_text(side, limit=10_000)}"
                        for raw, side in ((edit.old, old), (edit.new, new)))  # fmt: skip
        return old, new
    if not edit.secret:
        return readable(edit.old), readable(edit.new)
    return _masked(edit, edit.old), _masked(edit, edit.new)


def opened(value: Json) -> Json:
    """A value with its decrypted secrets in the clear; what can't be opened stays masked."""
    try:
        return reveal(value)
    except (msgspec.DecodeError, RecursionError):  # not written by the engine: stays closed
        return mask(value)


def _masked(edit: Edit, value: Json) -> Json:
    """A side of an edit that has to do with secrets; its plain side may hold the same value and stays hidden too."""
    if value is None and edit.kind != "changed":
        return None
    if contains_secret(value):
        return readable(mask(value))
    if edit.kind == "changed" and (contains_secret(edit.old) or contains_secret(edit.new)):
        return PLAIN
    return MASK
