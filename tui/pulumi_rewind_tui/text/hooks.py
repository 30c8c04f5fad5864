"""What the project's callbacks and hooks do during a run, as lines and as JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from pulumi_rewind.engine.events import HookEnded, HookEvent, HookLog, HookProgress, HookStarted
from pulumi_rewind_tui.text.cells import Line, Span
from pulumi_rewind_tui.words.words import resource_name

_NAMES = {HookStarted: "hook-started", HookLog: "hook-log", HookProgress: "hook-progress", HookEnded: "hook-ended"}


def hook_text(event: HookEvent) -> str:
    """What an event says, in words."""
    about = f" for {resource_name(event.urn)}" if event.urn else ""
    match event:
        case HookStarted(function, _, _, source, again):
            return f"calling {function}{about}{' again' if again else ''}  ({source})"
        case HookLog(function, message):
            return f"{function}: {message}"
        case HookProgress(function, done, total, message):
            count = f"{done:g}/{total:g}" if total else f"{done:g}"
            return f"{function}: {count} {message}".rstrip()
        case HookEnded(function, _, _, "failed", message):
            return f"{function}{about} failed: {message}"
        case HookEnded(function, _, _, outcome, message):
            return f"{function}{about}: {outcome}" + (f" ({message})" if message else "")


def hook_role(event: HookEvent) -> str:
    """ok, failed or dim."""
    if not isinstance(event, HookEnded) or event.outcome == "not called":
        return "dim"
    return "failed" if event.outcome == "failed" else "ok"


def hook_line(event: HookEvent) -> Line | None:
    """The line that reports an event, None where the live display alone shows it."""
    if isinstance(event, HookProgress):
        return None
    text = hook_text(event)
    match hook_role(event):
        case "failed":
            return [Span(f"✗ {text}", "failed")]
        case "ok":
            return [Span("✓ ", "ok"), text, Span(f"  {event.seconds:.1f} s" if isinstance(event, HookEnded) else "")]
        case _:
            return [Span(f"{'  ' if isinstance(event, HookLog) else '· '}{text}", "dim")]


def hook_json(event: HookEvent) -> dict[str, Any]:
    """One event for machines."""
    return {"event": _NAMES[type(event)], **msgspec.to_builtins(event)}
