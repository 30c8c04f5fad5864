"""Everything that a checkpoint can hold, there and back with the real engine: docs/fidelity.md names these tests."""

from __future__ import annotations

import json

import pytest

from pulumi_rewind.engine.events import HookLog
from tests.support.fidelity import install_parts, state, unlike
from tests.support.fidelity_programs import HEAD, PROGRAMS
from tests.support.rewind import plan, roll_back, run
from tests.support.served import serve_parts
from tests.support.stack import EngineStack

OWN_PROCESSES = ("versions side by side", "mapped environment")
"""What a provider that the tests' process serves can't show."""


def deploy(stack: EngineStack, *programs: str) -> list[list[dict[str, object]]]:
    """Deploys one program after the other; the state after each."""
    install_parts(stack, "1.0.0", "2.0.0")
    stack.attach("parts", serve_parts)
    states = []
    for program in programs:
        stack.up(HEAD + program)
        states.append(state(stack))
    return states


def back(stack: EngineStack, number: int, before: list[dict[str, object]]) -> None:
    """Rolls back to an update whose state was `before`, and there is nothing left to do."""
    result = roll_back(stack, str(number))
    assert result.differences == (), result.differences
    assert unlike(before, state(stack)) == []
    assert plan(stack, str(number)).nothing_to_do


def own_preview(stack: EngineStack) -> list[tuple[str, str]]:
    """What the program in the working tree would do, apart from what stays the same."""
    found = stack.preview_json().get("steps", [])
    return sorted((step["op"], step["urn"]) for step in found if step["op"] != "same")


SINCE = {"extension": "3.252.0", "references between resources": "3.207.0"}
"""Programs that need an engine newer than the oldest supported one."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.since(SINCE[name], f"the program {name!r}") if name in SINCE else ())
        for name in PROGRAMS
    ],
)
def test_there_and_back(stack: EngineStack, name: str) -> None:
    if name in OWN_PROCESSES:
        stack.use_plugin_processes()
    one, two = PROGRAMS[name]
    stack.extra_environ["MINE"] = "mapped"
    (before,) = deploy(stack, one)
    shown = own_preview(stack)
    (after,) = deploy(stack, two)
    back(stack, 1, before)
    stack.write_program(HEAD + one)
    assert own_preview(stack) == shown
    back(stack, 2, after)


RENAMED = (
    """
a, b = Part("a", {"size": 1}, type=PLAIN), Part("b", {"size": 1}, type=PLAIN)
Part("c", {"size": 1}, type="parts:index:Old")
""",
    """
x = Part("x", {"size": 1}, O(aliases=[pulumi.Alias(name="a")]), type=PLAIN)
Part("b", {"size": 1}, O(parent=x, aliases=[pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)]), type=PLAIN)
Part("c", {"size": 1}, O(aliases=[pulumi.Alias(type_="parts:index:Old")]))
""",
)


@pytest.mark.slow
def test_objects_that_share_an_id_keep_their_identity_over_renames(stack: EngineStack) -> None:
    programs = [f'PLAIN = "parts:index:Plain"{program}' for program in RENAMED]
    before, after = deploy(stack, *programs)
    made = plan(stack, "1")
    assert {step.op for step in made.steps} == {"rename"}
    made.close()
    back(stack, 1, before)
    stack.destroy()
    back(stack, 1, before)  # the objects are others now: only the history knows that a and x are one
    assert {step.op for step in plan(stack, "2").steps} == {"rename"}
    back(stack, 2, after)
    stack.write_program(HEAD + programs[1])
    stack.expect_no_changes()


@pytest.mark.slow
@pytest.mark.since("3.252.0", "an import id that is recorded at once")
def test_an_imported_object_is_adopted_again_and_keeps_its_import_id(stack: EngineStack) -> None:
    program = 'Part("a", {{"size": {0}}}, O(import_="part-elsewhere"))\nPart("b", {{"size": {0}}})\n'
    before, _ = deploy(stack, program.format(1), program.format(1) + 'pulumi.export("x", 1)\n')
    back(stack, 1, before)
    stack.destroy()
    made = plan(stack, "1")
    assert {step.name: step.forecast for step in made.steps if step.name in "ab"} == {"a": "adopted", "b": "recreated"}
    made.close()
    back(stack, 1, before)
    stack.write_program(HEAD + program.format(1))
    stack.expect_no_changes()


@pytest.mark.slow
@pytest.mark.since("3.252.0", "an import id that is recorded at once")
def test_an_imported_object_that_is_gone_is_made_anew_and_the_plan_says_so(stack: EngineStack) -> None:
    stack.use_plugin_processes()
    program = 'Part("a", {"size": 1}, O(import_="part-elsewhere"))\n'
    deploy(stack, program)
    stack.destroy()
    stack.extra_environ["PARTS_GONE"] = "part-elsewhere"
    made = plan(stack, "1")
    assert {step.name: step.forecast for step in made.steps}["a"] == "recreated"
    assert "import-lost" in {risk.code for risk in made.all_risks}
    assert run(stack, made)[0].differences == ()


@pytest.mark.slow
@pytest.mark.since("3.219.0", "error hooks")
def test_what_fails_is_tried_again_where_the_target_has_an_error_hook(stack: EngineStack) -> None:
    program = """
def again(args):
    return True
hook = pulumi.ErrorHook("again", again)
Part("a", {"size": 1}, O(hooks=pulumi.ResourceHookBinding(on_error=[hook])), type="parts:index:Flaky")
"""
    (before,) = deploy(stack, program)
    stack.destroy()
    made = plan(stack, "1")
    assert any("tried again" in risk.message for risk in made.all_risks if risk.code == "hook-code")
    made.close()
    back(stack, 1, before)

    stack.destroy()  # with the code of the hook, that decides
    stack.write_file(
        "rewind_hooks.py",
        """
import pulumi_rewind as rewind

@rewind.error_hook("again")
def once(ctx):
    print(ctx.failed_operation, ctx.resource_name, ctx.new_inputs["size"], "tries:", len(ctx.errors))
    return len(ctx.errors) < 2
""",
    )
    made = plan(stack, "1")
    assert not any("tried again" in risk.message for risk in made.all_risks)
    result, events = run(stack, made)
    assert [(one.function, one.outcome) for one in result.callbacks] == [("once", "try again")]
    assert "create a 1.0 tries: 1" in [event.message for event in events if isinstance(event, HookLog)]


@pytest.mark.slow
def test_a_secret_trigger_stays_a_secret(stack: EngineStack) -> None:
    program = 'Part("a", {{"size": {0}}}, O(replacement_trigger=pulumi.Output.secret("t")))\n'
    before, _ = deploy(stack, program.format(1), program.format(2))
    back(stack, 1, before)


@pytest.mark.slow
def test_the_outputs_of_another_stack_are_read_as_they_are_today(stack: EngineStack) -> None:
    stack.pulumi("stack", "init", "other")
    stack.write_program("import pulumi\npulumi.export('host', 'one')\n")
    stack.pulumi("up", "--yes", "--skip-preview", "-s", "other")
    program = 'ref = pulumi.StackReference("organization/shop/other")\nPart("a", {"host": ref.get_output("host")})\n'
    before, _ = deploy(stack, program, 'Part("a", {"host": "none"})\n')
    back(stack, 1, before)


@pytest.mark.slow
def test_a_state_without_property_dependencies_comes_back(stack: EngineStack) -> None:
    one = 'a = Part("a", {"size": 1})\nPart("b", {"size": a.id})\n'
    deploy(stack, one)
    document = stack.export(show_secrets=False)
    for res in document["deployment"]["resources"]:
        res.pop("propertyDependencies", None)
    stack.pulumi("stack", "import", "-s", stack.name, stdin=json.dumps(document))
    deploy(stack, 'pulumi.export("x", 1)\n' + one, 'Part("a", {"size": 2})\n')
    assert roll_back(stack, "2").differences == ()
    now = stack.resources()
    assert now["b"]["inputs"]["size"] == now["a"]["id"]
    assert plan(stack, "2").nothing_to_do
