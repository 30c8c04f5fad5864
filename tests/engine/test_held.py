"""Deletes that are held: what an update would have deleted stays alive, and comes back by id with its data."""

from __future__ import annotations

import sys

import pytest

from pulumi_rewind.window.ledger import Window
from tests.support.rewind import plan, run, said, session, settled, steps
from tests.support.stack import EngineStack

PROGRAM = """
import pulumi, bridged_sdk as bridged
base = bridged.Server("base", {{"image": "1", "zone": "{zone}"}})
web = bridged.Server("web", {{"image": "1", "zone": "{zone}", "dependsId": base.id}})
user = bridged.Server("user", {{"image": "{zone}", "dependsId": web.id}})
{more}
pulumi.export("web", web.id)
"""
SETTINGS = 'stateful_types = ["bridged:index:Server"]'


def held(stack: EngineStack) -> dict[str, str]:
    opened = session(stack)
    return {one.name: one.id for one in Window(opened).now(opened.live())}


def up(stack: EngineStack, program: str, *options: str, code: int = 0) -> str:
    stack.write_program(program)
    done = said(stack, "up", "--yes", *options)
    assert done.code == code, done.out + done.err
    return done.out


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
