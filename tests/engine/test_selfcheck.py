"""`doctor --replay` with the real engine: a stack that comes out the same, and the reasons where one does not."""

from __future__ import annotations

import json
import sys
from typing import Any

from tests.support.stack import EngineStack

PROGRAM = """
import json, pulumi, bridged_sdk as bridged
group = pulumi.ComponentResource("shop:index:Group", "group")
db = bridged.Database("db", {"engine": "pg", "password": pulumi.Output.secret("hush-hush")})
bridged.Server("web", {"image": "nginx:1", "dependsId": db.id, "disks": [{"size": 1}],
    "userData": pulumi.FileAsset("./boot.sh")}, pulumi.ResourceOptions(parent=group, protect=True))
pulumi.export("db", db.id)
"""


def doctor(stack: EngineStack, *options: str) -> tuple[int, dict[str, Any]]:
    done = stack.run([sys.executable, "-m", "pulumi_rewind_tui.cli", "doctor", "--replay", "--json", *options])
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def finding(shown: dict[str, Any]) -> dict[str, str]:
    return next(one for one in shown["findings"] if one["check"] == "replay")


def test_a_whole_stack_and_then_one_that_a_replay_would_change(stack: EngineStack) -> None:
    stack.write_file("boot.sh", "echo one\n")
    stack.up(PROGRAM)
    before = stack.state_file.read_bytes()
    code, shown = doctor(stack)
    assert code == 0, shown
    assert finding(shown)["status"] == "ok"
    assert shown["replay"] == {"resources": 4, "lossy": []}
    assert stack.state_file.read_bytes() == before

    # Marked for replacement, its file changed, and drift in an input that the program never sent.
    stack.pulumi("state", "taint", stack.resources()["db"]["urn"], "--yes")
    stack.write_file("boot.sh", "echo two\n")
    before = stack.state_file.read_bytes()
    code, shown = doctor(stack)
    assert code == 0, shown
    assert finding(shown)["status"] == "warn"
    assert finding(shown)["hint"]
    reasons = {one["name"]: " / ".join(one["reasons"]) for one in shown["replay"]["lossy"]}
    assert "a replay would replace it" in reasons["db"]
    assert "marked for replacement" in reasons["db"]
    assert stack.state_file.read_bytes() == before
    plain = stack.run([sys.executable, "-m", "pulumi_rewind_tui.cli", "doctor", "--replay"]).stdout
    assert "⚠ warn  replay" in plain
    assert "a replay would replace it" in plain


def test_what_can_not_be_replayed_at_all_fails(stack: EngineStack) -> None:
    stack.up(PROGRAM.replace(', "userData": pulumi.FileAsset("./boot.sh")', "").replace(
        '\n    "userData": pulumi.FileAsset("./boot.sh")', ""))  # fmt: skip
    stack.trouble({"name": "web", "operation": "diff", "action": "fail", "message": "no answer"})
    code, shown = doctor(stack)
    assert code == 1
    assert finding(shown)["status"] == "fail"
    assert "no answer" in finding(shown)["message"]
    assert shown["replay"] is None
