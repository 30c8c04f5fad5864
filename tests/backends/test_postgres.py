"""What only a PostgreSQL backend has: rights, names, indexes, a session that is lost. The tests write the rows."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pulumi_rewind.backends import open_backend, postgres_session
from pulumi_rewind.backends.postgres_session import PostgresSession
from pulumi_rewind.backends.postgres_url import parse_postgres_url
from pulumi_rewind.backends.protocol import Backend
from pulumi_rewind.errors import BackendError, CheckpointError
from pulumi_rewind.state.model import StackRef
from tests.servers.databases import PostgresServer, postgres_server
from tests.servers.running import free_port
from tests.support.filestore import FileStore
from tests.support.rows import put_rows, row

if TYPE_CHECKING:
    from psycopg import Connection

pytestmark = [pytest.mark.postgres, pytest.mark.xdist_group("postgres")]

NUMBERS = count()
DEV = StackRef("shop", "dev")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    with postgres_server(tmp_path_factory.mktemp("postgres-own")) as server:
        yield server


@pytest.fixture
def admin(database: PostgresServer) -> Iterator[Connection[Any]]:
    with database.connect() as connection:
        yield connection


class Filled:
    """A table with a stack of three updates."""

    def __init__(self, database: PostgresServer, admin: Connection[Any], directory: Path) -> None:
        self.database, self.admin = database, admin
        self.table = f"state_{next(NUMBERS)}"
        self.store = FileStore(directory)
        for value in "abc":
            self.store.add(value)
        put_rows(admin, directory, "state/", self.table)

    def url(self, user: str = "pulumi", query: str = "") -> str:
        return self.database.url("state", f"table={self.table}{query}", user)

    def open(self, **options: str) -> Backend:
        return open_backend(self.url(**options), {})

    def session(self, **options: str) -> PostgresSession:
        return PostgresSession(parse_postgres_url(self.url(**options), {}))

    def key(self, path: Path) -> str:
        return f"state/{path.relative_to(self.store.directory).as_posix()}"

    def sql(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        cursor = self.admin.execute(text.replace("TABLE_", self.table), values)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def filled(database: PostgresServer, admin: Connection[Any], tmp_path: Path) -> Filled:
    return Filled(database, admin, tmp_path / "store")


def values(backend: Backend, stack: StackRef = DEV) -> list[object]:
    history = backend.history(stack)
    found = (history.checkpoint(number).resources[0].decoded_outputs() for number in range(1, len(history) + 1))
    return [outputs["value"] for outputs in found]


def refused(call: Callable[[], object], *parts: str) -> BackendError:
    """What is raised names the URL, says `parts`, and what helps."""
    with pytest.raises(BackendError) as caught:
        call()
    text = f"{caught.value} {caught.value.hint}"
    assert str(caught.value).startswith("postgres://")
    assert "hush" not in text
    assert caught.value.hint
    assert [part for part in parts if part not in text] == []
    return caught.value


def test_a_role_that_may_only_select_reads_and_nobody_writes(filled: Filled) -> None:
    filled.sql("CREATE ROLE reader LOGIN")
    refused(lambda: filled.open(user="reader"), "no right to read the table", "GRANT SELECT")
    filled.sql("GRANT SELECT ON TABLE_ TO reader")
    backend = filled.open(user="reader")
    assert values(backend) == ["a", "b", "c"]
    assert backend.live(DEV).resources[0].decoded_outputs() == {"value": "c"}
    # The superuser could write; our session can't, whatever the URL says.
    loose = filled.session(query="&default_transaction_read_only=off&options=-c%20default_transaction_read_only%3Doff")
    refused(lambda: loose.ask("DELETE FROM {} RETURNING key", ()), "read-only transaction")
    assert len(filled.sql("SELECT 1 FROM TABLE_")) > 0


def test_an_underline_in_a_name_stands_for_itself(filled: Filled) -> None:
    for name in ("de_", "d_v"):
        filled.sql(
            "INSERT INTO TABLE_ SELECT replace(replace(key, '/dev', %s), 'dev-', %s), data FROM TABLE_ "
            "WHERE key LIKE %s", f"/{name}", f"{name}-", "%/dev%"
        )  # fmt: skip
    filled.sql("DELETE FROM TABLE_ WHERE key LIKE %s", "%/history/shop/de!_/%".replace("!", "\\"))
    backend = filled.open()
    assert backend.stacks() == [StackRef("shop", name) for name in ("d_v", "de_", "dev")]
    assert [len(backend.history(ref)) for ref in backend.stacks()] == [3, 0, 3]


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_questions_are_answered_by_an_index_in_any_collation(database: PostgresServer, locale: str) -> None:
    name = f"big{next(NUMBERS)}"
    with database.connect("postgres") as admin:
        admin.execute(f"CREATE DATABASE {name} LOCALE_PROVIDER libc LOCALE '{locale}' TEMPLATE template0")
    with database.connect(name) as admin:
        admin.execute(
            "CREATE TABLE pulumi_state (key TEXT PRIMARY KEY, data JSON NOT NULL, updated_at TIMESTAMPTZ NOT NULL "
            "DEFAULT now()); CREATE INDEX pulumi_state_key_prefix_idx ON pulumi_state (key text_pattern_ops)"
        )
        admin.execute(
            "INSERT INTO pulumi_state SELECT %s || n || e, '{}' FROM generate_series(10000, 19999) n, "
            "unnest(ARRAY['.history.json', '.checkpoint.json']) e",
            (f"{name}/.pulumi/history/shop/dev/dev-",),
        )
        admin.execute("ANALYZE pulumi_state")
    plans: list[str] = []
    session = PostgresSession(parse_postgres_url(database.url(name), {}))
    storage = open_backend(database.url(name), {})._storage  # type: ignore[attr-defined]

    def explained(question: str, values: tuple[Any, ...]) -> Any:
        plans.append("\n".join(line for (line,) in session.ask(f"EXPLAIN {question}", values)))
        return session.ask(question, values)

    storage._ask = explained
    folder = ".pulumi/history/shop/dev"
    found = [item.name for item in storage.items(folder, "dev-", "dev-19990")]
    assert len(found) == 20
    assert min(found) == "dev-19990.checkpoint.json"
    assert not storage.exists(f"{folder}/none")
    assert list(storage.read_all([f"{folder}/dev-10000.history.json"], 9))
    assert storage.mark([f"{folder}/dev-10000.history.json"])
    assert len(plans) == 4
    assert [plan for plan in plans if "Index" not in plan or "Seq Scan" in plan] == []


@pytest.mark.parametrize(
    ("name", "written"), [("infra.state", "infra.state"), ("Upper", "upper"), ("%22My-Table%22", '"My-Table"')]
)
def test_tables_in_a_schema_or_with_a_name_that_needs_quotes_are_read(filled: Filled, name: str, written: str) -> None:
    filled.sql("CREATE SCHEMA IF NOT EXISTS infra")
    put_rows(filled.admin, filled.store.directory, "state/", written)
    assert values(open_backend(filled.database.url("state", f"table={name}"), {})) == ["a", "b", "c"]
    if name == "infra.state":
        found = open_backend(filled.database.url("state", "table=state&search_path=infra"), {})
        assert values(found) == ["a", "b", "c"]


def test_a_url_without_a_path_means_the_users_own_database_and_keys_without_a_prefix(filled: Filled) -> None:
    filled.sql("CREATE DATABASE pulumi")
    with filled.database.connect("pulumi") as admin:
        put_rows(admin, filled.store.directory, "")
    url = f"postgres://:{filled.database.port}?sslmode=disable"
    assert values(open_backend(url, {"PGHOST": "127.0.0.1", "PGUSER": "pulumi"})) == ["a", "b", "c"]


def test_the_password_is_that_of_the_url_the_environment_or_the_file(filled: Filled, tmp_path: Path) -> None:
    filled.sql("CREATE ROLE locked LOGIN PASSWORD 'hush'")
    filled.sql("GRANT SELECT ON TABLE_ TO locked")
    url = filled.url(user="locked")
    home = {"HOME": str(tmp_path)}
    assert open_backend(filled.url(user="locked:hush"), home).stacks() == [DEV]
    assert open_backend(url, {**home, "PGPASSWORD": "hush"}).stacks() == [DEV]
    refused(lambda: open_backend(url, home), "wants a password", "~/.pgpass")
    refused(lambda: open_backend(filled.url(user="locked:hush2"), home), "the login is refused", "[secret]")
    passfile = tmp_path / ".pgpass"
    passfile.write_text(f"127.0.0.1:{filled.database.port}:state:locked:hush\n")
    passfile.chmod(0o600)
    assert open_backend(url, home).stacks() == [DEV]
    assert open_backend(url, {"HOME": "/nonexistent", "PGPASSFILE": str(passfile)}).stacks() == [DEV]


def test_what_is_wrong_is_said(filled: Filled) -> None:
    database = filled.database
    filled.sql("CREATE ROLE few LOGIN CONNECTION LIMIT 0")
    filled.sql("CREATE ROLE private LOGIN")
    filled.sql("CREATE TABLE IF NOT EXISTS foreign_table (id int)")
    filled.sql("CREATE TABLE IF NOT EXISTS empty_table (LIKE TABLE_)")
    for url, *parts in (
        (f"postgres://u:hush@127.0.0.1:{free_port()}/state", "nothing listens there"),
        ("postgres://u:hush@no-such-host.invalid/state", "can't be resolved"),
        (f"postgres://pulumi:hush@127.0.0.1:{database.port}/state", "speaks no TLS", "sslmode=disable"),
        (database.url("nope"), "no such database"),
        (database.url("state", "table=nope"), "no such table", "Check `table`"),
        (database.url("state", "table=public.nope"), "no such table", "The pulumi CLI can't make a table in a schema"),
        (database.url("state", "table=foreign_table"), "not the pulumi CLI's"),
        (database.url("state", "table=empty_table"), "holds no Pulumi state"),
        (database.url("state", "", "few"), "no connection left"),
        (database.url("state", "", "private"), "lets this login in only in another way", "sslmode"),
    ):
        refused(lambda url=url: open_backend(url, {}), *parts)  # type: ignore[misc]


def test_rows_that_are_damaged_or_vanish_spoil_nothing_else(filled: Filled) -> None:
    record, lost = (filled.key(filled.store.path("history", number)) for number in (1, 2))
    kept = filled.key(filled.store.path("checkpoint", 3))
    backend = filled.open()
    history = backend.history(DEV)
    filled.sql("""UPDATE TABLE_ SET data = '{"data": "%%%%"}' WHERE key = %s""", record)
    filled.sql("""UPDATE TABLE_ SET data = '[]' WHERE key = %s""", kept)
    filled.sql("DELETE FROM TABLE_ WHERE key = %s", lost)
    assert [history.update(number).result for number in (1, 2, 3)] == ["unreadable", "unreadable", "succeeded"]
    assert "is damaged" in history.update(1).problem
    assert "no longer there" in history.update(2).problem
    refused(lambda: history.checkpoint(3), "its row has no data", "backup")
    filled.sql("DELETE FROM TABLE_ WHERE key = %s", kept)
    with pytest.raises(CheckpointError, match="no longer there"):
        history.checkpoint(3)
    lock = filled.key(filled.store.lock("a"))
    filled.sql("INSERT INTO TABLE_ VALUES (%s, %s)", lock, row(b"{"))
    assert [found.path.endswith("/a.json") for found in backend.locks(DEV)] == [True]


def test_a_session_that_was_lost_is_made_again(filled: Filled) -> None:
    backend = filled.open()
    filled.database.stop()
    refused(lambda: backend.live(DEV), "nothing listens there")
    filled.database.start()
    assert backend.live(DEV).resources[0].decoded_outputs() == {"value": "c"}
    with filled.database.connect() as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    assert values(backend) == ["a", "b", "c"]


def test_several_threads_share_it(filled: Filled) -> None:
    backend = filled.open()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: values(backend), range(16))) == [["a", "b", "c"]] * 16


def test_a_server_that_takes_too_long_or_hangs_is_given_up(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(postgres_session.READ_ONLY, "statement_timeout", "500")
    session = filled.session()
    refused(lambda: session.ask("SELECT pg_sleep(30)", ()), "took too long", "index")
    ((pid,),) = session.ask("SELECT pg_backend_pid()", ())
    monkeypatch.setattr(postgres_session, "LONGEST", 0.3)
    os.kill(pid, signal.SIGSTOP)
    try:
        refused(lambda: session.ask("SELECT 1", ()), "does not answer in time")
    finally:
        os.kill(pid, signal.SIGCONT)
    monkeypatch.setattr(postgres_session, "LONGEST", 30)
    assert session.ask("SELECT 1", ()) == [(1,)]


def test_an_interrupt_ends_a_question_at_once(filled: Filled) -> None:
    session = filled.session()
    session.ask("SELECT 1", ())

    def interrupt() -> None:
        while not filled.sql("SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(40)'"):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    helper = threading.Thread(target=interrupt, daemon=True)
    helper.start()
    with pytest.raises(KeyboardInterrupt):
        session.ask("SELECT pg_sleep(40)", ())
    helper.join()
    begun = time.monotonic()
    assert session.ask("SELECT 1", ()) == [(1,)]
    assert time.monotonic() - begun < 20, "the question before is not waited for"


def test_a_pooler_that_takes_no_settings_gets_them_with_each_question(filled: Filled) -> None:
    with _pooler(filled.database.port) as port:
        url = filled.url().replace(f":{filled.database.port}/", f":{port}/")
        assert values(open_backend(url, {})) == ["a", "b", "c"]
        session = PostgresSession(parse_postgres_url(url, {}))
        refused(lambda: session.ask("DELETE FROM {} RETURNING key", ()), "read-only transaction")
        assert session.ask("SHOW statement_timeout", ()) == [("1min",)]


@contextlib.contextmanager
def _pooler(behind: int) -> Iterator[int]:
    """What refuses sessions with our settings, as PgBouncer does, and passes on all others."""

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def serve(client: socket.socket) -> None:
        start = client.recv(65536)
        if b"default_transaction_read_only" in start:
            text = b"SFATAL\0C08P01\0Munsupported startup parameter in options: default_transaction_read_only\0\0"
            client.sendall(b"E" + struct.pack("!i", len(text) + 4) + text)
            client.close()
            return
        with client, socket.create_connection(("127.0.0.1", behind)) as server:
            server.sendall(start)
            back = threading.Thread(target=pump, args=(server, client), daemon=True)
            back.start()
            pump(client, server)
            back.join()

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
