"""Undo callbacks in real rollbacks: data comes back, things are kept, skipped and changed, failures can be resumed."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from pulumi_rewind.engine.events import HookLog
from pulumi_rewind.errors import RefusedError
from tests.support.rewind import plan, run, session, steps
from tests.support.stack import EngineStack

HEAD = "import pulumi, bridged_sdk as bridged\n"

SHOP = (
    HEAD
    + """
db = bridged.Database("orders", {"engine": "sqlite", "password": pulumi.Output.secret("hunter2-and-more")})
policy = pulumi.Output.secret("hunter2-policy")
cache = bridged.Bucket("cache", {"name": "cache", "policy": policy}, pulumi.ResourceOptions(depends_on=[db]))
app = bridged.Server("app", {
    "image": "app:1", "dependsId": db.id, "userData": pulumi.Output.concat("connect ", db.id, " now"),
})
pulumi.export("db", db.id)
"""
)
BROKEN = (
    HEAD
    + """
app = bridged.Server("app", {"image": "app:2"})
extra = bridged.Server("extra", {"image": "extra:1"})
"""
)


def cli(stack: EngineStack, *arguments: str) -> tuple[int, str]:
    """Our own command, as in a terminal that isn't one."""
    done = stack.run([sys.executable, "-m", "pulumi_rewind_tui.cli", *arguments])
    return done.returncode, done.stdout + done.stderr


def fill(stack: EngineStack, identifier: str) -> list[Any]:
    """Puts a table with rows into a database and returns them."""
    rows = [(number, f"customer {number}", number * 7) for number in range(1, 501)]
    with contextlib.closing(sqlite3.connect(stack.objects / "db" / f"{identifier}.sqlite")) as connection:
        connection.execute("create table orders (id integer primary key, customer text not null, cents integer)")
        connection.executemany("insert into orders values (?, ?, ?)", rows)
        connection.commit()
    return rows


def rows_of(stack: EngineStack, identifier: str) -> list[Any]:
    """All rows of a database."""
    with contextlib.closing(sqlite3.connect(stack.objects / "db" / f"{identifier}.sqlite")) as connection:
        return connection.execute("select * from orders order by id").fetchall()


def told(stack: EngineStack) -> list[dict[str, Any]]:
    """What the callbacks wrote down, one JSON object a line."""
    path = stack.root / "told.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "hooks" / "rewind_hooks.py"
EXTRA = """

here = Path(__file__).parent

def tell(**what):
    with (here / "told.jsonl").open("a") as file:
        file.write(json.dumps(what) + "\\n")

@rewind.before_rollback
def announce(ctx):
    tell(what="before", steps=[[step.op, step.name] for step in ctx.steps])

@rewind.undo_delete(name="cache", retries=1)
def warm_cache(ctx):
    tell(what="cache", again=ctx.again, key=ctx.idempotency_key, update=ctx.update.number, result=ctx.update.result,
         message=ctx.update.message, secret=repr(ctx.old.inputs["policy"]), old=ctx.old.id)
    print("opening with", ctx.old.inputs["policy"].reveal())
    if not (here / "mended").exists():
        raise ValueError("no warm copy for " + ctx.old.inputs["policy"].reveal())
    return rewind.Recreate()
"""


@pytest.mark.slow
def test_a_database_comes_back_with_every_row_also_over_a_callback_that_fails(stack: EngineStack) -> None:
    stack.extra_environ["SHOP_DATA"] = str(stack.objects)
    stack.up(SHOP)
    first = stack.resources()["orders"]["id"]
    rows = fill(stack, first)
    stack.up(BROKEN, "-m", "drop what nobody needs")
    assert not (stack.objects / "db" / f"{first}.sqlite").exists()
    stack.write_file("rewind_hooks.py", EXAMPLE.read_text() + EXTRA)

    code, said = cli(stack, "rollback", "1", "--yes", "--allow-data-loss")
    assert code == 4, said
    assert "will call restore_database (rewind_hooks.py, sha256 " in said
    assert f"; a dry call returned restored (a copy of {first}.sql, " in said
    assert "orders held data when it was recorded" not in said
    assert "orders: 500 rows are back" in said
    assert said.count("calling warm_cache for cache again") == 1
    assert "ValueError: no warm copy for [secret]; this run has changed nothing in the stack yet" in said
    assert "pulumi-rewind resume" in said
    assert "opening with [secret]" in said
    assert "hunter2" not in said
    assert "orders" not in stack.resources()
    journal = session(stack).journal
    entry = journal.read()
    assert entry is not None
    assert {item.function: item.result for item in entry.undo} == {"restore_database": "restored", "warm_cache": ""}
    assert b"hunter2" not in journal.path.read_bytes()

    stack.write_file("mended", "")
    code, said = cli(stack, "resume", "--yes", "--allow-data-loss")
    assert code == 0, said
    restored = entry.undo[0].id
    assert f"restore_database has already returned restored ({restored})" in said
    assert f"restore_database for orders: restored ({restored})" in said
    assert "calling restore_database" not in said
    assert "drain: extra has no visitors any more" in said
    now = stack.resources()
    assert now["orders"]["id"] == restored != first
    assert rows_of(stack, restored) == rows
    assert now["app"]["inputs"]["dependsId"] == restored
    assert now["app"]["inputs"]["userData"] == f"connect {restored} now"
    assert set(stack.physical("db")) == {restored}
    assert stack.physical("db")[restored]["inputs"]["password"] == "hunter2-and-more"
    assert "extra" not in now
    assert session(stack).journal.read() is None

    happened = told(stack)
    assert [item["what"] for item in happened] == ["before", "cache", "cache", "before", "cache"]
    assert {tuple(step) for step in happened[0]["steps"]} >= {("create", "orders"), ("delete", "extra")}
    caches = [item for item in happened if item["what"] == "cache"]
    assert [item["again"] for item in caches] == [False, True, True]
    assert len({item["key"] for item in caches}) == 1
    assert {key: caches[0][key] for key in ("update", "result", "message", "secret", "old")} == {
        "update": 2, "result": "succeeded", "message": "drop what nobody needs", "secret": "[secret]", "old": "cache",
    }  # fmt: skip
    notifications = (stack.objects / "notifications.log").read_text().splitlines()
    assert len(notifications) == 2
    assert notifications[0].startswith("shop/dev is NOT back at #1: warm_cache (rewind_hooks.py:")
    assert "hunter2" not in notifications[0]
    assert notifications[1].startswith("shop/dev is back at #1: ")
    stack.write_program(SHOP)
    stack.expect_no_changes()


BEFORE = (
    HEAD
    + """
a = bridged.Server("a", {"image": "a:1", "userData": "plain"})
b = bridged.Bucket("b", {"name": "b"})
c = bridged.Server("c", {"image": "c:1"})
web = bridged.Server("web", {"image": "web:1"})
"""
)
AFTER = (
    HEAD
    + """
box = pulumi.ComponentResource("my:c:Box", "box")
inside = pulumi.ResourceOptions(parent=box)
net = bridged.Bucket("net", {"name": "net"}, inside)
front = bridged.Server("front", {"image": "front:1", "userData": net.id}, inside)
hook = pulumi.ResourceHook("last-words", lambda args: None)
hooks = pulumi.ResourceHookBinding(before_delete=[hook])
old = bridged.Server("old", {"image": "old:1"}, pulumi.ResourceOptions(hooks=hooks))
c = bridged.Server("c", {"image": "c:2"})
web = bridged.Server("web", {"image": "web:2"})
"""
)
MANY = """
import pathlib
import pulumi_rewind as rewind

here = pathlib.Path(__file__).parent

@rewind.before_rollback
def only_in_the_window(ctx):
    if (here / "closed").exists():
        raise RuntimeError("outside the maintenance window")

@rewind.undo_delete(name="a", dry_run_safe=True)
async def other_image(ctx):
    assert ctx.dry_run == ("dry" in ctx.idempotency_key)
    return rewind.Recreate({"image": "a:mended", "userData": rewind.Secret("t0p-secret")})

@rewind.undo_delete(name="b")
def elsewhere(ctx):
    return rewind.Skip("lives elsewhere now")

@rewind.undo_create(component="my:c:Box", type="*:Server")
def keep_the_front(ctx):
    assert ctx.old is None and ctx.new.inputs["image"] == "front:1"
    return rewind.Keep("still serves the old links")

@rewind.undo_create(type="bridged:index:Server")
def drain(ctx):
    ctx.log(f"draining {ctx.new.name}")
    return rewind.Delete()

@rewind.resource_hook("last-words")
def last_words(ctx):
    assert ctx.name == "last-words" and ctx.resource_type == "bridged:index:Server"
    print("last words of", ctx.resource_name, ctx.old_inputs["image"])

@rewind.undo_update(name="c")
def hotfix(ctx):
    assert (ctx.old.inputs["image"], ctx.new.inputs["image"]) == ("c:1", "c:2")
    return rewind.Keep("has the hotfix")
"""


@pytest.mark.slow
def test_things_are_kept_skipped_drained_and_made_with_other_values(stack: EngineStack) -> None:
    stack.up(BEFORE)
    b = stack.resources()["b"]["id"]
    stack.up(AFTER)
    hooks = stack.write_file("rewind_hooks.py", MANY)
    made = plan(stack, "1")
    assert made.undo is not None
    functions = [call.callback.function for call in made.undo.calls]
    assert set(functions[:2]) == {"other_image", "elsewhere"}  # what is independent has no order
    assert functions[2] == "hotfix"
    assert set(functions[3:]) == {"drain", "keep_the_front"}
    messages = {
        name: [risk.message for risk in step.risks if risk.code == "callback"] for name, step in steps(made).items()
    }
    assert messages["a"][0].endswith("; a dry call returned recreate (with other image, userData)")
    assert messages["web"] == []

    hooks.write_text(MANY + "# changed\n")
    with pytest.raises(RefusedError, match="the hooks file has changed since"):
        run(stack, made, allow_data_loss=True)
    hooks.write_text(MANY)
    stack.write_file("closed", "")
    with pytest.raises(RefusedError, match=r"only_in_the_window \(rewind_hooks.py:10\): RuntimeError: outside"):
        run(stack, made, allow_data_loss=True)
    assert session(stack).journal.read() is None
    (stack.root / "closed").unlink()

    result, events = run(stack, made, allow_data_loss=True)
    assert result.result == "succeeded"
    assert {(one.function, one.outcome, one.message) for one in result.callbacks} == {
        ("only_in_the_window", "done", ""),
        ("other_image", "recreate", "with other image, userData"),
        ("elsewhere", "skip", "lives elsewhere now"),
        ("hotfix", "keep", "has the hotfix"),
        ("drain", "delete", ""),
        ("keep_the_front", "keep", "still serves the old links"),
        ("last_words", "done", ""),
    }
    logged = [event.message for event in events if isinstance(event, HookLog)]
    assert "draining old" in logged
    assert "last words of old old:1" in logged
    assert not any("was not run" in getattr(event, "message", "") for event in events)
    assert {item.message for item in result.differences if item.expected} >= {
        "is left out: lives elsewhere now",
        "stays as it is: has the hotfix",
        "stays as it is: still serves the old links",
        "stays as it is, because front needs it",
    }
    assert [item for item in result.differences if not item.expected] == []
    now = stack.resources()
    assert {name for name, res in now.items() if res["type"].startswith("bridged:")} == {
        "a", "c", "web", "front", "net",
    }  # fmt: skip
    assert now["a"]["inputs"]["image"] == "a:mended"
    assert now["a"]["inputs"]["userData"]["plaintext"] == '"t0p-secret"'
    assert now["c"]["inputs"]["image"] == "c:2"
    assert now["web"]["inputs"]["image"] == "web:1"
    assert b not in stack.physical("bkt")
    texts = [str(event) for event in events]
    assert not any("t0p-secret" in text for text in texts)
