"""Deletes that are held: what an update would have deleted stays alive, and comes back by id with its data."""

from __future__ import annotations

import pytest

from tests.support.held import SETTINGS, held, up
from tests.support.rewind import plan, run, said, settled, steps
from tests.support.stack import EngineStack

PROGRAM = """
import pulumi, bridged_sdk as bridged
base = bridged.Server("base", {{"image": "1", "zone": "{zone}"}})
web = bridged.Server("web", {{"image": "1", "zone": "{zone}", "dependsId": base.id}})
user = bridged.Server("user", {{"image": "{zone}", "dependsId": web.id}})
{more}
pulumi.export("web", web.id)
"""


def test_what_is_replaced_comes_back_by_id(stack: EngineStack) -> None:
    stack.write_file("rewind.toml", SETTINGS)
    stack.up(PROGRAM.format(zone="a", more=""))
    before, objects = settled(stack), stack.physical()
    text = up(stack, PROGRAM.format(zone="b", more=""), "--hold-deletes")
    assert "is held" in text, text
    old = {name: before[urn]["id"] for urn in before for name in [urn.split("::")[-1]] if name in {"base", "web"}}
    assert held(stack) == old
    assert set(objects) <= set(stack.physical())
    assert not any(res.get("retainOnDelete") for res in stack.export()["deployment"]["resources"])

    made = plan(stack, "1")
    assert {name: (step.op, step.forecast) for name, step in steps(made).items()} == {
        "base": ("return", "returned"),
        "web": ("return", "returned"),
        "user": ("update", "restored"),
    }
    result, _ = run(stack, made, allow_data_loss=True)
    assert result.differences == ()
    assert settled(stack) == before
    assert stack.physical() == objects
    assert held(stack) == {}


def test_what_is_held_is_listed_and_deleted_for_good(stack: EngineStack) -> None:
    stack.write_file("rewind.toml", SETTINGS)
    stack.up(PROGRAM.format(zone="a", more=""))
    up(stack, PROGRAM.format(zone="b", more=""), "--hold-deletes", "--for", "2d")
    now = settled(stack)
    listed = said(stack, "held")
    assert "2 objects held" in listed.out
    assert "to be decided within 1 d 23 h" in listed.out
    assert all(identifier in listed.out for identifier in held(stack).values())

    refused = said(stack, "confirm", "--yes")
    assert refused.code == 3, refused.out + refused.err
    assert held(stack)
    one = held(stack)["web"]
    done = said(stack, "confirm", "--only", "web", "--yes", "--allow-data-loss")
    assert done.code == 0, done.out + done.err
    assert one not in stack.physical()
    assert set(held(stack)) == {"base"}
    done = said(stack, "confirm", "--yes", "--allow-data-loss")
    assert done.code == 0, done.out + done.err
    assert held(stack) == {}
    assert settled(stack) == now
    assert len(stack.physical()) == 3
    assert said(stack, "confirm", "--yes").out.strip() == "nothing is held"
    stack.expect_no_changes()


GONE = """
import pulumi, bridged_sdk as bridged
class Group(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("shop:index:Group", name, None, opts)
        cloud = bridged.Provider("cloud", {"account": "main"}, pulumi.ResourceOptions(parent=self))
        net = bridged.Server("net", {"image": "net"}, pulumi.ResourceOptions(parent=self, provider=cloud))
        bridged.Server("db", {"image": "1", "dependsId": net.id}, pulumi.ResourceOptions(parent=self, provider=cloud))
        bridged.Server("part", {"image": "2"}, pulumi.ResourceOptions(parent=self, provider=cloud, deleted_with=net))
Group("group")
"""


@pytest.mark.slow
def test_a_whole_component_comes_back_with_its_provider(stack: EngineStack) -> None:
    """Deleted altogether, so that not even the stack has what it needs; a later update changes other things."""
    stack.use_plugin_processes()
    stack.write_file("rewind.toml", SETTINGS)
    stack.up(GONE)
    before, objects = settled(stack), stack.physical()
    up(stack, 'import pulumi\npulumi.export("nothing", 1)', "--hold-deletes")
    assert set(held(stack)) == {"net", "db", "part"}
    assert stack.physical() == objects
    up(stack, 'import pulumi\npulumi.export("nothing", 2)')
    result, _ = run(stack, plan(stack, "1"), allow_data_loss=True)
    assert result.differences == ()
    assert stack.physical() == objects
    assert settled(stack) == before
    assert held(stack) == {}
    stack.write_program(GONE)
    stack.expect_no_changes()


@pytest.mark.slow
def test_a_whole_component_that_is_held_is_deleted_for_good(stack: EngineStack) -> None:
    stack.use_plugin_processes()
    stack.write_file("rewind.toml", SETTINGS)
    stack.up(GONE)
    up(stack, "", "--hold-deletes")
    done = said(stack, "confirm", "--yes", "--allow-data-loss")
    assert done.code == 0, done.out + done.err
    assert {one["inputs"]["image"] for one in stack.physical().values()} == {"2"}, "goes with what it is a part of"
    assert held(stack) == {}
    assert {res["type"] for res in stack.export()["deployment"]["resources"]} <= {"pulumi:pulumi:Stack"}


def test_what_is_held_survives_a_destroy(stack: EngineStack) -> None:
    stack.write_file("rewind.toml", SETTINGS)
    stack.up(PROGRAM.format(zone="a", more=""))
    before = settled(stack)
    up(stack, PROGRAM.format(zone="b", more=""), "--hold-deletes")
    old = held(stack)
    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert held(stack) == old
    assert set(stack.physical()) == set(old.values())
    made = plan(stack, "1")
    assert {name: step.op for name, step in steps(made).items()} == {
        "base": "return",
        "web": "return",
        "user": "create",
    }
    result, _ = run(stack, made, allow_data_loss=True)
    assert all(difference.expected for difference in result.differences)
    assert {urn: res["id"] for urn, res in settled(stack).items() if urn.endswith(("::base", "::web"))} == {
        urn: res["id"] for urn, res in before.items() if urn.endswith(("::base", "::web"))
    }


def test_an_update_that_fails_gives_back_what_it_let_go_of(stack: EngineStack) -> None:
    stack.write_file("rewind.toml", SETTINGS)
    more = 'bridged.Server("gone", {"image": "1"})'
    stack.up(PROGRAM.format(zone="a", more=more))
    before, objects = settled(stack), stack.physical()
    stack.trouble({"name": "bad", "operation": "create", "action": "fail"})
    bad = 'bridged.Server("bad", {"image": "1"}, pulumi.ResourceOptions(depends_on=[user]))'
    stack.write_program(PROGRAM.format(zone="b", more=bad))
    done = said(stack, "up", "--yes", "--rollback-on-failure", "--hold-deletes=all")
    assert done.code == 5, done.out + done.err
    assert settled(stack) == before
    assert stack.physical() == objects
    assert held(stack) == {}


def test_a_rollback_holds_what_it_would_delete(stack: EngineStack) -> None:
    """And going forward again returns it: the data that came after the update isn't lost either."""
    stack.write_file("rewind.toml", SETTINGS)
    stack.up(PROGRAM.format(zone="a", more=""))
    stack.up(PROGRAM.format(zone="b", more='bridged.Server("extra", {"image": "1"})'))
    after, objects = settled(stack), stack.physical()
    assert plan(stack, "1").loses_data
    made = plan(stack, "1", hold_deletes="stateful")
    assert not made.loses_data
    run(stack, made)
    assert set(held(stack)) == {"base", "web", "extra"}
    back = plan(stack, "2", hold_deletes="stateful")
    assert {name: step.op for name, step in steps(back).items()} == {
        "base": "return",
        "web": "return",
        "extra": "return",
        "user": "update",
    }
    result, _ = run(stack, back, allow_data_loss=True)
    assert result.differences == ()
    assert settled(stack) == after
    assert set(objects) <= set(stack.physical())


def test_what_can_t_be_held_is_said(stack: EngineStack) -> None:
    stack.write_file("rewind.toml", SETTINGS + '\nhold_excluded = ["excluded"]')
    program = """
import pulumi, bridged_sdk as bridged
first = bridged.Server("first", {{"image": "1", "zone": "{zone}"}}, pulumi.ResourceOptions(delete_before_replace=True))
excluded = bridged.Server("excluded", {{"image": "1", "zone": "{zone}"}})
needs = bridged.Server("needs", {{"image": "1", "zone": "{zone}", "dependsId": excluded.id}})
kept = bridged.Server("kept", {{"image": "1", "zone": "{zone}"}}, pulumi.ResourceOptions(retain_on_delete=True))
"""
    stack.up(program.format(zone="a"))
    stack.write_program(program.format(zone="b"))
    text = said(stack, "up", "--yes", "--hold-deletes").out
    assert "first can't be held: it is deleted before its replacement is made" in text
    assert "excluded can't be held: `hold_excluded` in rewind.toml leaves it out" in text
    assert "needs can't be held: needs excluded" in text
    assert set(held(stack)) == {"kept"}
