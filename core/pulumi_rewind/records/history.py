"""A backend's history with what only records still have: lost checkpoints, and updates that were pruned.

A DIY backend numbers nothing, so that pruning its history would renumber all updates. Records know the numbers: where
one is found among the backend's updates, the others are counted from there.

The backend is the authority: those who can write refs are not those who can write its history. Only trusted records
(`records.provenance`) say anything here. One that is trusted and of this backend proves that the backend had this
update under this number: backends drop nothing themselves, so it has lost the update since, by pruning (older than all
that it has), with all of its history, or by restoring an older backup (newer, or in between). It must fit in time: an
update between two others began between them. Records of another backend count where the operator says that the stack
was moved from there (``moved_from``), or where the history was moved here, which shows by updates that both have; then
only for what is older than these.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain, repeat, takewhile
from typing import TYPE_CHECKING

import msgspec

from pulumi_rewind.backends.protocol import History, no_update
from pulumi_rewind.errors import CheckpointError, RecordError, RewindError
from pulumi_rewind.records.parts import CHECKPOINT, NOT_HERE, backend_digest, digest_of, update_key
from pulumi_rewind.state.model import Checkpoint, Update

if TYPE_CHECKING:
    from pulumi_rewind.records.store import Record, Records

LOST = "it is neither in the backend's history nor in a record"

NUMBERS_PER_UPDATE = 1000
"""How many times the number of all updates and records a number may be, so that cost follows what is there."""
ALWAYS_PLAUSIBLE = 10_000
"""A number that is plausible in any case: of a history that was pruned down to almost nothing."""


def with_records(history: History, kept: Callable[[], Records | None]) -> History:
    """A stack's history of a backend, those updates included that only records know; `kept` gives these."""
    try:
        records = kept()
        refs = records.refs() if records is not None else {}
        claims = records.claims(refs) if records is not None and refs else {}
    except RewindError:
        return history  # records help, and never stand in the way; `record` says what is wrong
    return RecordedHistory(history, records, refs, claims) if records is not None and refs else history


class RecordedHistory(History):
    """See `History`. What the backend has comes from there; a record is read where something is missing.

    `refs` are all records of the stack, `claims` those that are trusted or may be, see `Records.claims`.
    """

    def __init__(self, history: History, records: Records, refs: Mapping[int, str], claims: Mapping[int, str]) -> None:
        self._history = history
        self.far = history.far
        self.records = records
        self._all = refs
        highest = max(ALWAYS_PLAUSIBLE, NUMBERS_PER_UPDATE * (len(history) + len(claims)))
        self._refs = {number: commit for number, commit in claims.items() if number <= highest}
        self._own: dict[int, Record | None] = {}
        self._sources: dict[int, Record | None] = {}

    @cached_property
    def places(self) -> Places:
        """Which number each update of the backend has."""
        count = len(self._history)
        newest: Record | None = None
        same = 0
        for number in sorted(self._refs, reverse=True):
            if number <= count and self._is_at_its_place(number):
                same = number
                break
            newest = newest or self._whole(number)
        if newest is None:
            return Places(count)
        self._history.expect(range(count, same, -1))
        # Nothing is lost below `same`: its number is the backend's own. Above it, every update is looked at.
        found = [(number, record) for number in sorted(self._refs) if (record := self._whole(number))]
        keys = {record.meta.key: number for number, record in found}
        states = {record.meta.files.get(CHECKPOINT, ""): number for number, record in found}
        known = [(same, same)] if same else []
        known += [(place, self._known(place, keys, states)) for place in range(same + 1, count + 1)]
        known = [(place, number) for place, number in known if number]
        if not known and not self._came_before(newest):
            return Places(count)
        # Of another backend, they are another stack's of that name, unless they are older than one that both have: then
        # the history was moved.
        numbers = {number for _, number in known}
        first = min(numbers, default=0)
        moved = {record.meta.backend for number, record in found if number in numbers}
        ours = [
            number
            for number, record in found
            if record.meta.backend in self.records.backends or (number < first and record.meta.backend in moved)
        ]
        ours = [number for number in ours if number in numbers or self._fits(number, known)]
        return place_updates(count, known, ours)

    @property
    def claims(self) -> Mapping[int, str]:
        """Number → commit of the records that are trusted or may be."""
        return self._refs

    def __len__(self) -> int:
        return self.places.total

    def update(self, number: int) -> Update:
        """One update; from its record where the backend's is lost or damaged."""
        place = self._place(number)
        if place:
            update = self._history.update(place)
            if update.number != number:
                update = msgspec.structs.replace(update, number=number, place=place)
            if update.has_checkpoint and update.result != "unreadable":
                return update
            return self._completed(number, update)
        try:
            if number in self.places.lost and (record := self._record(number)) is not None:
                return record.update
        except RecordError as err:
            return _lost(number, str(err))
        return _lost(number, f"{LOST}{self._unused(number)}")

    def expect(self, numbers: Sequence[int]) -> None:
        """Of those that the backend has."""
        places = self.places
        self._history.expect([place for number in numbers if (place := places.place(number))])

    def ahead(self, numbers: Iterable[int]) -> Iterator[int]:
        """Of those that the backend has: records are in git, which is near."""
        asked: deque[int] = deque()

        def places() -> Iterator[int]:
            for number in numbers:
                asked.append(number)
                if place := self.places.place(number):
                    yield place

        for place in self._history.ahead(places()):
            while self.places.place(number := asked.popleft()) != place:
                yield number
            yield number
        yield from asked

    def is_live(self, number: int) -> bool | None:
        """As the backend says."""
        place = self._place(number)
        return self._history.is_live(place) if place else None

    def recall(self, what: str, *numbers: int) -> str | None:
        """Of checkpoints that the backend has."""
        places = [self._place(number) for number in numbers]
        return self._history.recall(what, *places) if all(places) else None

    def remember(self, text: str, what: str, *numbers: int) -> None:
        """Of checkpoints that the backend has."""
        places = [self._place(number) for number in numbers]
        if all(places):
            self._history.remember(text, what, *places)

    def confirm(self) -> None:
        """The backend's numbers."""
        self._history.confirm()

    def unused(self) -> dict[int, str]:
        """Number → commit of the records that are not trusted; checks signatures."""
        return {number: commit for number, commit in self._all.items() if self._is_foreign(number)}

    def raw(self, number: int) -> bytes:
        """The stored checkpoint, of the backend or of the record."""
        place = self._place(number)
        if not place:
            return self._only(number).raw()
        try:
            return self._history.raw(place)
        except CheckpointError as err:
            return self._instead(number, place, err).raw()

    def parts(self, numbers: Sequence[int], start: int, size: int) -> Iterator[bytes | None]:
        """Of the backend's checkpoints, up to the first one that it hasn't got."""
        places = list(takewhile(bool, map(self._place, numbers)))
        return chain(self._history.parts(places, start, size), repeat(None, len(numbers) - len(places)))

    def size(self, number: int) -> int | None:
        """Bytes of the checkpoint where the backend knows them."""
        place = self._place(number)
        return self._history.size(place) if place else None

    def touched(self, number: int) -> str:
        """As the backend says; of what is a record's alone, that it is one."""
        place = self._place(number)
        if not place or self.update(number).from_record:
            return "it comes from a record in git"
        return self._history.touched(place)

    def checkpoint(self, number: int) -> Checkpoint:
        """The state stored with an update; from its record where the backend's is lost or damaged."""
        place = self._place(number)
        try:
            if place:
                found = self._history.checkpoint(place)
                self._sources[number] = None
                return found
            record = self._only(number)
        except CheckpointError as err:
            if not place:
                raise
            record = self._instead(number, place, err)
        self._sources[number] = record
        return record.checkpoint()

    def source(self, number: int) -> Record | None:
        """The record that the checkpoint of an update is from, None if it is the backend's; raises as `checkpoint`."""
        if number not in self._sources:
            self.checkpoint(number)
        return self._sources[number]

    # -- inside -------------------------------------------------------------------------------------------------

    def _place(self, number: int) -> int:
        """The backend's own number of an update, 0 if it hasn't got it."""
        if not 1 <= number <= len(self):
            raise no_update(self, f"{self.records.project}/{self.records.stack}", number)
        return self.places.place(number)

    def _record(self, number: int) -> Record | None:
        """The trusted record of a number; raises RecordError if it is damaged or of another stack."""
        if number not in self._own:
            commit = self._refs.get(number)
            record = self.records.at(number, commit) if commit is not None else None
            self._own[number] = record if record is not None and self.records.origin(record).trusted else None
        return self._own[number]

    def _is_foreign(self, number: int) -> bool:
        """Whether there is a record of a number that is not trusted; a damaged one that is trusted isn't that."""
        try:
            return number in self._all and self._record(number) is None
        except RecordError:
            return False

    def _is_at_its_place(self, number: int) -> bool:
        """Whether a record is of the update that the backend itself counts so.

        Its signature needn't be checked: it says no more than that numbers are the backend's own.
        """
        try:
            meta = self.records.at(number, self._refs[number]).meta
        except RecordError:
            return False
        return update_key(self._history.update(number)) == meta.key

    def _fits(self, number: int, known: Iterable[tuple[int, int]]) -> bool:
        """Whether a lost update began between its neighbours that the backend has; unreadable ones say nothing."""
        record = self._whole(number)
        began = record.meta.start_time if record is not None else 0
        below = max((place for place, other in known if other < number), default=0)
        above = min((place for place, other in known if other > number), default=0)
        before = self._history.update(below).start_time if below else 0
        after = self._history.update(above).start_time if above else 0
        return before <= began and (not after or began <= after)

    def _unused(self, number: int) -> str:
        """A clause to add where a foreign record may have what is missing; empty if there is none."""
        if not self._is_foreign(number):
            return ""
        return f"; its record was {NOT_HERE}: check it, then trust it with `pulumi-rewind record --trust {number}`"

    def _whole(self, number: int) -> Record | None:
        """The same, None for what can't be used."""
        try:
            return self._record(number)
        except RecordError:
            return None

    def _record_of(self, number: int, update: Update) -> Record | None:
        """The record with the checkpoint of an update of the backend; None if it is that of another update."""
        record = self._whole(number)
        if record is None or not record.update.has_checkpoint:
            return None
        return record if belongs(record, update, self.records.backend) else None

    def _instead(self, number: int, place: int, error: CheckpointError) -> Record:
        """The record with a checkpoint that the backend has lost; raises the error where there is none."""
        record = self._record_of(number, self._history.update(place))
        if record is None:
            if clause := self._unused(number):
                error.advice = f"{error.advice.rstrip('.')}{clause}."
            raise error
        return record

    def _only(self, number: int) -> Record:
        record = self._record(number) if number in self.places.lost else None
        if record is None:
            raise CheckpointError(
                f"#{number} is lost: {LOST}{self._unused(number)}",
                hint="`git fetch REMOTE 'refs/pulumi-rewind/*:refs/pulumi-rewind/*'` may get its record.",
            )
        return record

    def _completed(self, number: int, update: Update) -> Update:
        try:
            record = self._record_of(number, update)
            if record is None:
                return msgspec.structs.replace(update, problem=f"{update.problem}{self._unused(number)}")
            if update.result == "unreadable":
                return record.update
        except RecordError:
            return update
        return msgspec.structs.replace(update, has_checkpoint=True, problem="", from_record="checkpoint")

    def _known(self, place: int, keys: Mapping[str, int], states: Mapping[str, int]) -> int:
        """The number that the record of an update has, 0 if there is none; a damaged one is known by its state."""
        update = self._history.update(place)
        if update.result != "unreadable":
            return keys.get(update_key(update), 0)
        try:
            return states.get(digest_of(self._history.raw(place)), 0)
        except CheckpointError:
            return 0

    def _came_before(self, newest: Record) -> bool:
        """Whether records without a single common update can be the earlier life of this stack."""
        if not len(self._history):
            return True
        first = self._history.update(1)
        return newest.meta.end_time <= first.start_time


def belongs(record: Record, update: Update, backend: str) -> bool:
    """Whether a record is that of an update of the backend; of an unreadable one the backend must tell. Pure."""
    if update.result == "unreadable":
        return record.meta.backend == backend_digest(backend)
    return record.meta.key == update_key(update)


class Places:
    """The numbers of a backend's updates, and how many numbers there are with those that only records have."""

    def __init__(self, count: int, numbers: Iterable[int] | None = None, lost: Iterable[int] = ()) -> None:
        self.lost = frozenset(lost)
        """The numbers of the updates that only records have."""
        self._places = {number: place for place, number in enumerate(numbers, 1)} if numbers is not None else None
        self._count = count
        self.total = (
            max(max(self.lost, default=0), max(self._places or {}, default=0)) if numbers is not None else count
        )

    def place(self, number: int) -> int:
        """The place of a number in the backend's own history, 0 if it isn't there."""
        if self._places is not None:
            return self._places.get(number, 0)
        return number if number <= self._count else 0


def place_updates(count: int, known: Iterable[tuple[int, int]], recorded: Iterable[int]) -> Places:
    """Numbers for `count` updates in order: `known` are (place, number) pairs, the others are counted from these.

    A number with a record whose update the backend hasn't got is passed over: the record is what is left of it. Without
    room for all updates below the first known one, records are of no use. Pure.
    """
    anchors: list[tuple[int, int]] = []
    for place, number in sorted(known):
        if not anchors or number - anchors[-1][1] >= place - anchors[-1][0]:
            anchors.append((place, number))
    matched = {number for _, number in anchors}
    only = {number for number in recorded if number not in matched}
    numbers: dict[int, int] = {}
    low_place, low_number = 0, 0
    for place, number in anchors:
        # Counted down from the known one: what is lost is lost from the old end, as a rule.
        candidate = number
        for between in range(place, low_place, -1):
            while candidate in only and candidate > low_number + (between - low_place):
                candidate -= 1
            numbers[between] = candidate
            candidate -= 1
        if low_place + 1 <= place and numbers[low_place + 1] <= low_number:
            return Places(count)
        low_place, low_number = place, number
    candidate = low_number if anchors else max(only, default=0)
    for place in range(low_place + 1, count + 1):
        candidate += 1
        while candidate in only:
            candidate += 1
        numbers[place] = candidate
    return Places(count, (numbers[place] for place in range(1, count + 1)), only)


def _lost(number: int, problem: str) -> Update:
    return Update(number=number, kind="update", result="unreadable", has_checkpoint=False, problem=problem)
