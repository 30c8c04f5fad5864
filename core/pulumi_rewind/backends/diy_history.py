"""The history of one stack on a DIY backend: one listing, then each record and checkpoint when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from pulumi_rewind.backends.ahead import Ahead
from pulumi_rewind.backends.interruptible import at_once, begin
from pulumi_rewind.backends.listing import Listing
from pulumi_rewind.backends.protocol import FIRST_READ, History, no_update
from pulumi_rewind.backends.storage import Item, Storage
from pulumi_rewind.backends.update_files import Files, sorted_items, sorted_names
from pulumi_rewind.errors import BackendError, CheckpointError, HistoryMoved
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.model import EMPTY, Checkpoint, StackRef, Update
from pulumi_rewind.system.untrusted import CHECKPOINT, RECORD, decompress
from pulumi_rewind.version import __version__

if TYPE_CHECKING:
    from pulumi_rewind.backends.cache import Place

PARTS: Final = 16
"""Parts of checkpoints under way at a time."""

_NANOSECONDS: Final = 1_000_000_000
_LATEST: Final = 1 << 63


class DiyHistory(History):
    """See `History`. Files are named ``<stack>-<nanoseconds>.history.json`` and ``….checkpoint.json``.

    Where the listing gives marks, the storage is far away: records are read many at once, and no record twice.
    """

    def __init__(
        self,
        storage: Storage,
        folder: str,
        stack: StackRef,
        *,
        states: Sequence[str] = (),
        kept: Place | None = None,
        quick: bool = False,
    ) -> None:
        """`states` are the keys that the live state may have; `kept` is the user's cache of this history."""
        self._storage = storage
        self._folder = folder
        self._stack = stack
        self._states = states
        self._kept = kept
        self._start = f"{stack.name}-"
        self._listing = Listing(storage, folder, self._start, kept)
        self._states_asked = begin(lambda: storage.digests(states)) if quick and kept is not None else None
        self.sure = True
        """Whether all files were listed; else the cache has told those in between."""
        self._stamps: Sequence[int | str]
        if (names := storage.names(folder, self._start)) is not None:
            self._stamps, self._records, self._checkpoints = sorted_names(self._start, names)
        else:
            items = self._listing.quick() if quick else None
            self.sure = items is None
            self._stamps, self._records, self._checkpoints = sorted_items(
                self._start, self._listing.everything() if items is None else items
            )
        newest = self._records[self._stamp(len(self))] if self._stamps else None
        self.far = isinstance(newest, Item) and bool(newest.mark)
        self._ahead = Ahead(self._raw, self.size)
        self._known: dict[int, Update] = {}

    def __len__(self) -> int:
        return len(self._stamps)

    def confirm(self) -> None:
        """Lists in full what the cache has told; see `History.confirm`."""
        if self.sure:
            return
        stamps, records, checkpoints = sorted_items(self._start, self._listing.everything())
        # What was added at the end is no news here; whatever else is different has moved numbers or contents.
        if stamps[: len(self)] != self._stamps or any(
            records.get(stamp) != self._records[stamp]
            or (stamp in self._checkpoints and checkpoints.get(stamp) != self._checkpoints[stamp])
            for stamp in stamps[: len(self)]
        ):
            raise HistoryMoved(
                f"updates of {self._stack} were removed or replaced on {self._storage.shown}",
                hint="Numbers may have changed: look at the history again, and choose by what it shows now.",
            )
        self.sure = True

    def expect(self, numbers: Sequence[int]) -> None:
        """Reads the records that aren't known yet, from the cache or else from the storage, many at once."""
        wanted = {
            number: item
            for number in numbers
            if self.far
            and 1 <= number <= len(self._stamps)
            and number not in self._known
            and isinstance(item := self._records[self._stamp(number)], Item)
        }
        if not wanted:
            return
        if self._kept is not None:
            there = self._kept.read({item.name: item.mark for item in wanted.values() if item.mark})
            wanted = {number: item for number, item in wanted.items() if not self._take(number, there.get(item.name))}
        contents = self._storage.read_all([self._key(item) for item in wanted.values()], RECORD)
        fresh = [
            (item.name, item.mark, content)
            for (number, item), content in zip(wanted.items(), contents, strict=True)
            if isinstance(content, bytes) and self._take(number, content) and item.mark
        ]
        if self._kept is not None:
            self._kept.keep(fresh)

    def _take(self, number: int, content: bytes | None) -> bool:
        """Remembers a record if it is sound; others are read by themselves, which tells what is wrong with them."""
        if content is None:
            return False
        what = f"the record of #{number}"
        try:
            update = decode_record(unpacked(content, what, RECORD), number, what)
        except BackendError:
            return False
        self._known[number] = self._with_checkpoint(update)
        return True

    def update(self, number: int) -> Update:
        """One record; a damaged or vanished one comes back as ``unreadable`` with the reason."""
        stamp = self._stamp(number)
        if self.far and number not in self._known:
            self.expect(self._around(number))
        if number in self._known:
            return self._known[number]
        what = f"the record of #{number}"
        try:
            return self._with_checkpoint(decode_record(self._read(self._records, stamp, what, RECORD), number, what))
        except BackendError as err:
            self._storage.check()
            return self._unreadable(number, stamp, str(err))

    def _around(self, number: int) -> Sequence[int]:
        """What is read with a record: many where its neighbour was read before, as in a loop."""
        if number + 1 in self._known:
            return range(number, number - FIRST_READ, -1)
        return range(number, number + FIRST_READ) if number - 1 in self._known else (number,)

    def _with_checkpoint(self, update: Update) -> Update:
        if self._stamp(update.number) in self._checkpoints:
            return update
        return msgspec.structs.replace(update, has_checkpoint=False, problem="no checkpoint was kept")

    def ahead(self, numbers: Iterable[int]) -> Iterator[int]:
        """Reads checkpoints ahead where the storage is far away."""
        return self._ahead.walk(numbers) if self.far else iter(numbers)

    def is_live(self, number: int) -> bool | None:
        """By the digests of the checkpoint and of the state, where the storage has some."""
        item = self._checkpoints.get(self._stamp(number))
        if not self.far or not isinstance(item, Item):
            return None
        one = self._storage.digest(item)
        begun, self._states_asked = self._states_asked, None
        if one and begun is not None:
            states = begun.result()
        elif one:
            states = self._storage.digests(self._states)
        else:
            one, *states = self._storage.digests([self._key(item), *self._states])
        return True if one and [state for state in states if state] == [one] else None

    def forget_states(self) -> None:
        """Lets `is_live` ask for the state as it is then, also the first time."""
        self._states_asked = None

    def recall(self, what: str, *numbers: int) -> str | None:
        """From the cache."""
        name = self._fact(what, numbers)
        if self._kept is None or name is None:
            return None
        found = self._kept.read({name[0]: name[1]}).get(name[0])
        return found.decode(errors="replace") if found is not None else None

    def remember(self, text: str, what: str, *numbers: int) -> None:
        """In the cache."""
        name = self._fact(what, numbers)
        if self._kept is not None and name is not None:
            self._kept.keep([(*name, text.encode())])

    def _fact(self, what: str, numbers: Sequence[int]) -> tuple[str, str] | None:
        """Key and mark of a fact: the names of the checkpoints that it is about, and their marks.

        Another release may find out something else about the same content.
        """
        items = [self._checkpoints.get(self._stamp(number)) for number in numbers]
        there = [item for item in items if isinstance(item, Item) and item.mark]
        if len(there) < len(items):
            return None
        return " ".join((what, __version__, *(item.name for item in there))), " ".join(item.mark for item in there)

    def raw(self, number: int) -> bytes:
        """The stored checkpoint, decompressed."""
        return self._ahead.get(number) if self.far else self._raw(number)

    def _raw(self, number: int) -> bytes:
        return self._read(self._checkpoints, self._stamp(number), f"the checkpoint of #{number}")

    def parts(self, numbers: Sequence[int], start: int, size: int) -> Iterator[bytes | None]:
        """Of files that are not compressed; what a compressed one gives is no text of a state."""

        def one(number: int) -> bytes | None:
            item = self._checkpoints.get(self._stamp(number))
            return self._storage.part(self._key(item), start, size) if isinstance(item, Item) else None

        return at_once(one, numbers, PARTS) if self.far else map(one, numbers)

    def size(self, number: int) -> int | None:
        """Bytes of the checkpoint; None if it is compressed or not there.

        Where the listing tells sizes, a compressed file can't be told by its beginning, but by its name.
        """
        item = self._checkpoints.get(self._stamp(number))
        if not isinstance(item, Item):
            return None
        if item.size is not None:
            return item.size if item.name.endswith(".json") else None
        return self._storage.size(self._key(item))

    def checkpoint(self, number: int) -> Checkpoint:
        """The stored checkpoint."""
        return decode_checkpoint(self.raw(number), source=f"the checkpoint of #{number}")

    def touched(self, number: int) -> str:
        """Whose the files of an update are, and whether they were written again after it."""
        stamp = self._stamp(number)
        found = [files[stamp] for files in (self._records, self._checkpoints) if stamp in files]
        keys = [self._key(item) for items in found for item in ([items] if isinstance(items, Item) else items)]
        ended = max(stamp if stamp < _LATEST else 0, self.update(number).end_time * _NANOSECONDS)
        return self._storage.touched(keys, ended)

    # -- inside -------------------------------------------------------------------------------------------------

    def _key(self, item: Item) -> str:
        return f"{self._folder}/{item.name}"

    def _stamp(self, number: int) -> int:
        if not 1 <= number <= len(self._stamps):
            raise no_update(self, self._stack, number)
        return int(self._stamps[number - 1])

    def _read(self, files: Files, stamp: int, what: str, limit: int = CHECKPOINT) -> bytes:
        items = files.get(stamp)
        if items is None:
            raise CheckpointError(
                f"{what} does not exist",
                hint="Nothing was stored with this update, perhaps because it was killed; choose another one.",
            )
        try:
            if isinstance(items, Item):
                return unpacked(self._storage.read(self._key(items), limit), what, limit)
            keys = [self._key(item) for item in sorted(items, key=lambda item: len(item.name))]
            found = self._storage.newest(keys, what, limit)
            if found is not None:
                return unpacked(found.content, what, limit)
        except FileNotFoundError:
            pass
        self._storage.check()
        raise CheckpointError(
            f"{what} is no longer there", hint="It was removed after the history was listed; reload, or choose another."
        )

    def _unreadable(self, number: int, stamp: int, problem: str) -> Update:
        # The file's name is all that is left of the time, if it is one.
        seconds = stamp // _NANOSECONDS if stamp < _LATEST else 0
        return Update(
            number=number,
            kind="update",
            result="unreadable",
            start_time=seconds,
            end_time=seconds,
            has_checkpoint=stamp in self._checkpoints,
            problem=problem,
        )


def unpacked(content: bytes, what: str, limit: int = CHECKPOINT) -> bytes:
    """A stored file's content, decompressed, of at most `limit` bytes; `what` names it in errors.

    Raises:
        CheckpointError: its compression is damaged or cut off, or it unpacks to more than that.
    """
    try:
        return decompress(content, limit)
    except ValueError as err:
        raise CheckpointError(
            f"{what} is damaged: {err}",
            hint="The file was cut off or overwritten; choose another update, or restore it from a backup.",
        ) from None


class _Record(msgspec.Struct, rename="camel"):
    """A history record as stored; everything else in it is left alone."""

    kind: str = ""
    result: str = ""
    start_time: int = 0
    end_time: int = 0
    message: str | None = None
    environment: dict[str, str] | None = None
    config: msgspec.Raw = EMPTY
    resource_changes: dict[str, int] | None = None


_decoder = msgspec.json.Decoder(_Record)


def decode_record(raw: bytes, number: int, what: str) -> Update:
    """A history record as an update with a checkpoint; `what` names it in errors. Pure.

    Raises:
        CheckpointError: it is damaged.
    """
    try:
        record = _decoder.decode(raw)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as err:
        raise CheckpointError(f"{what} is damaged: {err}") from None
    if not record.kind or not record.result:
        raise CheckpointError(f"{what} is JSON, but not a record of Pulumi's history")
    return Update(
        number=number,
        kind=record.kind,
        result=record.result,
        start_time=record.start_time,
        end_time=record.end_time,
        message=record.message or "",
        environment=record.environment or {},
        config=record.config,
        changes=record.resource_changes or {},
    )
