"""Something protected in the way: the whole plan is shown, all that blocks it is named at once, nothing is touched."""

from __future__ import annotations

import json

import pytest

from pulumi_rewind.errors import RefusedError
from tests.support.rewind import plan, run, session, steps
from tests.support.stack import EngineStack

ONE = """
import bridged_sdk as bridged
bridged.Server("web", {"image": "one"})
"""
TWO = """
import bridged_sdk as bridged, pulumi
kept = pulumi.ResourceOptions(protect=True)
bridged.Server("web", {"image": "two"})
bridged.Bucket("logs", {"acl": "private"}, kept)
bridged.Bucket("data", {"acl": "private"}, kept)
"""


@pytest.mark.since("3.256.0", "a preview that goes past protection")
def test_everything_that_is_protected_is_named_at_once_beside_a_lock(stack: EngineStack) -> None:
    """Reviewers want one list rather than one refusal after the other:
    https://github.com/pulumi/pulumi/issues/12195, https://github.com/pulumi/pulumi/issues/11816.
    """
    stack.up(ONE)
    stack.up(TWO)
    things = stack.physical()
    lock = stack.backend / ".pulumi" / "locks" / "organization" / stack.project / stack.name / "a.json"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text(json.dumps({"pid": 7, "username": "eve", "hostname": "far", "timestamp": "2026-11-28T10:00:00Z"}))
    made = plan(stack, "1")
    assert {name: step.op for name, step in steps(made).items()} == {
        "web": "update",
        "logs": "delete",
        "data": "delete",
    }
    blocked = {(risk.code, risk.urn.rsplit("::", 1)[-1]) for risk in made.blocking}
    assert blocked == {("locked", ""), ("protected", "logs"), ("protected", "data")}
    for risk in made.blocking[1:]:
        assert f"`pulumi state unprotect '{risk.urn}' -s dev`" in risk.message
        assert "--only '!" in risk.message
    with pytest.raises(RefusedError) as refused:
        run(stack, made, allow_data_loss=True)
    assert all(text in str(refused.value) for text in ("eve@far", "logs is protected", "data is protected"))
    lock.unlink()
    made = plan(stack, "1")
    with pytest.raises(RefusedError, match="logs is protected"):
        run(stack, made, allow_data_loss=True)
    assert stack.physical() == things
    assert session(stack).journal.read() is None

    for risk in made.blocking:
        stack.pulumi("state", "unprotect", risk.urn, "--yes", "-s", stack.name)
    result, _ = run(stack, plan(stack, "1"), allow_data_loss=True)
    assert result.result == "succeeded"
    assert len(stack.physical()) == 1


def test_a_run_never_goes_past_protection(stack: EngineStack) -> None:
    """What becomes protected after the review stops the run, whatever the preview was told."""
    stack.up(ONE)
    stack.up(TWO.replace("protect=True", "protect=False"))
    made = plan(stack, "1")
    assert not made.blocking
    urn = stack.resources()["data"]["urn"]
    stack.pulumi("state", "protect", urn, "--yes", "-s", stack.name)
    with pytest.raises(RefusedError, match="changed since"):
        run(stack, made, allow_data_loss=True)
    assert len(stack.physical()) == 3
