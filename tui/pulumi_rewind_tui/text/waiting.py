"""An update that waits for a confirmation, as an operator reads it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pulumi_rewind.system.durations import length
from pulumi_rewind.system.shell import command, quoted
from pulumi_rewind.window.deadline import told
from pulumi_rewind_tui.text.cells import Line, Span
from pulumi_rewind_tui.words.words import iso_time, local_time

if TYPE_CHECKING:
    from pulumi_rewind.window.deadline import Deadline, Ended


def armed_lines(deadline: Deadline, name: str, root: str) -> Iterator[Line]:
    """What is said when an update begins to wait; `root` is the project's directory, for other machines' timers."""
    within = length(deadline.until - deadline.since)
    until = local_time(deadline.until, "%H:%M:%S")
    yield [
        Span("◐ waiting", "running"),
        f": #{deadline.update} is taken back to {deadline.label} at {until} (in {within})",
    ]
    if deadline.watch is not None:
        watch = deadline.watch
        yield [f"  or when the watch command fails {watch.fail_after} times in a row, every {length(watch.every)}"]
    yield [
        Span("keep it:", "commit"),
        f" {command('confirm', name)}",
        Span("   longer:", "commit"),
        f" {command('extend', name, '1h')}",
    ]
    yield [Span("take it back now:", "commit"), f" {command('abort', name)}"]
    timer = quoted(
        "systemd-run",
        "--user",
        f"--on-active={int(deadline.until - deadline.since) + 1}",
        f"--working-directory={root}",
    )
    yield [Span(f"if this process ends, from cron or CI: {command('due', name)}", "dim")]
    yield [Span(f"or once: {timer} {command('due', name)}", "dim")]


def left_line(deadline: Deadline, problem: str, now: float | None = None) -> Line:
    """The countdown."""
    left = length(deadline.left(time.time() if now is None else now))
    failures = (
        f"   watch command failed {deadline.failures} of {deadline.watch.fail_after}"
        if deadline.watch and deadline.failures
        else ""
    )
    return [
        Span(f"◐ #{deadline.update} waits for a confirmation   {left} left   ctrl+c stops waiting here", "dim"),
        Span(failures, "warn"),
        Span(f"   {problem}" if problem else "", "warn"),
    ]


def ended_line(ended: Ended) -> Line:
    """How the waiting ended elsewhere."""
    good = ended.how == "confirmed"
    return [Span("✓ decided" if good else "! decided", "ok" if good else "warn"), f": {told(ended)}"]


def deadline_json(deadline: Deadline) -> dict[str, Any]:
    """What waits, for machines."""
    watch = deadline.watch
    return {
        "update": deadline.update,
        "kind": deadline.kind,
        "before": deadline.before,
        "since": iso_time(int(deadline.since)),
        "until": iso_time(int(deadline.until)),
        "by": deadline.by,
        "takenBy": deadline.taken_by or None,
        "watch": None
        if watch is None
        else {"every": watch.every, "failAfter": watch.fail_after, "failures": deadline.failures},
    }
