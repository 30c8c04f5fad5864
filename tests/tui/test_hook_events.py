"""What callbacks do during a run, as lines, as JSON, in the rows of the UI and on its result page."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any

from pulumi_rewind.engine.events import (
    EngineEvent,
    HookEnded,
    HookLog,
    HookProgress,
    HookStarted,
    ResourceDone,
    ResourcePre,
    StepMetadata,
)
from pulumi_rewind.errors import IncompleteError
from pulumi_rewind.plan.called import CallbackOutcome
from pulumi_rewind.plan.model import Step
from pulumi_rewind.rollback.result import RollbackResult
from pulumi_rewind_tui.terminal.display import JsonDisplay, PlainDisplay, under_way
from pulumi_rewind_tui.terminal.writer import Writer
from pulumi_rewind_tui.text.cells import plain
from pulumi_rewind_tui.text.outcome import Aftermath
from pulumi_rewind_tui.text.result_page import Outcome, headline, result_lines
from pulumi_rewind_tui.text.run_state import RunState, doing
from pulumi_rewind_tui.words.symbols import symbols

DB = "urn:pulumi:dev::shop::t:m:R::db"
EVENTS: list[EngineEvent] = [
    HookStarted("restore", "undo_delete", DB, "rewind_hooks.py, sha256 1a2b", again=True),
    HookLog("restore", "opening", DB),
    HookProgress("restore", 3, 10, "tables", DB),
    HookEnded("restore", "undo_delete", DB, "restored", "db-2", 1.5),
    HookEnded("notify", "after_rollback", "", "failed", "notify: OSError: no network", 0.1),
]


def test_as_lines_and_as_json() -> None:
    stream = io.StringIO()
    writer = Writer(stream, color=False, terminal=False, ascii_only=False)
    display = PlainDisplay(writer, (), clock=lambda: 0.0)
    for event in EVENTS[:3]:
        display.event(event)
    assert under_way(display.progress) == "restore: 3/10 tables"
    for event in EVENTS[3:]:
        display.event(event)
    assert stream.getvalue().splitlines() == [
        "00:00 · calling restore for db again  (rewind_hooks.py, sha256 1a2b)",
        "00:00   restore: opening",
        "00:00 ✓ restore for db: restored (db-2)  1.5 s",
        "00:00 ✗ notify failed: notify: OSError: no network",
    ]
    stream = io.StringIO()
    machine = JsonDisplay(Writer(stream, color=False, terminal=False, ascii_only=False))
    for event in EVENTS:
        machine.event(event)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == [
        "hook-started", "hook-log", "hook-progress", "hook-ended", "hook-ended",
    ]  # fmt: skip
    assert lines[3] == {
        "event": "hook-ended", "function": "restore", "kind": "undo_delete", "urn": DB, "outcome": "restored",
        "message": "db-2", "seconds": 1.5,
    }  # fmt: skip


def test_in_the_rows_and_on_the_result_page() -> None:
    state = RunState([Step(DB, "db", "t:m:R", "create", "recreated")], 0.0)
    row = state.rows[0]
    assert state.apply(EVENTS[:1], 1.0) == 0
    assert (row.status, doing(row)) == ("running", "calling restore")
    state.apply(EVENTS[1:3], 2.0)
    assert doing(row) == "calling restore: 3/10"
    state.apply(EVENTS[3:], 3.0)
    assert (row.status, doing(row), row.seconds) == ("waiting", "restore: restored", 2.0)
    assert [(line.text, line.error) for line in state.log if line.error] == [
        ("notify failed: notify: OSError: no network", True)
    ]
    assert state.raw[-1].text.startswith("HookEnded notify failed")

    made = StepMetadata("create", DB, "t:m:R")
    state.apply([ResourcePre(made), ResourceDone(made)], 4.0)  # a callback that goes on takes nothing of that back
    state.apply(EVENTS[:1], 4.0)
    assert row.status == "running"
    state.apply(EVENTS[3:], 5.0)
    assert (row.status, doing(row)) == ("ok", "created")

    plan: Any = SimpleNamespace(stack="shop/dev", target=SimpleNamespace(label="#1"))
    callbacks = (
        CallbackOutcome("restore", "undo_delete", DB, "restored", "db-2"),
        CallbackOutcome("notify", "after_rollback", "", "failed", "no network"),
    )
    result = RollbackResult("succeeded", 3, {"import": 1}, (), 2.0, callbacks=callbacks)
    outcome = Outcome(plan, 2, result, None, Aftermath(), state)
    text = [plain(line) for line in result_lines(outcome, 80, symbols(False))]
    assert "  ✓ restore for db: restored (db-2)" in text
    assert "  ✗ notify: failed: no network" in text

    after = Aftermath(reminder="HEAD still contains #2", revert="pulumi-rewind revert dev")
    text = [plain(line) for line in result_lines(Outcome(plan, 2, result, None, after, state), 80, symbols(False))]
    assert text[-3:] == ["⚠ HEAD still contains #2.", "", "revert: pulumi-rewind revert dev"]

    error = IncompleteError("restore failed; this run has changed nothing", changed=False)
    entry: Any = SimpleNamespace()
    stopped = Outcome(plan, 2, None, error, Aftermath(entry=entry), state)
    first = plain(headline(stopped, 120, symbols(False))[0])
    assert "this run has changed nothing in the stack yet" in first
    assert "BETWEEN" not in first
