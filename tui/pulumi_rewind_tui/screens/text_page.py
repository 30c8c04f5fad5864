"""Pages of text that scroll: details, help, errors and blame share this."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from pulumi_rewind_tui.widgets.cells import Line, plain, width, wrap_words
from pulumi_rewind_tui.widgets.lines import LinesView

Build: TypeAlias = Callable[[int], Sequence[Line]]
"""Makes the lines for a width in cells."""


class TextView(LinesView):
    """Lines that are made anew for each width; no cursor."""

    show_cursor = False

    def __init__(self, build: Build, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._build = build
        self._lines: Sequence[Line] = ()
        self._for_width = -1

    def show(self, build: Build) -> None:
        """Replaces the text."""
        self._build = build
        self._for_width = -1
        self.changed()

    @property
    def text(self) -> str:
        """All of it as plain text."""
        return "\n".join(plain(line) for line in self._built())

    def _built(self) -> Sequence[Line]:
        cells = self.scrollable_content_region.width
        if cells != self._for_width:
            self._for_width = cells
            self._lines = self._build(max(20, cells))
        return self._lines

    def count(self) -> int:
        """How many lines."""
        return len(self._built())

    def line(self, index: int, width: int) -> Line:
        """One line."""
        return self._built()[index]


def paragraph(text: str, cells: int, role: str = "", *, indent: int = 0) -> list[Line]:
    """Text broken at words, indented."""
    margin = " " * indent
    return [((margin + piece, role),) for piece in wrap_words(text, max(10, cells - indent))]


def heading(text: str) -> list[Line]:
    """A blank line and a heading."""
    return [((("", ""),)), ((text, "title"),)]


def facts(pairs: Sequence[tuple[str, str]], cells: int) -> list[Line]:
    """Names and values in two columns; empty values are left out."""
    shown = [(name, value) for name, value in pairs if value]
    column = min(52, max((width(name) for name, _ in shown), default=0)) + 2
    lines: list[Line] = []
    for name, value in shown:
        pieces = wrap_words(value, max(10, cells - column - 2))
        lines.append((("  " + name.ljust(column), "dim"), (pieces[0], "")))
        lines.extend(((" " * (column + 2) + piece, ""),) for piece in pieces[1:])
    return lines
