"""Faults in the middle of a rollback: interrupts and kills at random moments lose nothing, and it can be resumed.

`REWIND_FAULTS` sets how many moments are tried of each kind (default 3); docs/reliability.md has the figures of a long
run.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from tests.support.rewind import session
from tests.support.stack import EngineStack

MOMENTS = int(os.environ.get("REWIND_FAULTS", "3"))
COUNT = int(os.environ.get("REWIND_FAULT_RESOURCES", "24"))

PROGRAM = """
import pulumi, bridged_sdk as bridged
last = None
for i in range({count}):
    props = {{"image": "{image}", "tags": {{"n": str(i)}}}}
    if last is not None and i % 4:
        props["dependsId"] = last.id
    last = bridged.Server(f"{prefix}-{{i}}", props)
for i in range({count} // 3):
    bridged.Server(f"both-{{i}}", {{"image": "{image}"}})
"""


def broken_stack(make_stack: Callable[..., EngineStack]) -> EngineStack:
    """#1 has half of its resources under other names than #2: going back creates, updates and deletes."""
    stack = make_stack()
    stack.up(PROGRAM.format(count=COUNT, image="one", prefix="old"))
    stack.up(PROGRAM.format(count=COUNT, image="two", prefix="new"))
    stack.trouble({"name": "*", "operation": "*", "action": "slow", "seconds": 0.15})
    return stack


def start(stack: EngineStack, *arguments: str) -> subprocess.Popen[str]:
    """Our own command as the operator would start it."""
    return subprocess.Popen(
        [sys.executable, "-m", "pulumi_rewind_tui.cli", *arguments],
        cwd=stack.root,
        env=stack.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_until_running(stack: EngineStack, process: subprocess.Popen[str]) -> None:
    """Waits for the engine to have begun changing things."""
    stack.forget_calls()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if any(call["operation"] in {"create", "update"} for call in stack.calls()):
            return
        time.sleep(0.02)
    raise AssertionError(f"it never began: {process.communicate()[0]}")


def wait_for_quiet(stack: EngineStack) -> None:
    """Waits until no engine works on the stack any more."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if not engines(stack):
            return
        time.sleep(0.1)
    raise AssertionError("an engine is still running")


def engines(stack: EngineStack) -> list[int]:
    """Process ids of pulumi CLIs that run in this stack's project."""
    found = []
    for entry in os.listdir("/proc"):  # noqa: PTH208
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:  # noqa: PTH123
                command = file.read()
            if str(stack.engine).encode() in command and os.readlink(f"/proc/{entry}/cwd") == str(stack.root):  # noqa: PTH115
                found.append(int(entry))
        except OSError:
            continue
    return found


def check_whole(stack: EngineStack) -> None:
    """Every object of the state is really there, and every real object is in the state or named as pending."""
    export = stack.export()["deployment"]
    ids = {res["id"] for res in export["resources"] if res.get("id") and res["type"].startswith("bridged:")}
    physical = set(stack.physical())
    pending = {op["resource"]["urn"].split("::")[-1] for op in export.get("pending_operations") or []}
    assert ids <= physical, "the state speaks of objects that are gone"
    orphans = physical - ids
    names = {stack.physical()[orphan]["inputs"]["name"].rsplit("-", 1)[0] for orphan in orphans}
    assert names <= pending, f"orphans that nothing names: {names - pending}"


def finish(stack: EngineStack) -> None:
    """Goes on to the target by our own command and looks at the result."""
    stack.trouble()
    done = stack.run([sys.executable, "-m", "pulumi_rewind_tui.cli", "resume", "--yes", "--allow-data-loss"])
    if "was interrupted" in done.stdout + done.stderr and "no rollback" in done.stdout + done.stderr:
        done = stack.run([sys.executable, "-m", "pulumi_rewind_tui.cli", "rollback", "1", "--yes", "--allow-data-loss"])
    assert done.returncode == 0, done.stdout + done.stderr
    resources = stack.resources()
    names = {name.split("-")[0] for name, res in resources.items() if res["type"].startswith("bridged:")}
    assert names == {"old", "both"}
    assert {res["inputs"]["image"] for res in resources.values() if res["type"].startswith("bridged:")} == {"one"}
    assert session(stack).journal.read() is None
    check_whole(stack)


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(MOMENTS))
def test_an_interrupt_at_a_random_moment(make_stack: Callable[..., EngineStack], moment: int) -> None:
    stack = broken_stack(make_stack)
    process = start(stack, "rollback", "1", "--yes", "--allow-data-loss")
    if moment:  # moment 0: while it is still starting
        wait_until_running(stack, process)
    time.sleep(random.Random(moment).uniform(0.1, 2.0))
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=90)
    assert process.returncode in {130, 0}, output
    assert "Traceback" not in output
    wait_for_quiet(stack)
    assert not session(stack).backend.locks(session(stack).stack)
    check_whole(stack)
    finish(stack)


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(MOMENTS))
def test_our_process_is_killed(make_stack: Callable[..., EngineStack], moment: int) -> None:
    stack = broken_stack(make_stack)
    process = start(stack, "rollback", "1", "--yes", "--allow-data-loss")
    wait_until_running(stack, process)
    time.sleep(random.Random(100 + moment).uniform(0.0, 1.5))
    process.kill()
    process.communicate()
    wait_for_quiet(stack)  # the engine finds its host gone, finishes what runs, and ends by itself
    entry = session(stack).journal.read()
    assert entry is not None
    assert entry.target == 1
    assert not entry.running
    check_whole(stack)
    finish(stack)


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(MOMENTS))
def test_the_engine_is_killed(make_stack: Callable[..., EngineStack], moment: int) -> None:
    stack = broken_stack(make_stack)
    process = start(stack, "rollback", "1", "--yes", "--allow-data-loss")
    wait_until_running(stack, process)
    time.sleep(random.Random(200 + moment).uniform(0.0, 1.5))
    for engine in engines(stack):
        os.kill(engine, signal.SIGKILL)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 4, output
    assert "resume" in output
    check_whole(stack)
    stack.trouble()
    locked = stack.run([sys.executable, "-m", "pulumi_rewind_tui.cli", "rollback", "1", "--yes", "--allow-data-loss"])
    assert locked.returncode == 3, locked.stdout + locked.stderr
    assert "locked by" in locked.stdout + locked.stderr
    assert "pulumi cancel" in locked.stdout + locked.stderr
    stack.pulumi("cancel", "--yes", stack.name)
    pending = [op for op in stack.export()["deployment"].get("pending_operations") or [] if op["type"] == "creating"]
    if pending:  # said before anything is touched; the operator decides
        plan = stack.run([sys.executable, "-m", "pulumi_rewind_tui.cli", "plan", "1", "--json"])
        codes = {risk["code"] for risk in json.loads(plan.stdout)["risks"]}
        assert "pending-create" in codes
        stack.pulumi("refresh", "--yes", "--skip-preview", "--clear-pending-creates", "-s", stack.name)
        orphans = {op["resource"]["urn"].split("::")[-1] for op in pending}
        for object_id, record in stack.physical().items():  # the operator has looked and removes what was made
            if record["inputs"]["name"].rsplit("-", 1)[0] in orphans:
                known = {res.get("id") for res in stack.resources().values()}
                if object_id not in known:
                    next(stack.objects.glob(f"*/{object_id}.json")).unlink()
    finish(stack)
