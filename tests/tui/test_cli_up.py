"""`up` and `resume` on the command line, as far as they need no engine: bad input, refusals, notices, the verdict."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pulumi_rewind.errors import InterruptedRun, UpdateFailed
from pulumi_rewind.history.failed_update import half_way, undo_number
from pulumi_rewind.session import Session, open_session
from pulumi_rewind.state.model import REPLAY_AGENT
from pulumi_rewind.up.verify_command import VerifyCommand
from tests.support.filestack import FileStack
from tests.support.journals import process_ended


@pytest.fixture
def stack(tmp_path: Path) -> FileStack:
    made = FileStack(tmp_path)
    made.update(made.resource("api", {"size": "s"}))
    made.update(made.resource("api", {"size": "m"}))
    return made


def session(stack: FileStack) -> Session:
    return open_session(stack.work, stack.name, environ=stack.env)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("up", "--yes", "--", "--skip-preview"), "--skip-preview can't be passed on"),
        (("up", "--yes", "--", "somewhere"), "'somewhere' is not a flag"),
        (("up", "--yes", "--rollback-on-failure", "--", "--config-file=x"), "don't go together"),
        (("up", "--yes", "--allow-data-loss"), "add --rollback-on-failure"),
        (("up", "--yes", "--delete-first", "x"), "--delete-first is an option of the automatic rollback"),
        (("up", "--yes", "--rollback-on-failure", "--delete-first", "nix"), "'nix' matches no resource of the target"),
        (("resume", "--forget", "--delete-first", "x"), "--forget and --delete-first cannot be combined"),
        (("up", "--json"), "requires --yes"),
        (("up",), "Review with `pulumi preview`, then add --yes"),
        (("up", "--yes", "--verify", "no-such-thing --now"), "'no-such-thing' is not found"),
        (("up", "--yes", "dev", "prod"), "too many arguments: prod"),
        (("resume", "--forget", "--skip", "api"), "--forget and --skip cannot be combined"),
    ],
)
def test_bad_input_is_said_before_anything_is_done(stack: FileStack, args: tuple[str, ...], message: str) -> None:
    before = stack.live_file.read_bytes()
    ran = stack.run(*args)
    assert ran.code == 2, ran
    assert message in ran.err
    assert "hint:" in ran.err
    assert stack.live_file.read_bytes() == before
    assert not session(stack).journal.path.exists()


def test_what_would_stop_the_way_back_is_refused_before_the_update(stack: FileStack) -> None:
    journal = session(stack).journal
    journal.begin(target=1, label="#1", digest="d", start=2)
    process_ended(journal, update=True)
    ran = stack.run("up", "--yes", "--rollback-on-failure")
    assert ran.code == 3, ran
    assert "a rollback to #1 was interrupted" in ran.err
    assert "an update of shop/dev was interrupted" in stack.run("history").err

    forgotten = stack.run("resume", "--forget")
    assert forgotten.code == 0, forgotten
    assert "the rollback to #1 is dropped; shop/dev stays as it is" in forgotten.out
    assert not journal.path.exists()
    assert "no rollback of shop/dev was interrupted" in stack.run("resume", "--forget").out

    lone = stack.resource("lone", {})
    stack.set_live(stack.checkpoint([], pending_operations=[{"resource": lone, "type": "creating"}]))
    pending = stack.run("up", "--yes", "--rollback-on-failure", "--json")
    assert pending.code == 3, pending
    assert "may have created lone" in pending.err
    assert "pulumi-rewind resolve" in pending.err
    assert pending.json_lines()[-1]["result"] == "refused"

    locks = stack.state / ".pulumi" / "locks" / "organization" / stack.project / stack.name
    locks.mkdir(parents=True)
    (locks / "x.json").write_text(json.dumps({"pid": 7, "username": "eve", "hostname": "far", "timestamp": "now"}))
    locked = stack.run("up", "--yes")
    assert locked.code == 3, locked
    assert "locked by eve@far (pid 7)" in locked.err


def test_a_stack_that_an_update_left_half_way_is_told_apart(stack: FileStack) -> None:
    def found() -> Any:
        at = half_way(session(stack).timeline)
        return at and (at.failed.number, at.good.number)

    assert found() is None
    stack.update(stack.resource("api", {"size": "l"}), result="failed")
    assert found() == (3, 2)
    said = "! half-way: #3 failed; `pulumi-rewind rollback dev last-good` reviews the rollback to #2"
    assert said in stack.run("history").err
    stack.update(stack.resource("api", {"size": "xl"}), result="failed")
    assert found() == (4, 2)
    live = stack.live_file.read_bytes()
    stack.set_live(stack.checkpoint_file(2).read_bytes())
    assert found() is None, "somebody has put the old state back"
    stack.set_live(live)
    assert found() == (4, 2)
    client: dict[str, Any] = {"environment": {"exec.agent": REPLAY_AGENT}, "message": "rollback to #1"}
    stack.update(stack.resource("api", {"size": "x"}), result="failed", **client)
    assert found() is None, "the journal knows our own rollbacks"
    stack.update(stack.resource("api", {"size": "s"}), **client)
    assert undo_number(session(stack).timeline, 6) == 4, "the attempt that failed is part of the way"
    assert undo_number(session(stack).timeline, 1) == 0


def test_a_failure_before_anything_was_changed_is_not_half_way(stack: FileStack) -> None:
    stack.update(stack.resource("api", {"size": "m"}), result="failed")
    assert half_way(session(stack).timeline) is None
    assert stack.run("history").err == ""


def test_the_verdict_is_the_exit_code_in_time(stack: FileStack, tmp_path: Path) -> None:
    at = session(stack)
    assert VerifyCommand(at, 'test "$PULUMI_STACK" = dev').run() < 20
    with pytest.raises(UpdateFailed, match="failed with exit code 3"):
        VerifyCommand(at, "exit 3").run()
    with pytest.raises(UpdateFailed, match="ended by signal 9"):
        VerifyCommand(at, "kill -9 $$").run()
    alive = tmp_path / "alive"
    began = time.monotonic()
    with pytest.raises(UpdateFailed, match=r"did not end within 0\.3 s"):
        VerifyCommand(at, f"(sleep 3; touch {alive}) & sleep 60", timeout=0.3).run()
    assert time.monotonic() - began < 20
    stopped = VerifyCommand(at, "trap '' TERM; sleep 60")

    def stop() -> None:
        time.sleep(0.5)
        stopped.interrupt()
        stopped.interrupt()

    threading.Thread(target=stop).start()
    with pytest.raises(InterruptedRun):
        stopped.run()
    with pytest.raises(InterruptedRun):
        stopped.run()
    time.sleep(max(0.0, began + 4 - time.monotonic()))
    assert not alive.exists(), "what it had started is ended, too"


def test_the_command_runs_where_the_operator_stands(stack: FileStack) -> None:
    place = stack.work / "inner"
    place.mkdir()
    at = open_session(place, stack.name, environ=stack.env)
    VerifyCommand(at, 'test "$(basename "$(pwd)")" = inner && test "$PULUMI_REWIND_UPDATE" = 8', update=8).run()


def test_the_help_promises_of_a_loss_of_data_only_what_is_so(stack: FileStack) -> None:
    """Nothing but the review stands between an update and the loss; a rollback asks for more."""
    up, rollback = (" ".join(stack.run(name, "-h").out.split()) for name in ("up", "rollback"))
    assert "a loss of data still requires --allow-data-loss" in rollback
    assert "still requires" not in up
    assert "even if the update loses data" in up
    assert "With --rollback-on-failure: roll back even if that loses data" in up
