"""`plan`, `rollback` and `resume` with the real engine and a real provider."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.faults import hanging, until
from tests.support.stack import EngineStack
from tests.support.terminal import Ran, run_in_terminal

pytestmark = pytest.mark.engine

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct-horse-77"

PROGRAM = """
import pulumi, bridged_sdk as bridged
web = bridged.Server("web", {{"image": "{image}", "userData": pulumi.Output.secret("{password}")}})
{more}
"""
JOBS = 'bridged.Bucket("jobs", {"acl": "private"})'
DATABASE = 'bridged.Database("orders", {"engine": "pg15"})'


def program(image: str, more: str = "", password: str = PASSWORD) -> str:
    return PROGRAM.format(image=image, more=more, password=password)


def environment(stack: EngineStack) -> dict[str, str]:
    import os

    paths = [stack.environ["PYTHONPATH"], str(ROOT / "core"), str(ROOT / "tui")]
    return {**stack.environ, "PYTHONPATH": os.pathsep.join(paths), "TERM": "xterm-256color", "COLUMNS": "140"}


def rewind(stack: EngineStack, *args: str, env: Mapping[str, str] = {}) -> Ran:
    done = subprocess.run(
        [sys.executable, "-m", "pulumi_rewind_tui.cli", *args, "-s", stack.name],
        cwd=stack.root,
        env={**environment(stack), **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert PASSWORD not in done.stdout + done.stderr or "--secrets" in args
    return Ran(done.returncode, done.stdout, done.stderr)


def in_terminal(stack: EngineStack, *args: str, answers: dict[str, str]) -> Ran:
    command = [sys.executable, "-m", "pulumi_rewind_tui.cli", *args, "-s", stack.name]
    return run_in_terminal(command, stack.root, environment(stack), answers)


def image(stack: EngineStack) -> str:
    found: str = next(iter(stack.physical("srv").values()))["inputs"]["image"]
    return found


def started(stack: EngineStack, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pulumi_rewind_tui.cli", *args, "-s", stack.name],
        cwd=stack.root,
        env=environment(stack),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def two(stack: EngineStack) -> EngineStack:
    """#1 nginx:1; #2 nginx:2 and a bucket."""
    stack.up(program("nginx:1"))
    stack.git_commit("good", tag="v1.0")
    stack.up(program("nginx:2", JOBS))
    return stack


def test_plan_then_there_and_back(two: EngineStack) -> None:
    assert "◇ hold  jobs" in rewind(two, "plan", "1").out, "a bucket holds data"
    plan = rewind(two, "plan", "1", "--hold-deletes=none")
    assert plan.code == 0, plan.err
    assert "live → #1" in plan.out
    assert "~ update  web  bridged:index:Server  restored in place" in plan.out
    assert '- image: "nginx:2"' in plan.out
    assert '+ image: "nginx:1"' in plan.out
    assert "- delete  jobs" in plan.out
    assert image(two) == "nginx:2", "a plan changes nothing"

    shown = rewind(two, "plan", "-1", "--hold-deletes=none", "--json").json()
    assert {"stack", "target", "strategy", "fingerprint", "steps", "risks", "changes"} <= set(shown)
    assert shown["target"]["version"] == 1
    steps = {step["name"]: step for step in shown["steps"]}
    assert steps["web"]["op"] == "update"
    assert steps["web"]["forecast"] == "restored"
    assert steps["jobs"]["op"] == "delete"
    assert all(set(risk) >= {"code", "message", "blocking"} for step in shown["steps"] for risk in step["risks"])

    there = rewind(two, "rollback", "1", "--yes", "--allow-data-loss")
    assert there.code == 0, there.err
    assert "✓ updated  web" in there.out
    assert "✓ done: shop/dev equals #1" in there.out
    assert f"undo: pulumi-rewind rollback {two.name} 2" in there.out
    assert image(two) == "nginx:1"
    assert "\x1b" not in there.out
    assert "↺ rollback" in rewind(two, "history").out.splitlines()[0]

    again = rewind(two, "rollback", "1", "--yes")
    assert again.code == 0, again.err
    assert "= nothing to do" in again.out
    last = rewind(two, "rollback", "1", "--yes", "--json").json_lines()[-1]
    assert last["result"] == "nothing-to-do"

    back = rewind(two, "rollback", "2", "--yes", "--json")
    assert back.code == 0, back.err
    lines = back.json_lines()
    assert lines[0]["event"] == "plan"
    assert {"event": "step", "state": "done", "op": "update"}.items() <= next(
        line for line in lines if line.get("state") == "done" and line["urn"].endswith("::web")
    ).items()
    assert {key: lines[-1][key] for key in ("result", "version")} == {"result": "succeeded", "version": 4}
    assert lines[-1]["changes"]["update"] == 1
    assert isinstance(lines[-1]["differences"], list)
    assert image(two) == "nginx:2"


def test_a_terminal_asks_and_shows_progress(two: EngineStack) -> None:
    no = in_terminal(two, "rollback", "1", "--allow-data-loss", answers={"Roll back": "n"})
    assert no.code == 3, no.out
    assert "nothing was changed" in no.out
    assert image(two) == "nginx:2"
    yes = in_terminal(two, "rollback", "1", "--allow-data-loss", answers={"Roll back": "y"})
    assert yes.code == 0, yes.out
    assert "ROLLING BACK" in yes.out
    assert "✓ done" in yes.out
    assert image(two) == "nginx:1"


def test_production_stacks_want_their_name(make_stack: Callable[..., EngineStack]) -> None:
    prod = make_stack(stack="prod-eu")
    prod.up(program("nginx:1"))
    prod.up(program("nginx:2"))
    wrong = in_terminal(prod, "rollback", "1", answers={"to continue": "prod"})
    assert wrong.code == 3, wrong.out
    assert "production" in wrong.out
    assert image(prod) == "nginx:2"
    right = in_terminal(prod, "rollback", "1", answers={"to continue": "prod-eu"})
    assert right.code == 0, right.out
    assert image(prod) == "nginx:1"


def test_losing_data_needs_its_own_yes(stack: EngineStack) -> None:
    stack.up(program("nginx:1"))
    stack.up(program("nginx:1", DATABASE))
    plan = rewind(stack, "plan", "1", "--hold-deletes=none")
    assert "⚠ loses data: orders" in plan.out
    refused = rewind(stack, "rollback", "1", "--yes", "--hold-deletes=none")
    assert refused.code == 3, refused
    assert "data would be lost in: orders" in refused.err
    assert "--allow-data-loss" in refused.err
    as_json = rewind(stack, "rollback", "1", "--yes", "--hold-deletes=none", "--json")
    assert as_json.code == 3
    assert as_json.json_lines()[-1]["result"] == "refused"
    assert stack.physical("db")
    words = ("rollback", "1", "--hold-deletes=none")
    wrong = in_terminal(stack, *words, answers={"Roll back": "y", "'lose data'": "yes"})
    assert wrong.code == 3, wrong.out
    assert stack.physical("db")
    right = in_terminal(stack, *words, answers={"Roll back": "y", "'lose data'": "lose data"})
    assert right.code == 0, right.out
    assert not stack.physical("db")


def test_a_failure_half_way_is_4_and_resume_goes_on(stack: EngineStack) -> None:
    second = 'bridged.Server("zeta", {{"image": "{0}", "dependsId": web.id}})'
    stack.up(program("nginx:1", second.format("nginx:1")))
    stack.up(program("nginx:2", second.format("nginx:2")))
    stack.trouble({"name": "zeta", "operation": "update", "action": "fail"})
    ran = rewind(stack, "rollback", "1", "--yes", "--json")
    assert ran.code == 4, ran
    last = ran.json_lines()[-1]
    assert last["result"] == "incomplete"
    assert "error:" in ran.err
    assert "resume" in ran.err
    assert "! interrupted" in rewind(stack, "history").err
    stack.trouble()
    resumed = rewind(stack, "resume", "--yes")
    assert resumed.code == 0, resumed.err
    assert "resuming the rollback to #1" in resumed.err
    assert {found["inputs"]["image"] for found in stack.physical("srv").values()} == {"nginx:1"}
    assert "no rollback" in rewind(stack, "resume").out


def test_ctrl_c_stops_gently_and_is_130(stack: EngineStack) -> None:
    second = 'bridged.Server("zeta", {{"image": "{0}", "dependsId": web.id}})'
    stack.up(program("nginx:1", second.format("nginx:1")))
    stack.up(program("nginx:2", second.format("nginx:2")))
    stack.trouble({"name": "web", "operation": "update", "action": "hang"})
    process = started(stack, "rollback", "1", "--yes", "--json")
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        if event.get("state") == "started" and event["urn"].endswith("::web") and event["op"] == "update":
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=90)
    assert process.returncode == 130, (out, err)
    assert "stopping after the running steps" in out
    assert json.loads(out.splitlines()[-1])["result"] == "interrupted"
    assert "error:" in err
    assert not list((stack.backend / ".pulumi" / "locks").rglob("*.json")), "the lock is released"
    stack.trouble()
    resumed = rewind(stack, "resume", "--yes")
    assert resumed.code == 0, resumed.err
    assert {found["inputs"]["image"] for found in stack.physical("srv").values()} == {"nginx:1"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_while_planning_changes_nothing(two: EngineStack, number: signal.Signals) -> None:
    two.trouble({"name": "web", "operation": "diff", "action": "hang"})
    two.forget_calls()
    process = started(two, "plan", "1")
    until(lambda: hanging(two, "diff") == {"web"})
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    two.trouble()
    assert image(two) == "nginx:2"
    assert rewind(two, "plan", "1").code == 0


def test_a_locked_stack_is_refused(two: EngineStack) -> None:
    locks = two.backend / ".pulumi" / "locks" / "organization" / two.project / two.name
    locks.mkdir(parents=True, exist_ok=True)
    lock = {"pid": 1, "username": "eve", "hostname": "elsewhere", "timestamp": "2026-11-23T06:56:46Z"}
    (locks / "4f0c.json").write_text(json.dumps(lock))
    ran = rewind(two, "rollback", "1", "--yes", "--allow-data-loss")
    assert ran.code == 3, ran
    assert "eve@elsewhere" in ran.err
    assert image(two) == "nginx:2"
    assert "✗ blocks:" in ran.out


def test_secrets_in_diffs(stack: EngineStack) -> None:
    stack.up(program("nginx:1", password="first-secret-1"))
    stack.up(program("nginx:2", password="second-secret-2"))
    stack.up(program("nginx:3", password="second-secret-2"))
    rotated = rewind(stack, "diff", "1", "2")
    assert rotated.code == 0, rotated.err
    assert "● userData  [secret] changed" in rotated.out
    assert rotated.err == ""
    same = rewind(stack, "diff", "2", "3")
    assert "userData" not in same.out, "encrypted anew, but the same"
    revealed = rewind(stack, "diff", "1", "2", "--secrets")
    assert "first-secret-1" in revealed.out
    assert "second-secret-2" in revealed.out
    shown = rewind(stack, "diff", "1", "2", "--json")
    assert "-secret-" not in shown.out
    change: dict[str, Any] = next(
        change for res in shown.json()["resources"] for change in res["changes"] if change["path"] == "inputs.userData"
    )
    assert change["secret"] is True
    assert change["old"] == change["new"] == "[secret]"
    wrong = rewind(stack, "diff", "1", "2", env={"PULUMI_CONFIG_PASSPHRASE": "wrong"})
    assert wrong.code == 0, wrong.err
    assert "secrets are not compared: the passphrase is wrong" in wrong.err
    assert "? userData  [secret] not comparable" in wrong.out


def test_a_wrong_passphrase_stops_a_plan(two: EngineStack) -> None:
    ran = rewind(two, "plan", "1", env={"PULUMI_CONFIG_PASSPHRASE": "wrong"})
    assert ran.code == 1
    assert "passphrase" in ran.err
    assert "hint: " in ran.err
    doctor = rewind(two, "doctor", "--json", env={"PULUMI_CONFIG_PASSPHRASE": "wrong"})
    assert doctor.code == 1
    assert {one["check"] for one in doctor.json()["findings"] if one["status"] == "fail"} == {"passphrase"}
    good = rewind(two, "doctor")
    assert good.code == 0, good.out


def test_the_reminder_names_the_update_that_head_holds(two: EngineStack) -> None:
    """#2 was deployed from v1.0; #3 comes from HEAD."""
    two.git_commit("bad")
    two.up(program("nginx:3", JOBS))
    ran = rewind(two, "rollback", "v1.0", "--yes")
    assert ran.code == 0, ran.err
    assert "equals #2" in ran.out
    assert "still contains #3: revert it" in ran.out
    assert "revert: pulumi-rewind revert dev" in ran.out
    assert image(two) == "nginx:2"


def test_what_changes_in_the_state_alone_is_in_the_plan(stack: EngineStack) -> None:
    export = 'pulumi.export("greeting", "{}")'
    stack.up(program("nginx:1", export.format("hello")))
    stack.up(program("nginx:1", export.format("good bye")))
    plan = rewind(stack, "plan", "1")
    assert plan.code == 0, plan.err
    assert "only in the state" in plan.out
    assert "nothing to do" not in plan.out
    ran = rewind(stack, "rollback", "1", "--yes")
    assert ran.code == 0, ran.err
    assert stack.resources()["shop-dev"]["outputs"]["greeting"] == "hello"
    assert "nothing to do" in rewind(stack, "plan", "1").out
