"""Which resource of one checkpoint is which of another, and what follows from that for all others. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import Final

import msgspec

from pulumi_rewind.diff.certain import replaced
from pulumi_rewind.diff.translation import NOTHING_NEW, Translation
from pulumi_rewind.relinking.links import Leaf, Link, make_link
from pulumi_rewind.state.identity import match
from pulumi_rewind.state.model import PROPERTIES, Checkpoint, Resource
from pulumi_rewind.state.values import Json, decoded

SHORTEST: Final = 4
"""Shorter ids and outputs stand in too many texts by chance."""


class Join:
    """The resources of two checkpoints, joined: by URN, then by type and id, then default providers by package."""

    def __init__(self, old: Checkpoint, new: Checkpoint) -> None:
        self.old, self.new = old.by_urn, new.by_urn
        self._copies = old.resources
        self._pairs: dict[str, str] = {}
        """New URN → old URN, where they differ."""
        lost = [res for urn, res in self.old.items() if urn not in self.new]
        made = [res for urn, res in self.new.items() if urn not in self.old]
        if lost and made:
            pairs = match(self.new.values(), self.old.values())
            self._pairs = {urn: was for urn, was in pairs.items() if urn != was and urn not in self.old}
            self._pair_default_providers(lost, made)
        self._now = {was: urn for urn, was in self._pairs.items()}
        self._versions: dict[tuple[str, str], tuple[str, str]] = {}
        self._links: dict[str, Link | None] = {}

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

    def waits(self, after: Resource) -> bool:
        """Whether the old side still has that very object as an old copy, so that going there brings it back."""
        return (after.urn, after.type, after.id) in self._waiting

    @cached_property
    def _waiting(self) -> frozenset[tuple[str, str, str]]:
        return frozenset(
            (res.urn, res.type, res.id) for res in self._copies if res.delete and not res.pending_replacement
        )

    def urn_now(self, urn: str) -> str:
        """A URN of the old side as the new side has it."""
        return self._now.get(urn, urn)

    @cached_property
    def moved(self) -> dict[str, tuple[Resource, Resource]]:
        """By new URN: resources that are another physical object now."""
        return {urn: (before, after) for urn, (before, after) in self.changed.items() if replaced(before, after)}

    @cached_property
    def changed(self) -> dict[str, tuple[Resource, Resource]]:
        """By new URN: what is on both sides, and not the same byte for byte."""
        both = ((self.before(after), after) for after in self.new.values())
        return {after.urn: (before, after) for before, after in both if before is not None and before != after}

    def same_provider(self, before: Resource, after: Resource) -> bool:
        """Whether both sides use one provider, which may have changed itself."""
        return self.urn_now(before.provider_urn) == after.provider_urn

    def versions(self, before: Resource, after: Resource) -> tuple[str, str]:
        """The versions of the plugins that answer for a resource; of a provider they are among its inputs."""
        if before.is_provider:
            return "", ""
        key = before.provider, after.provider
        if key not in self._versions:
            sides = self.old.get(before.provider_urn), self.new.get(after.provider_urn)
            old, new = (str(side.decoded_inputs().get("version") or "") if side is not None else "" for side in sides)
            self._versions[key] = old, new
        return self._versions[key]

    def decoded(self, one: msgspec.Raw, other: msgspec.Raw) -> tuple[Json, Json]:
        """Two properties as JSON, for `edits`."""
        return decoded(one, PROPERTIES) or {}, decoded(other, PROPERTIES) or {}

    def translation(self, after: Resource) -> Translation:
        """What would differ in a resource only because what it uses was replaced, renamed, or has other outputs now."""
        used = set(after.uses)
        if used and after.custom:
            used.add(after.parent)
            for urn in tuple(used):
                used |= self._moved_within.get(urn, frozenset())
        elif self.moved or self._pairs:
            # Outputs of components and stacks, imported resources: nobody recorded where values come from.
            return self._everything
        return self._translation(used)

    def stale(self, before: Resource, after: Resource) -> bool:
        """Whether its inputs still name an object that has been replaced."""
        if not after.custom or after.external or after.is_provider:
            return False
        if self.moved.keys().isdisjoint(after.uses):
            return False
        return self.translation(after).stale(before.decoded_inputs(), after.decoded_inputs())

    @cached_property
    def _everything(self) -> Translation:
        return self._translation(self.moved.keys() | self._pairs.keys())

    def _translation(self, urns: Iterable[str]) -> Translation:
        links = [link for urn in sorted(urns) if (link := self._link(urn)) is not None]
        return Translation(links, self._references, self._ids) if links or self._ids else NOTHING_NEW

    @cached_property
    def _moved_within(self) -> dict[str, frozenset[str]]:
        """By component: what lies in it and is another object now; a component has no id that could be used."""
        found: dict[str, set[str]] = {}
        for urn in self.moved:
            parent, seen = self.new[urn].parent, {urn}
            while parent in self.new and parent not in seen and not self.new[parent].is_stack:
                found.setdefault(parent, set()).add(urn)
                seen.add(parent)
                parent = self.new[parent].parent
        return {urn: frozenset(inner) for urn, inner in found.items()}

    @cached_property
    def _references(self) -> dict[str, tuple[str, str]]:
        """Of what has another id or name: old URN → the new URN and id."""
        changed = [*self._pairs, *(urn for urn in self.moved if urn not in self._pairs)]
        return {self._pairs.get(urn, urn): (urn, self.new[urn].id) for urn in changed}

    @cached_property
    def _ids(self) -> dict[str, str]:
        """Of all replaced resources: a value that is such an id can't be anything else."""
        ids = {before.id: after.id for before, after in self.moved.values() if before.id and after.id}
        return {old: new for old, new in ids.items() if len(old) >= SHORTEST}

    def _link(self, urn: str) -> Link | None:
        """What a resource was and is to those who use it; None where that is the same."""
        if urn not in self._links:
            self._links[urn] = self._made(urn)
        return self._links[urn]

    def _made(self, urn: str) -> Link | None:
        after = self.new.get(urn)
        before = self.before(after) if after is not None else None
        if after is None or before is None:
            return None
        moved, renamed = urn in self.moved, before.urn != urn
        if not (moved or renamed or (after.custom and before.outputs != after.outputs)):
            return None
        given = after.decoded_inputs()  # what it was told is no answer of its own
        old, new = (
            {key: value for key, value in side.decoded_outputs().items() if key not in given} if side.custom else {}
            for side in (before, after)
        )
        ids = (before.id, after.id) if moved else ("", "")
        link = make_link(urn, ids[0], old, ids[1], new, preview=False)
        leaves = [leaf for leaf in link.leaves if leaf.old != leaf.new and len(str(leaf.old)) >= SHORTEST]
        if renamed:
            leaves.append(Leaf("urn", before.urn, urn))
        return replace(link, leaves=tuple(leaves)) if leaves or link.moved else None
