"""Relinking: recorded ids and outputs of a dependency replaced by what that dependency has in this run. Pure.

A `Link` knows one dependency's old values and their new ones; `relink` applies the links of the dependencies that a
property was computed from. Found are whole values and occurrences at token boundaries: in longer strings, nested
values, secrets, JSON in strings and base64 of text.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pulumi_rewind.values import (
    BYTE_STRING,
    OUTPUT,
    RESOURCE_REF,
    UNKNOWN,
    Json,
    damaged_value,
    is_secret,
    is_unknown,
    kind_of,
    reveal,
)

MIN_SUBSTRING = 6
"""Shorter values are replaced as whole values alone: inside a string they would match by accident."""

LONG = 1000
"""Longer values are looked for one by one: a pattern of megabytes would take minutes to compile."""

MIN_NUMBER = 1000
"""Smaller numbers are too common to be taken for a dependency's output."""


@dataclass(frozen=True)
class Link:
    """What one dependency was and is: old value → new value, `UNKNOWN` where a preview can't tell."""

    urn: str
    old_id: str = ""
    new_id: str = ""
    """`UNKNOWN` in a preview that will create or replace it."""
    values: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[float, float | str] = field(default_factory=dict)

    @property
    def id_changes(self) -> bool:
        """Whether the physical object is another one than recorded."""
        return bool(self.old_id) and self.old_id != self.new_id

    @property
    def moved(self) -> bool:
        """Whether any of its values is another one than recorded."""
        return any(old != new for old, new in self.values.items()) or any(
            old != new for old, new in self.numbers.items()
        )


@dataclass(frozen=True)
class Relinked:
    """A value after relinking."""

    value: Json
    changed: bool
    found: frozenset[str]
    """URNs of the dependencies of which some value, changed or not, was found inside."""


def make_link(
    urn: str,
    old_id: str,
    old_outputs: Mapping[str, Json],
    new_id: str,
    new_outputs: Mapping[str, Json],
    *,
    preview: bool,
) -> Link:
    """Pairs the leaves of recorded and present outputs by their path.

    Outputs are JSON with signatures; secrets are looked into. In a preview a missing new output counts as unknown.
    """
    values: dict[str, str] = {}
    numbers: dict[float, float | str] = {}
    for path, old in _leaves(reveal(dict(old_outputs))):
        new = _at(new_outputs, path, preview)
        if isinstance(old, str) and old and isinstance(new, str):
            # The same old value under two outputs: an unchanged one wins, an id below beats both.
            if old not in values or new == old:
                values[old] = new
        elif _is_number(old) and abs(old) >= MIN_NUMBER and (new == UNKNOWN or _is_number(new)):
            numbers.setdefault(float(old), new)
    if old_id:
        fresh = new_id or (UNKNOWN if preview else "")
        if fresh:
            values[old_id] = fresh
        return Link(urn, old_id, fresh, values, numbers)
    return Link(urn, "", "", values, numbers)


def _is_number(value: Json) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool)


def _leaves(value: Json, path: tuple[str | int, ...] = ()) -> Iterable[tuple[tuple[str | int, ...], Json]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, (*path, index))
    else:
        yield path, value


def _at(value: Any, path: tuple[str | int, ...], preview: bool) -> Json:
    missing = UNKNOWN if preview else None
    current: Any = value
    for part in path:
        current = reveal(current) if is_secret(current) else current
        if is_unknown(current):
            return UNKNOWN
        if isinstance(current, Mapping) and isinstance(part, str):
            if part not in current:
                return missing
            current = current[part]
        elif isinstance(current, list) and isinstance(part, int):
            if part >= len(current):
                return missing
            current = current[part]
        else:
            return missing
    current = reveal(current) if is_secret(current) else current
    return UNKNOWN if is_unknown(current) else current


class Relinker:
    """Applies a set of links to values; make one per property and reuse it for nested values."""

    def __init__(self, links: Sequence[Link], *, references: Mapping[str, tuple[str, str]] | None = None) -> None:
        self._references = references or {}
        self._whole: dict[str, tuple[str, str]] = {}
        self._numbers: dict[float, tuple[float | str, str]] = {}
        for link in links:
            for old, new in link.values.items():
                known = self._whole.get(old)
                if known is None or old == link.old_id:
                    self._whole[old] = (new, link.urn)
            for number, fresh in link.numbers.items():
                self._numbers.setdefault(number, (fresh, link.urn))
        parts = sorted((text for text in self._whole if len(text) >= MIN_SUBSTRING), key=len, reverse=True)
        for text in list(parts):
            for escaped in (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]):
                if escaped != text and escaped not in self._whole:
                    new, urn = self._whole[text]
                    self._whole[escaped] = (new if is_unknown(new) else json.dumps(new)[1:-1], urn)
                    parts.append(escaped)
        parts.sort(key=len, reverse=True)
        self._long = [text for text in parts if len(text) > LONG]
        parts = parts[len(self._long) :]
        self._pattern = (
            re.compile(r"(?<![A-Za-z0-9])(?:" + "|".join(map(re.escape, parts)) + r")(?![A-Za-z0-9])")
            if parts
            else None
        )

    def apply(self, value: Json) -> Relinked:
        """The value with everything replaced that the links know."""
        if not self._whole and not self._numbers and not self._references:
            return Relinked(value, False, frozenset())
        found: set[str] = set()
        new = self._value(value, found)
        return Relinked(new, new != value, frozenset(found))

    def _value(self, value: Json, found: set[str]) -> Json:
        if isinstance(value, str):
            return self._string(value, found)
        if isinstance(value, list):
            return [self._value(item, found) for item in value]
        if isinstance(value, dict):
            return self._object(value, found)
        if isinstance(value, float | int) and not isinstance(value, bool):
            known = self._numbers.get(float(value))
            if known is not None:
                found.add(known[1])
                return known[0]
        return value

    def _object(self, value: dict[str, Json], found: set[str]) -> Json:
        kind = kind_of(value)
        if kind is None:
            return {key: self._value(item, found) for key, item in value.items()}
        if is_secret(value):
            text = value.get("plaintext")
            if not isinstance(text, str):
                return value
            try:
                inside = json.loads(text)
            except (ValueError, RecursionError):
                raise damaged_value("a secret") from None
            new = self._value(inside, found)
            return value if new == inside else {**value, "plaintext": json.dumps(new, ensure_ascii=False)}
        if kind == RESOURCE_REF:
            known = self._references.get(str(value.get("urn")))
            if known is None:
                return value
            urn, new_id = known
            found.add(str(value.get("urn")))
            return {**value, "urn": urn, **({"id": new_id or UNKNOWN} if value.get("id") else {})}
        if kind == OUTPUT and "value" in value:
            return {**value, "value": self._value(value["value"], found)}
        if kind == BYTE_STRING:
            return value
        # Assets and archives: text may hold an id, paths and hashes may not.
        if isinstance(value.get("text"), str):
            new = self._string(value["text"], found)
            if new != value["text"] and not is_unknown(new):
                return {key: item for key, item in value.items() if key != "hash"} | {"text": new}
        if isinstance(value.get("assets"), dict):
            inner = {key: self._value(item, found) for key, item in value["assets"].items()}
            if inner != value["assets"]:
                return {key: item for key, item in value.items() if key != "hash"} | {"assets": inner}
        return value

    def _string(self, text: str, found: set[str]) -> str:
        whole = self._whole.get(text)
        if whole is not None:
            found.add(whole[1])
            return whole[0]
        new = self._inside(text, found)
        if new is not UNKNOWN and new[:1] in "{[" and new[-1:] in "}]" and new:
            new = self._json(new, found)
        if new == text:
            new = self._base64(text, found)
        return new

    def _inside(self, text: str, found: set[str]) -> str:
        for old in self._long:
            at = text.find(old) if len(text) >= len(old) else -1
            while at >= 0:
                before, after = text[:at], text[at + len(old) :]
                if not _ALPHANUMERIC.match(before[-1:]) and not _ALPHANUMERIC.match(after[:1]):
                    new, urn = self._whole[old]
                    found.add(urn)
                    pieces = (self._inside(before, found), new, self._inside(after, found))
                    return UNKNOWN if any(map(is_unknown, pieces)) else "".join(pieces)
                at = text.find(old, at + 1)
        if self._pattern is None:
            return text
        unknown = False

        def swap(hit: re.Match[str]) -> str:
            nonlocal unknown
            new, urn = self._whole[hit.group()]
            found.add(urn)
            unknown = unknown or is_unknown(new)
            return new

        new = self._pattern.sub(swap, text)
        return UNKNOWN if unknown else new  # a partly unknown string can't be expressed

    def _json(self, text: str, found: set[str]) -> str:
        """Short values and numbers as leaves of JSON text, where text replacement doesn't reach."""
        try:
            inside = json.loads(text)
        except ValueError:
            return text
        new = self._leaf(inside, found)
        if new == inside:
            return text
        if any(is_unknown(leaf) for _, leaf in _leaves(new)):
            return UNKNOWN
        compact = '": ' not in text and ", " not in text
        if text[1:2] == "\n":
            first = text[2:]
            return json.dumps(new, indent=len(first) - len(first.lstrip(" ")), ensure_ascii=text.isascii())
        return json.dumps(new, separators=(",", ":") if compact else (", ", ": "), ensure_ascii=text.isascii())

    def _leaf(self, value: Json, found: set[str]) -> Json:
        if isinstance(value, dict):
            return {key: self._leaf(item, found) for key, item in value.items()}
        if isinstance(value, list):
            return [self._leaf(item, found) for item in value]
        if isinstance(value, str):
            known = self._whole.get(value)
            if known is not None:
                found.add(known[1])
                return known[0]
            return value
        return self._value(value, found)

    def _base64(self, text: str, found: set[str]) -> str:
        if len(text) < 8 or len(text) % 4 or not _BASE64.fullmatch(text):
            return text
        try:
            inside = base64.b64decode(text, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return text
        hits: set[str] = set()
        whole = self._whole.get(inside)
        new = whole[0] if whole else self._inside(inside, hits)
        if whole:
            hits.add(whole[1])
        found |= hits
        if new == inside:
            return text
        return UNKNOWN if is_unknown(new) else base64.b64encode(new.encode()).decode()


_ALPHANUMERIC = re.compile(r"[A-Za-z0-9]")

_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
