"""Where the terminal has 16 colours: each hue of the themes becomes a colour of its own, not the nearest grey."""

from __future__ import annotations

from functools import lru_cache

from rich.color import Color as Ink
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from pulumi_rewind_tui.theme import few_colours

GREY, DARK_GREY, BLUE, BRIGHT_CYAN = 7, 8, 12, 14


class FewColoursFilter(LineFilter):
    """Turns the colours of our themes into those that every terminal has; others become the nearest, as ever."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """One row of a widget."""
        return [Segment(text, style and few(style), control) for text, style, control in segments]


@lru_cache(maxsize=2048)
def few(style: Style) -> Style:
    """A style in 16 colours; text keeps apart from what it stands on."""
    known = few_colours()
    ink, ground = (
        None if colour is None or colour.triplet is None else known.get(colour.triplet.hex)
        for colour in (style.color, style.bgcolor)
    )
    if ground == DARK_GREY:  # the cursor's row
        ink = {DARK_GREY: GREY, BLUE: BRIGHT_CYAN}.get(ink, ink) if ink is not None else None
    changed = Style(
        color=None if ink is None else Ink.from_ansi(ink), bgcolor=None if ground is None else Ink.from_ansi(ground)
    )
    return style + changed
