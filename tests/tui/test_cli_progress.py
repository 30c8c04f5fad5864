"""A run as lines, as JSON and as a live display."""

from __future__ import annotations

import contextlib
import io
import json
import signal

import pytest

from pulumi_rewind.engine.events import (
    Diagnostic,
    EngineEvent,
    Phase,
    Progress,
    ResourceDone,
    ResourceFailed,
    ResourcePre,
    StepMetadata,
    Summary,
)
from pulumi_rewind.plan.model import Step
from pulumi_rewind.plan.progress import RunProgress
from pulumi_rewind.state.model import urn_name
from pulumi_rewind_tui.terminal.display import JsonDisplay, LiveDisplay, PlainDisplay, event_line
from pulumi_rewind_tui.terminal.planning import stoppable
from pulumi_rewind_tui.terminal.running import forwarded_signals
from pulumi_rewind_tui.terminal.writer import Writer
from pulumi_rewind_tui.text.cells import join, plain
from pulumi_rewind_tui.text.run_state import RunState, doing

URN = "urn:pulumi:dev::shop::t:m:R::"


def step(name: str, op: str = "update", type_: str = "t:m:R") -> StepMetadata:
    return StepMetadata(op=op, urn=URN + name, type=type_)


def a_run() -> list[EngineEvent]:
    return [
        Phase("run", "rolling back to #7"),
        ResourcePre(step("api")),
        ResourcePre(step("default_1_0_0", "create", "pulumi:providers:t")),
        ResourceDone(step("default_1_0_0", "create", "pulumi:providers:t")),
        ResourcePre(step("still", "same")),
        ResourceDone(step("still", "same")),
        Diagnostic("waiting…", "info", URN + "api", ephemeral=True),
        Diagnostic("line one\nline \x1b[2Jtwo", "error", URN + "api"),
        ResourceDone(step("api")),
        ResourcePre(step("db", "create-replacement")),
        ResourceFailed(step("db", "create-replacement")),
        Progress("aws", "downloading aws", 1, 2),
        Summary({"update": 1}, "failed", 3),
    ]


def out() -> tuple[io.StringIO, Writer]:
    stream = io.StringIO()
    return stream, Writer(stream, color=False, terminal=False, ascii_only=False)


def test_plain_lines_say_what_ended_and_what_was_said() -> None:
    stream, writer = out()
    with PlainDisplay(writer, (), clock=lambda: 100.0) as display:
        for event in a_run():
            display.event(event)
    assert stream.getvalue().splitlines() == [
        "00:00 · rolling back to #7",
        "00:00 ✗ api: line one",
        r"00:00     line \x1b[2Jtwo",
        "00:00 ✓ updated  api  0.0 s",
        "00:00 ✗ creating the replacement failed  db  0.0 s",
    ]
    progress = display.progress
    assert (progress.count("ok"), progress.count("failed"), progress.in_flight) == (1, 1, {})


def test_json_is_one_object_a_line() -> None:
    stream, writer = out()
    with JsonDisplay(writer) as display:
        for event in a_run():
            display.event(event)
        display.note("stopping")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert len(lines) == len(a_run()) + 1
    assert lines[0] == {"event": "phase", "name": "run", "message": "rolling back to #7"}
    assert lines[1] == {"event": "step", "state": "started", "op": "update", "urn": URN + "api", "type": "t:m:R"}
    assert lines[8]["state"] == "done"
    assert lines[10]["state"] == "failed"
    assert lines[-2] == {"event": "summary", "changes": {"update": 1}, "result": "failed", "seconds": 3}
    assert lines[-1] == {"event": "note", "message": "stopping"}


def test_the_live_display_counts_and_names_what_runs() -> None:
    stream = io.StringIO()
    writer = Writer(stream, color=True, terminal=True, ascii_only=False, width=120)
    now = [100.0]
    planned = [Step(URN + f"res-{name}", name, "t:m:R", "update", "") for name in "abcdefghi"]
    display = LiveDisplay(writer, planned, "ROLLING BACK dev → #7", clock=lambda: now[0])
    for name in "abcdefg":
        display.event(ResourcePre(step(f"res-{name}")))
    display.event(ResourceDone(step("res-a")))
    now[0] = 114.0
    shown = join(display._render())
    assert shown.splitlines()[0].startswith("◐ ROLLING BACK dev → #7   1 of 9 steps   6 running   0 failed   00:14")
    assert "res-b" in shown
    assert "res-g" not in shown
    assert "… 1 more" in shown
    with display:
        display.event(Diagnostic("hello \x1b]0;x\x07", "warning"))
    assert r"hello \x1b]0;x\x07" in stream.getvalue()


def test_planned_steps_that_turn_out_to_be_no_change_are_counted_and_said() -> None:
    """A preview is careful where it can't know: https://github.com/pulumi/pulumi/issues/7181."""
    planned = {URN + "api": "update", URN + "web": "replace", URN + "old": "rename"}
    steps = [Step(urn, urn[-3:], "t:m:R", op, "") for urn, op in planned.items()]
    progress = RunProgress(steps)
    events: list[EngineEvent] = [
        ResourcePre(step("other", "refresh")), ResourceDone(step("other", "refresh")),
        ResourcePre(step("api")), ResourceDone(step("api")),
        ResourcePre(step("web", "same")), ResourceDone(step("web", "same")),
        ResourceDone(step("old", "same")), ResourceDone(step("rest", "same")),
    ]  # fmt: skip
    lines = [line for event in events if (line := event_line(event, progress.see(event), progress)) is not None]
    said = [plain(line) for line in lines]
    assert said == ["✓ refreshed  other  0.0 s", "✓ updated  api  0.0 s", "= no change needed  web", "✓ renamed  old"]
    assert (progress.count("ok"), progress.total) == (3, 3)
    progress.see(ResourceDone(step("more", "create")))  # what the plan didn't name counts on both sides
    assert (progress.count("ok"), progress.total) == (4, 4)

    state = RunState(steps, 0.0)
    state.apply(events, 1.0)
    assert {urn_name(row.urn): doing(row) for row in state.rows} == {
        "api": "updated", "web": "no change needed", "old": "renamed",
    }  # fmt: skip
    assert (state.count("ok"), state.total) == (3, 3)
    assert [urn_name(row.urn) for row in state.rows if row.unchanged] == ["web"]
    assert any(line.text == "web: no change needed" for line in state.log)


def test_a_lost_terminal_does_not_stop_the_run() -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    writer = Writer(Gone(), color=False, terminal=False, ascii_only=False)
    with PlainDisplay(writer, ()) as display:
        for event in a_run():
            display.event(event)
    assert display.progress.count("ok") == 1


class Counted:
    """Something to stop that counts how often it was asked."""

    stops = 0

    def interrupt(self) -> None:
        self.stops += 1

    def kill(self) -> None:
        self.stops += 100


@pytest.mark.parametrize("nohup", [False, True])
def test_a_lost_terminal_stops_what_nohup_does_not_keep(nohup: bool) -> None:
    run = Counted()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if nohup else signal.SIG_DFL)
    try:
        with forwarded_signals(run, JsonDisplay(Writer(io.StringIO(), color=False, terminal=False, ascii_only=False))):
            signal.raise_signal(signal.SIGHUP)
        assert run.stops == (0 if nohup else 1)
        with contextlib.nullcontext() if nohup else pytest.raises(KeyboardInterrupt), stoppable():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
