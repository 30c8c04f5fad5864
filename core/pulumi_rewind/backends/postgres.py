"""``postgres://`` backends: the state is in one table of a PostgreSQL database, read in a session that can't write.

Source of the table and of the URL's parameters: Pulumi 3.276 (lib/pq); see docs/backends.md. A row's key is
``<database>/.pulumi/…``, its data ``{"data": <base64 of the file>}``.
"""

from __future__ import annotations

import base64
import binascii
import re
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from pulumi_rewind.backends.diy import ROOT, DiyBackend
from pulumi_rewind.backends.protocol import Steady
from pulumi_rewind.backends.storage import Item, Stored
from pulumi_rewind.backends.urls import shown_url
from pulumi_rewind.errors import BackendError
from pulumi_rewind.system.ownership import later

if TYPE_CHECKING:
    from psycopg import Connection

TABLE: Final = "pulumi_state"
"""Where the URL names none."""

OURS: Final = frozenset({"table", "binary_parameters"})
"""Parameters that the CLI takes, or that only its driver knows."""

LIBPQ: Final = frozenset(
    {
        "application_name", "channel_binding", "client_encoding", "connect_timeout", "fallback_application_name",
        "gssencmode", "host", "hostaddr", "keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval",
        "krbsrvname", "options", "passfile", "port", "service", "sslcert", "sslcrl", "sslkey", "sslmode",
        "sslpassword", "sslrootcert", "sslsni", "target_session_attrs", "tcp_user_timeout", "user", "password",
        "dbname",
    }
)  # fmt: skip
"""Parameters of a connection; others are settings of the session to the CLI's driver."""

SSLMODE: Final = "require"
"""The CLI's default; that of libpq is `prefer`."""

PATIENCE: Final = 10
"""Seconds until a connection must stand."""

STATEMENT: Final = 60_000
"""Milliseconds that one question may take."""


def open_postgres(url: str, environ: Mapping[str, str]) -> DiyBackend:
    """The backend behind a ``postgres://`` URL.

    Raises:
        BackendError: psycopg is not installed, or there is no such database or table.
    """
    return DiyBackend(url, PostgresStorage(url, environ))


def connection_of(url: str) -> tuple[dict[str, Any], str, str]:
    """What libpq takes, the table, and what comes before ``.pulumi/`` in keys. Pure."""
    parts = urlsplit(url)
    database = unquote(parts.path.strip("/"))
    found: dict[str, Any] = {
        "host": unquote(parts.hostname or ""),
        "port": parts.port,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "dbname": database,
        "sslmode": SSLMODE,
        "connect_timeout": PATIENCE,
    }
    table, settings = TABLE, {"default_transaction_read_only": "on", "statement_timeout": str(STATEMENT)}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name == "table":
            table = value or TABLE
        elif name in LIBPQ:
            found[name] = value
        elif name not in OURS:
            settings[name] = value
    options = " ".join(f"-c {name}={_escaped(value)}" for name, value in settings.items())
    found["options"] = f"{found.get('options', '')} {options}".strip()
    return {name: value for name, value in found.items() if value not in ("", None)}, table, database


def _escaped(value: str) -> str:
    """As libpq's ``options`` takes a value."""
    return re.sub(r"([\\\s])", r"\\\1", value)


class PostgresStorage:
    """See `Storage`."""

    far = False

    def __init__(self, url: str, environ: Mapping[str, str]) -> None:
        self.shown = shown_url(url)
        self._arguments, self._table, database = connection_of(url)
        self._before = f"{database}/" if database else ""
        self._environ = environ
        self._connection: Connection[Any] | None = None
        self._lock = threading.RLock()

    def check(self) -> None:
        """There must be a row below ``.pulumi/``."""
        if not self.exists(ROOT):
            raise BackendError(
                f"{self.shown} holds no Pulumi state",
                hint="Check PULUMI_BACKEND_URL or `backend.url` in Pulumi.yaml; `pulumi whoami -v` shows what is used.",
            )

    def where(self, key: str) -> str:
        """The row."""
        base = self.shown.partition("?")[0].rstrip("/")
        return f"{base}/{key}" if key else base

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
            (limit * 4 // 3 + 4, [self._before + key for key in keys]),
        )
        there = {key: (length, text) for key, length, text in rows}
        for key in keys:
            yield self._content(key, *there.get(self._before + key, (None, None)), limit)

    def _content(self, key: str, length: int | None, text: str | None, limit: int) -> bytes | BackendError:
        if length is None:
            gone = BackendError(f"{self.where(key)} is no longer there")
            gone.__cause__ = FileNotFoundError(key)
            return gone
        if text is None:
            too_large = f"{self.where(key)} has more than {limit >> 10:,} KiB"
            return BackendError(too_large, hint="Pulumi writes no such row.")
        try:
            return base64.b64decode(text, validate=True)
        except binascii.Error as err:
            return BackendError(f"{self.where(key)} is damaged: {err}", hint="The row is no file as Pulumi stores it.")

    def newest(self, keys: Sequence[str], what: str, limit: int) -> Stored | None:
        """By the time of the row."""
        found = self._ask(
            "SELECT key FROM {} WHERE key = ANY(%s) ORDER BY updated_at DESC NULLS LAST LIMIT 1",
            ([self._before + key for key in keys],),
        )
        if not found:
            return None
        key = found[0][0].removeprefix(self._before)
        return Stored(key, self.read(key, limit))

    def mark(self, keys: Sequence[str]) -> str:
        """Time and digest."""
        found = self._ask(
            "SELECT key, updated_at::text, md5(data::text) FROM {} WHERE key = ANY(%s) ORDER BY key",
            ([self._before + key for key in keys],),
        )
        return " ".join(f"{updated}.{digest}" for _, updated, digest in found)

    def digests(self, keys: Sequence[str]) -> list[str]:
        """Of the rows' data."""
        found = dict(
            self._ask(
                "SELECT key, md5(data::text) || '.' || length(data::text) FROM {} WHERE key = ANY(%s)",
                ([self._before + key for key in keys],),
            )
        )
        return [found.get(self._before + key) or "" for key in keys]

    def digest(self, item: Item) -> str:
        """A listing tells none."""
        return ""

    def folder_mark(self, folder: str) -> str:
        """None: every update also writes the state, whose mark tells."""
        return ""

    def size(self, key: str) -> int | None:
        """Only reading it tells."""
        return None

    def shared(self, folders: Iterable[str]) -> str:
        """Who may write a table is up to grants and roles."""
        return f"whoever may write {self.where('')} may have written it, and that can't be seen from here"

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

    def watch(self) -> Steady:
        """What is not reachable is told by whoever reads or writes."""
        return Steady()

    def obstacle(self) -> str:
        """Nothing that is known."""
        return ""

    def shortage(self, size: int) -> str:
        """The server tells."""
        return ""

    # -- inside -------------------------------------------------------------------------------------------------

    def _start(self, folder: str) -> str:
        return f"{self._before}{folder}/"

    def _ask(self, question: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        import psycopg
        from psycopg.sql import SQL, Identifier

        with self._lock:
            try:
                connection = self._connected()
                with connection.transaction(), connection.cursor() as cursor:
                    cursor.execute(SQL(question).format(Identifier(*self._table.split("."))), values)
                    return cursor.fetchall()
            except psycopg.Error as err:
                if self._connection is not None and self._connection.closed:
                    self._connection = None
                raise self._error(err) from None

    def _connected(self) -> Connection[Any]:
        if self._connection is None:
            import psycopg

            self._connection = psycopg.connect(**self._arguments, autocommit=True)
            weakref.finalize(self, self._connection.close)
        return self._connection

    def _error(self, err: Exception) -> BackendError:
        text = str(err).strip().partition("\n")[0]
        state = getattr(err, "sqlstate", None) or ""
        hint = next((hint for start, hint in _HINTS.items() if state.startswith(start)), "")
        if not hint:
            hint = next((hint for part, hint in _SAID.items() if part in text), "Check the URL and the network.")
        return BackendError(f"{self.shown} can't be read: {text}", hint=hint)


_HINTS: Final[Mapping[str, str]] = {
    "42P01": "Check the URL's `table`; the pulumi CLI makes the table when it is first used.",
    "3D000": "Check the database's name in the URL.",
    "28": "Check the user and the password: in the URL, PGPASSWORD or ~/.pgpass.",
    "42501": "The user needs the right to SELECT from the table.",
    "57014": "The server took too long; try again.",
    "53300": "The server has no connection left; try again.",
}
"""By the beginning of the SQLSTATE."""

_SAID: Final[Mapping[str, str]] = {
    "password authentication failed": _HINTS["28"],
    "no password supplied": _HINTS["28"],
    "does not exist": _HINTS["3D000"],
    "SSL": "The server speaks no TLS: add `sslmode=disable` to the URL's query if that is right.",
    "timeout": "Nothing answers in time; check the host, the port and the network.",
    "refused": "Nothing listens there; check the host and the port.",
    "resolve": "Check the host's name.",
}
"""Where a connection didn't come about, and there is no SQLSTATE."""


def _after(start: str) -> str:
    """The first text behind all that begin with `start`, byte by byte."""
    return start[:-1] + chr(ord(start[-1]) + 1)
