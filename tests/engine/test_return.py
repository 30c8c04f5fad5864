"""Going back from a half-failed update: what still exists comes back by its id instead of being made a third time."""

from __future__ import annotations

import sys

import pytest

from pulumi_rewind.engine.events import Phase
from pulumi_rewind.errors import InterruptedRun
from pulumi_rewind.plan.model import OLD_COPY
from pulumi_rewind.risk import SKIPPED
from pulumi_rewind.rollback.run import RollbackRun
from pulumi_rewind.state.same import same_bytes
from tests.support.rewind import plan, run, session, settled, steps
from tests.support.stack import EngineStack

PROGRAM = """
import pulumi, bridged_sdk as bridged
base = bridged.Server("base", {{"image": "1", "zone": "{zone}"}})
web = bridged.Server("web", {{"image": "1", "zone": "{zone}", "dependsId": base.id}})
user = bridged.Server("user", {{"image": "{zone}", "dependsId": web.id}})
{more}
pulumi.export("web", web.id)
"""
BAD = 'bridged.Server("bad", {"image": "1"}, pulumi.ResourceOptions(depends_on=[user]))'


def half_failed(stack: EngineStack) -> None:
    """Replaces base and web, updates user, and fails before the old copies are deleted."""
    stack.up(PROGRAM.format(zone="a", more=""))
    stack.trouble({"name": "bad", "operation": "create", "action": "fail"})
    stack.up(PROGRAM.format(zone="b", more=BAD), expect_failure=True)
    stack.trouble()


def test_old_copies_come_back_by_id(stack: EngineStack) -> None:
    """A replacement, a user of it, and a failure: https://github.com/pulumi/pulumi/issues/387."""
    stack.up(PROGRAM.format(zone="a", more=""))
    before, objects = settled(stack), stack.physical()
    half_failed(stack)
    copies = {res["id"] for res in stack.export()["deployment"]["resources"] if res.get("delete")}
    assert copies == {before[urn]["id"] for urn in before if urn.endswith(("::base", "::web"))}

    made = plan(stack, "1")
    found = steps(made)
    assert {name: (step.op, step.forecast) for name, step in found.items()} == {
        "base": ("return", "returned"),
        "web": ("return", "returned"),
        "user": ("update", "restored"),
    }
    assert "which still exists, with its data" in found["web"].risks[0].message
    assert not made.loses_data
    stored = stack.state_file.read_bytes()
    stack.forget_calls()
    assert plan(stack, "1").fingerprint == made.fingerprint
    assert stack.state_file.read_bytes() == stored, "a plan changes nothing"

    result, _ = run(stack, made)
    assert result.differences == ()
    assert settled(stack) == before
    assert stack.physical() == objects
    assert [call["operation"] for call in stack.calls() if call["operation"] in {"create", "delete"}] == ["delete"] * 2
    stack.write_program(PROGRAM.format(zone="a", more=""))
    stack.expect_no_changes()


def test_a_run_that_ends_after_the_state_was_rewritten_is_resumed(stack: EngineStack) -> None:
    half_failed(stack)
    before = stack.physical()
    killed = RollbackRun(session(stack), plan(stack, "1"), allow_data_loss=True).events()
    next(event for event in killed if isinstance(event, Phase) and event.name == "run")
    del killed  # nothing is put back
    entry = session(stack).journal.read()
    assert entry is not None
    assert (entry.target, entry.choices.strategy) == (1, "checkpoint")
    assert stack.physical() == before

    made = plan(stack, "1")
    assert {name: step.op for name, step in steps(made).items()} == {
        "base": OLD_COPY,  # they are back already, and their replacements wait for their deletion
        "web": OLD_COPY,
        "user": "update",
    }
    result, _ = run(stack, made)
    assert result.differences == ()
    assert {res["id"] for res in stack.resources().values() if "Server" in res["type"]} == set(stack.physical())
    assert session(stack).journal.read() is None


def test_a_run_that_is_stopped_before_it_begins_leaves_the_state_as_it_was(stack: EngineStack) -> None:
    half_failed(stack)
    stored = stack.state_file.read_bytes()
    rollback = RollbackRun(session(stack), plan(stack, "1"), allow_data_loss=True)
    events = rollback.events()
    next(event for event in events if isinstance(event, Phase) and event.name == "run")
    assert not same_bytes(stack.state_file.read_bytes(), stored), "rewritten"
    rollback.interrupt()
    with pytest.raises(InterruptedRun, match="nothing in the stack was changed"):
        list(events)
    assert same_bytes(stack.state_file.read_bytes(), stored)
    assert session(stack).journal.read() is None


def test_what_alone_is_asked_for_comes_back(stack: EngineStack) -> None:
    half_failed(stack)
    made = plan(stack, "1", only=["base"])
    assert steps(made)["base"].op == "return"
    base = steps(made)["base"].old_id
    run(stack, made)
    assert stack.resources()["base"]["id"] == base
    assert stack.resources()["web"]["inputs"]["dependsId"] == base


def test_what_came_back_is_read_and_named_where_it_is_gone(stack: EngineStack) -> None:
    half_failed(stack)
    (lost,) = (
        res["id"] for res in stack.export()["deployment"]["resources"] if res.get("delete") and "web" in res["urn"]
    )
    (stack.objects / "srv" / f"{lost}.json").unlink()
    result, _ = run(stack, plan(stack, "1"))
    assert [(item.urn.split("::")[-1], item.expected) for item in result.differences] == [("web", False)]
    assert "is gone: its provider does not find the object; run `pulumi refresh`" in result.differences[0].message


def test_what_stays_as_it_is_keeps_what_it_uses(stack: EngineStack) -> None:
    half_failed(stack)
    made = plan(stack, "1", only=["!web"])
    assert {name: step.op for name, step in steps(made).items()} == {
        "base": OLD_COPY,
        "web": OLD_COPY,
        "user": "update",
    }
    assert {note.urn.split("::")[-1] for note in made.prepared.notes if note.code == SKIPPED} == {"base", "web"}


@pytest.mark.slow
def test_a_replaced_provider_comes_back_with_what_it_made(stack: EngineStack) -> None:
    """A cluster's provider was replaced, what uses it was not made: https://github.com/pulumi/pulumi/issues/2948."""
    stack.use_plugin_processes()
    program = """
import pulumi, bridged_sdk as bridged
cloud = bridged.Provider("cloud", {{"account": "{account}"}})
inside = pulumi.ResourceOptions(provider=cloud)
one = bridged.Server("one", {{"image": "1"}}, inside)
two = bridged.Server("two", {{"image": "1", "dependsId": one.id}}, inside)
"""
    stack.up(program.format(account="main"))
    before, objects = settled(stack), stack.physical()
    stack.trouble({"name": "two", "operation": "create", "action": "fail"})
    stack.up(program.format(account="other"), expect_failure=True)
    stack.trouble()
    copies = [res["urn"] for res in stack.export()["deployment"]["resources"] if res.get("delete")]
    assert {urn.split("::")[-1] for urn in copies} == {"one", "cloud"}
    made = plan(stack, "1")
    assert {name: step.op for name, step in steps(made).items()} == {"cloud": "return", "one": "return"}
    result, _ = run(stack, made)
    assert result.differences == ()
    assert settled(stack) == before
    assert stack.physical() == objects


@pytest.mark.slow
def test_an_update_that_fails_gives_back_what_it_has_replaced(stack: EngineStack) -> None:
    """Without asking: nothing older than the update is lost."""
    stack.write_file("rewind.toml", 'stateful_types = ["bridged:index:Server"]')
    stack.up(PROGRAM.format(zone="a", more=""))
    before, objects = settled(stack), stack.physical()
    stack.write_program(PROGRAM.format(zone="b", more=BAD))
    stack.trouble({"name": "bad", "operation": "create", "action": "fail"})
    command = [sys.executable, "-m", "pulumi_rewind_tui.cli", "up", "--yes", "--rollback-on-failure"]
    done = stack.run(command)
    assert done.returncode == 5, done.stdout + done.stderr
    assert "« return  web  bridged:index:Server  the same object, same id" in done.stdout
    assert "✓ returned  web" in done.stdout
    assert "back at #1" in done.stdout
    assert stack.physical() == objects
    assert settled(stack) == before
