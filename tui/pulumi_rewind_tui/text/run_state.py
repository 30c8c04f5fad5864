"""A run as the screen shows it: how far it is, and the log in words and event by event. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
from pulumi_rewind.plan.progress import Change, ResourceProgress, RunProgress, is_told
from pulumi_rewind_tui.text.hooks import hook_role, hook_text
from pulumi_rewind_tui.words.words import NO_CHANGE, op_doing, op_done, op_failed, resource_name

if TYPE_CHECKING:
    from pulumi_rewind.plan.model import Step


def doing(row: ResourceProgress) -> str:
    """``creating``, or what was done: ``created``; empty while it waits."""
    words = _doing(row)
    return f"stopped while {words}" if row.stopped else words


def _doing(row: ResourceProgress) -> str:
    match row.last:
        case ResourcePre(step):
            return op_doing(step.op)
        case ResourceDone(step) if step.op == "same":
            return NO_CHANGE if row.unchanged else op_done(row.op)
        case ResourceDone(step):
            return "replaced" if row.replaced else op_done(step.op)
        case ResourceFailed(step):
            return op_failed(step.op)
        case HookStarted(function):
            return f"calling {function}"
        case HookProgress(function, done, total):
            return f"calling {function}: {done:g}" + (f"/{total:g}" if total else "")
        case HookEnded(function, _, _, outcome):
            return f"{function}: {outcome}"
        case _:
            return ""


@dataclass(frozen=True)
class LogLine:
    """One line of the log."""

    time: float
    text: str
    role: str = ""
    urn: str = ""
    error: bool = False


class RunState(RunProgress):
    """How far the run is, and both logs."""

    def __init__(self, steps: Iterable[Step], started: float) -> None:
        super().__init__(steps, started)
        self.log: list[LogLine] = []
        """For people."""
        self.raw: list[LogLine] = []
        """Every event."""

    def apply(self, events: Sequence[EngineEvent], now: float) -> int:
        """Applies events; returns the first row that changed, `total` if none did."""
        first = self.total
        for event in events:
            failed = isinstance(event, Diagnostic) and event.severity == "error"
            self.raw.extend(LogLine(now, text, error=failed and not at) for at, text in enumerate(_raw(event)))
            change = self.see(event, now)
            self.log.extend(self._log_lines(event, change, now))
            if change is not None and change.row is not None:
                first = min(first, change.row)
        return first

    def note(self, text: str, role: str, now: float) -> None:
        """A line of our own."""
        self.log.append(LogLine(now, text, role))
        self.raw.append(LogLine(now, text, role))

    def _log_lines(self, event: EngineEvent, change: Change | None, now: float) -> Iterator[LogLine]:
        match event:
            case ResourcePre() | ResourceDone() | ResourceFailed():
                if change is not None and change.row is not None:
                    yield _step_line(event, self.rows[change.row], change.seconds, now)
            case Diagnostic(message, severity, urn):
                if is_told(event):
                    yield from _said(sentence(message), severity, urn, now)
            case Phase(name, message):
                yield LogLine(now, message or name, "dim")
            case Progress(identity, message, _, _, True):
                yield LogLine(now, message or identity, "dim")
            case HookStarted() | HookLog() | HookProgress() | HookEnded():
                role = hook_role(event)
                yield LogLine(now, hook_text(event), role, event.urn, error=role == "failed")


def _step_line(
    event: ResourcePre | ResourceDone | ResourceFailed, row: ResourceProgress, took: float, now: float
) -> LogLine:
    name = resource_name(row.urn)
    match event:
        case ResourceDone(step) if step.op != "same":
            seconds = f"  {took:.0f}s" if took >= 1 else ""
            return LogLine(now, f"{name}: {op_done(step.op)}{seconds}", "ok", row.urn)
        case ResourceFailed():
            return LogLine(now, f"{name}: {doing(row)}", "failed", row.urn, error=True)
        case _:
            more = "…" if isinstance(event, ResourcePre) else ""
            return LogLine(now, f"{name}: {doing(row)}{more}", "dim", row.urn)


def _said(message: str, severity: str, urn: str, now: float) -> Iterator[LogLine]:
    role = {"error": "failed", "warning": "hazard"}.get(severity, "")
    about = f"{resource_name(urn)}: " if urn else ""
    for number, text in enumerate(message.strip().splitlines()):
        head = about if not number else "  "
        yield LogLine(now, head + text, role, urn, error=severity == "error" and not number)


def _raw(event: EngineEvent) -> list[str]:
    match event:
        case ResourcePre(step) | ResourceDone(step) | ResourceFailed(step):
            return [f"{type(event).__name__} {step.op} {step.urn}"]
        case Diagnostic(message, severity, urn):
            lines = message.splitlines() or [""]
            return [f"Diagnostic {severity} {urn}", *(f"  {line}" for line in lines)]
        case Summary(changes, result, seconds):
            return [f"Summary {result} after {seconds}s {dict(changes)}"]
        case Progress(identity, message, received, total, done):
            return [f"Progress {identity} {message} {received}/{total}{' done' if done else ''}"]
        case Phase(name, message):
            return [f"Phase {name} {message}"]
        case HookStarted() | HookLog() | HookProgress() | HookEnded():
            return [f"{type(event).__name__} {hook_text(event)}"]
