"""Held objects in odd company: changed providers, other passphrases, what goes or comes back by other hands."""

from __future__ import annotations

import contextlib
import os
import sqlite3

import pytest

from pulumi_rewind.risk import NOT_FOUND
from pulumi_rewind.window.ledger import Window
from tests.support.faults import own
from tests.support.held import SETTINGS, held, up
from tests.support.rewind import ROOT, plan, run, said, session, settled, steps
from tests.support.stack import EngineStack

ONE = """
import pulumi, bridged_sdk as bridged
hush = pulumi.Output.secret("hush")
bridged.Server("db", {{"image": "1", "zone": "{zone}"}})
{more}
"""


def one(zone: str, more: str = "") -> str:
    return ONE.format(zone=zone, more=more)


def server(stack: EngineStack, zone: str) -> str:
    """The id of the physical object in that zone."""
    (found,) = (key for key, value in stack.physical().items() if value["inputs"].get("zone") == zone)
    return found


def sound(stack: EngineStack) -> None:
    """The engine takes the state, and nothing in it is gone."""
    stack.preview_json()
    ids = {res["id"] for res in stack.export()["deployment"]["resources"] if res["type"].startswith("bridged:")}
    assert ids <= set(stack.physical())


def prepared(stack: EngineStack, *programs: str, settings: str = SETTINGS) -> None:
    """Deploys the first, and holds what the others let go of."""
    stack.write_file("rewind.toml", settings)
    stack.up(programs[0])
    for program in programs[1:]:
        up(stack, program, "--hold-deletes")


# -- providers --------------------------------------------------------------------------------------------------------

UNDER = """
import pulumi, bridged_sdk as bridged
cloud = bridged.Provider("cloud", {{"account": "{account}", "token": "{token}"}})
inside = pulumi.ResourceOptions(provider=cloud)
db = bridged.Bucket("db", {{"region": "{zone}"}}, inside)
bridged.Server("user", {{"image": "1", "zone": db.id}}, inside)
bridged.Server("other", {{"image": "1"}}, inside)
"""


@pytest.mark.slow
@pytest.mark.parametrize("account", ["main", "other"], ids=["updated", "replaced"])
def test_the_provider_changes_while_something_is_held(stack: EngineStack, account: str) -> None:
    """In place, with other credentials; or it is replaced, with all that it has made."""
    stack.use_plugin_processes()
    prepared(
        stack,
        UNDER.format(account="main", token="1", zone="a"),
        UNDER.format(account="main", token="1", zone="b"),
        settings="",
    )
    first = held(stack)["db"]
    stack.up(UNDER.format(account=account, token="2", zone="b"))
    assert held(stack) == {"db": first}
    done = said(stack, "rollback", "1", "--yes", "--allow-data-loss")
    assert done.code == 0, done.out + done.err
    assert stack.resources()["db"]["id"] == first
    assert held(stack) == {}
    sound(stack)
    stack.write_program(UNDER.format(account="main", token="1", zone="a"))
    stack.expect_no_changes()


@pytest.mark.slow
def test_what_is_held_is_deleted_after_its_provider_was_replaced(stack: EngineStack) -> None:
    stack.use_plugin_processes()
    prepared(
        stack,
        UNDER.format(account="main", token="1", zone="a"),
        UNDER.format(account="main", token="1", zone="b"),
        settings="",
    )
    first = held(stack)["db"]
    stack.up(UNDER.format(account="other", token="1", zone="b"))
    done = said(stack, "confirm", "--yes", "--allow-data-loss")
    assert done.code == 0, done.out + done.err
    assert first not in stack.physical()
    assert held(stack) == {}
    sound(stack)
    stack.expect_no_changes()


@pytest.mark.slow
def test_a_replaced_provider_is_held_with_what_it_made(stack: EngineStack) -> None:
    """What isn't held of it was replaced, and stays where it is until the engine moves it back."""
    stack.use_plugin_processes()
    prepared(
        stack,
        UNDER.format(account="main", token="1", zone="a"),
        UNDER.format(account="other", token="1", zone="a"),
        settings="",
    )
    assert set(held(stack)) == {"db"}
    first = held(stack)["db"]
    done = said(stack, "rollback", "1", "--yes", "--allow-data-loss")
    assert done.code == 0, done.out + done.err
    assert stack.resources()["db"]["id"] == first
    sound(stack)
    stack.write_program(UNDER.format(account="main", token="1", zone="a"))
    stack.expect_no_changes()


# -- two batches ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_updates_that_hold_and_both_ways_back(stack: EngineStack) -> None:
    prepared(stack, one("a"), one("b"), one("c"))
    ids = {zone: server(stack, zone) for zone in "abc"}
    opened = session(stack)
    assert [(item.id, item.batch.after) for item in Window(opened).now(opened.live())] == [(ids["a"], 1), (ids["b"], 2)]
    made = plan(stack, "2", hold_deletes="stateful")
    assert not made.loses_data, "what came since is held as well"
    run(stack, made)
    assert stack.resources()["db"]["id"] == ids["b"]
    run(stack, plan(stack, "1", hold_deletes="stateful"))
    assert stack.resources()["db"]["id"] == ids["a"]
    opened = session(stack)
    assert {item.id for item in Window(opened).now(opened.live())} == {ids["b"], ids["c"]}
    run(stack, plan(stack, "3", hold_deletes="stateful"))
    assert stack.resources()["db"]["id"] == ids["c"]
    assert set(stack.physical()) == set(ids.values())
    sound(stack)
    stack.destroy()
    opened = session(stack)
    assert {item.id for item in Window(opened).now(opened.live())} == {ids["a"], ids["b"]}
    made = plan(stack, "1")
    assert steps(made)["db"].op == "return"
    run(stack, made, allow_data_loss=True)
    assert stack.resources()["db"]["id"] == ids["a"]


# -- secrets ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_passphrase_was_changed_meanwhile(stack: EngineStack) -> None:
    """Who doesn't know the earlier one can go back to everything else."""

    def secret(zone: str, image: str) -> str:
        return one(zone, f'bridged.Server("other", {{"image": "{image}"}})').replace('"1"', '"1", "userData": hush', 1)

    prepared(stack, secret("a", "1"), secret("b", "1"))
    first = held(stack)["db"]
    earlier = stack.write_file("earlier", stack.passphrase)
    stack.pulumi("stack", "change-secrets-provider", "passphrase", "-s", stack.name, stdin="another one")
    stack.extra_environ["PULUMI_CONFIG_PASSPHRASE"] = "another one"
    stack.up(secret("b", "2"))
    stack.up(secret("b", "3"))
    done = said(stack, "rollback", "3", "--yes")
    assert done.code == 0, done.out + done.err
    assert held(stack) == {"db": first}
    done = said(stack, "confirm", "--yes", "--allow-data-loss")
    assert done.code == 1, done.out + done.err
    assert "give the earlier passphrase with --passphrase-file" in done.err
    assert held(stack) == {"db": first}
    done = said(stack, "rollback", "1", "--yes", "--allow-data-loss", "--passphrase-file", str(earlier))
    assert done.code == 0, done.out + done.err
    assert stack.resources()["db"]["id"] == first
    assert stack.resources()["db"]["inputs"]["userData"]["plaintext"] == '"hush"'
    sound(stack)


# -- others -----------------------------------------------------------------------------------------------------------


def test_what_was_deleted_by_hand_meanwhile(stack: EngineStack) -> None:
    prepared(stack, one("a"), one("b"))
    first = held(stack)["db"]
    (stack.objects / "srv" / f"{first}.json").unlink()
    made = plan(stack, "1")
    assert (steps(made)["db"].op, steps(made)["db"].forecast) == ("replace", "replaced")
    assert made.loses_data, "what is there now goes, and nothing comes back"
    (risk,) = (risk for risk in made.risks if risk.code == NOT_FOUND)
    assert f"{first} was held, and is gone" in risk.message
    run(stack, made, allow_data_loss=True)
    assert set(stack.physical()) == {stack.resources()["db"]["id"]}
    sound(stack)
    assert held(stack) == {"db": first}
    done = said(stack, "confirm", "--yes", "--allow-data-loss")
    assert done.code == 0, done.out + done.err
    assert held(stack) == {}


def test_what_is_imported_or_read_by_another_program(stack: EngineStack) -> None:
    """What is only read is held still; what was imported is not, and is gone when it was deleted for good."""
    prepared(stack, one("a"), one("b"))
    first = held(stack)["db"]
    stack.up(one("b", f'bridged.Server.get("seen", "{first}")'))
    assert held(stack) == {"db": first}
    stack.up(one("b"))
    stack.pulumi("import", "bridged:index:Server", "again", first, "--yes", "--protect=false", "--generate-code=false")
    assert held(stack) == {}
    back = plan(stack, "1")
    assert steps(back)["db"].op == "rename", "it gets its name back"
    result, _ = run(stack, back, allow_data_loss=True)
    assert all(difference.expected for difference in result.differences)
    assert set(stack.physical()) == {first}
    sound(stack)
    stack.destroy()
    assert held(stack) == {}, "it came back, and then went for good"


def test_the_stack_is_removed_and_made_again(stack: EngineStack) -> None:
    prepared(stack, one("a"), one("b"))
    first = held(stack)["db"]
    stack.pulumi("stack", "rm", "--force", "--yes", stack.name)
    stack.pulumi("stack", "init", stack.name)
    assert held(stack) == {"db": first}
    stack.up(one("c"))
    stack.up(one("c", 'pulumi.export("x", 1)'))
    done = said(stack, "rollback", "1", "--yes")
    assert done.code == 0, done.out + done.err
    done = said(stack, "confirm", "--yes", "--allow-data-loss")
    assert done.code == 0, done.out + done.err
    assert first not in stack.physical()
    assert held(stack) == {}
    sound(stack)


# -- runs -------------------------------------------------------------------------------------------------------------

ORDER = """
import pulumi, bridged_sdk as bridged
net = bridged.Bucket("net", {{"region": "{zone}"}})
db = bridged.Bucket("db", {{"region": net.id}})
user = bridged.Server("user", {{"image": "1", "zone": db.id}})
bridged.Server("leaf", {{"image": "1", "zone": user.id}}, pulumi.ResourceOptions(depends_on=[db]))
{more}
"""


def order(zone: str, more: str = "") -> str:
    return ORDER.format(zone=zone, more=more)


@pytest.mark.slow
def test_an_update_that_fails_and_one_of_somebody_else_that_goes_on(stack: EngineStack) -> None:
    """The marks stay with the copies; who goes on lets go of them alive, and knows nothing of it."""
    bad = order("b", 'bridged.Bucket("bad", {}, pulumi.ResourceOptions(depends_on=[user]))')
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
