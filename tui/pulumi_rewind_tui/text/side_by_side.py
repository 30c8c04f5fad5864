"""A change side by side: what was on the left, what is on the right, the words that differ marked. Pure."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from pulumi_rewind_tui.text.cells import Line, Piece, cut, fit_line, line_width, width
from pulumi_rewind_tui.text.values import from_difference, shown_lines, shown_text

if TYPE_CHECKING:
    from pulumi_rewind.diff.checkpoints import Change

COLUMNS: Final = 160
"""From how many columns of the terminal on."""

LEAST: Final = 10
"""Cells that a side has at least, whatever stands before it."""

_WORDS: Final = re.compile(r"\w+|\s+|[^\w\s]")

ALIKE: Final = 0.3
"""Two texts that have less in common are different as a whole: no word is marked."""


def divider_at(cells: int, before: int) -> int:
    """The cell of the line between the sides, the same for all rows of a pane; `before` it stands a column of names."""
    return (cells + before) // 2


def marked_words(old: str, new: str) -> tuple[list[Piece], list[Piece]]:
    """Both texts with their roles; what differs in them stands out."""
    one, other = _WORDS.findall(old), _WORDS.findall(new)
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    if matcher.ratio() < ALIKE:
        return [(old, "removed")], [(new, "added")]
    left: list[Piece] = []
    right: list[Piece] = []
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        mark = "" if tag == "equal" else "-word"
        left.append(("".join(one[old_from:old_to]), f"removed{mark}"))
        right.append(("".join(other[new_from:new_to]), f"added{mark}"))
    return [piece for piece in left if piece[0]], [piece for piece in right if piece[0]]


def change_beside(change: Change, before: Line, middle: int, cells: int, table: Mapping[str, str]) -> Line:
    """One changed property behind its path."""
    room = max(LEAST, middle - line_width(before) - 1)
    right_room = max(LEAST, cells - line_width(before) - room - 3)
    old = "" if change.kind == "added" else shown_text(change.old)
    new = "" if change.kind == "removed" else shown_text(change.new)
    if width(old) + 2 > room or width(new) + 2 > right_room:
        old, new = from_difference(old, new)  # enter unfolds both
    return _two(cut(old, room - 2), cut(new, right_room - 2), before, room, table, change.kind)


def _two(old: str, new: str, before: Line, room: int, table: Mapping[str, str], kind: str) -> Line:
    left, right = marked_words(old, new) if kind == "changed" else ([(old, "removed")], [(new, "added")])
    one: Line = () if kind == "added" else (("- ", "removed"), *left)
    other: Line = () if kind == "removed" else (("+ ", "added"), *right)
    one = fit_line(one, room)
    return (*before, *one, (" " * (room - line_width(one)), ""), (f" {table['bar']} ", "guide"), *other)


def paired_lines(change: Change) -> Iterable[tuple[str, str, str]]:
    """A long value line by line: how the two differ (``=``, ``-``, ``+``, ``~``), the old line, the new one."""
    old = shown_lines(change.old) if change.kind != "added" else []
    new = shown_lines(change.new) if change.kind != "removed" else []
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    signs = {"equal": "=", "replace": "~", "delete": "-", "insert": "+"}
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        pairs = itertools.zip_longest(old[old_from:old_to], new[new_from:new_to])
        for left, right in pairs:
            sign = signs[tag] if None not in (left, right) else "-" if right is None else "+"
            yield sign, left or "", right or ""


def line_beside(sign: str, old: str, new: str, indent: str, middle: int, cells: int, table: Mapping[str, str]) -> Line:
    """One line of a long value."""
    before: Line = ((indent, ""),)
    room = max(LEAST, middle - len(indent) - 1)
    old, new = cut(old, room - 2), cut(new, max(LEAST, cells - len(indent) - room - 3) - 2)
    if sign == "=":
        bar = (f" {table['bar']} ", "guide")
        return (*before, ("  " + old, "dim"), (" " * (room - 2 - width(old)), ""), bar, ("  " + new, "dim"))
    kind = {"-": "removed", "+": "added"}.get(sign, "changed")
    return _two(old, new, before, room, table, kind)
