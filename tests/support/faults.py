"""A rollback to be broken at a moment: its stack, our own command in it, and what has to be whole afterwards."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.rewind import session
from tests.support.served import serve_bridged
from tests.support.stack import EngineStack

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

OWN = (sys.executable, "-m", "pulumi_rewind_tui.cli")
"""Our own command."""


def deploy_both(stack: EngineStack, resources: int) -> EngineStack:
    """#1 has three quarters of its resources under other names than #2: going back creates, updates and deletes."""
    count = resources * 3 // 4
    stack.up(PROGRAM.format(count=count, image="one", prefix="old"))
    stack.up(PROGRAM.format(count=count, image="two", prefix="new"))
    stack.use_plugin_processes()  # which are killed with the engine, or by themselves
    return stack


def copied(stack: EngineStack, directory: Path) -> EngineStack:
    """The same stack once more, in another directory; whatever happens to the copy, the original stays."""
    shutil.copytree(stack.root.parent, directory)
    twin = copy.copy(stack)
    twin.directory = directory
    twin._served = {}
    twin.extra_environ = dict(stack.extra_environ)
    for name in ("root", "home", "backend", "objects", "_home"):
        setattr(twin, name, directory / getattr(stack, name).name)
    twin._servers = {"bridged": lambda: serve_bridged(twin.objects)}
    return twin


def start(stack: EngineStack, *arguments: str) -> subprocess.Popen[str]:
    """Our own command as the operator would start it."""
    return subprocess.Popen(
        [*OWN, *arguments],
        cwd=stack.root,
        env=stack.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def start_rollback(stack: EngineStack, target: str = "1") -> subprocess.Popen[str]:
    """A rollback that asks nothing."""
    return start(stack, "rollback", target, "--yes", "--allow-data-loss")


def own(stack: EngineStack, *arguments: str) -> tuple[int, str]:
    """Runs our own command to its end: exit code and everything printed."""
    done = stack.run([*OWN, *arguments])
    return done.returncode, done.stdout + done.stderr


def until(there: Callable[[], bool], seconds: float = 60) -> None:
    """Waits until something is so.

    Raises:
        AssertionError: it is not so in time.
    """
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def hanging(stack: EngineStack, operation: str) -> set[str]:
    """What the provider hangs in, or has hung in, by logical name."""
    return {call["name"] for call in stack.calls() if call["operation"] == f"hanging {operation}"}


def stuck(stack: EngineStack, operation: str, *, after: str = "") -> set[str]:
    """What it hangs in, once all else that has begun is in the state, and the resource `after`; nothing before that.

    Here a test kills the engine. That an operation is pending in the state says only that the engine is about to ask
    the provider; and a kill while the engine writes can leave the file beside the state empty.
    """
    latest = json.loads(stack.state_file.read_text())["checkpoint"].get("latest") or {}
    there = {res["urn"].rpartition("::")[2] for res in latest.get("resources") or []}
    pending = {one["resource"]["urn"].rpartition("::")[2] for one in latest.get("pending_operations") or []}
    names = hanging(stack, operation)
    return names if names == pending and there >= {after} - {""} else set()


def wait_until_running(stack: EngineStack, process: subprocess.Popen[str]) -> None:
    """Waits for the engine to have begun changing things."""
    stack.forget_calls()
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if any(call["operation"] in {"create", "update"} for call in stack.calls()):
            return
        time.sleep(0.02)
    raise AssertionError(f"it never began: {process.communicate()[0]}")


def wait_for_quiet(stack: EngineStack) -> None:
    """Waits until no engine works on the stack any more."""
    until(lambda: not engines(stack), 120)


def slay(pid: int) -> None:
    """Kills a process, unless it has just ended by itself: what is listed may be short-lived."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def engines(stack: EngineStack) -> list[int]:
    """Process ids of pulumi CLIs that run in this stack's project."""
    return _processes(stack, str(stack.engine))


def providers(stack: EngineStack) -> list[int]:
    """Process ids of the `bridged` providers that run for this stack."""
    return _processes(stack, "bridged_provider.py")


def _processes(stack: EngineStack, word: str) -> list[int]:
    found = []
    for entry in os.listdir("/proc"):  # noqa: PTH208
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:  # noqa: PTH123
                command = file.read()
            # A program of an old commit runs in a worktree, which may lie in the stack's own TMPDIR.
            if word.encode() in command and Path(os.readlink(f"/proc/{entry}/cwd")).is_relative_to(stack.directory):  # noqa: PTH115
                found.append(int(entry))
        except OSError:
            continue
    return found


def pending_creates(stack: EngineStack) -> list[dict[str, Any]]:
    """The creates that the state says have begun and not ended."""
    operations: list[dict[str, Any]] = stack.export()["deployment"].get("pending_operations") or []
    return [operation for operation in operations if operation["type"] == "creating"]


def orphans(stack: EngineStack) -> dict[str, str]:
    """Real objects that the state doesn't know: id → the logical name that they were made for."""
    ids = {res.get("id") for res in stack.export()["deployment"]["resources"]}
    return {
        object_id: record["inputs"]["name"].rsplit("-", 1)[0]
        for object_id, record in stack.physical().items()
        if object_id not in ids
    }


def check_whole(stack: EngineStack, said: str = "") -> None:
    """Every object of the state is really there, and every real object is in the state, pending, or was named."""
    resources = stack.export()["deployment"]["resources"]
    ids = {res["id"] for res in resources if res.get("id") and res["type"].startswith("bridged:")}
    assert ids <= set(stack.physical()), "the state speaks of objects that are gone"
    named = {operation["resource"]["urn"].split("::")[-1] for operation in pending_creates(stack)}
    unnamed = {name for name in orphans(stack).values() if name not in named and name not in said}
    assert not unnamed, f"orphans that nothing names: {unnamed}"


def remove_orphans(stack: EngineStack) -> None:
    """What an operator does who has looked: takes away what the state doesn't know."""
    for object_id in orphans(stack):
        next(stack.objects.glob(f"*/{object_id}.json")).unlink()


def finish(stack: EngineStack) -> None:
    """Goes on to the target by our own command and looks at the result."""
    stack.trouble()
    code, text = own(stack, "resume", "--yes", "--allow-data-loss")
    if code == 0 and "no rollback of" in text:
        code, text = own(stack, "rollback", "1", "--yes", "--allow-data-loss")
    assert code == 0, text
    resources = stack.resources()
    mine = {name: res for name, res in resources.items() if res["type"].startswith("bridged:")}
    assert {name.split("-")[0] for name in mine} == {"old", "both"}
    assert {res["inputs"]["image"] for res in mine.values()} == {"one"}
    assert session(stack).journal.read() is None
    check_whole(stack)
