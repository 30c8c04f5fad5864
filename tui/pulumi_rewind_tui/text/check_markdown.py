"""A check of an update as Markdown, for a comment on a pull request. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from pulumi_rewind.project.check_settings import VERDICTS
from pulumi_rewind_tui.text.cells import Line
from pulumi_rewind_tui.text.check import by_verdict, worst_first
from pulumi_rewind_tui.text.incident import code
from pulumi_rewind_tui.words.symbols import UNICODE
from pulumi_rewind_tui.words.words import op_to_do, plural

if TYPE_CHECKING:
    from pulumi_rewind.checking.report import CheckReport, Judged

MARK: Final = "<!-- pulumi-rewind check -->"
"""The first line: by it a job finds the comment that it wrote before."""

_LONGEST: Final = 100
"""More steps are counted: a comment has room for about 65,000 characters."""


def check_markdown(report: CheckReport) -> Iterator[Line]:
    """The whole check, what fails first."""
    yield [MARK]
    mark, passed = (UNICODE["ok"], "passed") if report.passes else (UNICODE["failed"], "failed")
    yield [f"### {mark} {code(report.stack)}: can this update be undone? The check {passed}"]
    yield []
    if report.problem:
        yield [f"The way back could not be previewed: {code(report.problem)}"]
        yield []
    if not report.judged:
        yield ["No changes: there is nothing to undo."]
        return
    counts = ", ".join(f"{count} {verdict}" for verdict, count in by_verdict(report.counts).items())
    yield [f"{plural(len(report.judged), 'step')}: {counts}."]
    yield []
    every = worst_first(report)
    for one in every[:_LONGEST]:
        yield [_point(one)]
    if len(every) > _LONGEST:
        yield [f"- … and {len(every) - _LONGEST:,} more"]
    yield []
    for waiver in report.expired:
        yield [f"{UNICODE['hazard']} A waiver expired on {waiver.until}: {waiver.verdict} of {code(waiver.resource)}."]
    yield ["<details><summary>What the verdicts mean</summary>"]
    yield []
    for name in by_verdict(report.counts):
        yield [f"- **{name}**: {VERDICTS[name]}"]
    yield []
    yield ["</details>"]


def _point(one: Judged) -> str:
    verdict = one.verdict
    mark = f"{UNICODE['failed']} " if one.fails else ""
    text = f"- {mark}**{verdict.verdict}** {code(verdict.name)} ({code(verdict.type)}), {op_to_do(verdict.op)}: "
    text += code(verdict.reason)
    if one.waiver is not None:
        text += f" Waived until {one.waiver.until}: {code(one.waiver.reason)}"
    return text
