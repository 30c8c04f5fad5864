"""Which old value a text or number in a property is, by the evidence of the place where it stands. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from pulumi_rewind.relinking.links import Candidate, Grade, Link
from pulumi_rewind.relinking.literals import Literals
from pulumi_rewind.relinking.text import number_of
from pulumi_rewind.state.values import UNKNOWN, Json, as_float, is_unknown

LARGE: Final = 1000
"""A smaller number that equals a short id may be any number."""


@dataclass(frozen=True)
class Place:
    """Where a value stands."""

    path: str
    key: str
    top: bool = False
    """It is the whole property."""
    in_text: bool = False
    """It is a part of a text."""

    def under(self, key: str | int, *, name: str = "") -> Place:
        """A place inside; `name` stands for a key that says nothing, as ``value`` beside a ``name`` does."""
        if isinstance(key, int):
            return Place(f"{self.path}[{key}]", self.key, in_text=self.in_text)
        return Place(f"{self.path}.{key}", name or key, in_text=self.in_text)

    def inside(self, key: str = "") -> Place:
        """A part of the text that stands here."""
        return Place(self.path, key, in_text=True)


@dataclass
class Walk:
    """What one walk through a property finds."""

    alone: frozenset[str] = frozenset()
    """URNs whose short id stands in this property once, and nothing else of theirs."""
    unexplained: frozenset[str] = frozenset()
    """URNs of which something equals a literal of theirs in this property, and nothing has their id or name."""
    found: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    """URNs whose id was found, or a text with their id or name: reason enough for the property's dependency."""
    used: set[tuple[str, str]] = field(default_factory=set)
    """Outputs (URN and key) that stand under their own name."""
    uncertain: list[tuple[str, tuple[Candidate, ...]]] = field(default_factory=list)
    short: list[tuple[str, Candidate]] = field(default_factory=list)
    doubted: set[str] = field(default_factory=set)
    """URNs of which something was taken for a second literal, although it stands under their name."""
    converted: list[tuple[str, Candidate]] = field(default_factory=list)
    """Numbers under another name than the literal text that they equal."""
    left: set[str] = field(default_factory=set)
    """Paths at which something old remains."""

    def single_short_ids(self) -> frozenset[str]:
        """URNs of which only a short id was found, once."""
        urns = Counter(one.urn for _, one in self.short)
        return frozenset(urn for urn, count in urns.items() if count == 1 and urn not in self.found)

    def unsure(self) -> frozenset[str]:
        """Paths of what was left as it is, although it may come from something that has changed."""
        paths = {path for path, one in self.short if one.changed} | self.left
        uncertain = [*self.uncertain, *((path, (one,)) for path, one in self.converted if one.urn not in self.named)]
        for path, found in uncertain:
            if any(one.changed and (one.urn, one.key) not in self.used for one in found):
                paths.add(path)
        return frozenset(paths)


class Evidence:
    """The old values of some links, and the rules by which an occurrence is one of them."""

    def __init__(self, links: Iterable[Link], literals: Callable[[], Literals] | None, *, direct: bool) -> None:
        self.texts: dict[str, list[Candidate]] = {}
        self.numbers: dict[float, list[Candidate]] = {}
        self._flags: dict[bool, list[Candidate]] = {}
        self._literals = literals
        self._direct = direct
        for link in links:
            for one in link.candidates:
                self._add(one)

    def _add(self, one: Candidate) -> None:
        if isinstance(one.old, bool):
            self._flags.setdefault(one.old, []).append(one)
        elif isinstance(one.old, str):
            self.texts.setdefault(one.old, []).append(one)
            number = number_of(one.old)
            if number is not None and (one.is_id or one.grade is Grade.WEAK):
                self.numbers.setdefault(number, []).append(one)
        elif abs(number := as_float(one.old)) < float("inf"):
            self.numbers.setdefault(number, []).append(one)

    def flag(self, value: bool, at: Place, walk: Walk) -> Json:
        """A truth value now: it follows only where it is the whole of a property of its own name."""
        named = [one for one in self._flags.get(value, ()) if one.fits(at.key)]
        if not (at.top and self._direct and named):
            return value
        new = self.chosen(value, named, at, walk)
        return value if new is None else new

    def chosen(
        self, old: str | float, found: Sequence[Candidate], at: Place, walk: Walk, *, number: bool = False
    ) -> Json:
        """What stands for a whole value now, None where it stays because none of the candidates is surely meant.

        Of a `number` it doesn't count how it is written.
        """
        sure = [one for one in found if self._sure(one, old, at, walk)]
        named = [one for one in sure if one.fits(at.key)]
        ids = [one for one in sure if one.is_id]
        best = named or ids or [one for one in sure if one.grade is max(each.grade for each in sure)]
        if not best:
            self._left(found, old, at, walk)
            return None
        news = {_written(one.new, number) for one in best}
        # An object that passes on what another one gave it: the value is that of both.
        meant = [one for one in sure if one in best or _written(one.new, number) in news]
        walk.found.update(one.urn for one in meant)
        walk.named.update(one.urn for one in meant if one.is_id or one.grade is Grade.STRONG)
        if best[0].new is None or (len(news) > 1 and not any(is_unknown(one.new) for one in best)):
            walk.uncertain.append((at.path, tuple(best)))  # it is gone, or two objects had it
            return None
        if len(news) > 1 and any(not one.changed for one in best):
            return None
        walk.used.update((one.urn, one.key) for one in named)
        return UNKNOWN if any(is_unknown(one.new) for one in best) else best[0].new

    def _left(self, found: Sequence[Candidate], old: str | float, at: Place, walk: Walk) -> None:
        explained = {one.urn for one in found if one.explains}
        walk.found |= explained
        converted = [one for one in found if _converted(one, old, at) and not one.fits(at.key)]
        walk.converted += [(at.path, one) for one in converted]
        found = [one for one in found if one not in converted]
        short = next((one for one in found if one.grade is Grade.SHORT), None)
        if short is not None:
            walk.short.append((at.path, short))
        else:
            walk.uncertain.append((at.path, tuple(one for one in found if one.urn not in explained)))

    def _sure(self, one: Candidate, old: str | float, at: Place, walk: Walk) -> bool:
        whole = at.top and self._direct
        match one.grade:
            case Grade.STRONG:
                return True
            case Grade.PLAIN:
                return whole or self._named(one, old, at, walk) or self.belongs(one, str(old))
            case Grade.SHORT:
                large = isinstance(old, str) or abs(old) >= LARGE
                return whole or one.fits(at.key) or (large and one.urn in walk.alone)
            case _ if one.status or isinstance(old, bool):
                return whole and one.fits(at.key)
            case _:
                return whole or self._named(one, old, at, walk)

    def _named(self, one: Candidate, old: str | float, at: Place, walk: Walk) -> bool:
        """Whether it stands under its own name, and is no text that the program writes in other places too."""
        if not one.fits(at.key) or self.written_twice(one, old, at, walk):
            return False
        return not isinstance(old, str) or self._literals is None or not self._literals().written_beside(old, one.urn)

    def written_twice(self, one: Candidate, old: str | float, at: Place, walk: Walk) -> bool:
        """Whether what stands under its name may as well be a literal that the program wrote to both.

        A label ``release: v2`` of a namespace and one of what lies in it mostly come from one literal, not from each
        other, and so do a text ``"2"`` and a number 2. Where the property was computed from that object and does not
        name it, something was passed on.
        """
        if not (_converted(one, old, at) or (one.label and isinstance(old, str))):
            return False
        walk.doubted.add(one.urn)
        return one.urn not in walk.unexplained

    def belongs(self, one: Candidate, text: str) -> bool:
        """Whether a text stands for that object alone, as far as the checkpoint tells."""
        return self._literals is None or self._literals().belongs(text, one.urn)


def _converted(one: Candidate, old: str | float, at: Place) -> bool:
    """Whether only a program that reads its own literal back as text, and makes a number of it, has it from there."""
    return one.written and isinstance(one.old, str) and not isinstance(old, str) and not at.in_text


def _written(new: Json, number: bool) -> str:
    """Tells values apart; as numbers, ``51234``, ``"51234"`` and ``"51234.0"`` are one."""
    found = number_of(new) if number and isinstance(new, str) else new if number else None
    return str(as_float(found)) if isinstance(found, float | int) else json.dumps(new)
