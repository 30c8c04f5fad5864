"""What was kept of an update that failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pulumi_rewind_tui.text.cells import Line, Span
from pulumi_rewind_tui.words.words import plural

if TYPE_CHECKING:
    from pathlib import Path

    from pulumi_rewind.records.evidence import Evidence


def evidence_lines(evidence: Evidence, place: Path, title: str = "evidence of the failure") -> Iterator[Line]:
    """The errors, and where everything is."""
    yield [Span(title, "title")]
    for error in evidence.errors:
        first, *rest = error.splitlines() or [""]
        yield ["  ", Span(f"✗ {first}", "failed")]
        for line in rest:
            yield ["    ", line]
    count = sum(1 for line in evidence.events.splitlines() if line)
    yield ["  ", Span(f"{plural(count, 'event')} and the state it left: {place}", "dim")]


def evidence_json(kept: tuple[Evidence, Path] | None) -> dict[str, Any] | None:
    """The same for machines, null if there is none."""
    if kept is None:
        return None
    evidence, place = kept
    return {"errors": list(evidence.errors), "path": str(place)}
