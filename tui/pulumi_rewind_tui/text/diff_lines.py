"""How the rows of a diff look in a given width. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from pulumi_rewind.state.model import ROOT_STACK_TYPE, parse_urn
from pulumi_rewind_tui.text.cells import Line, Piece, cut, fit, line_width, plain, width
from pulumi_rewind_tui.text.comparison import LIVE, Comparison, Heading
from pulumi_rewind_tui.text.diff_rows import Row, Shown, is_open
from pulumi_rewind_tui.text.side_by_side import change_beside, divider_at, line_beside
from pulumi_rewind_tui.text.values import change_values, named, short_path, with_type
from pulumi_rewind_tui.words.words import listed, resource_name

if TYPE_CHECKING:
    from pulumi_rewind.diff.checkpoints import Change

NAME = 26
"""Widest column of names before verbs stop lining up."""

PATH = 30
"""Widest column of property paths."""

INDENT = 6
"""Cells before and behind the column of paths, of a resource that lies in no other one."""

UNBOUNDED = 100_000
"""Cells of a line that is copied."""


class DiffText(msgspec.Struct, frozen=True):
    """The rows of one comparison as lines."""

    comparison: Comparison
    shown: Shown
    table: Mapping[str, str]
    """The symbols."""
    stateful: Callable[[str], bool]

    def line(self, row: Row, cells: int, *, revealed: Change | None = None) -> Line:
        """One row as spans."""
        indent = "  " * row.depth
        table = self.table
        match row.kind:
            case "group":
                urn = parse_urn(row.urn)
                return _with_type(((indent + table["open"] + " ", "dim"), (urn.name, "bold")), urn.type, cells)
            case "resource":
                return self._resource(row, cells)
            case "change":
                assert row.change is not None
                return self._change(row, revealed or row.change, cells, revealed is not None)
            case "more" if row.beside is not None:
                return line_beside(row.text[:1], row.text[1:], row.beside, indent, self._middle(cells), cells, table)
            case "more":
                role = {"-": "removed", "+": "added"}.get(row.text[:1], "dim")
                return ((indent, ""), (row.text[:1] + " " + row.text[1:], role))
            case "secret":
                column = self._column(row, cells)
                name = fit(row.text, max(column, width(row.text)))
                return ((indent + "  ", ""), (name + "  ", "path"), (table["secret"] + " ", "secret"),
                        ("same", "dim"))  # fmt: skip
            case "fold":
                holders = self._holders() if row.part else ()
                return ((indent + table["closed"] + " ", "dim"), (row.text, "dim"), *holders)
            case "same":
                left: Line = ((indent + "  " + table["same"] + " ", "same"), (resource_name(row.urn), "dim"))
                return _with_type(left, row.text, cells)
            case _:
                return ((indent + "  ", ""), (row.text, "dim"))

    def text(self, row: Row) -> str:
        """One row as plain text of any length, secrets masked."""
        return plain(self.line(row, UNBOUNDED)).rstrip()

    def _resource(self, row: Row, cells: int) -> Line:
        comparison, table = self.comparison, self.table
        res = comparison.resources[row.index]
        uncertain = res.uncertain
        opened = is_open(comparison, row.index, self.shown)
        op = "unknown" if uncertain and res.op == "update" else res.op
        name = resource_name(res.urn)
        column = name_column(comparison) - 2 * row.depth
        spans: list[Piece] = [
            ("  " * row.depth, ""),
            (table["open" if opened else "closed"] + " ", "dim"),
            (table.get(op, "·") + " ", op),
            (fit(name, max(column, width(name))), res.op if res.op == "delete" else "bold"),
        ]
        words = _verb(res, from_live=comparison.key[0] == LIVE, to_live=comparison.key[1] == LIVE)
        if uncertain:
            pending = comparison.secrets == "pending"
            words = "comparing secrets" + table["ellipsis"] if pending else "secrets not comparable"
        if words:
            spans.append(("  " + words, op))
        if res.only_new_id and self.stateful(res.type):
            spans.append((f"  {table['hazard']} data may differ", "hazard"))
        elif res.op in ("replace", "delete") and self.stateful(res.type):
            spans.append((f"  {table['hazard']} data", "hazard"))
        if res.protect:
            spans.append(("  " + table["protected"], "hazard"))
        if not opened and op == "update" and comparison.known(row.index):
            spans.append((f"  {len(comparison.changes(row.index))} changed", "dim"))
        return _with_type(tuple(spans), res.type, cells)

    def _holders(self) -> Line:
        """Which of the objects that are folded away as the same hold data, which is not the same then."""
        holders = [resource_name(res.urn) for res in self.comparison.new_objects if self.stateful(res.type)]
        return ((f"  {self.table['hazard']} data may differ: {listed(holders)}", "hazard"),) if holders else ()

    def _change(self, row: Row, change: Change, cells: int, revealed: bool) -> Line:
        indent = "  " * row.depth + "  "
        path = _path(change, self.comparison.resources[row.index])
        beside = self._beside(cells)
        column = self._column(row, cells)
        change = named(change)
        spans: list[Piece] = [(indent, ""), (fit(path, max(column, width(path))), "path"), ("  ", "")]
        if change.secret and not revealed:
            return (*spans, *self._secret(change))
        room = cells - line_width(spans)
        if room < 16 and width(path) > column:
            spans[1] = (cut(path, max(column, cells - width(indent) - 30)), "path")
            room = cells - line_width(spans)
        mark = [("  " + self.table["secret"][:1] + " revealed", "secret")] if revealed else []
        if beside:
            return (*change_beside(change, tuple(spans), self._middle(cells), cells, self.table), *mark)
        return (*spans, *change_values(change, room, self.table), *mark)

    def _beside(self, cells: int) -> bool:
        """Whether both sides stand beside each other; not in what is copied."""
        return self.shown.side_by_side and cells < UNBOUNDED

    def _column(self, row: Row, cells: int) -> int:
        """How wide property paths are."""
        comparison = self.comparison
        column = widest_paths(comparison) if self._beside(cells) else path_column(comparison, row.index)
        return min(column, max(10, cells // 3))

    def _middle(self, cells: int) -> int:
        """Where the line between the two sides stands, in all rows alike."""
        return divider_at(cells, widest_paths(self.comparison) + INDENT)

    def _secret(self, change: Change) -> Line:
        dots = self.table["secret"]
        if not change.comparable:
            if self.comparison.secrets == "pending":
                return ((dots, "secret"), (" comparing" + self.table["ellipsis"], "dim"))
            return ((dots, "secret"), (" not comparable", "dim"), (" (p passphrase)", "dim"))
        return ((dots + " ", "secret"), (change.kind, change.kind))


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
        outputs = not comparison.known(index)  # a row that has no others: a line on the screen waits for nothing
        found = comparison.details(index, outputs=outputs)
        paths = [*(_path(change, res) for change in found.changes[:200]), *found.same_secrets[:200]]
        comparison.columns[index] = max(6, min(PATH, max(map(width, paths), default=6)))
    return comparison.columns[index]


def widest_paths(comparison: Comparison) -> int:
    """The column of property paths where all resources share one; measured again when more of them are known."""
    columns, known = comparison.columns, len(comparison.seen)
    if columns.get(-3) != known:
        columns[-2] = max(
            (path_column(comparison, index) for index, outputs in comparison.seen if not outputs), default=6
        )
        columns[-3] = known
    return columns[-2]


def _path(change: Change, res: Heading) -> str:
    return short_path(change.path, custom=res.custom)


def _verb(res: Heading, *, from_live: bool, to_live: bool) -> str:
    match res.op:
        case "create":
            return "create (new id)" if from_live and res.custom else "create"
        case "delete":
            return "DELETE"
        case "replace":
            return "REPLACE"
        case "return":
            return "return, same id" if to_live else "the older object"
        case _ if res.old_urn is not None and res.old_urn != res.urn:
            return f"renamed from {resource_name(res.old_urn)}"
        case "same" if res.only_new_id:
            return "another object"
        case _:
            return "update, relinked" if res.stale else "update"


def _with_type(left: Line, type_: str, cells: int) -> Line:
    """The type at the right edge, if there is room; whole where the line has no end."""
    if cells < UNBOUNDED or type_ == ROOT_STACK_TYPE:
        return with_type(left, type_, cells)
    return (*left, ("  " + type_, "dim"))
