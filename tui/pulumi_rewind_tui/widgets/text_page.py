"""Pages of text that scroll: details, help, errors and blame share this."""

from __future__ import annotations

from collections.abc import Sequence

from pulumi_rewind_tui.text.cells import Build, Line, join
from pulumi_rewind_tui.widgets.lines import LinesView


class TextView(LinesView):
    """Lines that are rebuilt for each width; no cursor."""

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
        return join(self._built())

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
