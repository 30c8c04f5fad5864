"""How one row of a diff looks in a given width. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pulumi_rewind.model import ROOT_STACK_TYPE, parse_urn
from pulumi_rewind_tui.diffing import LIVE, Comparison, Heading
from pulumi_rewind_tui.render.words import listed, resource_name
from pulumi_rewind_tui.widgets.cells import Line, Piece, cut, fit, line_width, plain, width
from pulumi_rewind_tui.widgets.diff_rows import Row, Shown
from pulumi_rewind_tui.widgets.values import shown_text

if TYPE_CHECKING:
    from pulumi_rewind.diff.checkpoints import Change

NAME = 26
"""Widest column of names before verbs stop lining up."""

PATH = 30
"""Widest column of property paths."""

CONTEXT = 10
"""Cells kept of what two long values have in common at their beginning."""


def row_line(
    row: Row,
    comparison: Comparison,
    shown: Shown,
    cells: int,
    table: Mapping[str, str],
    stateful: Callable[[str], bool],
    *,
    revealed: Change | None = None,
) -> Line:
    """One row as spans."""
    indent = "  " * row.depth
    match row.kind:
        case "group":
            urn = parse_urn(row.urn)
            return _with_type(((indent + table["open"] + " ", "dim"), (urn.name, "bold")), urn.type, cells)
        case "resource":
            return _resource_line(row, comparison, shown, cells, table, stateful)
        case "change":
            assert row.change is not None
            return _change_line(row, revealed or row.change, comparison, cells, table, revealed is not None)
        case "more":
            role = {"-": "removed", "+": "added"}.get(row.text[:1], "dim")
            return ((indent, ""), (row.text[:1] + " " + row.text[1:], role))
        case "secret":
            column = path_column(comparison, row.index)
            return ((indent + "  ", ""), (fit(row.text, column) + "  ", "path"), (table["secret"] + " ", "secret"),
                    ("same", "dim"))  # fmt: skip
        case "fold":
            return (
                (indent + table["closed"] + " ", "dim"),
                (row.text, "dim"),
                *(_holders(comparison, table, stateful) if row.part else ()),
            )
        case "same":
            left: Line = ((indent + "  " + table["same"] + " ", "same"), (resource_name(row.urn), "dim"))
            return _with_type(left, row.text, cells)
        case _:
            return ((indent + "  ", ""), (row.text, "dim"))


def row_text(
    row: Row, comparison: Comparison, shown: Shown, table: Mapping[str, str], stateful: Callable[[str], bool]
) -> str:
    """One row as plain text of any length, secrets masked."""
    return plain(row_line(row, comparison, shown, 100_000, table, stateful)).rstrip()


def _resource_line(
    row: Row,
    comparison: Comparison,
    shown: Shown,
    cells: int,
    table: Mapping[str, str],
    stateful: Callable[[str], bool],
) -> Line:
    res = comparison.resources[row.index]
    uncertain = res.uncertain
    opened = shown.open(row.index, res, known=comparison.known(row.index) and not uncertain)
    op = "unknown" if uncertain and res.op == "update" else res.op
    name = resource_name(res.urn)
    column = name_column(comparison) - 2 * row.depth
    spans: list[Piece] = [
        ("  " * row.depth, ""),
        (table["open" if opened else "closed"] + " ", "dim"),
        (table.get(op, "·") + " ", op),
        (fit(name, max(column, width(name))), res.op if res.op == "delete" else "bold"),
    ]
    words = _verb(res, to_live=comparison.key[1] == LIVE)
    if uncertain:
        words = "comparing secrets" + table["ellipsis"] if comparison.secrets == "pending" else "secrets not comparable"
    if words:
        spans.append(("  " + words, op))
    if res.only_new_id and stateful(res.type):
        spans.append((f"  {table['hazard']} data may differ", "hazard"))
    elif res.op in ("replace", "delete") and stateful(res.type):
        spans.append((f"  {table['hazard']} data", "hazard"))
    if res.protect:
        spans.append(("  " + table["protected"], "hazard"))
    if not opened and op == "update" and comparison.known(row.index):
        spans.append((f"  {len(comparison.changes(row.index))} changed", "dim"))
    return _with_type(tuple(spans), res.type, cells)


def _holders(comparison: Comparison, table: Mapping[str, str], stateful: Callable[[str], bool]) -> tuple[Piece, ...]:
    """Which of the objects that are folded away as the same hold data, which is not the same then."""
    holders = [resource_name(res.urn) for res in comparison.new_objects if stateful(res.type)]
    return ((f"  {table['hazard']} data may differ: {listed(holders)}", "hazard"),) if holders else ()


def name_column(comparison: Comparison) -> int:
    """How wide the column of names is: as the longest of the first ones, within reason."""
    if -1 not in comparison.columns:
        names = (width(resource_name(res.urn)) for res in comparison.resources[:200])
        comparison.columns[-1] = max(8, min(NAME, max(names, default=8)))
    return comparison.columns[-1]


def path_column(comparison: Comparison, index: int) -> int:
    """How wide the column of property paths of a resource is."""
    if index not in comparison.columns:
        res = comparison.resources[index]
        paths = (width(short_path(change, res)) for change in comparison.changes(index)[:200])
        comparison.columns[index] = max(6, min(PATH, max(paths, default=6)))
    return comparison.columns[index]


def _verb(res: Heading, *, to_live: bool) -> str:
    match res.op:
        case "create":
            return "create" if to_live or not res.custom else "create (new id)"
        case "delete":
            return "DELETE"
        case "replace":
            return "REPLACE"
        case "return":
            return "return, same id" if to_live else "the older object"
        case "rename":
            return f"was {resource_name(res.old_urn or '')}"
        case "same" if res.only_new_id:
            return "another object"
        case _:
            return "names an old object" if res.stale else ""


def _with_type(left: Line, type_: str, cells: int) -> Line:
    """The type at the right edge, if there is room; shortened to its last parts if not."""
    if type_ == ROOT_STACK_TYPE:
        return left
    room = cells - line_width(left) - 2
    if cells > 5000:
        return (*left, ("  " + type_, "dim"))
    text = short_type(type_)
    if width(text) > room:
        return left
    return (*left, (" " * (room - width(text) + 1), ""), (text, "dim"), (" ", ""))


def short_type(type_: str) -> str:
    """``aws:rds/instance:Instance`` as ``rds:Instance``."""
    parts = type_.split(":")
    if len(parts) != 3:
        return type_
    module = parts[1].split("/")[0]
    return f"{module}:{parts[2]}" if module not in ("", "index") else f"{parts[0]}:{parts[2]}"


def short_path(change: Change, res: Heading) -> str:
    """A property path without the section that is the ordinary case: inputs, or outputs of what has only those."""
    return change.path.removeprefix("inputs." if res.custom else "outputs.").removeprefix("inputs.") or change.path


def _change_line(
    row: Row, change: Change, comparison: Comparison, cells: int, table: Mapping[str, str], revealed: bool
) -> Line:
    indent = "  " * row.depth + "  "
    path = short_path(change, comparison.resources[row.index])
    column = min(path_column(comparison, row.index), max(10, cells // 3))
    shown = fit(path, column) if width(path) <= column else path
    spans: list[Piece] = [(indent, ""), (shown, "path"), ("  ", "")]
    if change.secret and not revealed:
        return (*spans, *_secret(change, comparison, table))
    room = cells - line_width(tuple(spans))
    if room < 16 and width(path) > column:
        spans[1] = (cut(path, max(column, cells - width(indent) - 30)), "path")
        room = cells - line_width(tuple(spans))
    old, new = shown_text(change.old), shown_text(change.new)
    mark = [("  " + table["secret"][:1] + " revealed", "secret")] if revealed else []
    arrow = f" {table['arrow']} "
    match change.kind:
        case "added":
            return (*spans, ("+ ", "added"), (cut(new, room - 2), "added"), *mark)
        case "removed":
            return (*spans, ("- ", "removed"), (cut(old, room - 2), "removed"), *mark)
    if width(old) + width(new) + 3 > room:
        # Where they begin to differ matters; both sides get half, and enter unfolds what is cut.
        old, new = _from_difference(old, new)
        half = max(4, (room - 3) // 2)
        spare = max(0, half - min(width(old), width(new)))
        old = cut(old, half + spare if width(old) > width(new) else half)
        new = cut(new, half + spare if width(new) > width(old) else half)
    return (*spans, (old, "removed"), (arrow, "dim"), (new, "added"), *mark)


def _from_difference(old: str, new: str) -> tuple[str, str]:
    """Two long values without most of what they have in common at the beginning."""
    pairs = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False))
    common = sum(1 for _ in pairs)
    if common <= CONTEXT + 1:
        return old, new
    skipped = common - CONTEXT
    return "…" + old[skipped:], "…" + new[skipped:]


def _secret(change: Change, comparison: Comparison, table: Mapping[str, str]) -> Line:
    dots = table["secret"]
    if not change.comparable:
        if comparison.secrets == "pending":
            return ((dots, "secret"), (" comparing" + table["ellipsis"], "dim"))
        return ((dots, "secret"), (" not comparable", "dim"), (" (p passphrase)", "dim"))
    word = {"added": "added", "removed": "removed"}.get(change.kind, "changed")
    role = {"added": "added", "removed": "removed"}.get(change.kind, "changed")
    return ((dots + " ", "secret"), (word, role))
