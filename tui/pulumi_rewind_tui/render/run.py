"""A rollback while it runs: events as plain lines, as JSON lines, or as a live display."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, Self

from pulumi_rewind.crashes import sentence
from pulumi_rewind.events import (
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
    StepMetadata,
    Summary,
)
from pulumi_rewind.model import PROVIDER_PREFIX, parse_urn
from pulumi_rewind_tui.options import to_json
from pulumi_rewind_tui.render.hooks import hook_json, hook_line, hook_phase
from pulumi_rewind_tui.render.words import NO_CHANGE, elapsed, op_done, resource_name
from pulumi_rewind_tui.render.writer import Line, Span, Writer, text_of
from pulumi_rewind_tui.text.spans import op_span
from pulumi_rewind_tui.widgets.cells import Piece, plain, spans

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

RUNNING_SHOWN = 5
"""Resources in flight that the live display names; the others are counted."""


class Display(Protocol):
    """Shows a run; used as a context manager around it."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...
    def event(self, event: EngineEvent) -> None:
        """Shows one event."""

    def note(self, *line: Piece) -> None:
        """Says something about the run itself."""


class Tally:
    """Counts and times of the steps of a run."""

    def __init__(
        self, total: int, clock: Callable[[], float] = time.monotonic, planned: Mapping[str, str] | None = None
    ) -> None:
        """`planned` is the operation by URN, where it is known: then these are counted, in place of `total`."""
        self._planned = dict(planned or {})
        self.total = len(self._planned) if planned is not None else total
        self.done = 0
        self.failed = 0
        self.phase = ""
        self.running: dict[str, tuple[StepMetadata, float]] = {}
        self._finished: set[str] = set()
        self._counts_all = planned is None
        self._clock = clock
        self.started = clock()

    @property
    def seconds(self) -> float:
        """How long the run has lasted."""
        return self._clock() - self.started

    def add(self, event: EngineEvent) -> Line | None:
        """Counts an event and returns the line that reports it, None where nothing is worth one."""
        match event:
            case ResourcePre(step):
                if _counts(step):
                    self.running[step.urn] = (step, self._clock())
            case ResourceDone(step):
                return self._end(step, failed=False)
            case ResourceFailed(step):
                return self._end(step, failed=True)
            case Diagnostic(message, severity, urn, ephemeral):
                if message.strip() and not ephemeral and severity != "debug":
                    return _diagnostic(message, severity, urn)
            case Phase(name, message):
                self.phase = message or name
                return [Span(f"· {self.phase}", "muted")]
            case Progress(identity, message, _, _, True):
                return [Span(f"· {message or identity}", "muted")]
            case HookStarted() | HookLog() | HookProgress() | HookEnded():
                self.phase = hook_phase(event) or self.phase
                return hook_line(event)
        return None

    def _end(self, step: StepMetadata, *, failed: bool) -> Line | None:
        _, since = self.running.pop(step.urn, (step, self._clock()))
        if step.op == "same" and not failed:
            return self._unchanged(step.urn)
        if not _counts(step):
            return None
        counted = self._counts_all or step.op not in ("refresh", "read")
        if counted and not self._counts_all and step.urn not in self._planned:
            self._planned[step.urn] = step.op  # the plan didn't name it; the engine works on it all the same
            self.total += 1
        if failed:
            self.failed += 1
        elif counted and step.urn not in self._finished:
            self._finished.add(step.urn)
            self.done += 1
        mark = Span(f"✗ failed to {step.op}", "fail") if failed else Span(f"✓ {op_done(step.op)}", "ok")
        took = self._clock() - since
        return [mark, "  ", Span(resource_name(step.urn), "name"), Span(f"  {took:.1f} s", "muted")]

    def _unchanged(self, urn: str) -> Line | None:
        """A planned step that the update turned out not to need, as a preview knows less than an update."""
        op = self._planned.get(urn)
        if op is None or urn in self._finished:
            return None
        self._finished.add(urn)
        self.done += 1
        mark = Span(f"✓ {op_done(op)}", "ok") if op == "rename" else Span(f"= {NO_CHANGE}", "muted")
        return [mark, "  ", Span(resource_name(urn), "name")]


def _counts(step: StepMetadata) -> bool:
    """Whether a step is one that people wait for; ``replace`` is only the engine's word for its two halves."""
    default = step.type.startswith(PROVIDER_PREFIX) and parse_urn(step.urn).name.startswith("default")
    return step.op not in {"same", "replace"} and not default


def _diagnostic(message: str, severity: str, urn: str) -> Line:
    style, symbol = {"error": ("fail", "✗"), "warning": ("warn", "⚠")}.get(severity, ("muted", "·"))
    about = f"{resource_name(urn)}: " if urn else ""
    return [Span(f"{symbol} {about}{sentence(message.strip())}", style)]


def _split(line: Line) -> list[Line]:
    """A reported line, one for each line of a message."""
    (text, style), *rest = spans(line)
    lines = text.splitlines() or [""]
    return [[Span(lines[0], style), *rest], *([Span(f"    {more}", style)] for more in lines[1:])]


class _Safe:
    """Output that may go away (a closed terminal or pipe) while the run must go on."""

    def __init__(self) -> None:
        self.gone = False

    def write(self, action: Callable[[], None]) -> None:
        if self.gone:
            return
        try:
            action()
        except (OSError, ValueError):
            self.gone = True


class PlainDisplay:
    """One line for each finished step and each message."""

    def __init__(self, writer: Writer, tally: Tally) -> None:
        self._writer = writer
        self._tally = tally
        self._safe = _Safe()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._safe.write(self._writer.flush)

    def event(self, event: EngineEvent) -> None:
        """Prints the event's line."""
        line = self._tally.add(event)
        if line is not None:
            self.note(*line)

    def note(self, *line: Piece) -> None:
        """Prints a line with the elapsed time."""
        for one in _split(line):
            self._safe.write(lambda one=one: self._print(one))  # type: ignore[misc]

    def _print(self, line: Line) -> None:
        self._writer.line(Span(elapsed(self._tally.seconds), "muted"), " ", *line)
        self._writer.flush()


class JsonDisplay:
    """One JSON object for each event."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._safe = _Safe()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._safe.write(self._writer.flush)

    def event(self, event: EngineEvent) -> None:
        """Prints the event."""
        self.object(event_json(event))

    def note(self, *line: Piece) -> None:
        """Prints a note."""
        self.object({"event": "note", "message": plain(line)})

    def object(self, value: dict[str, Any]) -> None:
        """Prints any object, at once."""
        self._safe.write(lambda: self._print(to_json(value)))

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
        case Progress(identity, message, received, total, done):
            return {
                "event": "progress",
                "id": identity,
                "message": message,
                "received": received,
                "total": total,
                "done": done,
            }
        case Phase(name, message):
            return {"event": "phase", "name": name, "message": message}
        case HookStarted() | HookLog() | HookProgress() | HookEnded():
            return hook_json(event)


class LiveDisplay:
    """Finished steps scroll by; below them counts, elapsed time and what is in flight."""

    def __init__(self, writer: Writer, tally: Tally, title: str) -> None:
        self._writer = writer
        self._tally = tally
        self._title = title
        self._safe = _Safe()
        self._live: Live | None = None

    def __enter__(self) -> Self:
        from rich.live import Live

        self._live = Live(
            get_renderable=self._render,
            console=self._writer.console,
            transient=True,
            refresh_per_second=8,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._safe.write(self._live.start)
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._safe.write(self._live.stop)

    def event(self, event: EngineEvent) -> None:
        """Counts the event and prints its line above the display."""
        line = self._tally.add(event)
        if line is not None and not isinstance(event, Phase):
            self.note(*line)

    def note(self, *line: Piece) -> None:
        """Prints a line above the display."""
        for one in _split(line):
            self._safe.write(lambda one=one: self._writer.line(*one))  # type: ignore[misc]

    def _render(self) -> Text:
        tally = self._tally
        running = list(tally.running.values())
        lines: list[list[Span]] = [
            [
                Span(f"◐ {self._title}", "title"),
                Span(f"   {tally.done}/{tally.total}   {len(running)} running   "),
                Span(f"{tally.failed} failed", "fail" if tally.failed else ""),
                Span(f"   {elapsed(tally.seconds)}"),
                Span(f"   {tally.phase}", "muted"),
            ]
        ]
        now = tally.started + tally.seconds
        for step, since in running[:RUNNING_SHOWN]:
            took = Span(f"  {elapsed(now - since)}", "muted")
            lines.append([Span("  ◐ "), op_span(step.op), Span("  "), Span(resource_name(step.urn), "name"), took])
        if len(running) > RUNNING_SHOWN:
            lines.append([Span(f"  … {len(running) - RUNNING_SHOWN} more", "muted")])
        spans: list[Span] = []
        for index, line in enumerate(lines):
            spans += [Span("\n")] if index else []
            spans += [Span(self._writer.clean(span.text), span.style) for span in line]
        text = text_of(spans)
        text.no_wrap = True
        text.overflow = "ellipsis"
        return text
