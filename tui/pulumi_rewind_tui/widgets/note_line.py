"""One line of inert text that says how things stand."""

from __future__ import annotations

from rich.text import Text
from textual.widget import Widget

from pulumi_rewind_tui.text.cells import Line, plain
from pulumi_rewind_tui.widgets.text_block import drawn


class NoteLine(Widget):
    """Shows spans by their roles, cut to the width."""

    def __init__(self, line: Line = (), *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._line: Line = line

    def show(self, line: Line) -> None:
        """Replaces the text."""
        if line != self._line:
            self._line = line
            self.refresh()

    @property
    def text(self) -> str:
        """What it says, without colours."""
        return plain(self._line)

    def render(self) -> Text:
        """The line."""
        return drawn([self._line], self.size.width, self.app.theme)
