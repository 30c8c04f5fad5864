"""Ready-made callbacks in real rollbacks: what a database holds is kept before it goes, and comes back with it."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.support.rewind import said
from tests.support.stack import EngineStack

HEAD = "import pulumi, bridged_sdk as bridged\n"
BARE = HEAD + 'app = bridged.Server("app", {"image": "app:1"})\n'


def shop(engine: str) -> str:
    """A program with a database and what needs it; another engine replaces the database, deleting it first."""
    return f"""{HEAD}
db = bridged.Database("orders", {{"engine": "{engine}", "password": pulumi.Output.secret("hunter2-and-more")}})
app = bridged.Server("app", {{"image": "app:1", "dependsId": db.id}})
"""


HOOKS = """
import os
import pathlib
import sqlite3
import pulumi_rewind as rewind
from pulumi_rewind.hooks.library import SqliteCopy

DATA = pathlib.Path(os.environ["BRIDGED_ROOT"])

rewind.undo(type="bridged:index:Database")(SqliteCopy(file=lambda db: DATA / "db" / f"{db.id}.sqlite"))
"""


def database(stack: EngineStack, identifier: str) -> Path:
    """Where the data of a database is."""
    return stack.objects / "db" / f"{identifier}.sqlite"


def copies(stack: EngineStack) -> list[Path]:
    """The files of copies that there are, also of unfinished ones."""
    place = Path(stack.environ["HOME"]) / ".local" / "state" / "pulumi-rewind" / "copies"
    return [path for path in sorted(place.rglob("*")) if path.is_file() and path.suffix != ".json"]


def write(path: Path, *rows: tuple[int, str]) -> None:
    """Puts rows into a table of a database."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute('create table if not exists "the ""orders""" (id integer primary key, customer text)')
        connection.executemany('insert into "the ""orders""" values (?, ?)', rows)
        connection.commit()


def rows_of(path: Path) -> list[Any]:
    """All rows of a database."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute('select * from "the ""orders""" order by id').fetchall()


@pytest.mark.slow
def test_a_sqlite_database_is_kept_before_it_is_deleted_and_comes_back_with_its_rows(stack: EngineStack) -> None:
    stack.up(BARE)
    stack.up(shop("sqlite"))
    first = stack.resources()["orders"]["id"]
    rows = [(number, f"customer {number}") for number in range(500)]
    write(database(stack, first), *rows)
    stack.write_file("rewind_hooks.py", HOOKS)

    planned = said(stack, "plan", "1", "--hold-deletes=none")
    assert "a dry call returned delete (copies it first: " in planned.out, planned
    assert copies(stack) == []
    done = said(stack, "rollback", "1", "--yes", "--allow-data-loss")
    assert done.code == 0, done
    assert "✓ SqliteCopy.undo_create for orders: delete (kept 500 rows, " in done.out
    assert not database(stack, first).exists()
    [copy] = copies(stack)
    assert copy.stat().st_mode & 0o777 == 0o600

    planned = said(stack, "plan", "2")
    assert "a dry call returned recreate (then loads 500 rows, " in planned.out, planned
    done = said(stack, "rollback", "2", "--yes")
    assert done.code == 0, done
    second = stack.resources()["orders"]["id"]
    assert second != first
    assert f"SqliteCopy.undo_delete: orders: 500 rows back in {second}" in done.out
    assert rows_of(database(stack, second)) == rows
    stack.write_program(shop("sqlite"))
    stack.expect_no_changes()


BREAKS = """
def orders(db):
    place = DATA / "orders.sqlite"  # one place, whatever the id
    if (DATA / "first").read_text() != db.id and (DATA / "breaks").exists():
        place.unlink(missing_ok=True)  # as the provider leaves what it has made anew
        with sqlite3.connect(place) as connection:
            connection.execute("create table empty (id)")
        if (DATA / "breaks").read_text() == "kill":
            os.kill(os.getppid(), 9)
        raise OSError("the disk is on fire")
    return place

rewind.undo(type="bridged:index:Database", retries=1)(SqliteCopy(file=orders))
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["fail", "kill"])
def test_a_replaced_database_gets_its_rows_also_when_it_was_empty_for_a_while(stack: EngineStack, how: str) -> None:
    stack.up(shop("sqlite"))
    stack.up(shop("h2"))
    first = stack.resources()["orders"]["id"]
    rows = [(1, "one"), (2, "two")]
    write(stack.objects / "orders.sqlite", *rows)
    (stack.objects / "first").write_text(first)
    (stack.objects / "breaks").write_text(how)
    stack.write_file("rewind_hooks.py", HOOKS.replace("\nrewind.undo(", "\n0 and rewind.undo(") + BREAKS)

    done = said(stack, "rollback", "1", "--yes", "--allow-data-loss")
    assert done.code == (4 if how == "fail" else -9), done
    (stack.objects / "breaks").unlink()
    resumed = said(stack, "resume", "--yes", "--allow-data-loss")
    assert resumed.code == 0, resumed
    second = stack.resources()["orders"]["id"]
    assert second != first
    assert rows_of(stack.objects / "orders.sqlite") == rows
    assert len(copies(stack)) == 1, "what was replaced already is not copied"


@pytest.mark.slow
def test_a_replacement_gets_the_rows_while_the_old_object_is_held(stack: EngineStack) -> None:
    program = f'{HEAD}store = bridged.Bucket("store", {{"region": "REGION"}})\n'
    stack.up(program.replace("REGION", "there"))
    stack.up(program.replace("REGION", "here"))
    held = stack.resources()["store"]["id"]
    write(stack.objects / f"{held}.sqlite", (1, "one"))
    stack.write_file("rewind_hooks.py", HOOKS.replace("Database", "Bucket").replace('DATA / "db" /', "DATA /"))
    done = said(stack, "rollback", "1", "--yes")
    assert done.code == 0, done
    new = stack.resources()["store"]["id"]
    assert f"store: 1 row back in {new}" in done.out
    assert "store stays alive outside the state" in done.out
    assert {held, new} == set(stack.physical("bkt"))
    assert rows_of(stack.objects / f"{new}.sqlite") == [(1, "one")]


@pytest.mark.slow
def test_what_can_not_be_copied_is_not_deleted(stack: EngineStack) -> None:
    stack.up(BARE)
    stack.up(shop("sqlite"))
    first = stack.resources()["orders"]["id"]
    database(stack, first).write_bytes(b"this is no database, whatever its name says" * 40)
    stack.write_file("rewind_hooks.py", HOOKS)
    done = said(stack, "rollback", "1", "--yes", "--allow-data-loss")
    assert done.code == 4, done
    assert "DatabaseError: file is not a database" in done.err
    assert "this run has changed nothing in the stack yet" in done.err
    assert stack.resources()["orders"]["id"] == first
    assert database(stack, first).exists()
    assert copies(stack) == []

    database(stack, first).unlink()
    planned = said(stack, "plan", "1", "--hold-deletes=none")
    assert (
        "a dry call returned an error: SqliteCopy.undo_create (rewind_hooks.py:10): there is no database "
        in planned.out
    )


def keeping(resources: str) -> str:
    """A program whose own hook keeps what an update deletes."""
    return f"""{HEAD}
import os
from pulumi_rewind.hooks.library import SqliteCopy, before_delete

def place(db):
    assert db.inputs["password"] == "hunter2-and-more", "secrets are open"
    return os.environ["BRIDGED_ROOT"] + f"/db/{{db.id}}.sqlite"

keep = pulumi.ResourceHook("keep", before_delete(SqliteCopy(file=place)))
options = pulumi.ResourceOptions(hooks=pulumi.ResourceHookBinding(before_delete=[keep]))
password = pulumi.Output.secret("hunter2-and-more")
{resources}"""


DATABASE = 'db = bridged.Database("orders", {"engine": "sqlite", "password": password}, options)\n'


@pytest.mark.slow
def test_what_plain_pulumi_up_deletes_is_kept_by_the_program_and_comes_back(stack: EngineStack) -> None:
    stack.up(keeping(DATABASE))
    first = stack.resources()["orders"]["id"]
    rows = [(1, "one"), (2, "two")]
    write(database(stack, first), *rows)
    database(stack, first).rename(database(stack, "away"))
    refused = stack.up(keeping(""), expect_failure=True)
    assert f"there is no database {database(stack, first)}" in refused.stdout + refused.stderr
    assert stack.resources()["orders"]["id"] == first
    database(stack, "away").rename(database(stack, first))

    stack.up(keeping(""))
    assert not database(stack, first).exists()
    stack.write_file("rewind_hooks.py", HOOKS)
    back = said(stack, "rollback", "1", "--yes")
    assert back.code == 0, back
    second = stack.resources()["orders"]["id"]
    assert rows_of(database(stack, second)) == rows

    # Replaced by a bad update: the target's rows come back, and what the live one holds is kept.
    target = str(len(stack.history()))
    stack.up(keeping(DATABASE.replace("sqlite", "h2")))
    write(database(stack, stack.resources()["orders"]["id"]), (3, "of the bad release"))
    stack.write_file("rewind_hooks.py", HOOKS.replace('.sqlite"))', '.sqlite", replaced_by="target"))'))
    back = said(stack, "rollback", target, "--yes", "--allow-data-loss")
    assert back.code == 0, back
    assert rows_of(database(stack, stack.resources()["orders"]["id"])) == rows
    assert sorted(len(rows_of(copy)) for copy in copies(stack)) == [1, 2, 2]


@pytest.mark.slow
def test_an_automatic_rollback_brings_back_what_the_update_deleted(stack: EngineStack) -> None:
    stack.up(keeping(DATABASE))
    first = stack.resources()["orders"]["id"]
    write(database(stack, first), (1, "one"))
    stack.write_file("rewind_hooks.py", HOOKS)
    stack.write_program(keeping(DATABASE.replace("sqlite", "h2")))
    stack.trouble({"name": "orders", "operation": "create", "action": "once"})  # after it has been deleted
    failed = said(stack, "up", "--yes", "--rollback-on-failure")
    print(failed.out, failed.err)
    assert failed.code == 5
    assert not database(stack, first).exists()
    assert rows_of(database(stack, stack.resources()["orders"]["id"])) == [(1, "one")]
