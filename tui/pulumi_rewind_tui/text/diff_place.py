"""Where the cursor of the diff is, so that it is found again when the same two sides are shown in other rows. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TypeAlias

from pulumi_rewind_tui.text.comparison import Comparison
from pulumi_rewind_tui.text.diff_rows import Row

RowKey: TypeAlias = tuple[object, ...]
"""What a row is about, whatever its position and that of its resource."""

NEAR = 200
"""How many rows on each side of a row that is gone are tried in its place."""


def row_key(comparison: Comparison, row: Row) -> RowKey:
    """The key of one row of a comparison."""
    return (_resource(comparison, row), row.kind, row.urn, row.change.path if row.change else row.text, row.part)


def places(comparison: Comparison, rows: Sequence[Row], cursor: int) -> list[RowKey]:
    """The rows where the cursor may go, best first: its own, that of its resource, those below it, those above it."""
    if not 0 <= cursor < len(rows):
        return []
    return list(dict.fromkeys(row_key(comparison, row) for row in _nearest(rows, cursor)))


def find(wanted: Sequence[RowKey], comparison: Comparison, rows: Sequence[Row]) -> int:
    """The position of the first of `wanted` that is among the rows, 0 if none is."""
    ranks = {key: rank for rank, key in enumerate(wanted)}
    like = {key[1:3] for key in wanted}  # only rows like these are looked at closely: there may be 100,000
    best, place = len(ranks), 0
    for at, row in enumerate(rows if ranks else ()):
        if (row.kind, row.urn) in like:
            rank = ranks.get(row_key(comparison, row), best)
            if rank < best:
                best, place = rank, at
                if not best:
                    break
    return place


def _resource(comparison: Comparison, row: Row) -> object:
    return comparison.resources[row.index].key if row.index >= 0 else row.urn


def _nearest(rows: Sequence[Row], cursor: int) -> Iterator[Row]:
    yield rows[cursor]
    own = (rows[at] for at in range(cursor - 1, -1, -1) if rows[at].kind == "resource")
    yield from (row for row in islice(own, 1) if row.index == rows[cursor].index)
    yield from rows[cursor + 1 : cursor + NEAR]
    yield from reversed(rows[max(0, cursor - NEAR) : cursor])
