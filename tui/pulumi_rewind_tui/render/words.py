"""The symbols and words of operations, results, times and changes, the same everywhere."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Final

from pulumi_rewind.model import ROOT_STACK_TYPE, parse_urn
from pulumi_rewind_tui.render.writer import Span
from pulumi_rewind_tui.symbols import canonical_changes

OPS: Final[Mapping[str, tuple[str, str, str]]] = {
    # op: symbol, word, style
    "create": ("+", "create", "create"),
    "update": ("~", "update", "update"),
    "delete": ("-", "delete", "delete"),
    "replace": ("±", "replace", "replace"),
    "same": ("=", "same", "muted"),
    "rename": ("»", "rename", "update"),
    "return": ("«", "return", "create"),
    "read": ("»", "read", "muted"),
    "refresh": ("~", "refresh", "update"),
    "import": ("»", "import", "create"),
    "create-replacement": ("±", "create replacement", "replace"),
    "delete-replaced": ("±", "delete replaced", "replace"),
    "read-replacement": ("±", "read replacement", "replace"),
    "import-replacement": ("±", "import replacement", "replace"),
    "delete-old": ("-", "delete old copy", "delete"),
    "discard": ("○", "forget", "muted"),
    "discard-replaced": ("○", "forget replaced", "muted"),
    "remove-pending-replace": ("-", "forget replaced", "delete"),
}

_DONE: Final[Mapping[str, str]] = {
    "create": "created",
    "update": "updated",
    "delete": "deleted",
    "replace": "replaced",
    "same": "unchanged",
    "return": "returned",
    "read": "read",
    "refresh": "refreshed",
    "import": "imported",
    "create-replacement": "replacement created",
    "delete-replaced": "old one deleted",
    "import-replacement": "adopted",
    "discard-replaced": "old one forgotten",
    "remove-pending-replace": "forgotten",
    "discard": "forgotten, the object stays:",
    "rename": "renamed",
}

NO_CHANGE: Final = "no change needed"
"""Of a step that was planned and that the update turned out not to need."""


def op_span(op: str) -> Span:
    """``+ create``, coloured."""
    symbol, word, style = OPS.get(op, ("·", op, ""))
    return Span(f"{symbol} {word}", style)


def op_done(op: str) -> str:
    """The word for an operation that has happened."""
    return _DONE.get(op, op)


def changes_line(changes: Mapping[str, int], *, words: bool = False) -> list[Span]:
    """``±1 +1 ~2 -1``, or ``1 to replace`` … in words; unchanged ones are left out."""
    spans: list[Span] = []
    for op, count in canonical_changes(changes).items():
        symbol, word, style = OPS[op]
        text = f"{symbol} {count} {word}" if words else f"{symbol}{count}"
        spans += [Span(" ")] if spans else []
        spans.append(Span(text, style))
    return spans or [Span("no changes", "muted")]


def result_span(result: str) -> Span:
    """``✓ ok``, ``✗ failed`` …"""
    match result:
        case "succeeded":
            return Span("✓ ok", "ok")
        case "failed":
            return Span("✗ failed", "fail")
        case "in-progress":
            return Span("◐ running", "warn")
        case "unreadable":
            return Span("✗ unreadable", "fail")
        case _:
            return Span(f"? {result or 'unknown'}", "warn")


def local_time(seconds: int) -> str:
    """A moment in the operator's time zone, empty if unknown."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)) if seconds > 0 else ""
    except (OverflowError, ValueError, OSError):
        return ""


def iso_time(seconds: int) -> str | None:
    """A moment as ISO 8601 in UTC for machines, None if unknown."""
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)) if seconds > 0 else None
    except (OverflowError, ValueError, OSError):
        return None


def elapsed(seconds: float) -> str:
    """``00:14``, or ``1:02:03`` beyond an hour."""
    minutes, secs = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{secs:02}" if hours else f"{minutes:02}:{secs:02}"


def first_line(text: str) -> str:
    """The first line of a message, with a mark if there is more."""
    head, _, rest = text.strip().partition("\n")
    return f"{head.rstrip()} …" if rest.strip() else head


def plural(count: int, one: str, many: str = "") -> str:
    """``1 step``, ``2 steps``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(names: Sequence[str], most: int = 5) -> str:
    """``a, b, c and 4 more``."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def resource_name(urn: str) -> str:
    """What a resource is called for people; the root resource is the stack itself."""
    parsed = parse_urn(urn)
    return "stack outputs" if parsed.type == ROOT_STACK_TYPE else parsed.name
