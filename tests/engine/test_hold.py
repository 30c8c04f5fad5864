"""A pipeline with plain `pulumi up` against a hold, and our own runs, which pass it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pulumi_rewind.errors import RefusedError, RewindError
from pulumi_rewind.holding import passing as passing_module
from pulumi_rewind.holding.holds import read_hold, see_hold
from pulumi_rewind.rollback.run import RollbackRun
from pulumi_rewind.system.toolchain import EngineInfo
from tests.support.faults import copied, engines, own, providers, slay, start, stuck, until
from tests.support.rewind import plan, run, said, session
from tests.support.stack import REFUSED, EngineStack

WORLD = """
import pulumi, bridged_sdk as bridged
bridged.Server("web", {"image": "%s"})
"""


@pytest.fixture(scope="module")
def deployed(engine: EngineInfo, tmp_path_factory: pytest.TempPathFactory) -> EngineStack:
    """Two updates from two commits, the second one bad."""
    stack = EngineStack(tmp_path_factory.mktemp("hold") / "stack", engine.path)
    for image in ("good", "bad"):
        stack.write_program(WORLD % image)
        stack.git_commit(image)
        stack.up()
    return stack


@pytest.fixture
def stack(deployed: EngineStack, tmp_path: Path) -> EngineStack:
    return copied(deployed, tmp_path / "stack")


def image(stack: EngineStack) -> str:
    found: str = stack.resources()["web"]["inputs"]["image"]
    return found


def lock_files(stack: EngineStack) -> list[Path]:
    return sorted((stack.backend / ".pulumi" / "locks").rglob("*.json"))


def pipeline(stack: EngineStack) -> subprocess.CompletedProcess[str]:
    """What CI does with the commit that is checked out."""
    return stack.pulumi("up", "--yes", "-s", stack.name, check=False)


def test_the_bad_commit_is_not_applied_again(stack: EngineStack) -> None:
    result, _ = run(stack, plan(stack, "1"), allow_data_loss=True, hold=True)
    assert any("the stack is held: rolled back to #1" in note for note in result.notes)
    held = read_hold(session(stack))
    assert held is not None
    assert held.hold.commits == (stack.git("rev-parse", "HEAD"),)
    assert held.hold.update == result.version == 3

    refused = pipeline(stack)
    said_there = refused.stdout + refused.stderr
    assert refused.returncode in REFUSED
    assert "held by pulumi-rewind: rolled back to #1" in said_there
    assert "`pulumi-rewind release` ends it" in said_there
    assert image(stack) == "good"
    assert "1 to update" in stack.pulumi("preview", "-s", stack.name).stdout
    assert json.loads(stack.pulumi("stack", "export", "-s", stack.name).stdout)["deployment"]["resources"]
    assert said(stack, "hold", "check", "--preview").code == 3, "HEAD still leads there"

    (before,) = lock_files(stack)
    content = before.read_bytes()
    run(stack, plan(stack, "2"), allow_data_loss=True)
    assert image(stack) == "bad", "our own run passes"
    assert [path.read_bytes() for path in lock_files(stack)] == [content]
    run(stack, plan(stack, "1", strategy="state"), allow_data_loss=True)
    assert [path.read_bytes() for path in lock_files(stack)] == [content]
    assert pipeline(stack).returncode in REFUSED

    assert said(stack, "release").code == 0
    assert pipeline(stack).returncode == 0


def test_a_preview_that_changes_nothing_ends_it(stack: EngineStack) -> None:
    assert said(stack, "hold").code == 0
    ended = said(stack, "hold", "check", "--preview")
    assert ended.code == 0, ended
    assert "a preview of HEAD would change nothing" in ended.out
    assert lock_files(stack) == []


def test_a_run_that_is_killed_leaves_the_stack_held(stack: EngineStack) -> None:
    assert said(stack, "hold", "--reason", "bad").code == 0
    stack.use_plugin_processes()
    stack.trouble({"name": "web", "operation": "update", "action": "hang"})
    stack.forget_calls()
    process = start(stack, "rollback", "1", "--yes")
    until(lambda: stuck(stack, "update") == {"web"})
    (theirs,) = lock_files(stack)
    assert "held by" not in theirs.read_text(), "ours is away while the engine runs"
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    for pid in (*engines(stack), *providers(stack)):
        slay(pid)
    stack.trouble()
    stack.pulumi("cancel", "--yes", "-s", stack.name)
    assert lock_files(stack) == []
    code, text = own(stack, "up", "--yes")
    assert (code, "the stack is held by" in text) == (3, True), text
    (back,) = lock_files(stack)
    assert "held by pulumi-rewind: bad" in back.read_text()
    assert pipeline(stack).returncode in REFUSED
    code, text = own(stack, "resume", "--yes")
    assert code == 0, text
    assert image(stack) == "good"
    assert lock_files(stack) == [back]


def test_the_setting_holds_after_each_rollback_and_the_flag_decides(stack: EngineStack) -> None:
    stack.write_file("rewind.toml", "hold = true\n")
    assert said(stack, "rollback", "1", "--yes", "--no-hold").code == 0
    assert lock_files(stack) == []
    held = said(stack, "rollback", "2", "--yes")
    assert held.code == 0, held
    assert "the stack is held: rolled back to #2" in held.out
    assert said(stack, "release").code == 0
    assert said(stack, "rollback", "2", "--yes").code == 0, "nothing to do"
    assert lock_files(stack) == [], "nothing was gone back over"
    stack.write_file("rewind.toml", "")
    assert said(stack, "rollback", "1", "--yes", "--hold").code == 0
    assert said(stack, "hold", "check").code == 3


def test_another_update_that_comes_first_is_met_as_ever(stack: EngineStack, monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(stack, "hold").code == 0
    (ours,) = lock_files(stack)
    theirs = ours.with_name("22222222-0000-4000-8000-000000000000.json")
    passing = passing_module.passing

    @contextlib.contextmanager
    def overtaken(*given: Any) -> Iterator[None]:
        with passing(*given):
            assert not ours.exists()
            theirs.write_text(
                '{"pid": 1, "username": "ci", "hostname": "elsewhere", "timestamp": "2026-11-29T05:00:00Z"}'
            )
            yield

    monkeypatch.setattr("pulumi_rewind.rollback.run.passing", overtaken)
    rollback = RollbackRun(session(stack), plan(stack, "1"))
    with pytest.raises(RefusedError, match="the stack is locked by ci@elsewhere") as raised:
        list(rollback.events())
    assert raised.value.unchanged
    assert image(stack) == "bad"
    assert lock_files(stack) == sorted([ours, theirs])


def test_a_run_that_fails_puts_it_back_too(stack: EngineStack) -> None:
    assert said(stack, "hold").code == 0
    before = lock_files(stack)
    stack.use_plugin_processes()
    stack.trouble({"name": "web", "operation": "update", "action": "fail", "message": "quota exceeded"})
    with pytest.raises(RewindError, match="quota exceeded"):
        list(RollbackRun(session(stack), plan(stack, "1")).events())
    assert lock_files(stack) == before
    assert see_hold(session(stack)).hold is not None
