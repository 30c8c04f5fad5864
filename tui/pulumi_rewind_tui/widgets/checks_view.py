"""Risks and checks of a plan; enter jumps to the resource that one is about."""

from __future__ import annotations

from collections.abc import Callable

from pulumi_rewind_tui.text.cells import Line
from pulumi_rewind_tui.text.review_page import CheckRow
from pulumi_rewind_tui.widgets.lines import LinesView


class ChecksView(LinesView):
    """Rows are made for the width; the cursor goes from entry to entry."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._build: Callable[[int], list[CheckRow]] = lambda _: []
        self._rows: list[CheckRow] = []
        self._width = -1

    def show(self, build: Callable[[int], list[CheckRow]]) -> None:
        """Replaces the rows."""
        self._build, self._width = build, -1
        self.changed()
        if not self._head(self.cursor):
            self.action_cursor_by(1)

    @property
    def rows(self) -> list[CheckRow]:
        """The rows for the width there is now."""
        cells = self.scrollable_content_region.width
        if cells != self._width:
            self._width, self._rows = cells, self._build(max(20, cells - 1))
        return self._rows

    @property
    def show_cursor(self) -> bool:  # type: ignore[override]
        """Only while one can be moved somewhere."""
        return self.has_focus and bool(self.rows)

    @property
    def current_urn(self) -> str:
        """The resource that the entry under the cursor is about."""
        return self.rows[self.cursor].urn if 0 <= self.cursor < len(self.rows) else ""

    def count(self) -> int:
        """How many rows."""
        return len(self.rows)

    def line(self, index: int, width: int) -> Line:
        """One row."""
        line = self.rows[index].line
        return line if self.show_cursor else ((" ", ""), *line)

    def watch_has_focus(self, value: bool) -> None:
        """With the focus the margin becomes the cursor's."""
        super().watch_has_focus(value)
        self.changed()

    def _head(self, index: int) -> bool:
        return 0 <= index < len(self.rows) and self.rows[index].head

    def action_cursor_by(self, rows: int) -> None:
        """Goes to the next entry in that direction."""
        step = 1 if rows > 0 else -1
        at = max(0, min(self.cursor + rows, self.count() - 1))
        wanted = at
        while 0 <= wanted < self.count() and not self._head(wanted):
            wanted += step
        if not self._head(wanted):  # beyond the last one: back to the nearest
            wanted = at
            while 0 <= wanted < self.count() and not self._head(wanted):
                wanted -= step
        if self._head(wanted):
            self.move_to(wanted)
            if wanted and wanted == next((i for i, row in enumerate(self.rows) if row.head), -1):
                self.reveal(0)  # the heading above the first entry
