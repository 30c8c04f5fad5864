"""What `up --verify` says is kept with the update by the real engine's number, and ``last-good`` follows it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.stack import EngineStack
from tests.support.terminal import Ran

PROGRAM = """
import pulumi, bridged_sdk as bridged
bridged.Server("web", {{"image": "{image}", "userData": pulumi.Output.secret("hush-hush-77")}})
"""


def rewind(stack: EngineStack, *args: str, **environ: str) -> Ran:
    given = (f"{name}={value}" for name, value in environ.items())
    done = stack.run(["env", *given, sys.executable, "-m", "pulumi_rewind_tui.cli", *args])
    assert "hush-hush" not in done.stdout
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.mark.slow
def test_what_verify_says_is_kept_and_last_good_follows(stack: EngineStack, tmp_path: Path) -> None:
    stack.write_program(PROGRAM.format(image="shop:1"))
    stack.git_commit("start")
    good = rewind(stack, "up", "--yes", "--verify", "echo fine, hush-hush-77")
    assert good.code == 0, good
    assert "fine, hush-hush-77" in good.err, "what the command prints is the operator's to see, as it is"
    stack.write_program(PROGRAM.format(image="shop:2"))
    bad = rewind(stack, "up", "--yes", "--verify", "echo no answer; exit 3")
    assert bad.code == 1, bad
    stack.write_program(PROGRAM.format(image="shop:3"))
    assert rewind(stack, "up", "--yes").code == 0
    stack.write_program(PROGRAM.format(image="shop:4"))
    assert rewind(stack, "up", "--yes").code == 0

    shown = rewind(stack, "history", "--json").json()
    assert [(one["version"], one["result"], one["verified"]) for one in shown] == [
        (4, "succeeded", None),
        (3, "succeeded", None),
        (2, "succeeded", False),
        (1, "succeeded", True),
    ]
    told = rewind(stack, "show", "last-good", "--json").json()
    assert told["version"] == 1
    assert [one for one in told["target"]["warnings"] if one.startswith("newer")] == [
        "newer, and succeeded, but not verified: #3",
        "newer, and succeeded, but found not good: #2",
    ]
    assert told["verdict"] | {"time": ""} == {
        "good": True,
        "source": "verify",
        "command": "echo fine, [secret]",
        "code": 0,
        "time": "",
        "output": "fine, [secret]",
        "of": 1,
    }

    # The record takes them to another machine.
    elsewhere = {"XDG_STATE_HOME": str(tmp_path / "elsewhere")}
    assert rewind(stack, "show", "last-good", "--json", **elsewhere).json()["version"] == 3
    trusted = rewind(stack, "record", "--trust", "all", **elsewhere)
    assert trusted.code == 0, trusted
    assert rewind(stack, "show", "last-good", "--json", **elsewhere).json()["version"] == 1

    # An update that fails its check is rolled back, and the rollback is as good as its target: nobody verified #3.
    stack.write_program(PROGRAM.format(image="shop:5"))
    back = rewind(stack, "up", "--yes", "--rollback-on-failure", "--verify", "exit 4")
    assert back.code == 5, back
    assert rewind(stack, "rollback", "last-good", "--yes").code == 0
    again = rewind(stack, "history", "--json").json()
    assert [(one["version"], one["verified"]) for one in again[:3]] == [(7, True), (6, None), (5, False)]
