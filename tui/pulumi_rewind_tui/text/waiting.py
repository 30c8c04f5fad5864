"""An update that waits for a confirmation, as an operator reads it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from pulumi_rewind.system.durations import length
from pulumi_rewind.system.shell import command, quoted
from pulumi_rewind.window.deadline import told
from pulumi_rewind_tui.text.cells import Line, Span, line_width
from pulumi_rewind_tui.words.words import elapsed, iso_time, local_time

if TYPE_CHECKING:
    from pulumi_rewind.window.deadline import Deadline, Ended


KEYS: Final = (("C", "keep"), ("X", "1 h more"), ("A", "take back"))
"""What decides on home."""


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


def band(deadline: Deadline, now: float, cells: int, table: Mapping[str, str]) -> list[Line]:
    """The countdown of home, with its keys: one row where they fit, else two."""
    if deadline.taken_by:
        by = Span(f" {table['running']} being taken back by {deadline.taken_by}", "hazard")
        return [[by, f": #{deadline.update} {table['arrow']} {deadline.label}"]]
    keys = [span for key, word in KEYS for span in (Span(f"  {key} ", "key"), Span(word))]
    over, watch = deadline.left(now) <= 0, deadline.watch
    to, short = (f"#{deadline.update} is taken back to {label}" for label in (deadline.label, f"#{deadline.before}"))
    if watch is not None and deadline.failed:
        head, role = f" its watch command failed {deadline.failures} times: ", "failed"
    elif over:
        head, role = " its time is over: ", "failed"
    else:
        head, role = " waiting: ", "hazard"
        left = f" in {elapsed(deadline.left(now))}"
        to, short = to + left, short + left
    said = [Span(f" {table['running']}{head}", role), Span(f"{to} unless confirmed", "bold")]
    if watch is not None and deadline.failures and not deadline.failed:
        said.append(Span(f"  its watch command failed {deadline.failures} of {watch.fail_after}", "failed"))
        short = ""
    rows: list[Line] = [[*said, Span(" "), *keys], *([[said[0], Span(short, "bold"), *keys]] if short else [])]
    return next(([row] for row in rows if line_width(row) <= cells), [said, keys])


def standing_text(deadline: Deadline, now: float) -> str:
    """What is said of an update that waits where everything about it is told."""
    if deadline.taken_by:
        return f"is being taken back to {deadline.label} by {deadline.taken_by}"
    if deadline.left(now) <= 0 or deadline.failed:
        why = "its watch command has failed" if deadline.failed else "its time is over"
        return f"{why}: it is taken back to {deadline.label} unless confirmed"
    return f"is taken back to {deadline.label} at {local_time(deadline.until)} unless confirmed"


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
