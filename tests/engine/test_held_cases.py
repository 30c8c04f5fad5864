"""Held objects in odd company: changed providers, other passphrases, what goes or comes back by other hands."""

from __future__ import annotations

import pytest

from pulumi_rewind.risk import NOT_FOUND
from pulumi_rewind.window.ledger import Window
from tests.support.held import held, one, prepared, server, sound
from tests.support.rewind import plan, run, said, session, steps
from tests.support.stack import EngineStack

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


# -- components -------------------------------------------------------------------------------------------------------

GROUP = """
import pulumi, bridged_sdk as bridged
class Group(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("shop:index:Group", name, None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        db = bridged.Bucket("db", {{"region": "{zone}"}}, inside)
        bridged.Server("user", {{"image": "1", "dependsId": db.id}}, inside)
        bridged.Bucket("other", {{}}, inside)
others = {{"group", "team"}} - {{"{name}"}}
Group("{name}", pulumi.ResourceOptions(aliases=[pulumi.Alias(name=other) for other in others]))
"""


@pytest.mark.slow
def test_its_component_was_renamed_meanwhile(stack: EngineStack) -> None:
    prepared(stack, GROUP.format(zone="a", name="group"), GROUP.format(zone="b", name="group"), settings="")
    first = held(stack)
    stack.up(GROUP.format(zone="b", name="team"))
    assert held(stack) == first
    other = stack.resources()["other"]["id"]
    result, _ = run(stack, plan(stack, "1"), allow_data_loss=True)
    assert result.differences == ()
    now = stack.resources()
    assert (now["db"]["id"], now["other"]["id"]) == (first["db"], other)
    assert set(stack.physical()) == {now[name]["id"] for name in ("db", "user", "other")}
    stack.write_program(GROUP.format(zone="a", name="group"))
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
