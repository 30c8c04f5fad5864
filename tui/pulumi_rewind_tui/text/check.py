"""A check of an update, for the command line and for machines. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from pulumi_rewind.project.check_settings import (
    IN_PLACE,
    NOTHING,
    VERDICTS,
    Waiver,
)
from pulumi_rewind_tui.text.cells import Line, Span
from pulumi_rewind_tui.text.spans import op_span
from pulumi_rewind_tui.words.words import plural, resource_name

if TYPE_CHECKING:
    from pulumi_rewind.checking.report import CheckReport, Judged

_FINE: Final = frozenset({NOTHING, IN_PLACE})


def check_lines(report: CheckReport) -> Iterator[Line]:
    """The whole check, worst verdicts first."""
    yield [Span("check", "title"), f" {report.stack}: the program → {report.base}"]
    if report.problem:
        yield [Span("! the way back could not be previewed", "warn"), f": {report.problem}"]
    for waiver in report.expired:
        yield [Span("! waiver expired", "warn"), f" on {waiver.until}: {_waived(waiver)}"]
    yield []
    if not report.judged:
        yield [Span("= no changes", "ok"), ": there is nothing to undo"]
        return
    counts = ", ".join(f"{count} {verdict}" for verdict, count in by_verdict(report.counts).items())
    yield [Span(plural(len(report.judged), "step"), "title"), f"   {counts}"]
    for one in worst_first(report):
        yield from _step_lines(one)
    yield []
    yield verdict_line(report)


def verdict_line(report: CheckReport) -> Line:
    """The last line: whether it passes."""
    if report.passes:
        return [Span("✓ passed", "ok"), f": the worst verdict is {report.verdict}, {VERDICTS[report.verdict]}"]
    failing = ", ".join(by_verdict({one.verdict.verdict: 1 for one in report.failing}))
    return [Span(f"✗ {plural(len(report.failing), 'step')} can't be undone as required", "failed"), f": {failing}"]


def _step_lines(one: Judged) -> Iterator[Line]:
    verdict = one.verdict
    yield [
        "  ",
        _mark(one),
        "  ",
        Span(resource_name(verdict.urn), "bold"),
        Span(f"  {verdict.type}", "dim"),
        "  ",
        op_span(verdict.op),
    ]
    yield [f"      {verdict.reason}"]
    if one.waiver is not None:
        yield [Span(f"      waived until {one.waiver.until}: {one.waiver.reason}", "dim")]
    if one.expired is not None:
        yield [Span(f"      its waiver expired on {one.expired.until}", "warn")]


def _mark(one: Judged) -> Span:
    verdict = one.verdict.verdict
    if one.fails:
        return Span(f"✗ {verdict}", "failed")
    if verdict in _FINE:
        return Span(f"✓ {verdict}", "ok")
    return Span(f"⚠ {verdict}", "warn")


def _waived(waiver: Waiver) -> str:
    return f"{waiver.verdict} of {waiver.resource} ({waiver.reason})"


def worst_first(report: CheckReport) -> list[Judged]:
    """What fails, then the rest, each worst first; the update's order where that leaves a choice."""
    ranks = {verdict: rank for rank, verdict in enumerate(VERDICTS)}
    return sorted(report.judged, key=lambda one: (not one.fails, -ranks[one.verdict.verdict]))


def by_verdict(counts: Mapping[str, int]) -> dict[str, int]:
    """Counts, worst verdict first."""
    return {verdict: counts[verdict] for verdict in reversed(tuple(VERDICTS)) if verdict in counts}


def check_json(report: CheckReport) -> dict[str, Any]:
    """The shape that ``check --format json`` promises."""
    return {
        "stack": report.stack,
        "base": report.base,
        "passes": report.passes,
        "verdict": report.verdict,
        "counts": by_verdict(report.counts),
        "failOn": list(report.settings.fail_on),
        "steps": [_step_json(one) for one in report.judged],
        "expiredWaivers": [waiver_json(one) for one in report.expired],
        "problem": report.problem,
    }


def _step_json(one: Judged) -> dict[str, Any]:
    verdict = one.verdict
    return {
        "urn": verdict.urn,
        "name": verdict.name,
        "type": verdict.type,
        "op": verdict.op,
        "verdict": verdict.verdict,
        "reason": verdict.reason,
        "fails": one.fails,
        "waiver": waiver_json(one.waiver) if one.waiver is not None else None,
    }


def waiver_json(waiver: Waiver) -> dict[str, Any]:
    """A waiver for machines."""
    return {
        "resource": waiver.resource,
        "verdict": waiver.verdict,
        "reason": waiver.reason,
        "until": waiver.until.isoformat(),
    }
