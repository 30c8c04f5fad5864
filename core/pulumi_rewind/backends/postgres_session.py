"""One session with a PostgreSQL server: made when first needed, made again when it was lost."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pulumi_rewind.backends.postgres_url import PostgresUrl, options_of
from pulumi_rewind.errors import BackendError

if TYPE_CHECKING:
    from psycopg import Connection

STATEMENT: Final = 60
"""Seconds that the server may take for one question."""

LONGEST: Final = STATEMENT + 15
"""Seconds until we give up a server that keeps the connection and says nothing."""

READ_ONLY: Final[Mapping[str, str]] = {
    "default_transaction_read_only": "on",
    "statement_timeout": str(STATEMENT * 1000),
}
"""Settings of our session; the URL can't change them, and only a question that is to write anything goes beyond."""

Rows = list[tuple[Any, ...]]


@dataclass
class _Link:
    """A connection of which only one question at a time makes use."""

    connection: Connection[Any] | None = None
    pooled: bool = False
    """Whether a pooler took no settings, so that each question brings them along."""


class PostgresSession:
    """Answers one question at a time; safe to use from several threads.

    Each question is put by a thread of its own, so that an interrupt ends the waiting at once: libpq would first ask
    the server to cancel it.
    """

    def __init__(self, url: PostgresUrl) -> None:
        """Raises BackendError where psycopg is not installed."""
        try:
            import psycopg  # noqa: F401 - to tell early
        except ImportError:
            from pulumi_rewind.backends.store_errors import not_installed

            raise not_installed(url.shown, "a driver for PostgreSQL", "psycopg", "postgres") from None
        self._url = url
        self._link = _Link()
        self._lock = threading.Lock()
        weakref.finalize(self, _close, self._link)

    def ask(self, question: str, values: tuple[Any, ...], *, writing: bool = False) -> Rows:
        """The rows of an answer; ``{}`` in the question stands for the table.

        Only one that is `writing` may change anything; it may be asked twice where the session was lost.

        Raises:
            BackendError: there is no answer.
        """
        with self._lock:
            link, found, failed = self._link, list[Rows](), list[Exception]()

            def put() -> None:
                try:
                    found.append(self._put(link, question, values, writing=writing))
                except Exception as err:  # noqa: BLE001 - raised below, in the thread that asked
                    failed.append(err)

            thread = threading.Thread(target=put, name="postgres", daemon=True)
            thread.start()
            try:
                thread.join(LONGEST)
            except BaseException:
                self._leave()
                raise
            if thread.is_alive():
                self._leave()
                raise BackendError(
                    f"{self._url.shown} can't be read: the server does not answer in time",
                    hint="Try again; if it persists, check the server and the network.",
                )
        if failed:
            raise self._error(failed[0], writing=writing) from None
        return found[0]

    # -- inside -------------------------------------------------------------------------------------------------

    def _put(self, link: _Link, question: str, values: tuple[Any, ...], *, writing: bool) -> Rows:
        import psycopg

        if link.connection is not None:
            try:
                return self._once(link, question, values, writing=writing)
            except psycopg.OperationalError:
                if not link.connection.closed:
                    raise
        link.connection = self._connected(link)  # it was lost: the server was started again, or the network was away
        return self._once(link, question, values, writing=writing)

    def _once(self, link: _Link, question: str, values: tuple[Any, ...], *, writing: bool) -> Rows:
        from psycopg.sql import SQL, Identifier

        assert link.connection is not None
        query = SQL(question).format(Identifier(*self._url.table))
        if not link.pooled and not writing:
            return link.connection.execute(query, values).fetchall()
        way = "READ WRITE" if writing else "READ ONLY"
        link.connection.execute(f"BEGIN {way}; SET LOCAL statement_timeout = {STATEMENT * 1000}")
        try:
            found = link.connection.execute(query, values).fetchall()
            if writing:
                link.connection.execute("COMMIT")
        finally:
            with contextlib.suppress(Exception):
                link.connection.execute("ROLLBACK")
        return found

    def _connected(self, link: _Link) -> Connection[Any]:
        """A new connection. No statement is prepared: a pooler may give each question another session."""
        import psycopg

        arguments = dict(self._url.arguments)
        given = str(arguments.pop("options", ""))
        settings = {**self._url.settings, **READ_ONLY}
        how: dict[str, Any] = {"autocommit": True, "prepare_threshold": None}
        try:
            return psycopg.connect(**arguments, **how, options=options_of(given, settings))
        except psycopg.OperationalError as err:
            if "startup parameter" not in str(err):
                raise
        link.pooled = True
        return psycopg.connect(**arguments, **how, options=options_of(given, self._url.settings))

    def _leave(self) -> None:
        """Ends the connection below a question that nobody waits for any more."""
        link, self._link = self._link, _Link()
        weakref.finalize(self, _close, self._link)
        if link.connection is not None:
            with (
                contextlib.suppress(OSError, _psycopg_error()),
                socket.socket(fileno=os.dup(link.connection.fileno())) as wire,
            ):
                wire.shutdown(socket.SHUT_RDWR)

    def _error(self, err: Exception, *, writing: bool) -> BackendError:
        if isinstance(err, BackendError):
            return err
        text = str(err).strip().partition("\n")[0].removeprefix("connection failed: ")
        state = getattr(err, "sqlstate", None) or ""
        shown = self._url.shown
        what = "written" if writing else "read"
        for start, message, hint in _STATES:
            if state.startswith(start):
                hint = _SELF_MADE if state == _NO_TABLE and self._url.self_made else hint
                if writing and state == _NO_RIGHT:
                    message, hint = "this user has no right to write the table", _RIGHTS
                return BackendError(f"{shown} can't be {what}: {message}: {text}", hint=hint)
        for part, message, hint in _SAID:
            if part in text:
                return BackendError(f"{shown} can't be reached: {message}: {text}", hint=hint)
        return BackendError(f"{shown} can't be {what}: {text}", hint="Check the URL and the network.")


def _psycopg_error() -> type[Exception]:
    import psycopg

    return psycopg.Error


def _close(link: _Link) -> None:
    if link.connection is not None:
        link.connection.close()


_LOGIN: Final = "Check the user and the password: in the URL, PGUSER and PGPASSWORD, or ~/.pgpass."

_NO_TABLE: Final = "42P01"
_NO_RIGHT: Final = "42501"
_RIGHTS: Final = "Grant it, as the pulumi CLI needs it, too: `GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE … TO …`."
_SELF_MADE: Final = (
    "The pulumi CLI can't make a table in a schema, or one whose name needs quotes: make it yourself (3.259 can't even "
    "use it then, 3.276 can), or name the schema by `search_path` in the URL."
)

_STATES: Final = (
    (_NO_TABLE, "there is no such table", "Check `table` in the URL; the pulumi CLI makes the table at its first use."),
    ("3F000", "there is no such schema", "Check `table` and `search_path` in the URL."),
    ("3D000", "there is no such database", "Check the database's name in the URL."),
    ("28", "the login is refused", _LOGIN),
    ("25006", "the server takes nothing but questions", "It may be a standby: check the host in the URL."),
    (_NO_RIGHT, "this user has no right to read the table", "Grant it: `GRANT SELECT ON TABLE … TO …`."),
    ("42703", "the table is not the pulumi CLI's", "Check `table` in the URL."),
    ("42883", "the table is not the pulumi CLI's", "Check `table` in the URL."),
    ("57014", "the server took too long", "Try again; the table may lack its index on `key`."),
    ("57P03", "the server is starting or shutting down", "Try again in a moment."),
    ("57P", "the server ended the connection", "Try again in a moment."),
    ("53300", "the server has no connection left", "Try again; `max_connections` and the role's limit say how many."),
    ("22", "a row is damaged", "A row is no file as Pulumi stores it; restore it from a backup."),
)
"""What it means and what helps, by the beginning of the SQLSTATE."""

_SAID: Final = (
    ("password authentication failed", "the login is refused", _LOGIN),
    ("no password supplied", "the server wants a password", _LOGIN),
    ("pg_hba.conf", "the server lets this login in only in another way", "`sslmode` in the URL turns TLS on or off."),
    ("does not exist", "there is no such database or user", "Check the names in the URL."),
    ("too many", "the server has no connection left", "Try again; `max_connections` says how many it has."),
    ("remaining connection slots", "the server has no connection left", "Try again in a moment."),
    ("starting up", "the server is starting", "Try again in a moment."),
    ("shutting down", "the server is shutting down", "Try again in a moment."),
    (
        "does not support SSL",
        "the server speaks no TLS",
        "Add `sslmode=disable` to the URL's query if that is right; the pulumi CLI needs it as well.",
    ),
    ("certificate", "its certificate is not trusted", "`sslrootcert` in the URL names the certificates to trust."),
    ("SSL", "no secure connection can be made", "Check `sslmode` in the URL."),
    ("timeout", "nothing answers in time", "Check the host, the port and the network."),
    ("timed out", "nothing answers in time", "Check the host, the port and the network."),
    ("refused", "nothing listens there", "Check the host and the port, and that the server runs."),
    ("resolve", "its host's name can't be resolved", "Check the host's name and the network."),
    ("Name or service not known", "its host's name can't be resolved", "Check the host's name and the network."),
    ("name resolution", "its host's name can't be resolved", "Check the host's name and the network."),
    ("unreachable", "the network doesn't lead there", "Check the host and the network."),
    ("closed the connection", "the server ended the connection", "Try again in a moment."),
)
"""The same by what libpq says where a connection didn't come about, and there is no SQLSTATE."""
