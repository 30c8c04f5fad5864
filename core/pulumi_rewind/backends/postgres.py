"""``postgres://`` backends: the state is in one table of a PostgreSQL database.

Questions are asked in a session that can't write; our own rows (see `diy`) are written in transactions that may.

Source of the table and of the URL's parameters: Pulumi 3.276 (lib/pq); see docs/backends.md. A row's key is
``<database>/.pulumi/…``, its data ``{"data": <base64 of the file>}``.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pulumi_rewind.backends.diy import DiyBackend
from pulumi_rewind.backends.postgres_session import PostgresSession
from pulumi_rewind.backends.postgres_url import parse_postgres_url
from pulumi_rewind.backends.storage import Change, Item, RemoteStorage, Stored
from pulumi_rewind.errors import BackendError
from pulumi_rewind.system.ownership import later
from pulumi_rewind.system.untrusted import DOCUMENT


def open_postgres(url: str, environ: Mapping[str, str]) -> DiyBackend:
    """The backend behind a ``postgres://`` URL.

    Raises:
        BackendError: psycopg is not installed, or there is no such database or table.
    """
    return DiyBackend(url, PostgresStorage(url, environ))


class PostgresStorage(RemoteStorage):
    """See `Storage`."""

    far = False

    def __init__(self, url: str, environ: Mapping[str, str]) -> None:
        parsed = parse_postgres_url(url, environ)
        self.shown = parsed.shown
        self.credentials = parsed.credentials
        """Who logs in, and where the password is from; never the password itself."""
        self._before = f"{parsed.database}/" if parsed.database else ""
        self._session = PostgresSession(parsed)
        self._ask = self._session.ask

    def folders(self, folder: str) -> list[str]:
        """From the keys below it."""
        start = self._start(folder)
        at = start.count("/") + 1
        found = self._ask(
            "SELECT DISTINCT split_part(key, '/', %s) FROM {} WHERE key ~>=~ %s AND key ~<~ %s "
            "AND split_part(key, '/', %s) <> ''",
            (at, start, _after(start), at + 1),
        )
        return sorted(name for (name,) in found)

    def items(self, folder: str, start: str = "", after: str = "") -> Iterator[Item]:
        """By the index, in any collation."""
        first = self._start(folder) + start
        length = len(self._start(folder))
        for key, updated in self._ask(
            "SELECT key, updated_at::text FROM {} WHERE key ~>=~ %s AND key ~>~ %s AND key ~<~ %s",
            (first, self._start(folder) + after, _after(first)),
        ):
            name = key[length:]
            if "/" not in name and not name.endswith(".attrs"):
                yield Item(name, updated)

    def exists(self, folder: str) -> bool:
        """By the index."""
        start = self._start(folder)
        return bool(self._ask("SELECT 1 FROM {} WHERE key ~>=~ %s AND key ~<~ %s LIMIT 1", (start, _after(start))))

    def read(self, key: str, limit: int) -> bytes:
        """One row."""
        found = next(self.read_all([key], limit))
        if isinstance(found, bytes):
            return found
        raise found.__cause__ if isinstance(found.__cause__, FileNotFoundError) else found

    def read_all(self, keys: Sequence[str], limit: int) -> Iterator[bytes | BackendError]:
        """In one question."""
        rows = self._ask(
            "SELECT key, length(data->>'data'), CASE WHEN length(data->>'data') <= %s THEN data->>'data' END "
            "FROM {} WHERE key = ANY(%s)",
            (_encoded(limit), [self._before + key for key in keys]),
        )
        there = {key: (length, text) for key, length, text in rows}
        for key in keys:
            if (found := there.get(self._before + key)) is not None:
                yield self._content(key, *found, limit)
            else:
                gone = BackendError(f"{self.where(key)} is no longer there")
                gone.__cause__ = FileNotFoundError(key)
                yield gone

    def _content(self, key: str, length: int | None, text: str | None, limit: int) -> bytes | BackendError:
        damaged = "The row is no file as Pulumi stores it; restore it from a backup."
        if length is None:
            return BackendError(f"{self.where(key)} is damaged: its row has no data", hint=damaged)
        if text is None:
            too_large = f"{self.where(key)} has more than {limit >> 10:,} KiB"
            return BackendError(too_large, hint="Pulumi writes no such row.")
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as err:
            return BackendError(f"{self.where(key)} is damaged: {err}", hint=damaged)

    def newest(self, keys: Sequence[str], what: str, limit: int) -> Stored | None:
        """By the time of the row."""
        found = self._ask(
            "SELECT key, length(data->>'data'), CASE WHEN length(data->>'data') <= %s THEN data->>'data' END "
            "FROM {} WHERE key = ANY(%s) ORDER BY updated_at DESC NULLS LAST LIMIT 1",
            (_encoded(limit), [self._before + key for key in keys]),
        )
        for name, length, text in found:
            key = name.removeprefix(self._before)
            content = self._content(key, length, text, limit)
            if isinstance(content, BackendError):
                raise content
            return Stored(key, content)
        return None

    def mark(self, keys: Sequence[str]) -> str:
        """Time and digest."""
        found = self._ask(
            "SELECT key, updated_at::text, md5(data::text) FROM {} WHERE key = ANY(%s) ORDER BY key",
            ([self._before + key for key in keys],),
        )
        return " ".join(f"{updated}.{digest}" for _, updated, digest in found)

    def digests(self, keys: Sequence[str]) -> list[str]:
        """Of the rows' data."""
        found: dict[str, str] = dict(
            self._ask(
                "SELECT key, md5(data::text) || '.' || length(data::text) FROM {} WHERE key = ANY(%s)",
                ([self._before + key for key in keys],),
            )
        )
        return [found.get(self._before + key) or "" for key in keys]

    def digest(self, item: Item) -> str:
        """A listing tells none."""
        return ""

    def touched(self, keys: Iterable[str], ended: int) -> str:
        """By the times of the rows."""
        found = self._ask(
            "SELECT key, extract(epoch FROM updated_at)::float FROM {} WHERE key = ANY(%s)",
            ([self._before + key for key in keys],),
        )
        for key, updated in found:
            if updated is not None and (again := later(updated, ended / 1_000_000_000)):
                return f"{self.where(key.removeprefix(self._before))} was changed {again} after its update"
        return ""

    def remedy(self, key: str) -> str:
        """The CLI keeps a copy beside each state."""
        return f"The CLI keeps the state before it as {self.where(key)}.bak."

    def swap(self, key: str, change: Change) -> bool:
        """By the row that was read: PostgreSQL lets one of two writers in."""
        try:
            old = self.read(key, DOCUMENT)
        except FileNotFoundError:
            old = None
        name, data = self._before + key, _data(change(old))
        if old is None:
            question = "INSERT INTO {} (key, data) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING 1"
            return bool(self._session.ask(question, (name, data), writing=True))
        question = "UPDATE {} SET data = %s, updated_at = now() WHERE key = %s AND data->>'data' = %s RETURNING 1"
        return bool(self._session.ask(question, (data, name, _text(old)), writing=True))

    def write(self, key: str, content: bytes) -> None:
        """One row."""
        question = (
            "INSERT INTO {} (key, data) VALUES (%s, %s) "
            "ON CONFLICT (key) DO UPDATE SET data = excluded.data, updated_at = now() RETURNING 1"
        )
        self._session.ask(question, (self._before + key, _data(content)), writing=True)

    def remove(self, key: str) -> None:
        """One row."""
        self._session.ask("DELETE FROM {} WHERE key = %s RETURNING 1", (self._before + key,), writing=True)

    # -- inside -------------------------------------------------------------------------------------------------

    def _start(self, folder: str) -> str:
        return f"{self._before}{folder}/"


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _data(content: bytes) -> str:
    """A row's data."""
    return json.dumps({"data": _text(content)})


def _encoded(limit: int) -> int:
    """How many characters of base64 hold `limit` bytes."""
    return limit * 4 // 3 + 4


def _after(start: str) -> str:
    """The first text behind all that begin with `start`, byte by byte."""
    return start[:-1] + chr(ord(start[-1]) + 1)
