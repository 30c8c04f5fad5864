"""The history of one stack on a DIY backend: one listing, then each record and checkpoint when it is asked for."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from pulumi_rewind.backends.protocol import History, no_update
from pulumi_rewind.backends.storage import Item, Storage
from pulumi_rewind.errors import BackendError, CheckpointError
from pulumi_rewind.state.model import EMPTY, Checkpoint, StackRef, Update, decode_checkpoint
from pulumi_rewind.system.untrusted import CHECKPOINT, RECORD, decompress

_FILE: Final = re.compile(r"-(\d+)\.(h|c)(?:istory|heckpoint)\.json(?:\.gz|\.zst)?")
_NANOSECONDS: Final = 1_000_000_000
_LATEST: Final = 1 << 63

Files = dict[int, Item | list[Item]]
"""By nanosecond; a list only where one file has several variants."""


class DiyHistory(History):
    """See `History`. Files are named ``<stack>-<nanoseconds>.history.json`` and ``….checkpoint.json``."""

    def __init__(self, storage: Storage, folder: str, stack: StackRef) -> None:
        self._storage = storage
        self._folder = folder
        self._stack = stack
        self._records: Files = {}
        self._checkpoints: Files = {}
        self._list()
        self._stamps = sorted(self._records)

    def _list(self) -> None:
        start = f"{self._stack.name}-"
        at = len(start) - 1
        for item in self._storage.items(self._folder, start):
            found = _FILE.fullmatch(item.name, at)
            if found is not None:
                _add(self._records if found[2] == "h" else self._checkpoints, int(found[1]), item)

    def __len__(self) -> int:
        return len(self._stamps)

    def update(self, number: int) -> Update:
        """One record; a damaged or vanished one comes back as ``unreadable`` with the reason."""
        stamp = self._stamp(number)
        what = f"the record of #{number}"
        try:
            update = decode_record(self._read(self._records, stamp, what, RECORD), number, what)
        except BackendError as err:
            self._storage.check()
            return self._unreadable(number, stamp, str(err))
        if stamp in self._checkpoints:
            return update
        return msgspec.structs.replace(update, has_checkpoint=False, problem="no checkpoint was kept")

    def raw(self, number: int) -> bytes:
        """The stored checkpoint, decompressed."""
        return self._read(self._checkpoints, self._stamp(number), f"the checkpoint of #{number}")

    def size(self, number: int) -> int | None:
        """Bytes of the checkpoint; None if it is compressed or not there."""
        item = self._checkpoints.get(self._stamp(number))
        return self._storage.size(self._key(item)) if isinstance(item, Item) else None

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
        return self._stamps[number - 1]

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


def _add(files: Files, stamp: int, item: Item) -> None:
    there = files.get(stamp)
    if there is None:
        files[stamp] = item
    elif isinstance(there, Item):
        files[stamp] = [there, item]
    else:
        there.append(item)


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
