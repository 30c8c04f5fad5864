"""Held objects in odd company: providers that change, other passphrases, objects that go or come back by other hands."""

from __future__ import annotations

import json

import pytest

from pulumi_rewind.window.ledger import Window
from tests.engine.test_held import SETTINGS, held, up
from tests.support.rewind import plan, run, said, session, settled, steps
from tests.support.stack import EngineStack

ONE = 'import pulumi, bridged_sdk as bridged\nbridged.Server("db", {{"image": "1", "zone": "{zone}"}})\n{more}'


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
    print(ids, {item.id: item.batch.after for item in Window(opened).now(opened.live())}, stack.physical().keys(), [(r["urn"][-10:],r.get("id"),r.get("delete")) for r in stack.export()["deployment"]["resources"]])
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
    secret = 'bridged.Server("db", {{"image": "1", "zone": "{zone}", "userData": pulumi.Output.secret("hush")}})\n'
    secret = "import pulumi, bridged_sdk as bridged\n" + secret + 'bridged.Server("plain", {{"image": "{zone}"}})\n'
    prepared(stack, secret.format(zone="a"), secret.format(zone="b"))
    first = held(stack)["db"]
    stack.write_file("earlier", stack.passphrase)
    before = stack.passphrase
    stack.extra_environ["PULUMI_CONFIG_PASSPHRASE"] = before
    done = stack.pulumi("stack", "change-secrets-provider", "passphrase", "-s", stack.name, stdin="another one\n")
    assert done.returncode == 0
    stack.extra_environ["PULUMI_CONFIG_PASSPHRASE"] = "another one"
    text = said(stack, "rollback", "1", "--yes", "--allow-data-loss")
    print(text.out, text.err)
    print(first)
    assert text.code == 0
