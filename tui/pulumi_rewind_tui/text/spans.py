"""Operations, results and changes as spans, the same everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pulumi_rewind_tui.symbols import canonical_changes
from pulumi_rewind_tui.widgets.cells import Span

OPS: Final[Mapping[str, tuple[str, str, str]]] = {
    # op: symbol, word, style
    "create": ("+", "create", "create"),
    "update": ("~", "update", "update"),
    "delete": ("-", "delete", "delete"),
    "replace": ("±", "replace", "replace"),
    "same": ("=", "same", "dim"),
    "rename": ("»", "rename", "update"),
    "return": ("«", "return", "create"),
    "read": ("»", "read", "dim"),
    "refresh": ("~", "refresh", "update"),
    "import": ("»", "import", "create"),
    "create-replacement": ("±", "create replacement", "replace"),
    "delete-replaced": ("±", "delete replaced", "replace"),
    "read-replacement": ("±", "read replacement", "replace"),
    "import-replacement": ("±", "import replacement", "replace"),
    "delete-old": ("-", "delete old copy", "delete"),
    "discard": ("○", "forget", "dim"),
    "discard-replaced": ("○", "forget replaced", "dim"),
    "remove-pending-replace": ("-", "forget replaced", "delete"),
}


def op_span(op: str) -> Span:
    """``+ create``, coloured."""
    symbol, word, style = OPS.get(op, ("·", op, ""))
    return Span(f"{symbol} {word}", style)


def changes_line(changes: Mapping[str, int], *, words: bool = False) -> list[Span]:
    """``±1 +1 ~2 -1``, or ``1 to replace`` … in words; unchanged ones are left out."""
    spans: list[Span] = []
    for op, count in canonical_changes(changes).items():
        symbol, word, style = OPS[op]
        text = f"{symbol} {count} {word}" if words else f"{symbol}{count}"
        spans += [Span(" ")] if spans else []
        spans.append(Span(text, style))
    return spans or [Span("no changes", "dim")]


def result_span(result: str) -> Span:
    """``✓ ok``, ``✗ failed`` …"""
    match result:
        case "succeeded":
            return Span("✓ ok", "ok")
        case "failed":
            return Span("✗ failed", "failed")
        case "in-progress":
            return Span("◐ running", "warn")
        case "unreadable":
            return Span("✗ unreadable", "failed")
        case _:
            return Span(f"? {result or 'unknown'}", "warn")
