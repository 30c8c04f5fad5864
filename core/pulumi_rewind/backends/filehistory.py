"""The history of one stack in a directory: one listing, then each record and checkpoint when it is asked for."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from pulumi_rewind.backends.files import decode_record, newest_variant, plain_size, read_file
from pulumi_rewind.backends.protocol import History, no_update
from pulumi_rewind.errors import BackendError, CheckpointError
from pulumi_rewind.state.model import Checkpoint, StackRef, Update, decode_checkpoint
from pulumi_rewind.system.ownership import shared, written_again
from pulumi_rewind.system.untrusted import CHECKPOINT, RECORD

_FILE: Final = re.compile(r"-(\d+)\.(h|c)(?:istory|heckpoint)\.json(?:\.gz|\.zst)?")
_NANOSECONDS: Final = 1_000_000_000
_LATEST: Final = 1 << 63

Names = dict[int, str | list[str]]
"""File names by nanosecond; a list only where one file has several variants."""


class FileHistory(History):
    """See `History`. Files are named ``<stack>-<nanoseconds>.history.json`` and ``….checkpoint.json``.

    `check` raises BackendError if the whole backend is gone, so that one lost file can be told from that.
    """

    def __init__(self, directory: Path, stack: StackRef, check: Callable[[], None]) -> None:
        self._directory = directory
        self._directory_text = str(directory)  # paths are costly where there are 10,000 of them
        self._stack = stack
        self._check = check
        self._records: Names = {}
        self._checkpoints: Names = {}
        self._list()
        self._stamps = sorted(self._records)

    def _list(self) -> None:
        start = f"{self._stack.name}-"
        at = len(start) - 1
        try:
            with os.scandir(self._directory) as entries:
                for entry in entries:
                    name = entry.name
                    # The sidecars double the directory; turning them away early halves the time.
                    if name.endswith(".attrs") or not name.startswith(start):
                        continue
                    found = _FILE.fullmatch(name, at)
                    if found is not None:
                        _add(self._records if found[2] == "h" else self._checkpoints, int(found[1]), name)
        except (FileNotFoundError, NotADirectoryError):
            self._check()
        except OSError as err:
            raise BackendError(
                f"the history of {self._stack} can't be listed: {err.strerror}",
                hint=f"Check the permissions of {self._directory}.",
            ) from None

    def __len__(self) -> int:
        return len(self._stamps)

    def update(self, number: int) -> Update:
        """One record; a damaged or vanished one comes back as ``unreadable`` with the reason."""
        stamp = self._stamp(number)
        what = f"the record of #{number}"
        try:
            update = decode_record(self._read(self._records, stamp, what, RECORD), number, what)
        except BackendError as err:
            self._check()
            return self._unreadable(number, stamp, str(err))
        if stamp in self._checkpoints:
            return update
        return msgspec.structs.replace(update, has_checkpoint=False, problem="no checkpoint was kept")

    def raw(self, number: int) -> bytes:
        """The stored checkpoint, decompressed."""
        return self._read(self._checkpoints, self._stamp(number), f"the checkpoint of #{number}")

    def size(self, number: int) -> int | None:
        """Bytes of the checkpoint; None if it is compressed or not there."""
        names = self._checkpoints.get(self._stamp(number))
        return plain_size(self._directory / names) if isinstance(names, str) else None

    def checkpoint(self, number: int) -> Checkpoint:
        """The stored checkpoint."""
        return decode_checkpoint(self.raw(number), source=f"the checkpoint of #{number}")

    def touched(self, number: int) -> str:
        """Whose the files of an update are, and whether they were written again after it."""
        stamp = self._stamp(number)
        named = [files.get(stamp, []) for files in (self._records, self._checkpoints)]
        paths = [self._directory / name for names in named for name in ([names] if isinstance(names, str) else names)]
        ended = max(stamp if stamp < _LATEST else 0, self.update(number).end_time * _NANOSECONDS)
        return shared(paths) or next(filter(None, (written_again(path, ended) for path in paths)), "")

    # -- inside -------------------------------------------------------------------------------------------------

    def _stamp(self, number: int) -> int:
        if not 1 <= number <= len(self._stamps):
            raise no_update(self, self._stack, number)
        return self._stamps[number - 1]

    def _read(self, files: Names, stamp: int, what: str, limit: int = CHECKPOINT) -> bytes:
        names = files.get(stamp)
        if names is None:
            raise CheckpointError(
                f"{what} does not exist",
                hint="Nothing was stored with this update, perhaps because it was killed; choose another one.",
            )
        try:
            if isinstance(names, str):
                return read_file(f"{self._directory_text}/{names}", what, limit)
            path = newest_variant([self._directory / name for name in sorted(names, key=len)], what)
            if path is not None:
                return read_file(path, what, limit)
        except FileNotFoundError:
            pass
        self._check()
        raise CheckpointError(
            f"{what} is no longer there", hint="It was removed after the history was listed; reload, or choose another."
        )

    def _unreadable(self, number: int, stamp: int, problem: str) -> Update:
        # The file's name is the only source of the time that is left, if it is one.
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


def _add(files: Names, stamp: int, name: str) -> None:
    there = files.get(stamp)
    if there is None:
        files[stamp] = name
    elif isinstance(there, str):
        files[stamp] = [there, name]
    else:
        there.append(name)
