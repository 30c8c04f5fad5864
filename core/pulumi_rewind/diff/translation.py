"""Values of two states compared as if every object still had its old id. Pure.

A rollback that re-creates an object gives it a new id, and every resource that uses the object then contains the new
id. So two values count as equal where relinking (`pulumi_rewind.relinking.relink`) turns the old one into the new one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Final

from pulumi_rewind.diff.properties import JSON_TEXT, Edit, edits, opened
from pulumi_rewind.relinking.links import MIN_SUBSTRING, Grade, Link
from pulumi_rewind.relinking.relink import Relinker
from pulumi_rewind.state.model import Resource
from pulumi_rewind.state.values import SIG, Json, is_secret

MANY: Final = 200
"""With more values than this to look for, they are looked up as a whole and not inside longer texts."""


class Translation:
    """What would differ in one resource only because what it uses is another object or has another name now."""

    def __init__(
        self, links: Sequence[Link], references: Mapping[str, tuple[str, str]], ids: Mapping[str, str]
    ) -> None:
        """`references` are those to resources, by old URN; `ids` those of all new objects, by old id."""
        self._links = links
        self._references = references
        self._ids = ids

    def __bool__(self) -> bool:
        return bool(self._links or self._references or self._ids)

    @cached_property
    def _relinker(self) -> Relinker | None:
        within = sum(len(link.candidates) for link in self._links) <= MANY
        return Relinker(self._links, references=self._references) if within else None

    @cached_property
    def _whole(self) -> dict[str, str]:
        found = {
            str(one.old): str(one.new)
            for link in self._links
            for one in link.candidates
            if one.changed and one.grade > Grade.WEAK and isinstance(one.new, str)
        }
        found |= {old: new for old, (new, _) in self._references.items()}
        return found | dict(self._ids)

    def explains(self, edit: Edit) -> bool:
        """Whether an edit does nothing but put the new object's value where the old one's stood."""
        return bool(self) and edit.kind == "changed" and edit.comparable and self.equal(edit.old, edit.new)

    def equal(self, old: Json, new: Json) -> bool:
        """Whether two values are the same, each part of them as it is or translated."""
        if is_secret(old) or is_secret(new):
            both = is_secret(old) and is_secret(new) and "plaintext" in old and "plaintext" in new
            return both and self.equal(opened(old), opened(new))
        if isinstance(old, dict) and isinstance(new, dict) and SIG not in old and SIG not in new:
            return old.keys() == new.keys() and all(self.equal(value, new[key]) for key, value in old.items())
        if isinstance(old, list) and isinstance(new, list):
            return len(old) == len(new) and all(map(self.equal, old, new))
        found = list(edits(old, new))
        if not found:
            return True
        if not all(edit.comparable for edit in found):
            return False
        if isinstance(old, str) and isinstance(new, str) and self._whole.get(old) == new:
            return True
        if found[0].path[:1] == (JSON_TEXT,) and self.equal(json.loads(old), json.loads(new)):
            return True
        if self._relinker is None:
            return False
        return next(edits(self._relinker.apply(old).value, new), None) is None

    @cached_property
    def _both(self) -> dict[str, str]:
        """The ids of both sides of what is another object now."""
        pairs = [(link.old_id, link.new_id) for link in self._links if link.id_changes]
        found = {one: other for pair in pairs for one, other in (pair, pair[::-1])}
        return {one: other for one, other in found.items() if min(len(one), len(other)) >= MIN_SUBSTRING}

    @cached_property
    def _finder(self) -> Relinker:
        return Relinker([Link("", one, other) for one, other in self._both.items()])

    def stale(self, old: Json, new: Json) -> bool:
        """Whether both sides name the same object somewhere, although only one of them still has it."""
        return 0 < len(self._both) <= MANY and self._stale(opened(old), opened(new))

    def _stale(self, old: Json, new: Json) -> bool:
        if isinstance(old, dict) and isinstance(new, dict):
            return any(self._stale(value, new[key]) for key, value in old.items() if key in new)
        if isinstance(old, list) and isinstance(new, list):
            return any(map(self._stale, old, new))
        if not isinstance(old, str) or old != new:
            return False
        named = any(one in old for one in self._both) or _maybe_base64(old)
        return named and bool(self._finder.apply(old).found)


def _maybe_base64(text: str) -> bool:
    """Whether it is worth looking for an id inside text that isn't readable as it stands."""
    return len(text) >= 8 and len(text) % 4 == 0 and text.rstrip("=").replace("+", "").replace("/", "").isalnum()


NOTHING_NEW: Final = Translation((), {}, {})


def only_own_id(edit: Edit, before: Resource, after: Resource) -> bool:
    """Whether an option changes only with the id of the object: by which id it was imported."""
    return edit.path == ("import",) and {edit.old, edit.new} <= {None, before.id, after.id}
