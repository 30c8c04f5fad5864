"""Relinking: recorded ids and outputs of a dependency replaced by what that dependency has in this run. Pure.

A `Relinker` applies the links of the dependencies that a property was computed from. Touched is only what is known to
be theirs (see `relinking.links.Grade` and `relinking.evidence`): whole values, and whole tokens of longer text, JSON in
text, base64 and indented blocks. A key never changes. What may be theirs and can't be told from a literal stays, and is
reported.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pulumi_rewind.relinking.evidence import Evidence, Place, Walk
from pulumi_rewind.relinking.links import MIN_SUBSTRING, Candidate, Grade, Link
from pulumi_rewind.relinking.literals import Literals
from pulumi_rewind.relinking.text import (
    ASSIGNED_AFTER,
    ASSIGNED_BEFORE,
    Hit,
    JsonPart,
    block_at,
    is_key,
    json_parts,
    like_number,
    number_of,
    token_after,
    tokens,
    word_around,
)
from pulumi_rewind.state.values import (
    BYTE_STRING,
    OUTPUT,
    RESOURCE_REF,
    SIG,
    UNKNOWN,
    Json,
    as_float,
    damaged_value,
    is_secret,
    is_unknown,
    kind_of,
)
from pulumi_rewind.system.documents import load_json

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


class Relinker:
    """Applies a set of links to values; make one per property and reuse it for nested values.

    `direct` says that the links are recorded for this very property: a value that is nothing but an output then is
    that output. `literals` is asked only where an occurrence needs it. `partly` keeps what is known of a text, with
    `UNKNOWN` in the place of the rest: for showing, such a text can't be sent.
    """

    def __init__(
        self,
        links: Sequence[Link],
        *,
        references: Mapping[str, tuple[str, str]] | None = None,
        literals: Callable[[], Literals] | None = None,
        direct: bool = True,
        partly: bool = False,
    ) -> None:
        self._partly = partly
        self._references = references or {}
        self._links = [link for link in links if link.moved or link.renewed]
        self._renewed = [link for link in self._links if link.renewed]
        self._evidence = Evidence(self._links, literals, direct=direct)
        self._texts = self._evidence.texts
        inside = {
            text: None
            for text, found in self._texts.items()
            if len(text) >= MIN_SUBSTRING and max(one.grade for one in found) >= Grade.PLAIN
        }
        self._blocks = [text for text in inside if "\n" in text]
        self._distinct = [text for text in inside if "\n" not in text]
        self._explaining = [
            text for text, found in self._texts.items() if text not in inside and any(one.explains for one in found)
        ]
        weak = [
            text
            for text, found in self._texts.items()
            if text not in inside and any(one.changed and not one.status for one in found)
        ]
        moved = {
            text
            for number, found in self._evidence.numbers.items()
            if any(one.changed and not one.is_id for one in found)
            for text in (like_number("", number), *(one.old for one in found if isinstance(one.old, str)))
        }
        self._assigned = sorted({*weak, *moved})
        self._watched = [text for text in moved if len(text) >= _WATCHED]

    def apply(self, value: Json, path: str = "") -> Relinked:
        """The value with everything replaced that the links know; `path` names the property in what it reports."""
        if not self._links and not self._references:
            return Relinked(value, False, frozenset())
        place = Place(path, path.rsplit(".", 1)[-1], top=True)
        walk = Walk()
        new = self._value(value, place, walk)
        alone, unexplained = walk.single_short_ids(), frozenset(walk.doubted - walk.named)
        if alone or unexplained:
            walk = Walk(alone, unexplained)
            new = self._value(value, place, walk)
        return Relinked(new, new != value, frozenset(walk.found), walk.unsure())

    # -- the walk -------------------------------------------------------------------------------------------------

    def _value(self, value: Json, at: Place, walk: Walk) -> Json:
        if isinstance(value, str):
            return self._string(value, at, walk)
        if isinstance(value, list):
            return [self._value(item, at.under(index), walk) for index, item in enumerate(value)]
        if isinstance(value, dict):
            return self._object(value, at, walk)
        if isinstance(value, bool):
            return self._evidence.flag(value, at, walk)
        if isinstance(value, float | int):
            return self._number(value, at, walk)
        return value

    def _object(self, value: dict[str, Json], at: Place, walk: Walk) -> Json:
        kind = kind_of(value)
        if kind is None:
            name = value.get("name")
            named = name if isinstance(name, str) else ""
            for key in value:
                self._key(key, at, walk)
            return {
                key: self._value(item, at.under(key, name=named if key == "value" else ""), walk)
                for key, item in value.items()
            }
        if is_secret(value):
            text = value.get("plaintext")
            if not isinstance(text, str):
                return value
            try:
                inside = load_json(text)
            except ValueError:
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
            new = self._string(value["text"], at.inside(), walk)
            if new != value["text"] and not is_unknown(new):
                return {key: item for key, item in value.items() if key != "hash"} | {"text": new}
        if isinstance(value.get("assets"), dict):
            inner = {key: self._value(item, at.under(key), walk) for key, item in value["assets"].items()}
            if inner != value["assets"]:
                return {key: item for key, item in value.items() if key != "hash"} | {"assets": inner}
        return value

    def _key(self, key: str, at: Place, walk: Walk) -> None:
        """A key stays; one that holds something of an object that changes is named."""
        if key == SIG:
            return
        changed = any(one.changed for hit in tokens(key, self._distinct) for one in self._texts[hit.text])
        if changed or self._old_in(key):
            walk.left.add(at.path)

    def _old_in(self, text: str) -> bool:
        return any(link.left_in(text) for link in self._renewed)

    def _number(self, value: float, at: Place, walk: Walk, text: str = "") -> Json:
        found = self._evidence.numbers.get(as_float(value))
        if not found:
            return value
        new = self._evidence.chosen(text or value, found, at, walk, number=True)
        if is_unknown(new):
            return UNKNOWN
        number = number_of(new) if isinstance(new, str) else new
        if isinstance(number, bool) or not isinstance(number, float | int):
            return value
        return int(number) if isinstance(value, int) and float.is_integer(as_float(number)) else as_float(number)

    # -- text -----------------------------------------------------------------------------------------------------

    def _string(self, text: str, at: Place, walk: Walk) -> str:
        if text in self._texts:
            new = self._evidence.chosen(text, self._texts[text], at, walk)
            return text if new is None else str(new)
        number = number_of(text)
        if number is not None and number in self._evidence.numbers:
            found = self._number(number, at, walk, text)
            return UNKNOWN if is_unknown(found) else text if found == number else like_number(text, found)
        parts = json_parts(text)
        if parts is not None:
            new = self._json(parts, at, walk)
        else:
            new = self._inside(text, at, walk)
            if new == text:
                new = self._base64(text, at, walk)
        if not is_unknown(new) and self._old_in(new):
            walk.left.add(at.path)
        return new

    def _json(self, parts: Iterable[JsonPart], at: Place, walk: Walk) -> str:
        """JSON text with its leaves relinked, everything else byte by byte as it is."""
        pieces: list[str] = []
        for part in parts:
            if part.is_key:
                self._key(str(part.value), at, walk)
            if part.is_key or part.value is None:
                pieces.append(part.text)
                continue
            new = self._value(part.value, at.inside(part.key), walk)
            bare = is_unknown(new) and not self._partly
            pieces.append(UNKNOWN if bare else part.text if new == part.value else part.written(new))
        return self._joined(pieces)

    def _joined(self, pieces: Sequence[str]) -> str:
        """The text of its pieces; a partly unknown one can't be sent, and is unknown as a whole."""
        return UNKNOWN if UNKNOWN in pieces and not self._partly else "".join(pieces)

    def _inside(self, text: str, at: Place, walk: Walk) -> str:
        """The text with whole tokens replaced; a partly unknown one can't be expressed and is unknown."""
        for old in self._blocks:
            first = old.strip("\n").split("\n", 1)[0]
            start = text.find(first) if len(text) >= len(first) else -1
            blocks: list[str] = []
            end = 0
            while start >= 0:
                block = block_at(text, start, old)
                if block is not None:
                    new = self._evidence.chosen(old, self._texts[old], at.inside(), walk)
                    if new is None:
                        break
                    between = self._inside(text[end : block.start], at, walk)
                    blocks += (between, str(new) if is_unknown(new) else block.filled(str(new)))
                    end = block.end
                start = text.find(first, max(end, start + 1))
            if blocks:
                blocks.append(self._inside(text[end:], at, walk))
                return self._joined(blocks)
        for hit in tokens(text, self._explaining):
            walk.found.update(one.urn for one in self._texts[hit.text] if one.explains)
        assigned = self._assign(text, at, walk)
        return UNKNOWN if is_unknown(assigned) else self._tokens(assigned, at, walk)

    def _assign(self, text: str, at: Place, walk: Walk) -> str:
        """The text with weak values replaced that stand behind their own name: ``version: 2``, ``--db-port=5432``."""
        pieces: list[str] = []
        end = 0
        for hit in tokens(text, self._assigned):
            name = ASSIGNED_BEFORE.search(text, max(0, hit.start - 100), hit.start)
            old = hit.text
            if name is None or not ASSIGNED_AFTER.match(text, hit.end):
                continue
            new = self._weak(old, at.inside(name.group(1)), walk)
            pieces += [text[end : hit.start], old if new is None else new]
            end = hit.end
        return self._joined((*pieces, text[end:]))

    def _weak(self, old: str, at: Place, walk: Walk, urns: frozenset[str] = frozenset()) -> str | None:
        """What stands for a weak value of that name, or beside an id of one of these objects; None: it stays."""
        number = number_of(old)
        found = {*self._texts.get(old, ()), *(self._evidence.numbers.get(number, ()) if number is not None else ())}
        fitting = [one for one in found if not one.status and (one.urn in urns if urns else one.fits(at.key))]
        if len({str(one.new) for one in fitting}) != 1:
            return None
        one = fitting[0]
        if not urns and any(self._evidence.written_twice(each, old, at, walk) for each in fitting):
            walk.uncertain.append((at.path, tuple(fitting)))
            return None
        if one.new is None:
            return None
        walk.found.add(one.urn)
        walk.used.add((one.urn, one.key))
        return UNKNOWN if is_unknown(one.new) else like_number(old, one.new)

    def _tokens(self, text: str, at: Place, walk: Walk) -> str:
        """The text with the tokens replaced that belong to an object, and what directly follows them."""
        pieces: list[str] = []
        end = 0
        for hit in tokens(text, self._distinct):
            if hit.start < end:
                continue
            new, owners = self._token(text, hit, at, walk)
            pieces += [text[end : hit.start], new]
            end = hit.end
            follows = token_after(text, end) if owners else None  # host:port, arn:version
            more = self._weak(follows, at.inside(), walk, owners) if follows else None
            if follows and more is not None:
                pieces += [text[end], more]
                end += 1 + len(follows)
        new = self._joined((*pieces, text[end:]))
        if not is_unknown(new) and tokens(new, self._watched):
            walk.left.add(at.path)
        return new

    def _token(self, text: str, hit: Hit, at: Place, walk: Walk) -> tuple[str, frozenset[str]]:
        """What stands for one token, and whose it was surely."""
        old = hit.text
        owners: list[Candidate] = [one for one in self._texts[old] if one.grade >= Grade.PLAIN]
        if is_key(text, hit.start, hit.end):
            if any(one.changed for one in owners):
                walk.left.add(at.path)
            return old, frozenset()
        word = word_around(text, hit.start, hit.end)
        if word != old and not all(self._evidence.belongs(one, word) for one in owners):
            return old, frozenset()  # part of another object's name
        new = self._evidence.chosen(old, owners, at.inside(), walk)
        return (old, frozenset()) if new is None else (str(new), frozenset(one.urn for one in owners))

    def _base64(self, text: str, at: Place, walk: Walk) -> str:
        if len(text) < 8 or len(text) % 4 or not _BASE64.fullmatch(text):
            return text
        try:
            inside = base64.b64decode(text, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return text
        new = self._string(inside, at.inside(), walk)
        if new == inside:
            return text
        return UNKNOWN if UNKNOWN in new else base64.b64encode(new.encode()).decode()


_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
