"""What the doctor found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pulumi_rewind_tui.text.cells import Line, Span
from pulumi_rewind_tui.words.words import resource_name

if TYPE_CHECKING:
    from pulumi_rewind.upkeep.findings import Finding
    from pulumi_rewind.upkeep.selfcheck import SelfCheck

_MARKS = {"ok": Span("✓ ok  ", "ok"), "warn": Span("⚠ warn", "warn"), "fail": Span("✗ fail", "failed")}


def finding_lines(finding: Finding) -> Iterator[Line]:
    """One finding, and below it what to do."""
    first, *rest = finding.message.splitlines() or [""]
    yield [_MARKS[finding.status], "  ", Span(f"{finding.check:<11}", "bold"), "  ", first]
    for line in rest:
        yield [" " * 21, line]
    if finding.hint:
        yield [" " * 21, Span(f"→ {finding.hint}", "dim")]


def check_lines(checked: SelfCheck) -> Iterator[Line]:
    """Every resource that a replay would not bring out as it is, with the reasons."""
    for lossy in checked.lossy:
        yield [" " * 21, Span(resource_name(lossy.urn) if lossy.urn else "the stack", "bold"), f"  {lossy.type}"]
        for reason in lossy.reasons:
            yield [" " * 23, Span(f"~ {reason}", "update")]


def check_json(checked: SelfCheck | None) -> dict[str, Any] | None:
    """The self-check for machines, null if it could not be made."""
    if checked is None:
        return None
    return {
        "resources": checked.resources,
        "lossy": [
            {"urn": lossy.urn, "type": lossy.type, "name": lossy.name, "reasons": list(lossy.reasons)}
            for lossy in checked.lossy
        ],
    }


def finding_json(finding: Finding) -> dict[str, Any]:
    """One finding for machines."""
    return {"check": finding.check, "status": finding.status, "message": finding.message, "hint": finding.hint}
