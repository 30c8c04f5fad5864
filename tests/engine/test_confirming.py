"""Updates that wait for a confirmation: confirmed, extended, taken back once, and never over somebody else's change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pulumi_rewind.confirming.taking_back import TakingBack
from pulumi_rewind.engine.events import Phase
from pulumi_rewind.window.deadline import Deadlines, Waiting
from tests.support.rewind import said, session, settled
from tests.support.stack import EngineStack

PROGRAM = """
import pulumi, bridged_sdk as bridged
web = bridged.Server("web", {{"image": "1", "zone": "{zone}"}})
pulumi.export("web", web.id)
"""
HOOK = """
import pathlib, pulumi_rewind
@pulumi_rewind.on_failure
def told(rollback):
    pathlib.Path("told").write_text(rollback.error)
"""
SETTINGS = 'stateful_types = ["bridged:index:Server"]'


@pytest.fixture
def waiting(stack: EngineStack) -> EngineStack:
    """A stack whose newest update has replaced its database, and waits."""
    stack.write_file("rewind.toml", SETTINGS)
    stack.up(PROGRAM.format(zone="a"))
    stack.before, stack.objects_before = settled(stack), stack.physical()  # type: ignore[attr-defined]
    stack.write_program(PROGRAM.format(zone="b"))
    done = said(stack, "up", "--yes", "--hold-deletes", "--confirm-within", "1h", "--no-wait")
    assert done.code == 0, done.out + done.err
    assert "#2 is taken back to #1 at" in done.out
    assert "pulumi-rewind due dev" in done.out
    return stack


def now(stack: EngineStack) -> Waiting:
    return Deadlines(session(stack)).read()


def overdue(stack: EngineStack) -> None:
    """Lets its time be over."""
    opened = session(stack)
    deadlines = Deadlines(opened)
    deadline = deadlines.read().deadline
    assert deadline is not None
    deadlines.arm(msgspec.structs.replace(deadline, since=1.0, until=2.0))


def test_what_nobody_confirms_is_taken_back_once(waiting: EngineStack) -> None:
    stack: Any = waiting
    assert said(stack, "due").code == 0
    assert now(stack).deadline is not None
    refused = said(stack, "up", "--yes")
    assert (refused.code, "#2 waits for a confirmation" in refused.err) == (3, True)
    overdue(stack)
    done = said(stack, "due")
    assert done.code == 5, done.out + done.err
    assert "nobody confirmed it within" in done.err
    assert settled(stack) == stack.before
    assert stack.physical() == stack.objects_before
    assert now(stack).deadline is None
    again = said(stack, "due")
    assert (again.code, "no update waits" in again.out) == (0, True)
    assert len(stack.history()) == 3
    listed = said(stack, "history")
    assert "✗ not good" in listed.out
    assert "nobody confirmed it" in said(stack, "show", "2").out
    assert session(stack).timeline.last_good() is None, "there is no other than the one that it went back to"


def test_what_is_confirmed_stays(waiting: EngineStack) -> None:
    stack: Any = waiting
    extended = said(stack, "extend", "2h", "--json")
    assert extended.code == 0, extended.err
    assert json.loads(extended.out)["update"] == 2
    done = said(stack, "confirm", "--keep-held")
    assert (done.code, "#2 stays" in done.out) == (0, True)
    assert "✓ confirmed by" in said(stack, "show", "2").out
    assert said(stack, "due").out.startswith("shop/dev: no update waits")
    assert "web" in said(stack, "held").out
    assert said(stack, "abort", "--yes").code == 3


def test_what_changed_meanwhile_is_not_taken_back(waiting: EngineStack) -> None:
    stack: Any = waiting
    stack.write_file("rewind_hooks.py", HOOK)
    stack.up(PROGRAM.format(zone="c"))
    there = settled(stack)
    overdue(stack)
    done = said(stack, "due")
    assert done.code == 3, done.out + done.err
    assert "the stack has changed since it began to wait" in done.err
    assert settled(stack) == there
    ended = now(stack).ended
    assert ended is not None
    assert ended.how == "moved"
    assert "has changed since" in (stack.root / "told").read_text()


def test_it_is_taken_back_before_its_time(waiting: EngineStack) -> None:
    stack: Any = waiting
    done = said(stack, "abort", "--yes")
    assert done.code == 5, done.out + done.err
    assert settled(stack) == stack.before


def test_a_rollback_waits_as_well(stack: EngineStack) -> None:
    stack.up(PROGRAM.format(zone="a"))
    stack.up(PROGRAM.format(zone="b"))
    after = settled(stack)
    done = said(stack, "rollback", "1", "--yes", "--allow-data-loss", "--confirm-within", "1h", "--no-wait")
    assert done.code == 0, done.out + done.err
    deadline = now(stack).deadline
    assert deadline is not None
    assert (deadline.kind, deadline.update, deadline.before) == ("rollback", 3, 2)
    overdue(stack)
    assert said(stack, "due").code == 5
    names = {urn: res["inputs"].get("zone") for urn, res in settled(stack).items() if urn.endswith("::web")}
    assert names == {urn: res["inputs"].get("zone") for urn, res in after.items() if urn.endswith("::web")}


def test_what_can_t_be_taken_back_does_not_wait(stack: EngineStack) -> None:
    stack.write_file("rewind.toml", SETTINGS)
    stack.up(PROGRAM.format(zone="a"))
    stack.write_program(PROGRAM.format(zone="b"))
    done = said(stack, "up", "--yes", "--confirm-within", "1h", "--no-wait")
    assert done.code == 0, "the update has lost the older data already, and taking it back loses no more"
    stack.pulumi("config", "set", "--plaintext", "x", "1")
    first = said(stack, "up", "--yes", "--confirm-within", "1 hour")
    assert (first.code, "is no length of time" in first.err) == (2, True)
    assert said(stack, "up", "--yes", "--watch", "true").code == 2


def test_who_is_killed_while_taking_it_back_leaves_it_to_others(waiting: EngineStack) -> None:
    """On its own machine by `resume`, which knows the rollback; from another one by `due --take-over`."""
    stack: Any = waiting
    overdue(stack)
    opened = session(stack)
    deadline = Deadlines(opened).read().deadline
    assert deadline is not None
    killed = TakingBack(opened, deadline)
    events = killed.events(killed.plan(lambda _: None))
    next(event for event in events if isinstance(event, Phase) and event.name == "run")
    del events, killed  # nothing is tidied up: the note says who began, the journal where to
    opened.journal.release()
    refused = said(stack, "due")
    assert (refused.code, "has begun to take #2 back" in refused.err) == (3, True)
    assert said(stack, "confirm", "--keep-held").code == 3
    done = said(stack, "resume", "--yes", "--allow-data-loss")
    assert done.code == 0, done.out + done.err
    assert settled(stack) == stack.before
    ended = now(stack).ended
    assert ended is not None
    assert ended.how == "gone-back"


def test_another_machine_takes_over(waiting: EngineStack) -> None:
    stack: Any = waiting
    overdue(stack)
    opened = session(stack)
    deadline = Deadlines(opened).read().deadline
    assert deadline is not None
    Deadlines(opened).take(deadline.run)  # and dies
    assert said(stack, "due").code == 3
    done = said(stack, "due", "--take-over")
    assert done.code == 5, done.out + done.err
    assert settled(stack) == stack.before


def test_another_machine_runs_no_command_of_the_note_unasked(stack: EngineStack, tmp_path: Path) -> None:
    """Whoever can write the backend can write the note."""
    stack.up(PROGRAM.format(zone="a"))
    stack.write_program(PROGRAM.format(zone="b"))
    ran = tmp_path / "ran"
    watch = ("--watch", f"touch {ran}; false", "--fail-after", "1")
    done = said(stack, "up", "--yes", "--confirm-within", "1h", *watch, "--no-wait")
    assert done.code == 0, done.out + done.err
    stack.extra_environ["XDG_STATE_HOME"] = str(tmp_path / "elsewhere")
    looked = said(stack, "due")
    assert looked.code == 0, looked.out + looked.err
    assert "another machine gave the watch command, which is not run here: touch" in looked.err
    assert not ran.exists()
    del stack.extra_environ["XDG_STATE_HOME"]
    assert said(stack, "due").code == 5
    assert ran.exists()
