"""Objects that were there before the stack managed them: going back forgets them, and never deletes them."""

from __future__ import annotations

import sys

import pytest

from pulumi_rewind.errors import UsageError
from pulumi_rewind.plan.model import Plan
from tests.support.rewind import plan, roll_back, run, session, settled, steps
from tests.support.stack import EngineStack

PROGRAM = """
import pulumi, bridged_sdk as bridged
web = bridged.Server("web", {{"image": "{image}"}})
{more}
"""
FOREIGN = """
import pulumi, bridged_sdk as bridged
old = bridged.Server("old", {"image": "7", "zone": "z"}, pulumi.ResourceOptions(retain_on_delete=True))
"""


def imported(identifier: str, more: str = "") -> str:
    options = f'pulumi.ResourceOptions(import_="{identifier}"{more})'
    return f'legacy = bridged.Server("legacy", {{"image": "7", "zone": "z", "name": "legacy-1"}}, {options})'


@pytest.fixture
def foreign(stack: EngineStack) -> str:
    """The id of an object that the stack doesn't know, and never has."""
    other = stack.root / "other"
    other.mkdir()
    stack.up("import bridged_sdk as b; b.Server('old', {'image': '7', 'zone': 'z', 'name': 'legacy-1'})")
    identifier = str(stack.resources()["old"]["id"])
    stack.pulumi("state", "delete", stack.resources()["old"]["urn"], "-s", stack.name, "--yes")
    return identifier


def forgets(made: Plan, identifier: str) -> None:
    step = steps(made)["legacy"]
    assert (step.op, step.forecast) == ("discard", "kept")
    said = next(risk.message for risk in step.risks if risk.code == "existed-before")
    assert said.startswith(f"existed before: {identifier} was imported")
    assert not made.loses_data


def test_going_back_to_before_an_import_forgets_the_object(stack: EngineStack, foreign: str) -> None:
    """What was imported was not made by the stack: https://github.com/pulumi/examples/issues/535."""
    stack.up(PROGRAM.format(image="1", more=""))
    number = len(session(stack).timeline)
    before = settled(stack)
    stack.up(PROGRAM.format(image="2", more=imported(foreign)))
    # The program stops saying that it was imported; the state then doesn't say it either.
    stack.up(PROGRAM.format(image="3", more=imported(foreign).replace(f'import_="{foreign}"', "")))
    assert "importID" not in stack.resources()["legacy"]

    gone = plan(stack, f"#{number}", delete_imported=["legacy"])
    assert steps(gone)["legacy"].op == "delete", "an explicit choice"
    with pytest.raises(UsageError, match="matches no resource of live"):
        plan(stack, f"#{number}", delete_imported=["lagecy"])
    made = plan(stack, f"#{number}")
    forgets(made, foreign)
    stack.forget_calls()
    result, _ = run(stack, made)
    assert result.differences == ()
    assert foreign in stack.physical()
    assert [call["operation"] for call in stack.calls() if call["operation"] == "delete"] == []
    assert settled(stack) == before
    assert (result.changes.get("delete"), result.changes["discard"]) == (0, 1)
    undone = roll_back(stack, f"#{number + 2}", adopt=made.prepared.choices.undoing(forgot=made.forgets).adopt)
    assert undone.exact
    assert stack.resources()["legacy"]["id"] == foreign, "the same object, not a second one"


def test_so_does_the_program_of_that_time(stack: EngineStack, foreign: str) -> None:
    stack.write_program(PROGRAM.format(image="1", more=""))
    stack.git_commit("one")
    stack.up()
    number = len(session(stack).timeline)
    stack.write_program(PROGRAM.format(image="2", more=imported(foreign)))
    stack.git_commit("two")
    stack.up()
    made = plan(stack, f"#{number}", strategy="program")
    forgets(made, foreign)
    result, _ = run(stack, made)
    assert result.exact
    assert foreign in stack.physical()


@pytest.mark.slow
def test_an_update_that_imports_something_and_fails_is_taken_back_without_deleting_it(
    stack: EngineStack, foreign: str
) -> None:
    stack.write_file("rewind.toml", 'stateful_types = ["bridged:index:Server"]')
    stack.up(PROGRAM.format(image="1", more=""))
    bad = '\nbridged.Server("bad", {"image": "1"}, pulumi.ResourceOptions(depends_on=[legacy]))'
    stack.write_program(PROGRAM.format(image="2", more=imported(foreign) + bad))
    stack.trouble({"name": "bad", "operation": "create", "action": "fail"})
    done = stack.run([sys.executable, "-m", "pulumi_rewind_tui.cli", "up", "--yes", "--rollback-on-failure"])
    assert done.returncode == 5, done.stdout + done.stderr
    assert "○ forget  legacy" in done.stdout
    assert "legacy" not in stack.resources()
    assert foreign in stack.physical()


def test_an_import_that_replaced_another_object_is_given_up_for_it(stack: EngineStack, foreign: str) -> None:
    """The half-failed update put an imported object in the place of one that it had made."""
    more = 'legacy = bridged.Server("legacy", {"image": "7", "zone": "y", "name": "own"})'
    stack.up(PROGRAM.format(image="1", more=more))
    own, before, number = stack.resources()["legacy"]["id"], settled(stack), len(session(stack).timeline)
    bad = '\nbridged.Server("bad", {"image": "1"}, pulumi.ResourceOptions(depends_on=[legacy]))'
    stack.trouble({"name": "bad", "operation": "create", "action": "fail"})
    stack.up(PROGRAM.format(image="1", more=imported(foreign) + bad), expect_failure=True)
    stack.trouble()
    assert stack.resources()["legacy"]["id"] in {own, foreign}
    made = plan(stack, f"#{number}")
    assert (steps(made)["legacy"].op, steps(made)["legacy"].old_id) == ("return", own)
    result, _ = run(stack, made)
    assert result.differences == ()
    assert {own, foreign} <= stack.physical().keys(), "both objects are there"
    assert settled(stack) == before


def test_objects_that_exchanged_their_names_get_them_back(stack: EngineStack) -> None:
    program = """
import pulumi, bridged_sdk as bridged
for name, size in {sizes}: bridged.Server(name, {{"image": "1", "size": size}})
"""
    stack.up(program.format(sizes=[("primary", "l"), ("replica", "s")]))
    before, objects = settled(stack), stack.physical()
    urns = {name: stack.resources()[name]["urn"] for name in ("primary", "replica")}
    for urn, name in ((urns["primary"], "tmp"), (urns["replica"], "primary")):
        stack.pulumi("state", "rename", urn, name, "-y", "-s", stack.name)
    stack.pulumi("state", "rename", urns["primary"].replace("primary", "tmp"), "replica", "-y", "-s", stack.name)
    stack.up(program.format(sizes=[("replica", "m"), ("primary", "l")]))
    made = plan(stack, "1")
    assert {step.name: step.renamed_from for step in made.steps} == {
        "primary": urns["replica"],
        "replica": urns["primary"],
    }
    assert {risk.code for step in made.steps for risk in step.risks} == {"crossed-names"}
    result, _ = run(stack, made)
    assert result.differences == ()
    assert settled(stack) == before
    assert stack.physical() == objects
