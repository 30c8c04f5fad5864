"""The status bar: which stack, where, how it is."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.widget import Widget

from pulumi_rewind_tui.text.cells import Line, line_width, shown_line
from pulumi_rewind_tui.theme import role_styles


class StatusBar(Widget):
    """Pieces from the left, the most important first; the last piece stands at the right edge."""

    DEFAULT_CSS = """
    StatusBar { height: 1; dock: top; background: $panel; color: $foreground; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._pieces: tuple[Line, ...] = ()
        self._right: Line = ()

    def show(self, pieces: Sequence[Line], right: Line = ()) -> None:
        """Replaces what is shown."""
        if (tuple(pieces), right) != (self._pieces, self._right):
            self._pieces, self._right = tuple(pieces), right
            self.refresh()

    def render(self) -> Text:
        """The line: pieces that don't fit are left out, the first is cut if need be."""
        styles = role_styles(self.app.theme)
        cells = self.size.width
        text = Text(" ", no_wrap=True, end="", overflow="crop")
        used = 1
        right = self._right
        first = line_width(self._pieces[0]) if self._pieces else 0
        if first + line_width(right) + 4 > cells:
            right = ()
        room = cells - (line_width(right) + 3 if right else 1)
        for index, piece in enumerate(self._pieces):
            gap = 3 if index else 0
            size = line_width(piece)
            if index and used + gap + size > room:
                continue
            text.append(" " * gap)
            for part, role in shown_line(piece, max(0, room - used - gap)):
                text.append(part, styles.get(role))
            used += gap + min(size, max(0, room - used - gap))
        if right:
            text.append(" " * max(1, cells - used - line_width(right) - 1))
            for part, role in shown_line(right, cells):
                text.append(part, styles.get(role))
        return text
