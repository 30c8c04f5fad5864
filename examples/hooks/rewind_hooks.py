"""How a small shop undoes what re-creating alone would not: an example of a ``rewind_hooks.py``, run by the tests.

SHOP_DATA is where the shop's databases are (``db/<id>.sqlite``), the dump that is made of each when it is deleted
(``dumps/<id>.sql``), and how many visitors a server still has (``visitors/<id>``).
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pulumi_rewind as rewind

DATA = Path(os.environ["SHOP_DATA"])


@rewind.undo_delete(type="*:*:Database", timeout=1800, dry_run_safe=True)
def restore_database(ctx: rewind.UndoContext) -> rewind.Restored:
    """A database that was deleted comes back from its last dump, with every row."""
    assert ctx.old is not None
    dump = DATA / "dumps" / f"{ctx.old.id}.sql"
    if not dump.exists():
        raise FileNotFoundError(f"there is no dump of {ctx.old.id}; Recreate() would make an empty one")
    if ctx.dry_run:  # for a plan: look, but change nothing
        return rewind.Restored(f"a copy of {dump.name}, {dump.stat().st_size} bytes")
    new = f"db-{ctx.idempotency_key[:8]}"  # the same one when it is tried again
    file = DATA / "db" / f"{new}.sqlite"
    if ctx.again:
        file.unlink(missing_ok=True)
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(dump.read_text())
        tables = connection.execute("select name from sqlite_master where type = 'table'").fetchall()
        for done, (table,) in enumerate(tables, 1):
            rows = connection.execute(f'select count(*) from "{table}"').fetchone()[0]  # noqa: S608 - from the catalogue
            ctx.progress(done, len(tables), f"{table}: {rows} rows")
            ctx.log(f"{table}: {rows} rows are back")
    register(new, ctx.old)
    return rewind.Restored(new)


def register(identifier: str, old: rewind.UndoResource) -> None:
    """What tells the database service of a new database; yours has a command or an API for that."""
    known = {key: value for key, value in old.inputs.items() if key != "__defaults"}
    inputs = {key: value.reveal() if isinstance(value, rewind.Secret) else value for key, value in known.items()}
    record = {"id": identifier, "type": old.type, "inputs": inputs}
    (DATA / "db" / f"{identifier}.json").write_text(json.dumps(record))


@rewind.undo_create(type="*:*:Server", timeout=120)
def drain(ctx: rewind.UndoContext) -> rewind.Delete:
    """A server that goes finishes with its visitors first."""
    assert ctx.new is not None
    visitors = DATA / "visitors" / ctx.new.id
    first = count = int(visitors.read_text()) if visitors.exists() else 0
    while count:
        ctx.progress(first - count, first, "visitors left")
        time.sleep(0.5)
        count = int(visitors.read_text())
    ctx.log(f"{ctx.new.name} has no visitors any more")
    return rewind.Delete()


@rewind.after_rollback
def tell_the_team(ctx: rewind.RollbackContext) -> None:
    """A line where the team reads it; yours may be a chat message."""
    changed = ", ".join(f"{count} {op}" for op, count in sorted(ctx.changes.items()) if op != "same")
    notify(f"{ctx.stack} is back at {ctx.target}: {changed}")


@rewind.on_failure
def wake_somebody(ctx: rewind.RollbackContext) -> None:
    """The same where it went wrong."""
    notify(f"{ctx.stack} is NOT back at {ctx.target}: {ctx.error}")


def notify(text: str) -> None:
    """Where the team reads it."""
    with (DATA / "notifications.log").open("a", encoding="utf-8") as file:
        file.write(text + "\n")
