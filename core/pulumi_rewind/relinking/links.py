"""What a dependency was and is, and how surely a value that looks like one of its own came from it. Pure.

A property that was computed from a resource holds the resource's id and outputs beside literals of the program. Equal
text alone proves nothing: a state machine's "Active" is not the function's status. So each old value has a `Grade`.
"""

from __future__ import annotations

import base64
import enum
import functools
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from pulumi_rewind.relinking.text import number_of, tokens
from pulumi_rewind.state.identity import is_constant_id
from pulumi_rewind.state.model import parse_urn
from pulumi_rewind.state.values import UNKNOWN, Json, as_float, is_secret, is_unknown, reveal

MIN_SUBSTRING: Final = 6
"""Shorter values are looked for as whole values alone: inside a string they would match by accident."""

SHORTEST_SECRET: Final = 8
"""Shorter secrets may be words that stand elsewhere too."""

_FRAGMENT: Final = 6
"""Length of a piece of an id that is no accident."""

_HASHED: Final = 65536
"""Longer outputs are not hashed."""

_STATUS: Final = frozenset({"status", "state", "phase", "health", "condition", "lifecycle", "stage", "mode", "ready"})
_LABELS: Final = frozenset({"label", "annotation", "tag"})
_WORDS: Final = re.compile(r"[^\W\d_]+(?:[ _.:/-][^\W\d_]+){0,3}")
_NUMERIC: Final = re.compile(r"[vV]?[-+]?[0-9]+(?:[.,_-][0-9]+){0,3}")
_ADDRESS: Final = re.compile(r"[0-9]+(?:\.[0-9]+){3}")
_PLURAL: Final = re.compile(r"(?<=[^usi])s$")
_ENUMERATION: Final = 24
_HEX: Final = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{8,128}(?![0-9A-Za-z])")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{22,88}={0,2}")


class Grade(enum.IntEnum):
    """How surely an occurrence of an old value is that value and not a literal that equals it."""

    WEAK = 0
    """A word, a status, a number: it needs evidence where it stands."""
    SHORT = 1
    """A short id: only as a whole value, where nothing else in the property can be it."""
    PLAIN = 2
    """Distinct text: it is the object's unless the checkpoint has it as a literal as well."""
    STRONG = 3
    """An id, or text that holds the object's id or name."""


@dataclass(frozen=True)
class Leaf:
    """One plain value in the recorded outputs of a dependency, and what stands there now."""

    key: str
    """The nearest property name above it."""
    old: str | float | bool
    new: Json
    """`UNKNOWN` where a preview can't tell; None where there is nothing any more."""
    secret: bool = False
    written: bool = False
    """It is a text, and nothing but what the program wrote on the object itself, be it as a number."""
    label: bool = False
    """It is one of these, and lies in labels, annotations or tags."""


@dataclass(frozen=True)
class Candidate:
    """An old value that may stand in a property, and whose it is."""

    urn: str
    key: str
    old: str | float | bool
    new: Json
    grade: Grade
    is_id: bool = False
    written: bool = False
    label: bool = False
    """As of the `Leaf`."""

    @property
    def changed(self) -> bool:
        """Whether another value stands in its place now, or may."""
        return bool(self.old != self.new)

    @functools.cached_property
    def explains(self) -> bool:
        """Whether a text that holds it may have been computed from it, so that nothing of it need be stale."""
        old = self.old
        if self.changed or self.status or not isinstance(old, str):
            return False
        return len(old) >= MIN_SUBSTRING and not number_of(old)

    @functools.cached_property
    def status(self) -> bool:
        """Whether it is the passing state of an object: such words are literals elsewhere."""
        return not self.is_id and bool(_STATUS.intersection(key_tokens(self.key)))

    def fits(self, key: str) -> bool:
        """Whether a property of that name is likely to hold it: ``dbPort`` for ``port``, ``vpcId`` for an id."""
        tokens = key_tokens(key)
        if not tokens:
            return False
        if not self.is_id:
            own = key_tokens(self.key)
            return bool(own) and tokens[-len(own) :] == own
        if tokens[-1] == "id":
            return True
        parsed = parse_urn(self.urn)
        kinds = (parsed.type.rsplit(":", 1)[-1], parsed.name)
        return any(tokens == key_tokens(kind) for kind in kinds)


@dataclass(frozen=True)
class Link:
    """What one dependency was and is."""

    urn: str
    old_id: str = ""
    new_id: str = ""
    """`UNKNOWN` in a preview that will create or replace it."""
    leaves: tuple[Leaf, ...] = ()
    follows: bool = False
    """It keeps its id, but was itself computed from something that gets a new one."""

    @property
    def id_changes(self) -> bool:
        """Whether the physical object has another id than recorded."""
        return bool(self.old_id) and self.old_id != self.new_id

    @functools.cached_property
    def renewed(self) -> bool:
        """Whether what was computed from it may be stale: another object, or one made from another object."""
        if is_constant_id(self.old_id):  # says nothing: the outputs do
            return any(leaf.old != leaf.new for leaf in self.leaves)
        return self.id_changes or self.follows

    @functools.cached_property
    def moved(self) -> bool:
        """Whether any of its values is another one than recorded."""
        return self.id_changes or any(leaf.old != leaf.new for leaf in self.leaves)

    @functools.cached_property
    def candidates(self) -> tuple[Candidate, ...]:
        """Its old values with their grades, changed or not; the id first."""
        found: list[Candidate] = []
        if self.old_id and not is_constant_id(self.old_id) and self.new_id:
            found.append(Candidate(self.urn, "id", self.old_id, self.new_id, _grade_of_id(self.old_id), is_id=True))
        own = self._own
        for leaf in self.leaves:
            if leaf.old != self.old_id or not found:
                grade = _grade(leaf, own)
                found.append(
                    Candidate(self.urn, leaf.key, leaf.old, leaf.new, grade, written=leaf.written, label=leaf.label)
                )
        return tuple(found)

    @functools.cached_property
    def _names(self) -> tuple[str, ...]:
        """The physical names: what is called so, and what was made from the logical name."""
        stem = parse_urn(self.urn).name
        texts = [(leaf.key, leaf.old) for leaf in self.leaves if isinstance(leaf.old, str)]
        found = [text for key, text in texts if key == "name" or (stem and _autonamed(text, stem))]
        return tuple(dict.fromkeys(text for text in found if len(text) >= MIN_SUBSTRING))

    @functools.cached_property
    def _own(self) -> tuple[str, ...]:
        return (*self._names, *((self.old_id,) if _grade_of_id(self.old_id) is Grade.STRONG else ()))

    # -- traces of what can't be relinked -------------------------------------------------------------------------

    def left_in(self, text: str) -> bool:
        """Whether a text still holds a piece or a digest of the old object: it was computed from it."""
        return any(piece in text for piece in self._pieces) or self._hashed_in(text)

    @functools.cached_property
    def _pieces(self) -> frozenset[str]:
        kept = " ".join(str(leaf.new) for leaf in self.leaves if isinstance(leaf.new, str) and not is_unknown(leaf.new))
        kept = f"{kept} {'' if is_unknown(self.new_id) else self.new_id}"
        found: set[str] = set()
        for text in (self.old_id, *self._names):
            for token in re.findall(r"[A-Za-z0-9]{6,64}", text):
                if token.isalpha() or token in kept:
                    continue
                pieces = {token[at : at + _FRAGMENT] for at in range(len(token) - _FRAGMENT + 1)}
                if not token.isdigit():  # a run of digits inside may be any number
                    pieces = {piece for piece in pieces if not piece.isdigit()}
                found.update(piece for piece in pieces if not piece.isalpha() and piece not in kept)
        return frozenset(found)

    def _hashed_in(self, text: str) -> bool:
        if any(digest.startswith(found.lower()) for found in _HEX.findall(text) for digest in self._digests[0]):
            return True
        return any(found in self._digests[1] for found in _BASE64.findall(text))

    @functools.cached_property
    def _digests(self) -> tuple[tuple[str, ...], frozenset[str]]:
        texts = {self.old_id, *(leaf.old for leaf in self.leaves if isinstance(leaf.old, str) and leaf.old != leaf.new)}
        hexed: list[str] = []
        encoded: set[str] = set()
        for text in texts:
            if not text or len(text) > _HASHED:
                continue
            for shape in {text, text.rstrip("\n"), f"{text}\n"}:
                for name in ("md5", "sha1", "sha256", "sha512"):
                    digest = hashlib.new(name, shape.encode(errors="replace"), usedforsecurity=False).digest()
                    hexed.append(digest.hex())
                    encoded.update((base64.b64encode(digest).decode(), base64.urlsafe_b64encode(digest).decode()))
        return tuple(hexed), frozenset(encoded)


def _grade_of_id(text: str) -> Grade:
    if len(text) < MIN_SUBSTRING:
        return Grade.SHORT
    return Grade.PLAIN if text.isalpha() else Grade.STRONG


def _grade(leaf: Leaf, own: tuple[str, ...]) -> Grade:
    if not isinstance(leaf.old, str):
        return Grade.WEAK
    text = leaf.old
    if len(text) >= MIN_SUBSTRING and tokens(text, own):
        return Grade.STRONG
    if leaf.secret and len(text) >= SHORTEST_SECRET:
        return Grade.PLAIN
    word = len(text) <= _ENUMERATION and _WORDS.fullmatch(text)
    number = _NUMERIC.fullmatch(text) and not _ADDRESS.fullmatch(text)
    if len(text) < MIN_SUBSTRING or word or number:
        return Grade.WEAK
    return Grade.PLAIN


def _autonamed(text: str, stem: str) -> bool:
    rest = text[len(stem) :]
    return text.startswith(stem) and len(rest) >= 5 and any(char.isdigit() for char in rest)


@functools.lru_cache(maxsize=4096)
def key_tokens(key: str) -> tuple[str, ...]:
    """A property's name in words, singular: ``vpcSubnet_IDs`` → vpc, subnet, id."""
    words = re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+s?|[0-9]+|[^\W\d_A-Za-z]+", key)
    return tuple(_PLURAL.sub("", word.lower()) for word in words)


def make_link(
    urn: str,
    old_id: str,
    old_outputs: Mapping[str, Json],
    new_id: str,
    new_outputs: Mapping[str, Json],
    *,
    preview: bool,
    follows: bool = False,
    written: Callable[[], Mapping[str, Json]] | None = None,
) -> Link:
    """Pairs the leaves of recorded and present outputs by their path.

    Outputs are JSON with signatures; secrets are looked into. In a preview a missing new output counts as unknown.
    `written` gives what the program wrote on the resource itself, see `state.sent_inputs.written_inputs`; it is asked
    only if an output is another one than recorded.
    """
    leaves, paths, present = [], [], reveal(dict(new_outputs))
    for path, old, secret in _leaves(dict(old_outputs)):
        if old is None or old == "":
            continue
        new = _at(present, path, UNKNOWN if preview else None)
        fits = isinstance(new, str) if isinstance(old, str) else isinstance(new, float | int)
        leaves.append(Leaf(_name_at(path), old, new if fits or is_unknown(new) else None, secret))
        paths.append(path)
    if written is not None and any(leaf.old != leaf.new for leaf in leaves):
        # By name and not by path: providers keep copies of inputs elsewhere (`__inputs`, `tagsAll`).
        literals = {(_name_at(path), _content(value)) for path, value, _ in _leaves(dict(written()))}
        leaves = [
            replace(leaf, written=True, label=_in_labels(path))
            if isinstance(leaf.old, str) and (leaf.key, _content(leaf.old)) in literals
            else leaf
            for leaf, path in zip(leaves, paths, strict=True)
        ]
    fresh = new_id or (UNKNOWN if preview and old_id else "")
    return Link(urn, old_id if fresh else "", fresh, tuple(leaves), follows)


def _name_at(path: Sequence[str | int]) -> str:
    """The nearest property name above a leaf."""
    return next((part for part in reversed(path) if isinstance(part, str)), "")


def _content(value: Json) -> Json:
    """What equals other forms of the value: a provider may keep a number that it got as text."""
    number = number_of(value) if isinstance(value, str) else value
    return as_float(number) if isinstance(number, float | int) and not isinstance(number, bool) else value


def _in_labels(path: Sequence[str | int]) -> bool:
    return any(_LABELS.intersection(key_tokens(part)) for part in path[:-1] if isinstance(part, str))


def _leaves(
    value: Json, path: tuple[str | int, ...] = (), secret: bool = False
) -> Iterable[tuple[tuple[str | int, ...], Any, bool]]:
    if is_secret(value):
        yield from _leaves(reveal(value), path, True)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key), secret)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, (*path, index), secret)
    else:
        yield path, value, secret


def _at(value: Json, path: tuple[str | int, ...], missing: Json) -> Json:
    """What lies at a path of a revealed value: unknown wherever something above it is."""
    for part in path:
        if isinstance(value, dict) and isinstance(part, str):
            value = value.get(part, missing)
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part] if part < len(value) else missing
        elif not is_unknown(value):
            return missing
    return UNKNOWN if is_unknown(value) else value
