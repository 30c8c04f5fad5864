"""The last thing before the terminal where it has ASCII alone: every symbol and frame becomes one ASCII character."""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from pulumi_rewind_tui.words.symbols import ONE_CELL


class AsciiFilter(LineFilter):
    """Turns what we and Textual draw into ASCII, cell for cell; letters of other scripts, which are values, stay."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """One row of a widget."""
        return [Segment(text.translate(ONE_CELL), style, control) for text, style, control in segments]
