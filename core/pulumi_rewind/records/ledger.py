"""A list of commit ids in the user's state directory: the records that this machine wrote, or that were agreed to.

One id a line, appended durably; 0600 in 0700. Unlike `trust.agreements.Trust`, which agrees to code by its SHA-256,
such a list grows with every update, so that nothing is written twice.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pulumi_rewind.errors import RecordError, StateDirectoryError
from pulumi_rewind.system.state_directory import StateDirectory

_ID: Final = re.compile(rb"[0-9a-f]{40}|[0-9a-f]{64}")


class Ledger:
    """One such list; without a path it lasts as long as the process."""

    def __init__(self, path: Path | None = None, state: StateDirectory | None = None) -> None:
        self.path = path
        self._state = state or StateDirectory()
        self._ids: frozenset[str] = frozenset()
        self._seen: tuple[int, int, int] | None = None

    def ids(self) -> frozenset[str]:
        """All ids; a line that was cut off by a crash isn't one.

        Raises:
            RecordError: the file is damaged, is no file, or others can write it: then it says nothing at all.
        """
        if self.path is None:
            return self._ids
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return frozenset()
        except OSError as err:
            raise self._damaged(err.strerror or "it can't be opened") from None
        try:
            state = os.fstat(fd)
            if not stat.S_ISREG(state.st_mode) or state.st_uid != os.geteuid() or state.st_mode & 0o022:
                raise self._damaged("other users can write it, or it is not a regular file")
            seen = (state.st_ino, state.st_mtime_ns, state.st_size)
            if seen != self._seen:
                content = b"".join(iter(lambda: os.read(fd, 1 << 20), b""))
                lines = content.split(b"\n")[:-1]
                if not all(map(_ID.fullmatch, lines)):
                    raise self._damaged("it holds something other than ids of commits")
                self._ids, self._seen = frozenset(map(bytes.decode, lines)), seen
        finally:
            os.close(fd)
        return self._ids

    def add(self, commits: Iterable[str]) -> None:
        """Adds ids, durably.

        Raises:
            RecordError: the file is damaged or can't be written.
        """
        new = [commit for commit in dict.fromkeys(commits) if commit not in self.ids()]
        if self.path is None:
            self._ids |= set(new)
        if self.path is None or not new:
            return
        try:
            self._state.make(self.path.parent)
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "r+b", buffering=0) as file:
                size = os.fstat(fd).st_size
                if size and os.pread(fd, 1, size - 1) != b"\n":  # cut off by a crash
                    os.ftruncate(fd, os.pread(fd, size, 0).rfind(b"\n") + 1)
                file.write("".join(f"{commit}\n" for commit in new).encode())
                os.fsync(fd)
        except StateDirectoryError as err:
            raise RecordError(str(err), hint=err.hint) from None
        except OSError as err:
            raise RecordError(f"{self.path} can't be written: {err.strerror}", hint="Fix its permissions.") from None

    def remove(self, commits: Iterable[str]) -> bool:
        """Takes ids out; whether one was there. Raises as `add`."""
        there = self.ids()
        left = there - set(commits)
        if left == there:
            return False
        self._ids = left
        if self.path is not None:
            try:
                self._state.write(self.path, "".join(f"{commit}\n" for commit in sorted(left)).encode())
            except StateDirectoryError as err:
                raise RecordError(str(err), hint=err.hint) from None
        return True

    def _damaged(self, reason: str) -> RecordError:
        return RecordError(
            f"{self.path}, the list of trusted records, can't be used: {reason}",
            hint="Until this is fixed, no record is used. Remove the file, check the records with `pulumi-rewind "
            "record --verify`, and trust them again with `pulumi-rewind record --trust all`.",
        )
