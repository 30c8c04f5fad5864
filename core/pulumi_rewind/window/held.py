"""What is held: objects that an update let go of alive, with all that is needed to enter them into the state again.

Whether one is still held is told by the live state alone: it is, as long as no entry of live is this object. So nothing
has to be noted when an update fails before it lets go of it, when a rollback brings it back, or when somebody imports
it. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

import msgspec

from pulumi_rewind.errors import RewindError
from pulumi_rewind.goal.model import references
from pulumi_rewind.plan.held_entries import carries, reference
from pulumi_rewind.state.formats import exported
from pulumi_rewind.state.identity import same_object
from pulumi_rewind.state.model import Checkpoint, Resource, SecretsProvider, urn_name
from pulumi_rewind.state.values import damaged_value


class HeldEntry(msgspec.Struct, frozen=True):
    """An entry of a state, as it was before the update that let go of its object."""

    entry: msgspec.Raw
    """As stored in the checkpoint, secrets encrypted."""
    needed_only: bool = False
    """Whether it only stands for what held objects need: their components and the providers that the engine made."""
    because: str = ""
    """The name of the object that needs it, where it is not held for its own sake."""
    deleting: int = 0
    """The number that the update has which deletes it, once that was confirmed and it is in the state again."""
    named_only: bool = False
    """Whether the entry only names the object, see `completed`."""

    @property
    def resource(self) -> Resource:
        """The entry, decoded.

        Raises:
            CheckpointError: it is damaged.
        """
        try:
            return msgspec.json.decode(self.entry, type=Resource)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise damaged_value("a held resource") from None


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What one update or rollback let go of."""

    run: str
    """Random; tells it from all others."""
    kind: str
    """``update`` or ``rollback``."""
    after: int
    """The newest update when it began: it became the next one."""
    since: float
    """Unix seconds, as all times."""
    until: float
    """When somebody is to be asked about it; nothing is deleted by itself."""
    entries: tuple[HeldEntry, ...]
    secrets: SecretsProvider | None = None
    """How the secrets of the entries are encrypted."""


class Holdings(msgspec.Struct, frozen=True):
    """All that is held of a stack."""

    stack: str = ""
    serial: int = 0
    """Counts how often it was written: of two copies the higher one is right."""
    batches: tuple[Batch, ...] = ()

    def named_only(self) -> Holdings:
        """The same with entries that only name their objects."""
        batches = (
            msgspec.structs.replace(batch, entries=tuple(map(_named, batch.entries)), secrets=None)
            for batch in self.batches
        )
        return msgspec.structs.replace(self, batches=tuple(batches))


_NAMES: Final = ("urn", "type", "id", "custom", "created", "provider", "parent")


def _named(entry: HeldEntry) -> HeldEntry:
    document = msgspec.json.decode(entry.entry, type=dict[str, msgspec.Raw])
    kept = {name: document[name] for name in _NAMES if name in document}
    return msgspec.structs.replace(entry, entry=msgspec.Raw(msgspec.json.encode(kept)), named_only=True)


class Held(msgspec.Struct, frozen=True):
    """One object that is held now."""

    urn: str
    type: str
    id: str
    provider: str
    batch: Batch
    because: str = ""

    @property
    def name(self) -> str:
        """The resource's logical name."""
        return urn_name(self.urn)


def still_held(holdings: Holdings, live: Checkpoint, newest: int) -> tuple[Held, ...]:
    """The objects that are held, oldest first: neither in live nor deleted.

    What was entered to be deleted is, once an update has run (`newest` is the newest) and live lacks it.
    """
    found: dict[tuple[str, str, str | None], Held] = {}
    entered = _by_object(live)
    for batch in holdings.batches:
        for entry in batch.entries:
            res = entry.resource
            if (
                entry.needed_only
                or 0 < entry.deleting <= newest
                or any(same_object(res, one) for one in entered.get((res.type, res.id), ()))
            ):
                continue
            found[res.type, res.id, res.created] = Held(res.urn, res.type, res.id, res.provider, batch, entry.because)
    return tuple(found.values())


def unsettled(holdings: Holdings, live: Checkpoint, newest: int) -> tuple[Batch, ...]:
    """The batches that have something that is held, or that the next update may let go of.

    The latter is what an update that failed or was killed has left in live, marked to be kept or as a copy to delete.
    """
    held = {(one.batch.run, one.urn, one.id) for one in still_held(holdings, live, newest)}
    leaving = {(res.type, res.id) for res in live.resources if res.delete or res.retain_on_delete}

    def open_(batch: Batch, entry: HeldEntry) -> bool:
        res = entry.resource
        return not entry.needed_only and ((batch.run, res.urn, res.id) in held or (res.type, res.id) in leaving)

    return tuple(batch for batch in holdings.batches if any(open_(batch, entry) for entry in batch.entries))


def without_returned(holdings: Holdings, live: Checkpoint, before: float) -> tuple[Batch, ...]:
    """The batches without the objects that are live again, so that they aren't taken for held when they go for good.

    What was noted after the moment `before` stays: it is about to leave.
    """
    entered = {
        (res.type, res.id): res for res in live.resources if not (res.delete or res.external or res.retain_on_delete)
    }

    def back(entry: HeldEntry) -> bool:
        res = entry.resource
        there = entered.get((res.type, res.id))
        return not entry.needed_only and there is not None and same_object(res, there)

    return tuple(
        batch
        if batch.since >= before
        else msgspec.structs.replace(batch, entries=tuple(entry for entry in batch.entries if not back(entry)))
        for batch in holdings.batches
    )


def _by_object(live: Checkpoint) -> dict[tuple[str, str], list[Resource]]:
    found: dict[tuple[str, str], list[Resource]] = {}
    for res in live.resources:
        if not res.external:  # what is only read can be held all the same
            found.setdefault((res.type, res.id), []).append(res)
    return found


def completed(holdings: Holdings, checkpoint: Callable[[int], Checkpoint]) -> Holdings:
    """The same with the entries that only name their objects taken from the checkpoint of the update before.

    What can't be found there is left out: it can't come back from here.
    """
    return msgspec.structs.replace(holdings, batches=tuple(_completed(one, checkpoint) for one in holdings.batches))


def _completed(batch: Batch, checkpoint: Callable[[int], Checkpoint]) -> Batch:
    if not any(entry.named_only for entry in batch.entries):
        return batch
    try:
        before = checkpoint(batch.after)
    except RewindError:
        return msgspec.structs.replace(batch, entries=())
    known = {(res.urn, res.id): raw for res, raw in zip(before.resources, _raw_entries(before), strict=True)}
    found = []
    for entry in batch.entries:
        res = entry.resource
        if (res.urn, res.id) in known:
            found.append(msgspec.structs.replace(entry, entry=known[res.urn, res.id], named_only=False))
    return msgspec.structs.replace(batch, entries=tuple(found), secrets=before.deployment.secrets_providers)


def entries_of(holdings: Holdings, held: Iterable[Held]) -> list[tuple[Batch, HeldEntry]]:
    """The entries of objects that are held, each once, with those of all that they need, which come first.

    What several batches have is taken from the newest.
    """
    wanted = {(one.batch.run, one.urn, one.id) for one in held}
    runs = {run for run, _, _ in wanted}
    found: dict[tuple[str, str], tuple[Batch, HeldEntry]] = {}
    for batch in holdings.batches:
        for entry in batch.entries if batch.run in runs else ():
            res = entry.resource
            if entry.needed_only or (batch.run, res.urn, res.id) in wanted:
                replaceable = not res.custom or res.is_default_provider
                found[res.urn, "" if replaceable else res.id] = (batch, entry)
    return sorted(found.values(), key=lambda one: not one[1].needed_only)


def held_entries(
    live: Checkpoint, going: Collection[tuple[str, str]], because: dict[str, str], marked: Iterable[Batch] = ()
) -> list[HeldEntry]:
    """The entries of live (as stored) of objects that are about to be held, by URN and id, with what they need.

    Where one of the batches in `marked` has an object without ``retainOnDelete``, it was marked since by that run, and
    its program says nothing of that.
    """
    unmarked = {
        (entry.resource.urn, entry.resource.id)
        for batch in marked
        for entry in batch.entries
        if not entry.resource.retain_on_delete
    }
    raws = [
        _unmarked(raw) if (res.urn, res.id) in unmarked and res.retain_on_delete else raw
        for raw, res in zip(_raw_entries(live), live.resources, strict=True)
    ]
    by_urn = {res.urn: place for place, res in enumerate(live.resources) if not res.delete}
    by_reference = {reference(res): place for place, res in enumerate(live.resources) if res.is_provider}
    chosen = [place for place, res in enumerate(live.resources) if (res.urn, res.id) in going]
    objects = [place for place in chosen if not carries(live.resources[place])]
    needed = {place: None for place in chosen if carries(live.resources[place])}
    rest: Sequence[int] = chosen
    while rest:
        urns = {urn for place in rest for urn in references(live.resources[place])}
        places = {by_urn[urn] for urn in urns if urn in by_urn}
        places |= {by_reference[name] for place in rest if (name := live.resources[place].provider) in by_reference}
        rest = sorted(place for place in places if carries(live.resources[place]) and place not in needed)
        needed |= dict.fromkeys(rest)
    return [
        *(HeldEntry(raws[place], needed_only=True) for place in sorted(needed)),
        *(HeldEntry(raws[place], because=because.get(live.resources[place].urn, "")) for place in objects),
    ]


def _unmarked(raw: msgspec.Raw) -> msgspec.Raw:
    entry = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    del entry["retainOnDelete"]
    return msgspec.Raw(msgspec.json.encode(entry))


def _raw_entries(live: Checkpoint) -> list[msgspec.Raw]:
    document = msgspec.json.decode(exported(live.raw), type=dict[str, msgspec.Raw])
    deployment = msgspec.json.decode(document["deployment"], type=dict[str, msgspec.Raw])
    return msgspec.json.decode(deployment.get("resources") or b"[]", type=list[msgspec.Raw] | None) or []
