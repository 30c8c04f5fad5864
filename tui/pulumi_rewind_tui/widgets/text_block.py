"""Inert text that is as high as it needs to be for its width; for dialogs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.geometry import Size
from textual.widget import Widget

from pulumi_rewind_tui.text.cells import Build, Line, join, shown_line
from pulumi_rewind_tui.theme import role_styles


def drawn(lines: Sequence[Line], cells: int, theme: str) -> Text:
    """Lines as they look in a theme, each cut to the width."""
    styles = role_styles(theme)
    text = Text(no_wrap=True, end="", overflow="crop")
    for index, line in enumerate(lines):
        text.append("\n" if index else "")
        for part, role in shown_line(line, cells):
            text.append(part, styles.get(role))
    return text


class TextBlock(Widget):
    """Lines that are rebuilt for each width; they don't scroll."""

    DEFAULT_CSS = "TextBlock { height: auto; width: 1fr; }"

    def __init__(self, build: Build, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._build = build

    def show(self, build: Build) -> None:
        """Replaces the text."""
        self._build = build
        self.refresh(layout=True)

    @property
    def text(self) -> str:
        """All of it as plain text."""
        return join(self._lines(self.size.width))

    def _lines(self, cells: int) -> Sequence[Line]:
        return self._build(max(20, cells))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One row a line."""
        return len(self._lines(width))

    def render(self) -> Text:
        """The lines."""
        return drawn(self._lines(self.size.width), self.size.width, self.app.theme)
