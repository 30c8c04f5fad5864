"""Going back from a half-failed update: what still exists comes back by its id instead of being made a third time."""

from __future__ import annotations

from tests.support.rewind import plan, run, settled, steps
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
    assert "still exists: it comes back" in found["web"].risks[0].message
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
