"""How the shop's order database gets from one schema to the next and back: revisions of a component, run by the tests.

SHOP_DATA is where the databases are (``db/<id>.sqlite``). Put this into ``rewind_hooks.py``, or name it with
``hooks_file`` in ``rewind.toml``.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pulumi_rewind as rewind

DATA = Path(os.environ["SHOP_DATA"])

orders = rewind.component("shop:index:Orders")


@contextmanager
def schema(ctx: rewind.RevisionContext) -> Iterator[sqlite3.Connection]:
    """The component's database in one transaction: what fails leaves it as it was."""
    file = DATA / "db" / f"{ctx.resources['db'].id}.sqlite"
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("begin immediate")
        yield connection
        connection.execute("commit")  # closing without it rolls back


@orders.revision("0001_orders", timeout=60)
def create_orders(ctx: rewind.RevisionContext) -> None:
    """The first table; it runs after the database was made."""
    with schema(ctx) as db:
        db.execute("create table orders (id integer primary key, customer text not null, cents integer not null)")


@create_orders.down(loses_data=True)
def drop_orders(ctx: rewind.RevisionContext) -> None:
    """Takes the table away with all that is in it."""
    with schema(ctx) as db:
        db.execute("drop table orders")


@orders.revision("0002_currency", when="before", retries=1)
def add_currency(ctx: rewind.RevisionContext) -> None:
    """The next release reads this column, so that it has to be there before its servers are."""
    with schema(ctx) as db:
        db.execute("alter table orders add column currency text not null default 'EUR'")
        count = db.execute("select count(*) from orders").fetchone()[0]
        ctx.log(f"{count} orders are in EUR now")


@add_currency.down(timeout=60)
def drop_currency(ctx: rewind.RevisionContext) -> None:
    """Runs after a rollback has put the old servers back, which know nothing of the column."""
    with schema(ctx) as db:
        db.execute("alter table orders drop column currency")
