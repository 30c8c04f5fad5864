"""A failure is told once, its cause first, however many steps of the plan it kept from happening."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pulumi_rewind.errors import IncompleteError
from pulumi_rewind.rollback.run import RollbackRun
from tests.support.rewind import plan, session
from tests.support.stack import EngineStack

HEAD = "import pulumi, bridged_sdk as bridged\n"


def program(zone: str) -> str:
    text = HEAD + f'db = bridged.Server("db", {{"image": "i", "zone": "{zone}"}})\n'
    return text + "".join(
        f'bridged.Server("s{i}", {{"image": "i", "zone": "{zone}", "dependsId": db.id}})\n' for i in range(9)
    )


def test_one_failed_step_is_one_line(stack: EngineStack) -> None:
    """https://github.com/pulumi/pulumi/issues/14515 tells why: the rest of an update stops with the first failure."""
    stack.up(program("north"))
    stack.up(program("south"))
    made = plan(stack, "1")
    stack.trouble({"name": "db", "operation": "create", "action": "fail"})
    opened = session(stack)
    rollback = RollbackRun(opened, made, allow_data_loss=True)
    with pytest.raises(IncompleteError) as caught:
        list(rollback.events())
    assert str(caught.value) == "the rollback to #1 failed: create of db was refused"
    assert rollback.blockers.names == ("db",)
    opened.journal.end()
    command = str(Path(sys.executable).parent / "pulumi-rewind")
    done = stack.run([command, "rollback", "1", "--yes", "--allow-data-loss"])
    assert done.returncode == 4
    printed = done.stdout[done.stdout.index("rolling back") :] + done.stderr
    assert "expected resource operations" not in printed
    assert printed.index("create of db was refused") < printed.index("9 steps of the plan not reached: ")
