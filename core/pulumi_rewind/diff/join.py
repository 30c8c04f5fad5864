"""Which resource of one checkpoint is which of another, and what follows from that for all others. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import msgspec

from pulumi_rewind.diff.properties import Edit, edits, opened
from pulumi_rewind.identity import match
from pulumi_rewind.model import Checkpoint, Resource
from pulumi_rewind.values import DEFAULTS, SIG, Json, is_secret

SHORTEST: Final = 4
"""Shorter ids and outputs stand in too many texts by chance."""

MANY: Final = 200
"""With more new texts than this, outputs of components and stacks are looked up as a whole only."""


class Join:
    """The resources of two checkpoints, joined: by URN, then by type and id, then default providers by package."""

    def __init__(self, old: Checkpoint, new: Checkpoint) -> None:
        self.old, self.new = old.by_urn, new.by_urn
        self._pairs: dict[str, str] = {}
        """New URN → old URN, where they differ."""
        lost = [res for urn, res in self.old.items() if urn not in self.new]
        made = [res for urn, res in self.new.items() if urn not in self.old]
        if lost and made:
            pairs = match(self.new.values(), self.old.values())
            self._pairs = {urn: was for urn, was in pairs.items() if urn != was and urn not in self.old}
            self._pair_default_providers(lost, made)
        self._now = {was: urn for urn, was in self._pairs.items()}
        self._versions: dict[tuple[bool, str], str] = {}
        self._made_by: dict[str, dict[str, str]] = {}

    def _pair_default_providers(self, lost: list[Resource], made: list[Resource]) -> None:
        """A default provider's name tells its version: another version is another URN."""
        taken = set(self._pairs.values())
        before = [res for res in lost if res.is_default_provider and res.urn not in taken]
        after = [res for res in made if res.is_default_provider and res.urn not in self._pairs]
        for res in after:
            mates = [one for one in before if one.type == res.type]
            if len(mates) == 1 and sum(one.type == res.type for one in after) == 1:
                self._pairs[res.urn] = mates[0].urn

    def before(self, after: Resource) -> Resource | None:
        """What a resource of the new side is on the old side."""
        return self.old.get(self._pairs.get(after.urn, after.urn))

    def gone(self) -> Iterator[Resource]:
        """What the old side has alone."""
        return (res for urn, res in self.old.items() if urn not in self.new and urn not in self._now)

    def urn_now(self, urn: str) -> str:
        """A URN of the old side as the new side has it."""
        return self._now.get(urn, urn)

    @cached_property
    def moved(self) -> dict[str, tuple[Resource, Resource]]:
        """By new URN: resources that are another physical object now."""
        both = ((self.before(after), after) for after in self.new.values())
        return {after.urn: (before, after) for before, after in both if before is not None and _replaced(before, after)}

    def same_provider(self, before: Resource, after: Resource) -> bool:
        """Whether both sides use one provider, which may have changed itself."""
        return self.urn_now(before.provider_urn) == after.provider_urn

    def versions(self, before: Resource, after: Resource) -> tuple[str, str]:
        """The versions of the plugins that answer for a resource; of a provider they are among its inputs."""
        if before.is_provider or not (before.provider or after.provider):
            return "", ""
        return self._version(before.provider_urn, old=True), self._version(after.provider_urn, old=False)

    def _version(self, urn: str, *, old: bool) -> str:
        key = (old, urn)
        if key not in self._versions:
            provider = (self.old if old else self.new).get(urn)
            self._versions[key] = str(provider.decoded_inputs().get("version") or "") if provider is not None else ""
        return self._versions[key]

    def decoded(self, one: msgspec.Raw, other: msgspec.Raw) -> tuple[Json, Json]:
        """Two properties as JSON, for `edits`."""
        return msgspec.json.decode(one) or {}, msgspec.json.decode(other) or {}

    def new_ids(self, after: Resource) -> Replaced:
        """What a resource would hold anew only because what it depends on was replaced or renamed."""
        if not self.moved and not self._pairs:
            return NOT_REPLACED
        used = {urn for urns in (after.property_dependencies or {}).values() for urn in urns or ()}
        used |= {*(after.dependencies or ())}
        recorded = bool(used) and after.custom
        if recorded:
            used.add(after.parent)
        else:  # outputs of components and stacks, imported resources: nobody recorded where values come from
            used = self.moved.keys() | self._pairs.keys()
        texts = {self._pairs[urn]: urn for urn in used if urn in self._pairs}
        for urn in used:
            if urn in self.moved:
                texts |= self._made(urn)
        return Replaced(texts, self._new_ids, within=recorded or len(texts) <= MANY)

    @cached_property
    def _new_ids(self) -> dict[str, str]:
        """Of all replaced resources: a value that is such an id can't be anything else."""
        ids = {before.id: after.id for before, after in self.moved.values() if before.id and after.id}
        return {old: new for old, new in ids.items() if len(old) >= SHORTEST}

    def _made(self, urn: str) -> dict[str, str]:
        """What the provider made: the id and outputs, of the old object → of the new one."""
        if urn in self._made_by:
            return self._made_by[urn]
        before, after = self.moved[urn]
        texts = {before.id: after.id} if before.id and after.id else {}
        given = after.decoded_inputs()
        for edit in edits(before.decoded_outputs(), after.decoded_outputs()):
            if edit.kind != "changed" or not edit.comparable or edit.path[0] in given:
                continue
            old, new = (opened(side) if is_secret(side) else side for side in (edit.old, edit.new))
            if isinstance(old, str) and isinstance(new, str):
                texts.setdefault(old, new)
        found = {old: new for old, new in texts.items() if len(old) >= SHORTEST}
        self._made_by[urn] = found
        return found


def _replaced(before: Resource, after: Resource) -> bool:
    if before.custom != after.custom:
        return True
    if before.id == after.id or not (before.id and after.id):
        return False
    # The id of a provider means nothing; the id of what was only read is what the program asked for.
    return not (after.is_provider or after.external or before.external)


@dataclass(frozen=True)
class Replaced:
    """Texts of replaced objects and what took their place."""

    texts: Mapping[str, str]
    whole: Mapping[str, str]
    """Looked up as whole values only."""
    within: bool
    """Whether `texts` are looked for inside longer texts as well."""

    def __bool__(self) -> bool:
        return bool(self.texts or self.whole)

    def explains(self, edit: Edit) -> bool:
        """Whether an edit does nothing but put the new object's id or output where the old one's stood."""
        if not self or edit.kind != "changed" or is_secret(edit.old) != is_secret(edit.new):
            return False
        return bool(self._renewed(opened(edit.old)) == opened(edit.new))

    def _renewed(self, value: Json) -> Any:
        if isinstance(value, str):
            known = self.texts.get(value) or self.whole.get(value)
            if known is not None:
                return known
            if self.within:
                for old in sorted(self.texts, key=len, reverse=True):
                    value = value.replace(old, self.texts[old])
            return value
        if isinstance(value, dict):
            return {key: self._renewed(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._renewed(inner) for inner in value]
        return value


NOT_REPLACED: Final = Replaced({}, {}, within=False)

_AMBIGUOUS: Final = (SIG.encode(), DEFAULTS.encode(), b'\\"')
"""Special values, bookkeeping, JSON text: bytes that differ there may mean the same."""

_members = msgspec.json.Decoder(dict[str, msgspec.Raw] | None)


def surely_differ(one: msgspec.Raw, other: msgspec.Raw) -> bool:
    """Whether inputs or outputs whose bytes differ are different, told from the bytes of their members.

    False means that only decoding tells. The engine writes keys in order and numbers in one form; only the indentation
    depends on where a file comes from, and shows in the last line.
    """
    left, right = _members.decode(one) or {}, _members.decode(other) or {}
    for key, value in left.items():
        if key != DEFAULTS:
            there = right.get(key)
            if there is None or (value != there and _bytes_tell(value, there)):
                return True
    return any(key not in left for key in right if key != DEFAULTS)


def _bytes_tell(one: msgspec.Raw, other: msgspec.Raw) -> bool:
    left, right = bytes(one), bytes(other)
    if left[_last_line(left) :] != right[_last_line(right) :]:
        return False
    return not any(mark in side for side in (left, right) for mark in _AMBIGUOUS)


def _last_line(text: bytes) -> int:
    place = text.rfind(b"\n")
    return len(text) if place < 0 else place
