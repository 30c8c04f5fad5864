"""What is on the screen of a Textual application, cell by cell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.color import Color


@dataclass(frozen=True)
class Cell:
    """One cell; colours are ``#rrggbb``."""

    text: str
    ink: str
    paper: str
    bold: bool = False
    italic: bool = False
    underline: bool = False


@dataclass(frozen=True)
class Grid:
    """A screen, and the colours of its theme for what is drawn around it."""

    rows: tuple[tuple[Cell, ...], ...]
    ink: str
    paper: str
    frame: str
    accent: str

    @property
    def text(self) -> str:
        """What a person reads."""
        return "\n".join("".join(cell.text for cell in row) for row in self.rows)


def text_of(app: App[Any]) -> str:
    """The text on the screen, without its colours."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


def grid_of(app: App[Any]) -> Grid:
    """What is on the screen now."""
    colours = app.theme_variables
    plain = Cell(" ", _hex(colours["foreground"]), _hex(colours["background"]))
    rows = tuple(
        tuple(cell for segment in strip for cell in _cells(segment, plain))
        for strip in app.screen._compositor.render_strips()
    )
    return Grid(rows, plain.ink, plain.paper, _hex(colours["panel"]), _hex(colours["primary"]))


def _hex(colour: str) -> str:
    return Color.parse(colour).hex6.lower()


def _cells(segment: Segment, plain: Cell) -> list[Cell]:
    style = segment.style or Style.null()
    ink = style.color.get_truecolor().hex if style.color else plain.ink
    paper = style.bgcolor.get_truecolor().hex if style.bgcolor else plain.paper
    if style.reverse:
        ink, paper = paper, ink
    if style.dim:
        ink = Color.parse(paper).blend(Color.parse(ink), 0.6).hex6.lower()
    cell = Cell(" ", ink, paper, bool(style.bold), bool(style.italic), bool(style.underline))
    cells = []
    for character in segment.text:
        width = cell_len(character)
        if width:
            cells.append(replace(cell, text=character))
            cells.extend([replace(cell, text="")] * (width - 1))
    return cells
