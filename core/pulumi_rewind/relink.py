"""Relinking: recorded ids and outputs of a dependency replaced by what that dependency has in this run. Pure.

A `Relinker` applies the links of the dependencies that a property was computed from. Touched is only what is known to
be theirs (see `links.Grade`): whole values, and whole tokens of longer text, JSON in text, base64 and indented blocks.
A key never changes. What may be theirs and can't be told from a literal stays, and is named in `Relinked.unsure`.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pulumi_rewind.links import MIN_SUBSTRING, Candidate, Grade, Link, make_link, tokens_of
from pulumi_rewind.literals import Literals
from pulumi_rewind.relink_text import JsonPart, block_at, is_key, json_parts, like_number, number_of
from pulumi_rewind.values import (
    BYTE_STRING,
    OUTPUT,
    RESOURCE_REF,
    SIG,
    UNKNOWN,
    Json,
    damaged_value,
    is_secret,
    is_unknown,
    kind_of,
)

__all__ = ["Link", "Relinked", "Relinker", "make_link"]

LONG: Final = 1000
"""Longer values are looked for one by one: a pattern of megabytes would take minutes to compile."""

_WATCHED: Final = 4
"""A number of so many digits inside text is no accident."""


@dataclass(frozen=True)
class Relinked:
    """A value after relinking."""

    value: Json
    changed: bool
    found: frozenset[str]
    """URNs of the dependencies of which some value, changed or not, was found inside."""
    unsure: frozenset[str] = frozenset()
    """Paths of what was left as it is, although it may come from something that has changed."""


@dataclass
class _Pass:
    """What one walk through a property finds."""

    alone: frozenset[str]
    """URNs whose short id stands in this property once, and nothing else of theirs."""
    found: set[str] = field(default_factory=set)
    used: set[tuple[str, str]] = field(default_factory=set)
    """Outputs (URN and key) that stand under their own name."""
    doubts: list[tuple[str, tuple[Candidate, ...]]] = field(default_factory=list)
    short: list[tuple[str, Candidate]] = field(default_factory=list)
    left: set[str] = field(default_factory=set)
    """Paths at which traces of something old remain."""


@dataclass(frozen=True)
class _Place:
    """Where a value stands."""

    path: str
    key: str
    top: bool = False
    """It is the whole property."""

    def under(self, key: str | int) -> _Place:
        if isinstance(key, int):
            return _Place(f"{self.path}[{key}]", self.key)
        return _Place(f"{self.path}.{key}", key)


class Relinker:
    """Applies a set of links to values; make one per property and reuse it for nested values.

    `direct` says that the links are recorded for this very property: a value that is nothing but an output then is
    that output. `literals` is asked only where an occurrence needs it.
    """

    def __init__(
        self,
        links: Sequence[Link],
        *,
        references: Mapping[str, tuple[str, str]] | None = None,
        literals: Callable[[], Literals] | None = None,
        direct: bool = True,
    ) -> None:
        self._references = references or {}
        self._literals = literals
        self._direct = direct
        self._links = [link for link in links if link.moved or link.renewed]
        self._renewed = [link for link in self._links if link.renewed]
        self._texts: dict[str, list[Candidate]] = {}
        self._numbers: dict[float, list[Candidate]] = {}
        self._flags: dict[bool, list[Candidate]] = {}
        for link in self._links:
            for one in link.candidates:
                self._add(one)
        inside = {
            text: None
            for text, found in self._texts.items()
            if len(text) >= MIN_SUBSTRING and max(one.grade for one in found) >= Grade.PLAIN
        }
        self._blocks = [text for text in inside if "\n" in text.strip("\n")]
        self._long = sorted((text for text in inside if "\n" not in text and len(text) > LONG), key=len, reverse=True)
        simple = [text for text in inside if "\n" not in text and len(text) <= LONG]
        self._pattern = tokens_of(simple) if simple else None
        watched = {
            text
            for number, found in self._numbers.items()
            if len(text := str(int(number) if number == int(number) else number)) >= _WATCHED
            and any(one.changed and not is_unknown(one.new) for one in found)
        }
        self._watched = tokens_of(watched) if watched else None
        words = [
            text for text, found in self._texts.items() if text not in inside and any(one.explains for one in found)
        ]
        self._words = tokens_of(words) if words else None

    def _add(self, one: Candidate) -> None:
        if isinstance(one.old, bool):
            self._flags.setdefault(one.old, []).append(one)
        elif isinstance(one.old, str):
            self._texts.setdefault(one.old, []).append(one)
            number = number_of(one.old)
            if number is not None and (one.is_id or one.grade is Grade.WEAK):
                self._numbers.setdefault(number, []).append(one)
        elif abs(one.old) < float("inf"):
            self._numbers.setdefault(float(one.old), []).append(one)

    def apply(self, value: Json, path: str = "") -> Relinked:
        """The value with everything replaced that the links know; `path` names the property in what it reports."""
        if not self._links and not self._references:
            return Relinked(value, False, frozenset())
        place = _Place(path, path.rsplit(".", 1)[-1], top=True)
        walk = _Pass(frozenset())
        new = self._value(value, place, walk)
        counts: dict[str, int] = {}
        for _, one in walk.short:
            counts[one.urn] = counts.get(one.urn, 0) + 1
        alone = frozenset(urn for urn, count in counts.items() if count == 1 and urn not in walk.found)
        if alone:
            walk = _Pass(alone)
            new = self._value(value, place, walk)
        return Relinked(new, new != value, frozenset(walk.found), self._unsure(walk))

    def _unsure(self, walk: _Pass) -> frozenset[str]:
        doubts = {path for path, one in walk.short if one.changed}
        for path, found in walk.doubts:
            if any(one.changed and (one.urn, one.key) not in walk.used for one in found):
                doubts.add(path)
        return frozenset(doubts | walk.left)

    # -- the walk -------------------------------------------------------------------------------------------------

    def _value(self, value: Json, at: _Place, walk: _Pass) -> Json:
        if isinstance(value, str):
            return self._string(value, at, walk)
        if isinstance(value, list):
            return [self._value(item, at.under(index), walk) for index, item in enumerate(value)]
        if isinstance(value, dict):
            return self._object(value, at, walk)
        if isinstance(value, bool):
            self._flag(value, at, walk)
        elif isinstance(value, float | int):
            return self._number(value, at, walk)
        return value

    def _object(self, value: dict[str, Json], at: _Place, walk: _Pass) -> Json:
        kind = kind_of(value)
        if kind is None:
            for key in value:
                self._key(key, at.path, walk)
            return {key: self._value(item, at.under(key), walk) for key, item in value.items()}
        if is_secret(value):
            text = value.get("plaintext")
            if not isinstance(text, str):
                return value
            try:
                inside = json.loads(text)
            except (ValueError, RecursionError):
                raise damaged_value("a secret") from None
            new = self._value(inside, at, walk)
            return value if new == inside else {**value, "plaintext": json.dumps(new, ensure_ascii=False)}
        if kind == RESOURCE_REF:
            known = self._references.get(str(value.get("urn")))
            if known is None:
                return value
            urn, new_id = known
            walk.found.add(str(value.get("urn")))
            return {**value, "urn": urn, **({"id": new_id or UNKNOWN} if value.get("id") else {})}
        if kind == OUTPUT and "value" in value:
            return {**value, "value": self._value(value["value"], at, walk)}
        if kind == BYTE_STRING:
            return value
        # Assets and archives: text may hold an id, paths and hashes may not.
        if isinstance(value.get("text"), str):
            new = self._string(value["text"], _Place(at.path, ""), walk)
            if new != value["text"] and not is_unknown(new):
                return {key: item for key, item in value.items() if key != "hash"} | {"text": new}
        if isinstance(value.get("assets"), dict):
            inner = {key: self._value(item, at.under(key), walk) for key, item in value["assets"].items()}
            if inner != value["assets"]:
                return {key: item for key, item in value.items() if key != "hash"} | {"assets": inner}
        return value

    def _key(self, key: str, path: str, walk: _Pass) -> None:
        """A key stays; one that holds something of an object that changes is named."""
        if key == SIG:
            return
        hits = [one for hit in self._hits(key) for one in self._texts[hit] if one.changed]
        if hits or any(link.left_in(key) for link in self._renewed):
            walk.left.add(path)

    def _hits(self, text: str) -> Iterable[str]:
        return (hit.group() for hit in self._pattern.finditer(text)) if self._pattern else ()

    def _flag(self, value: bool, at: _Place, walk: _Pass) -> None:
        known = [one for one in self._flags.get(value, ()) if not is_unknown(one.new)]
        if at.top and self._direct and any(one.changed and one.fits(at.key) for one in known):
            walk.left.add(at.path)

    def _number(self, value: float, at: _Place, walk: _Pass, text: str = "") -> Json:
        found = self._numbers.get(float(value))
        if not found:
            return value
        new = self._chosen(text or value, found, at, walk)
        if new is None:
            return value
        if is_unknown(new):
            return UNKNOWN
        number = number_of(new) if isinstance(new, str) else new
        if not isinstance(number, float | int):
            return value
        return int(number) if isinstance(value, int) and number == int(number) else float(number)

    # -- whose is it? ---------------------------------------------------------------------------------------------

    def _chosen(self, old: str | float, found: Sequence[Candidate], at: _Place, walk: _Pass) -> Json:
        """What stands for a whole value now, None where it stays because none of the candidates is surely meant."""
        sure = [one for one in found if self._sure(one, old, at, walk)]
        named = [one for one in sure if one.fits(at.key)]
        ids = [one for one in sure if one.is_id]
        best = named or ids or [one for one in sure if one.grade is max(each.grade for each in sure)]
        if not best:
            waiting = [one for one in found if one.grade is Grade.SHORT]
            walk.short += [(at.path, one) for one in waiting[:1]]
            explained = {one.urn for one in found if one.explains}
            walk.found |= explained
            if not waiting:
                walk.doubts.append((at.path, tuple(one for one in found if one.urn not in explained)))
            return None
        news = {json.dumps(one.new) for one in best}
        walk.found.update(one.urn for one in best)
        if len(news) > 1 and any(not one.changed for one in best):
            walk.doubts.append((at.path, tuple(best)))
            return None
        if len(news) > 1 and not any(is_unknown(one.new) for one in best):
            walk.left.add(at.path)
            return None
        if best[0].new is None:  # it is there no more
            walk.left.add(at.path)
            return None
        walk.used.update((one.urn, one.key) for one in named)
        return UNKNOWN if any(is_unknown(one.new) for one in best) else best[0].new

    def _sure(self, one: Candidate, old: str | float, at: _Place, walk: _Pass) -> bool:
        match one.grade:
            case Grade.STRONG:
                return True
            case Grade.PLAIN:
                return (at.top and self._direct) or one.fits(at.key) or self._belongs(one, str(old))
            case Grade.SHORT:
                whole = at.top and self._direct
                large = not isinstance(old, float | int) or abs(old) >= 10 ** (_WATCHED - 1)
                return whole or one.fits(at.key) or (large and one.urn in walk.alone)
            case _:
                if one.status:
                    return False
                return (at.top and self._direct) or one.fits(at.key)

    def _belongs(self, one: Candidate, text: str) -> bool:
        return self._literals is None or self._literals().belongs(text, one.urn)

    # -- text -----------------------------------------------------------------------------------------------------

    def _string(self, text: str, at: _Place, walk: _Pass) -> str:
        if text in self._texts:
            new = self._chosen(text, self._texts[text], at, walk)
            return text if new is None else str(new)
        number = number_of(text)
        if number is not None and number in self._numbers:
            new = self._number(number, at, walk, text)
            return UNKNOWN if is_unknown(new) else like_number(text, new)
        parts = json_parts(text)
        if parts is not None:
            new = self._json(parts, at, walk)
        else:
            new = self._inside(text, at, walk)
            if new == text:
                new = self._base64(text, at, walk)
        if not is_unknown(new) and any(link.left_in(new) for link in self._renewed):
            walk.left.add(at.path)
        return new

    def _json(self, parts: Iterable[JsonPart], at: _Place, walk: _Pass) -> str:
        """JSON text with its leaves relinked, everything else byte by byte as it is."""
        pieces: list[str] = []
        for part in parts:
            if part.is_key:
                self._key(str(part.value), at.path, walk)
            if part.is_key or part.value is None:
                pieces.append(part.text)
                continue
            place = _Place(at.path, part.key)
            if isinstance(part.value, str):
                new: Json = self._string(part.value, place, walk)
            else:
                new = self._number(part.value, place, walk)
            pieces.append(UNKNOWN if is_unknown(new) else part.text if new == part.value else part.written(new))
        return UNKNOWN if UNKNOWN in pieces else "".join(pieces)

    def _inside(self, text: str, at: _Place, walk: _Pass) -> str:
        """The text with whole tokens replaced; a partly unknown one can't be expressed and is unknown."""
        for old in (*self._blocks, *self._long):
            start = -1
            while (start := text.find(old.split("\n", 1)[0] if "\n" in old else old, start + 1)) >= 0:
                block = block_at(text, start, old)
                if block is None:
                    continue
                new = self._chosen(old, self._texts[old], _Place(at.path, ""), walk)
                if new is None:
                    break
                before, after = text[: block.start], text[block.end :]
                pieces = (self._inside(before, at, walk), block.filled(str(new)), self._inside(after, at, walk))
                return UNKNOWN if is_unknown(new) or any(map(is_unknown, pieces)) else "".join(pieces)
        if self._watched is not None and self._watched.search(text):
            walk.left.add(at.path)
        if self._words is not None:
            for hit in self._words.finditer(text):
                walk.found.update(one.urn for one in self._texts[hit.group()] if one.explains)
        if self._pattern is None:
            return text
        unknown = False

        def swap(hit: re.Match[str]) -> str:
            nonlocal unknown
            old = hit.group()
            word = _word_around(text, hit.start(), hit.end())
            owners = [one for one in self._texts[old] if one.grade >= Grade.PLAIN]
            if is_key(text, hit.start(), hit.end()):
                if any(one.changed for one in owners):
                    walk.left.add(at.path)
                return old
            if word != old and not all(self._belongs(one, word) for one in owners):
                return old  # part of another object's name
            new = self._chosen(old, owners, _Place(at.path, ""), walk)
            unknown = unknown or is_unknown(new)
            return old if new is None else str(new)

        new = self._pattern.sub(swap, text)
        return UNKNOWN if unknown else new

    def _base64(self, text: str, at: _Place, walk: _Pass) -> str:
        if len(text) < 8 or len(text) % 4 or not _BASE64.fullmatch(text):
            return text
        try:
            inside = base64.b64decode(text, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return text
        new = self._string(inside, _Place(at.path, ""), walk)
        if new == inside:
            return text
        return UNKNOWN if is_unknown(new) else base64.b64encode(new.encode()).decode()


_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_DASHED = re.compile(r"[\w-]*")
_WORD: Final = 100


def _word_around(text: str, start: int, end: int) -> str:
    """The word with dashes and underscores that a token is part of: ``web-1`` in ``other-web-1``."""
    before = _DASHED.match(text[max(0, start - _WORD) : start][::-1])
    after = _DASHED.match(text, end)
    return (before.group()[::-1] if before else "") + text[start:end] + (after.group() if after else "")
