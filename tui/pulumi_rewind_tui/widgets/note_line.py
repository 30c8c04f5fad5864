"""One line of inert text that says how things stand."""

from __future__ import annotations

from rich.text import Text
from textual.widget import Widget

from pulumi_rewind_tui.theme import role_styles
from pulumi_rewind_tui.widgets.cells import Line, fit_line, inert, plain


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
        styles = role_styles(self.app.theme)
        shown = tuple((inert(part), role) for part, role in self._line)
        text = Text(no_wrap=True, end="", overflow="crop")
        for part, role in fit_line(shown, self.size.width):
            text.append(part, styles.get(role))
        return text
