"""Operations, results and changes as spans, the same everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pulumi_rewind_tui.text.cells import Span
from pulumi_rewind_tui.words.symbols import KINDS, UNICODE, canonical_changes
from pulumi_rewind_tui.words.words import op_to_do

_SYMBOLS: Final[Mapping[str, str]] = {
    **{
        op: UNICODE[op]
        for op in ("create", "update", "delete", "replace", "same", "rename", "return", "hold", "discard")
    },
    "read": "»",
    "import": "»",
}


def op_span(op: str) -> Span:
    """``+ create``, coloured."""
    kind = KINDS.get(op, op)
    if kind not in _SYMBOLS:
        return Span(f"· {op_to_do(op)}")
    return Span(f"{_SYMBOLS[kind]} {op_to_do(op)}", kind)


def changes_line(changes: Mapping[str, int], *, words: bool = False) -> list[Span]:
    """``±1 +1 ~2 -1``, or ``1 to replace`` … in words; unchanged ones are left out."""
    spans: list[Span] = []
    for op, count in canonical_changes(changes).items():
        text = f"{_SYMBOLS[op]} {count} {op_to_do(op)}" if words else f"{_SYMBOLS[op]}{count}"
        spans.append(Span(text, op))
    return joined(spans) or [Span("no changes", "dim")]


def joined(spans: Sequence[Span], gap: str = " ") -> list[Span]:
    """The spans with a gap between any two."""
    return [piece for index, span in enumerate(spans) for piece in ([Span(gap), span] if index else [span])]


def result_span(result: str, *, verified: bool | None = None) -> Span:
    """``✓ ok``, ``✗ failed`` …; of a success that was judged, what the verdict is."""
    match result:
        case "succeeded" if verified is not None:
            return Span("✓ verified", "ok") if verified else Span("✗ not good", "failed")
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
