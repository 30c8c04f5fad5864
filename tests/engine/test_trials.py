"""Objects that their provider creates for a trial in a preview, where the one that they replace is still there.

So does pulumi-kubernetes (4.25) by a dry run: https://github.com/pulumi/pulumi-kubernetes/issues/3984
"""

from __future__ import annotations

import pytest

from pulumi_rewind.errors import EngineError
from tests.support.rewind import plan, roll_back, steps
from tests.support.stack import EngineStack

PROGRAM = """import bridged_sdk as bridged
bridged.Server("web", {"name": "web", "image": "nginx:1", "zone": "%s", "disks": [{"label": "data"}]})
"""
TRIAL = {"name": "web", "operation": "trial", "action": "fail"}


def test_a_trial_that_meets_what_is_deleted_first_stops_no_rollback(stack: EngineStack) -> None:
    stack.up(PROGRAM % "a")
    stack.up(PROGRAM % "b")
    stack.trouble(
        TRIAL | {"message": "spec: Forbidden: updates to server spec for fields other than 'image' are forbidden"}
    )
    made = plan(stack, "1")
    web = steps(made)["web"]
    assert (web.op, web.delete_first, web.keys) == ("replace", True, ("zone",))
    assert [risk.code for risk in web.risks if risk.code == "untried"] == ["untried"]
    assert roll_back(stack, "1").differences == ()
    (server,) = stack.physical("srv").values()
    assert (server["inputs"]["zone"], server["inputs"]["disks"]) == ("a", [{"label": "data", "type": "ssd"}])
    stack.trouble()
    stack.write_program(PROGRAM % "a")
    stack.expect_no_changes()


def test_what_its_provider_refuses_for_another_reason_stops_the_plan(stack: EngineStack) -> None:
    stack.up(PROGRAM % "a")
    stack.up(PROGRAM % "b")
    stack.trouble(TRIAL | {"message": "no such image"})
    with pytest.raises(EngineError, match="no such image"):
        plan(stack, "1")
