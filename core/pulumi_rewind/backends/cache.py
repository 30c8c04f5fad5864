"""What was read of histories over a network, kept for the next start in a private file of the user's cache directory.

Records of a history never change under their key and mark. The file is SQLite's; it holds what the backend holds, so
that secrets in it are encrypted as they are there. Nothing here is needed: what can't be read is read from the backend
again, what can't be written is not kept, and a damaged file is removed without a word.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from pulumi_rewind.backends.urls import shown_url
from pulumi_rewind.system.ownership import shared

if TYPE_CHECKING:
    import sqlite3

Result = TypeVar("Result")

NAME: Final = "history.sqlite"
LIMIT: Final = 64 << 20
"""Bytes of the file; what was used longest ago goes first."""

LARGEST: Final = 8 << 20
"""Bytes of one entry; larger ones are not kept."""

PATIENCE: Final = 1.0
"""Seconds to wait for another process that writes."""

DAY: Final = 86_400
AT_ONCE: Final = 500
"""Entries of one question."""

_LOGINS: Final = ("AWS_", "AZURE_", "GOOGLE_", "CLOUDSDK_", "PG")
_MADE_UP: Final = "PASSWORD"
"""In the names of what is not part of a login: what people make up can be guessed from its digest."""

_PASSING: Final = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_READONLY", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN")
"""What says nothing against the file: another process writes for long, the disk is full, it can't be written."""

_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS kept (place BLOB, key TEXT, mark TEXT, digest BLOB, content BLOB, used INTEGER, "
    "PRIMARY KEY (place, key))"
)


class Cache:
    """The file below a directory, opened when it is first needed; safe to use from several threads."""

    def __init__(self, directory: Path, limit: int = LIMIT) -> None:
        self.path = directory / NAME
        self._limit = limit
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._off = False

    def of(self, url: str, environ: Mapping[str, str], stack: str) -> Place:
        """What is kept of one stack, for one login on one backend."""
        login = sorted(
            f"{name}={value}" for name, value in environ.items() if name.startswith(_LOGINS) and _MADE_UP not in name
        )
        return Place(self, hashlib.sha256("\0".join((shown_url(url), stack, *login)).encode()).digest())

    def ask(self, question: Callable[[sqlite3.Connection], Result]) -> Result | None:
        """What a question or change to the open file comes to; None without a file, and where it can't be done."""
        with self._lock:
            if self._off:
                return None
            import sqlite3

            try:
                self._connection = self._connection or self._connect()
                if self._connection is None:
                    self._off = True
                    return None
                with self._connection:
                    return question(self._connection)
            except (sqlite3.Error, OSError) as err:
                code = getattr(err, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
                if code not in {getattr(sqlite3, name) for name in _PASSING}:
                    self._discard()
            return None

    def trim(self, connection: sqlite3.Connection) -> None:
        """Removes what was used longest ago until the file is within its limit."""
        while _size(connection) > self._limit:
            (count,) = connection.execute("SELECT count(*) FROM kept").fetchone()
            if not count:
                return
            connection.execute(
                "DELETE FROM kept WHERE rowid IN (SELECT rowid FROM kept ORDER BY used, rowid LIMIT ?)",
                (max(count // 4, 1),),
            )

    def _connect(self) -> sqlite3.Connection | None:
        """The file, made with its mode before anything is in it; None where others could read or change it."""
        import sqlite3

        try:
            _make(self.path.parent)
            self.path.touch(mode=0o600)
            if shared((*_levels(self.path.parent), self.path)) or stat.S_IMODE(self.path.stat().st_mode) & 0o077:
                return None
        except OSError:
            return None
        connection = sqlite3.connect(self.path, timeout=PATIENCE, check_same_thread=False)
        # Not when the process ends: a thread that nobody waits for may be at it, and would crash.
        weakref.finalize(self, connection.close).atexit = False
        try:
            connection.execute("PRAGMA synchronous = OFF")  # after a crash each entry is checked by its digest
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute(_TABLE)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _discard(self) -> None:
        """Removes a damaged file; the next process begins a new one."""
        self._off = True
        if self._connection is not None:
            with contextlib.suppress(Exception):
                self._connection.close()
        self._connection = None
        with contextlib.suppress(OSError):
            self.path.unlink()


class Place:
    """What is kept of one stack; entries are found under their key while their mark is the same."""

    def __init__(self, cache: Cache, place: bytes) -> None:
        self._cache = cache
        self._place = place

    def read(self, wanted: Mapping[str, str]) -> dict[str, bytes]:
        """What there is of some keys with these marks."""
        found: dict[str, bytes] = {}
        keys = list(wanted)
        for start in range(0, len(keys), AT_ONCE):
            some = keys[start : start + AT_ONCE]
            found |= self._cache.ask(lambda connection, some=some: self._rows(connection, wanted, some)) or {}  # type: ignore[misc]
        return found

    def _rows(self, connection: sqlite3.Connection, wanted: Mapping[str, str], keys: list[str]) -> dict[str, bytes]:
        marks, now = ",".join("?" * len(keys)), int(time.time())
        question = f"SELECT key, mark, digest, content, used FROM kept WHERE place = ? AND key IN ({marks})"  # noqa: S608
        found: dict[str, bytes] = {}
        old = []
        for key, mark, digest, content, used in connection.execute(question, (self._place, *keys)).fetchall():
            if mark == wanted[key] and digest == self._digest(key, mark, content):
                found[key] = content
                if not isinstance(used, int) or used < now - DAY:
                    old.append((now, self._place, key))
        connection.executemany("UPDATE kept SET used = ? WHERE place = ? AND key = ?", old)
        return found

    def keep(self, entries: Iterable[tuple[str, str, bytes]]) -> None:
        """Keeps contents under keys and marks; what was there under a key goes."""
        now = int(time.time())
        rows = [
            (self._place, key, mark, self._digest(key, mark, content), content, now)
            for key, mark, content in entries
            if len(content) <= LARGEST
        ]

        def insert(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?, ?, ?)", rows)
            self._cache.trim(connection)

        if rows:
            self._cache.ask(insert)

    def _digest(self, key: object, mark: object, content: object) -> bytes | None:
        """Binds a content to where it was kept; None for what was never written so."""
        if not (isinstance(key, str) and isinstance(mark, str) and isinstance(content, bytes)):
            return None
        told = hashlib.sha256(self._place)
        for part in (key.encode(), mark.encode(), content):
            told.update(len(part).to_bytes(8, "big") + part)
        return told.digest()


def _size(connection: sqlite3.Connection) -> int:
    """Bytes of the file that are in use."""
    asked = ("page_count", "freelist_count", "page_size")
    pages, free, size = (int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in asked)
    return (pages - free) * size


def _make(directory: Path) -> None:
    for level in (*reversed(directory.parents), directory):
        if not level.is_dir():
            with contextlib.suppress(FileExistsError):
                level.mkdir(mode=0o700)
    found = directory.stat()
    if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & 0o077:
        directory.chmod(0o700)


def _levels(directory: Path) -> tuple[Path, ...]:
    """The directory, ours and the one that all programs share."""
    return (directory.parent.parent, directory.parent, directory)
