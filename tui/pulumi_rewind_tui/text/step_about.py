"""The step under the cursor of the review: its type, why it happens, what it risks, what changes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pulumi_rewind.risk import TAKEN_ALONG
from pulumi_rewind_tui.text.cells import Line, paragraph
from pulumi_rewind_tui.text.steps_rows import StepRow, change_line, paths, verb
from pulumi_rewind_tui.text.values import short_type


def about_lines(row: StepRow, cells: int, rows: int, table: Mapping[str, str]) -> list[Line]:
    """At most so many lines about a step; of any other row, what it says in full."""
    step = row.step
    if step is None:
        return paragraph(row.text, cells, indent=1)[:rows] if row.kind in ("out", "note") else []
    lines: list[Line] = [((f" {verb(step)}", step.op), (f"   {short_type(step.type)}", "dim"))]
    if step.replace_keys:
        lines += paragraph(f"replaced because of {', '.join(step.replace_keys)}", cells, indent=1)
    if row.if_needed:
        lines += paragraph("its new value is known only when it runs: it may stay the same", cells, indent=1)
    for risk in step.risks:
        if risk.code != TAKEN_ALONG:
            role = "failed" if risk.blocking else "hazard"
            lines += paragraph(f"{table['hazard']} {risk.message}", cells, role, indent=1)
    lines += _changes(row, cells, table)
    if len(lines) > rows:
        lines = [*lines[: rows - 1], ((f" {table['ellipsis']} enter shows all", "dim"),)]
    return lines


def _changes(row: StepRow, cells: int, table: Mapping[str, str]) -> Sequence[Line]:
    changes = row.diff.changes() if row.diff is not None else ()
    below = [StepRow("change", row.urn, change=change) for change in changes]
    column = paths(below, row.urn)
    return [change_line(one, "   ", column, cells, table) for one in below]
