"""An inert note that says how things stand, in one line or, where it may be higher, in as many as it takes."""

from __future__ import annotations

from rich.text import Text
from textual.geometry import Size
from textual.widget import Widget

from pulumi_rewind_tui.text.cells import Line, plain, wrap_line
from pulumi_rewind_tui.widgets.text_block import drawn


class NoteLine(Widget):
    """Shows spans by their roles: cut to the width if it is one row high, wrapped if its height is `auto`."""

    def __init__(self, line: Line = (), *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._line: Line = line

    def show(self, line: Line) -> None:
        """Replaces the text."""
        if line != self._line:
            self._line = line
            self.refresh(layout=self.styles.auto_dimensions)

    @property
    def text(self) -> str:
        """What it says, without colours."""
        return plain(self._line)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As high as it needs to be."""
        return len(wrap_line(self._line, width))

    def render(self) -> Text:
        """The note."""
        cells = self.size.width
        lines = [self._line] if self.size.height <= 1 else wrap_line(self._line, cells)
        return drawn(lines, cells, self.app.theme)
