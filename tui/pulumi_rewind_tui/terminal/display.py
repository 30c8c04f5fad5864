"""A rollback while it runs: events as plain lines, as JSON lines, or as a live display."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Self

import msgspec

from pulumi_rewind.engine.crashes import sentence
from pulumi_rewind.engine.events import (
    Diagnostic,
    EngineEvent,
    HookEnded,
    HookLog,
    HookProgress,
    HookStarted,
    Phase,
    Progress,
    ResourceDone,
    ResourceFailed,
    ResourcePre,
    Summary,
)
from pulumi_rewind.plan.progress import Change, RunProgress, is_told
from pulumi_rewind_tui.terminal.options import to_json
from pulumi_rewind_tui.terminal.writer import Writer
from pulumi_rewind_tui.text.cells import Line, Piece, Span, plain, spans
from pulumi_rewind_tui.text.hooks import hook_json, hook_line, hook_text
from pulumi_rewind_tui.text.spans import op_span
from pulumi_rewind_tui.words.words import NO_CHANGE, elapsed, op_done, op_failed, plural, resource_name

if TYPE_CHECKING:
    from rich.live import Live

    from pulumi_rewind.plan.model import Step

RUNNING_SHOWN = 5
"""Resources in flight that the live display names; the others are counted."""


class Display(ABC):
    """Shows a run; used as a context manager around it.

    The run must continue even if its output is lost (a closed terminal or pipe).
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._gone = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._safely(self._writer.flush)

    @abstractmethod
    def event(self, event: EngineEvent) -> None:
        """Shows one event."""

    @abstractmethod
    def note(self, *line: Piece) -> None:
        """Says something about the run itself."""

    def _safely(self, action: Callable[[], None]) -> None:
        if self._gone:
            return
        try:
            action()
        except (OSError, ValueError):
            self._gone = True


def event_line(event: EngineEvent, change: Change | None, progress: RunProgress) -> Line | None:
    """The line that reports an event; None for events that need no line."""
    match event:
        case ResourceDone() | ResourceFailed():
            return _end_line(event, change, progress) if change is not None else None
        case Diagnostic(message, severity, urn):
            return _diagnostic(message, severity, urn) if is_told(event) else None
        case Phase(name, message):
            return [Span(f"· {message or name}", "dim")]
        case Progress(identity, message, _, _, True):
            return [Span(f"· {message or identity}", "dim")]
        case HookStarted() | HookLog() | HookProgress() | HookEnded():
            return hook_line(event)
    return None


def _end_line(event: ResourceDone | ResourceFailed, change: Change, progress: RunProgress) -> Line:
    step, took = event.step, Span(f"  {change.seconds:.1f} s", "dim")
    name = Span(resource_name(step.urn), "bold")
    if isinstance(event, ResourceFailed):
        return [Span(f"✗ {op_failed(step.op)}", "failed"), "  ", name, took]
    if step.op != "same":
        return [Span(f"✓ {op_done(step.op)}", "ok"), "  ", name, took]
    row = progress.rows[change.row] if change.row is not None else None
    renamed = row is not None and not row.unchanged
    return [Span(f"✓ {op_done('rename')}", "ok") if renamed else Span(f"= {NO_CHANGE}", "dim"), "  ", name]


def _diagnostic(message: str, severity: str, urn: str) -> Line:
    style, symbol = {"error": ("failed", "✗"), "warning": ("warn", "⚠")}.get(severity, ("dim", "·"))
    about = f"{resource_name(urn)}: " if urn else ""
    return [Span(f"{symbol} {about}{sentence(message.strip())}", style)]


def _split(line: Line) -> list[Line]:
    """A reported line, one for each line of a message."""
    (text, style), *rest = spans(line)
    lines = text.splitlines() or [""]
    return [[Span(lines[0], style), *rest], *([Span(f"    {more}", style)] for more in lines[1:])]


class PlainDisplay(Display):
    """One line for each finished step and each message."""

    def __init__(self, writer: Writer, steps: Iterable[Step], clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(writer)
        self.progress = RunProgress(steps, clock())
        self._clock = clock

    def event(self, event: EngineEvent) -> None:
        """Prints the event's line."""
        line = event_line(event, self.progress.see(event, self._clock()), self.progress)
        if line is not None:
            self.note(*line)

    def note(self, *line: Piece) -> None:
        """Prints a line with the elapsed time."""
        for one in _split(line):
            self._safely(lambda one=one: self._print(one))  # type: ignore[misc]

    def _print(self, line: Line) -> None:
        self._writer.line(Span(elapsed(self.progress.seconds(self._clock())), "dim"), " ", *line)
        self._writer.flush()


class JsonDisplay(Display):
    """One JSON object for each event."""

    def event(self, event: EngineEvent) -> None:
        """Prints the event."""
        self.object(event_json(event))

    def note(self, *line: Piece) -> None:
        """Prints a note."""
        self.object({"event": "note", "message": plain(line)})

    def object(self, value: dict[str, Any]) -> None:
        """Prints any object, at once."""
        self._safely(lambda: self._print(to_json(value)))

    def _print(self, text: str) -> None:
        self._writer.raw(text)
        self._writer.flush()


def event_json(event: EngineEvent) -> dict[str, Any]:
    """One event for machines."""
    match event:
        case ResourcePre(step) | ResourceDone(step) | ResourceFailed(step):
            state = {ResourcePre: "started", ResourceDone: "done", ResourceFailed: "failed"}[type(event)]
            return {"event": "step", "state": state, "op": step.op, "urn": step.urn, "type": step.type}
        case Diagnostic(message, severity, urn, ephemeral):
            return {
                "event": "diagnostic",
                "severity": severity,
                "message": message,
                "urn": urn,
                "ephemeral": ephemeral,
            }
        case Summary(changes, result, seconds):
            return {"event": "summary", "changes": dict(changes), "result": result, "seconds": seconds}
        case Progress() | Phase():
            return {"event": type(event).__name__.lower(), **msgspec.to_builtins(event)}
        case HookStarted() | HookLog() | HookProgress() | HookEnded():
            return hook_json(event)


class LiveDisplay(PlainDisplay):
    """Finished steps scroll by; below them counts, elapsed time and the running steps."""

    def __init__(
        self, writer: Writer, steps: Iterable[Step], title: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(writer, steps, clock)
        self._title = title
        self._live: Live | None = None

    def __enter__(self) -> Self:
        self._live = self._writer.live(self._render, redirect=False)
        self._safely(self._live.start)
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._safely(self._live.stop)

    def event(self, event: EngineEvent) -> None:
        """Counts the event and prints its line above the display, which shows the phase itself."""
        if isinstance(event, Phase):
            self.progress.see(event, self._clock())
        else:
            super().event(event)

    def _print(self, line: Line) -> None:
        self._writer.line(*line)

    def _render(self) -> list[Line]:
        progress, now = self.progress, self._clock()
        running, failed = list(progress.in_flight.values()), progress.failed
        lines: list[Line] = [
            [
                Span(f"◐ {self._title}", "title"),
                f"   {progress.count('ok')} of {plural(progress.total, 'step')}   {len(running)} running   ",
                Span(f"{failed} failed", "failed" if failed else ""),
                f"   {elapsed(progress.seconds(now))}",
                Span(f"   {under_way(progress)}", "dim"),
            ]
        ]
        for step, since in running[:RUNNING_SHOWN]:
            took = Span(f"  {elapsed(now - since)}", "dim")
            lines.append(["  ◐ ", op_span(step.op), "  ", Span(resource_name(step.urn), "bold"), took])
        if len(running) > RUNNING_SHOWN:
            lines.append([Span(f"  … {len(running) - RUNNING_SHOWN} more", "dim")])
        return lines


def under_way(progress: RunProgress) -> str:
    """The phase or callback that is running now."""
    match progress.under_way:
        case Phase(name, message):
            return message or name
        case None:
            return ""
        case called:
            return hook_text(called)
