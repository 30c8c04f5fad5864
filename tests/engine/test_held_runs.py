"""Runs that hold: ones that fail, of a part of the stack, against their preview; and real data."""

from __future__ import annotations

import contextlib
import os
import sqlite3

import pytest

from tests.support.faults import own
from tests.support.held import held, prepared, sound, up
from tests.support.rewind import ROOT, plan, run, said, settled, steps
from tests.support.stack import EngineStack

ORDER = """
import pulumi, bridged_sdk as bridged
net = bridged.Bucket("net", {{"region": "{zone}"}})
db = bridged.Bucket("db", {{"region": net.id}})
user = bridged.Server("user", {{"image": "1", "zone": db.id}})
leaf = bridged.Server("leaf", {{"image": "1", "zone": user.id}}, pulumi.ResourceOptions(depends_on=[db]))
{more}
"""


def order(zone: str, more: str = "") -> str:
    return ORDER.format(zone=zone, more=more)


@pytest.mark.slow
def test_an_update_that_fails_and_one_of_somebody_else_that_goes_on(stack: EngineStack) -> None:
    """The marks stay with the copies; who goes on lets go of them alive, and knows nothing of it."""
    # It waits for leaf, which would be made beside it: a failure stops what has not begun.
    bad = order("b", 'bridged.Bucket("bad", {}, pulumi.ResourceOptions(depends_on=[leaf]))')
    stack.up(order("a"))
    before, first = settled(stack), {name: stack.resources()[name]["id"] for name in ("net", "db")}
    stack.trouble({"name": "bad", "operation": "create", "action": "fail"})
    up(stack, bad, "--hold-deletes", code=1)
    assert held(stack) == {}
    copies = {res["urn"] for res in stack.export()["deployment"]["resources"] if res.get("delete")}
    assert {urn.split("::")[-1] for urn in copies} == {"net", "db", "user", "leaf"}
    # Another update that holds comes in between, and fails as well.
    up(stack, bad, "--hold-deletes=all", code=1)
    stack.trouble()
    stack.up(bad)
    assert held(stack).items() >= first.items()
    assert set(first.values()) <= set(stack.physical())
    assert not any(res.get("retainOnDelete") for res in stack.export()["deployment"]["resources"])
    result, _ = run(stack, plan(stack, "1"), allow_data_loss=True)
    assert all(difference.expected for difference in result.differences)
    for name in ("net", "db"):
        urn = next(urn for urn in before if urn.endswith(f"::{name}"))
        assert settled(stack)[urn] == before[urn]
    sound(stack)


@pytest.mark.slow
def test_a_part_comes_back_and_goes_for_good(stack: EngineStack) -> None:
    """With ``--only``: what it needs comes along, what it doesn't need stays held."""
    prepared(stack, order("a", 'bridged.Bucket("alone", {})'), order("b"), settings="")
    first = held(stack)
    assert set(first) == {"net", "db", "alone"}
    made = plan(stack, "1", only=["alone"])
    run(stack, made, allow_data_loss=True)
    assert stack.resources()["alone"]["id"] == first["alone"]
    assert set(held(stack)) == {"net", "db"}
    done = said(stack, "confirm", "--only", "net", "--yes", "--allow-data-loss")
    assert done.code == 0, done.out + done.err
    assert set(held(stack)) == {"db"}
    assert first["net"] not in stack.physical()
    sound(stack)
    made = plan(stack, "1", only=["db"])
    assert steps(made)["db"].op != "return", "its network is gone"
    done = said(stack, "confirm", "--yes", "--allow-data-loss")
    assert done.code == 0, done.out + done.err
    assert held(stack) == {}
    assert first["db"] not in stack.physical()
    sound(stack)


def test_an_update_of_some_targets(stack: EngineStack) -> None:
    more = 'bridged.Bucket("alone", {{"region": "{zone}"}})'
    stack.up(order("a", more.format(zone="a")))
    urn = stack.resources()["alone"]["urn"]
    before = stack.resources()
    stack.write_program(order("b", more.format(zone="b")))
    code, text = own(stack, "up", "--yes", "--hold-deletes", "--", f"--target={urn}")
    assert code == 0, text
    assert held(stack) == {"alone": before["alone"]["id"]}
    assert not any(res.get("retainOnDelete") for res in stack.export()["deployment"]["resources"])
    assert stack.resources()["net"]["id"] == before["net"]["id"]


PROTECTED = """
import pulumi, bridged_sdk as bridged
net = bridged.Bucket("net", {{"region": "{zone}"}}, pulumi.ResourceOptions(protect={protect}))
bridged.Bucket("part", {{"region": "{zone}"}}, pulumi.ResourceOptions(deleted_with=net))
bridged.Bucket("child", {{"region": "{zone}"}}, pulumi.ResourceOptions(parent=net))
bridged.Bucket("kept", {{"region": "{zone}"}}, pulumi.ResourceOptions(retain_on_delete=True))
"""


@pytest.mark.slow
def test_protected_and_retained_objects_and_parts_of_others(stack: EngineStack) -> None:
    stack.up(PROTECTED.format(zone="a", protect=True))
    state = settled(stack)
    refused = said(stack, "up", "--yes", "--hold-deletes")
    assert refused.code == 0, refused.out + refused.err
    stack.write_program(PROTECTED.format(zone="b", protect=True))
    refused = said(stack, "up", "--yes", "--hold-deletes")
    assert refused.code != 0
    assert settled(stack) == state
    stack.up(PROTECTED.format(zone="a", protect=False))
    up(stack, PROTECTED.format(zone="b", protect=False), "--hold-deletes")
    first = held(stack)
    assert set(first) == {"net", "part", "child", "kept"}
    done = said(stack, "confirm", "--only", "child", "--only", "kept", "--yes", "--allow-data-loss")
    assert done.code == 0, done.out + done.err
    assert first["child"] not in stack.physical()
    assert first["kept"] in stack.physical(), "the program wanted it to stay"
    result, _ = run(stack, plan(stack, "1"), allow_data_loss=True)
    assert all(difference.expected for difference in result.differences)
    assert {name: stack.resources()[name]["id"] for name in ("net", "part")} == {
        name: first[name] for name in ("net", "part")
    }
    sound(stack)


def test_a_run_that_does_something_else_than_its_preview(stack: EngineStack) -> None:
    """What it deletes then can't be held, and is named."""
    stack.up(order("a", 'bridged.Bucket("alone", {})'))
    alone = stack.resources()["alone"]["id"]
    moody = order("b", 'if pulumi.runtime.is_dry_run():\n    bridged.Bucket("alone", {})\n')
    stack.write_program(moody)
    done = said(stack, "up", "--yes", "--hold-deletes")
    assert done.code == 0, done.out + done.err
    assert set(held(stack)) == {"net", "db"}
    assert alone not in stack.physical()
    assert f"alone ({alone}) is not held: its preview kept it, and the update deleted or replaced it" in done.err


# -- data -------------------------------------------------------------------------------------------------------------

SHOP = """
import pulumi
from pulumi_rewind.demo.shop import resources as shop

class Beside(shop.DatabaseProvider):
    delete_first = {first}

class Tables(shop.DatasetProvider):
    delete_first = {first}

shop.DatabaseProvider, shop.DatasetProvider = Beside, Tables
db = shop.Database("shop-db", encoding="{encoding}", password=pulumi.Output.secret("hush"))
orders = shop.Dataset("orders", database=db, columns=["customer"], rows=[{{"customer": "Ada"}}])
pulumi.export("path", db.path)
"""


def rows(stack: EngineStack) -> list[str]:
    """The orders in the database of the live state."""
    path = stack.resources()["shop-db"]["outputs"]["path"]
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return [customer for (customer,) in connection.execute("SELECT customer FROM orders ORDER BY rowid")]


def order_by(stack: EngineStack, customer: str) -> None:
    """Somebody buys something."""
    path = stack.resources()["shop-db"]["outputs"]["path"]
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO orders VALUES (?)", (customer,))


@pytest.mark.slow
def test_a_database_with_its_rows(stack: EngineStack) -> None:
    """One of a dynamic provider: replaced by a bad update, and each comes back as it was left."""
    stack.extra_environ["PYTHONPATH"] = os.pathsep.join((stack.environ["PYTHONPATH"], str(ROOT / "core")))
    stack.config_set("machine", str(stack.directory / "machine"))
    stack.write_file("rewind.toml", 'stateful_types = ["*shop:Data*"]')
    stack.up(SHOP.format(first=False, encoding="UTF-8"))
    order_by(stack, "Grace")
    first = stack.resources()["shop-db"]["outputs"]["path"]
    text = up(stack, SHOP.format(first=False, encoding="UTF-16le"), "--hold-deletes")
    assert "shop-db is held" in text, text
    order_by(stack, "Edsger")
    second = stack.resources()["shop-db"]["outputs"]["path"]
    assert rows(stack) == ["Ada", "Edsger"]
    made = plan(stack, "1", hold_deletes="stateful")
    assert not made.loses_data
    run(stack, made)
    assert stack.resources()["shop-db"]["outputs"]["path"] == first
    assert rows(stack) == ["Ada", "Grace"]
    run(stack, plan(stack, "2", hold_deletes="stateful"))
    assert stack.resources()["shop-db"]["outputs"]["path"] == second
    assert rows(stack) == ["Ada", "Edsger"]
    stack.write_program(SHOP.format(first=True, encoding="UTF-8"))
    text = said(stack, "up", "--yes", "--hold-deletes").out
    assert "shop-db can't be held: it is deleted before its replacement is made" in text
    assert "loses data" in text
