"""Revisions of components in real updates and rollbacks: a schema goes up and down with the program that needs it."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from pulumi_rewind.callbacks.revisions.ledger import Ledger
from pulumi_rewind.engine.events import Diagnostic
from pulumi_rewind.state.model import urn_name
from pulumi_rewind_tui.text.plan import plan_json
from tests.support.rewind import plan, run, session
from tests.support.stack import EngineStack
from tests.support.terminal import Ran

PROGRAM = """
import pulumi, bridged_sdk as bridged
orders = pulumi.ComponentResource("shop:index:Orders", "orders")
inside = pulumi.ResourceOptions(parent=orders)
db = bridged.Database("db", {{"engine": "sqlite", "password": pulumi.Output.secret("hunter2-and-more")}}, inside)
bridged.Server("app", {{"image": "app:{version}", "dependsId": db.id}}, inside)
"""
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "hooks" / "schema_revisions.py"
FIRST, SECOND = EXAMPLE.read_text().split('@orders.revision("0002')
HEAD = FIRST.rstrip() + "\n"
WHOLE = EXAMPLE.read_text()

THIRD = """

import json

here = Path(__file__).parent

def tell(ctx):
    told = [ctx.revision, ctx.direction, ctx.again, ctx.idempotency_key, ctx.target, sorted(ctx.resources)]
    with (here / "told.jsonl").open("a") as file:
        file.write(json.dumps(told) + "\\n")

@orders.revision("0003_notes")
def add_notes(ctx):
    tell(ctx)
    with schema(ctx) as db:
        db.execute("create table notes (text text)")

@add_notes.down(loses_data=True)
def drop_notes(ctx):
    tell(ctx)
    with schema(ctx) as db:
        db.execute("drop table notes")
        if (here / "broken").exists():
            print("opening with", ctx.resources["db"].inputs["password"].reveal())
            raise OSError("no way for " + ctx.resources["db"].inputs["password"].reveal())

@orders.revision("0004_checked")
def check(ctx):
    tell(ctx)
    if not (here / "mended").exists():
        raise ValueError("an order without a customer")
    (here / "mended").unlink()

@check.down
def uncheck(ctx):
    tell(ctx)
"""


def cli(stack: EngineStack, *arguments: str) -> Ran:
    done = stack.run([sys.executable, "-m", "pulumi_rewind_tui.cli", *arguments])
    assert "hunter2" not in done.stdout + done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)


def database(stack: EngineStack) -> contextlib.closing[sqlite3.Connection]:
    (path,) = stack.objects.glob("db/*.sqlite")
    return contextlib.closing(sqlite3.connect(path))


def schema(stack: EngineStack) -> dict[str, list[str]]:
    """The columns of every table."""
    with database(stack) as db:
        tables = [name for (name,) in db.execute("select name from sqlite_master where type = 'table' order by name")]
        return {table: [row[1] for row in db.execute(f"pragma table_info({table})")] for table in tables}


def told(stack: EngineStack) -> list[Any]:
    path = stack.root / "told.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def applied(stack: EngineStack) -> dict[str, list[str]]:
    have, problem = Ledger(session(stack)).now()
    assert problem == ""
    return {urn_name(urn): list(ids) for urn, ids in have.items()}


@pytest.mark.slow
def test_a_schema_goes_up_and_down_with_the_program(stack: EngineStack) -> None:
    stack.extra_environ["SHOP_DATA"] = str(stack.objects)
    hooks = stack.write_file("rewind_hooks.py", HEAD)
    stack.write_file(".gitignore", "told.jsonl\nbroken\nmended\n__pycache__\n")
    stack.write_program(PROGRAM.format(version=1))
    stack.git_commit("the first")
    first = cli(stack, "up", "--yes")
    assert first.code == 0, first
    assert "orders will run the up of 0001_orders, create_orders (rewind_hooks.py, sha256" in first.out
    assert "✓ create_orders for orders: done (0001_orders)" in first.out
    assert schema(stack) == {"orders": ["id", "customer", "cents"]}
    with database(stack) as db:
        db.executemany("insert into orders values (?, ?, ?)", [(n, f"customer {n}", n * 7) for n in range(1, 101)])
        db.commit()

    # One that fails is a failed update: what was applied before it is taken back, and nothing else.
    hooks.write_text(WHOLE + THIRD)
    stack.write_program(PROGRAM.format(version=2))
    failed = cli(stack, "up", "--yes", "--rollback-on-failure")
    assert failed.code == 5, failed
    assert failed.out.index("✓ add_currency for orders: done (0002_currency)") < failed.out.index("running pulumi up")
    assert "add_currency: 100 orders are in EUR now" in failed.out
    assert "error: the update failed: the up of orders: 0004_checked failed: check (rewind_hooks.py:" in failed.err
    assert "ValueError: an order without a customer" in failed.err
    assert "⚠ orders will run the down of 0003_notes, drop_notes" in failed.out, "what it loses is new"
    back = failed.out.index("rolling back to #1")
    assert failed.out.index("✓ drop_notes for orders") < back < failed.out.index("✓ drop_currency for orders")
    assert [item[:3] for item in told(stack)] == [
        ["0003_notes", "up", False], ["0004_checked", "up", False], ["0003_notes", "down", False],
    ]  # fmt: skip
    assert schema(stack) == {"orders": ["id", "customer", "cents"]}
    assert stack.resources()["app"]["inputs"]["image"] == "app:1"
    (stack.root / "told.jsonl").unlink()
    stack.write_file("mended", "")
    good = cli(stack, "up", "--yes", "--json")
    assert good.code == 0, good
    assert [(item["revision"], item["direction"], item["when"]) for item in good.json_lines()[0]["revisions"]] == [
        ("0002_currency", "up", "before"), ("0003_notes", "up", "after"), ("0004_checked", "up", "after"),
    ]  # fmt: skip
    assert [item[:3] for item in told(stack)] == [["0003_notes", "up", False], ["0004_checked", "up", True]]
    assert schema(stack) == {"notes": ["text"], "orders": ["id", "customer", "cents", "currency"]}
    records = session(stack).records
    assert records is not None
    kept = [record.file("revisions.json") for number in (1, 2, 3, 4) if (record := records.read(number))]
    assert [len(next(iter(json.loads(raw).values()))) for raw in kept] == [1, 3, 1, 4]

    # The file of an older commit doesn't know them; that of the record does, once it was agreed to.
    hooks.write_text(HEAD)
    missing = "to #1: down of 0003_notes  ✗ blocks: the down of 0003_notes is needed, but the hooks file has no such"
    assert missing in cli(stack, "revision", "1").out
    trusted = cli(stack, "hooks", "trust", "#4")
    assert trusted.code == 0, trusted
    (stack.root / "told.jsonl").unlink()
    stack.write_file("broken", "")
    halted = cli(stack, "rollback", "1", "--yes", "--hooks", "recorded", "--allow-data-loss")
    assert halted.code == 4, halted
    assert "⚠ loses data: orders will run the down of 0003_notes" in halted.out
    assert (
        "will run the down of 0002_currency, drop_currency (rewind_hooks.py as recorded with #4, sha256" in halted.out
    )
    assert "the down of orders: 0003_notes failed: drop_notes" in halted.err
    assert "OSError: no way for [secret]; the engine has changed nothing in the stack yet" in halted.err
    assert "drop_notes: opening with [secret]" in halted.out
    assert [item[:2] for item in told(stack)] == [["0004_checked", "down"], ["0003_notes", "down"]]
    # None runs twice, and each try of one has the same key.
    (stack.root / "broken").unlink()
    resumed = cli(stack, "resume", "--yes", "--allow-data-loss")
    assert resumed.code == 0, resumed
    assert "calling drop_notes for orders again" in resumed.out
    downs = told(stack)
    assert [item[:3] for item in downs] == [
        ["0004_checked", "down", False], ["0003_notes", "down", False], ["0003_notes", "down", True],
    ]  # fmt: skip
    assert downs[1][3] == downs[2][3] != downs[0][3]
    assert downs[0][4:] == ["#1", ["app", "db"]]
    assert schema(stack) == {"orders": ["id", "customer", "cents"]}
    with database(stack) as db:
        assert db.execute("select count(*), sum(cents) from orders").fetchone() == (100, 35350)
    assert applied(stack) == {"orders": ["0001_orders"]}

    # The records alone tell the same, on another machine.
    opened = session(stack)
    shutil.rmtree(Ledger(opened).path.parent)
    have, problem = Ledger(opened).now()
    assert (list(have.values()), problem) == ([("0001_orders",)], "")
    assert len(*Ledger(opened).at(4).values()) == 4


TWO = """
import pulumi, bridged_sdk as bridged
for name in ("kept", "empty"):
    box = pulumi.ComponentResource("shop:index:Orders", name)
    bridged.Database(f"{name}-db", {"engine": "sqlite"}, pulumi.ResourceOptions(parent=box))
"""
RESTORING = """
import pathlib
import pulumi_rewind as rewind

here = pathlib.Path(__file__).parent
orders = rewind.component("shop:index:Orders")

@orders.revision("1", when="before")
def one(ctx):
    with (here / "told").open("a") as file:
        file.write(f"{ctx.direction} {ctx.component.name} {ctx.resources[ctx.component.name + '-db'].id}\\n")

@one.down
def no_one(ctx):
    one_of = [res.id for res in ctx.resources.values()]
    with (here / "told").open("a") as file:
        file.write(f"{ctx.direction} {ctx.component.name} {one_of[0]}\\n")

@orders.revision("2", irreversible="rows are merged")
def two(ctx): ...

@rewind.undo_delete(name="kept-db")
def restore(ctx):
    return rewind.Restored((here / "restored").read_text())
"""


@pytest.mark.slow
def test_what_is_made_again_has_its_revisions_again_and_what_goes_takes_them_along(stack: EngineStack) -> None:
    stack.write_file("rewind_hooks.py", RESTORING)
    stack.up(TWO)
    opened, there = session(stack), stack.resources()
    Ledger(opened).mark(there["kept"]["urn"], ("1", "2"))
    Ledger(opened).mark(there["empty"]["urn"], ("1", "2"))
    record = stack.physical()[there["kept-db"]["id"]]
    stack.up(TWO.replace('"kept", "empty"', '"other",'))
    (stack.objects / "db" / "back.json").write_text(json.dumps({**record, "id": "back"}))
    stack.write_file("restored", "back")
    assert applied(stack) == {}, "what was applied went with the components"
    now = stack.resources()
    Ledger(session(stack)).mark(now["other"]["urn"], ("1", "2"))
    made = plan(stack, "1")
    risks = {f"{risk.urn.rpartition('::')[2]} {risk.message}" for risk in made.risks if risk.code == "revision"}
    assert {risk.partition(" (")[0] for risk in risks} >= {
        "other will run the down of 1, no_one", "other 2 is removed with the component: it has no down to call",
    }  # fmt: skip
    assert sum("unless the component's data is restored together with its revisions" in risk for risk in risks) == 2
    assert made.blocking == ()
    said = {(item["revision"], item["direction"], item["function"]) for item in plan_json(made)["revisions"]}
    assert said == {("1", "down", "no_one"), ("2", "down", None), ("1", "up", "one"), ("2", "up", "two")}
    result, events = run(stack, made, allow_data_loss=True, check_again=False)
    assert result.result == "succeeded"
    new = stack.resources()
    assert new["kept-db"]["id"] == "back"
    assert (stack.root / "told").read_text().splitlines() == [
        f"down other {now['other-db']['id']}", f"up empty {new['empty-db']['id']}",
    ]  # fmt: skip
    assert [(one.function, one.outcome, one.message) for one in result.callbacks if one.kind.startswith("rev")] == [
        ("no_one", "done", "1"), ("one", "done", "1"), ("two", "done", "2"),
    ]  # fmt: skip
    texts = [event.message for event in events if isinstance(event, Diagnostic)]
    assert {"kept: 1 came back with the component's data", "kept: 2 came back with the component's data"} <= set(texts)
    assert applied(stack) == {"kept": ["1", "2"], "empty": ["1", "2"]}
