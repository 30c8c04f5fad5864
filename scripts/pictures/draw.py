"""Draws grids as pictures. Needs Pillow and the font of ``requirements.lock`` beside this file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from PIL import Image, ImageColor, ImageDraw, ImageFont

from scripts.pictures.grid import Cell, Grid
from scripts.pictures.strokes import ARMS, BLOCKS, ROUND, is_drawn

FONT: Final = "rinoh_typeface_dejavusansmono"
UNKNOWN: Final = "\U0010fffd"
ASPECT: Final = 2.1
"""Height of a cell by its width."""
FINE: Final = 4
"""Shapes are drawn so much larger, then reduced: their edges get smooth."""

EXACT: Final = 112
"""So many of a palette's 256 colours are those of cells."""


class Painter:
    """Draws with cells of one width in pixels."""

    def __init__(self, width: int) -> None:
        self.width, self.height = width, round(width * ASPECT)
        spec = find_spec(FONT)
        if spec is None or spec.origin is None:
            raise SystemExit("the font is not installed: run `make pictures`")
        folder = Path(spec.origin).parent
        size = width / 0.602  # what a cell of this font is wide, by its size
        self.fonts = {
            bold: ImageFont.truetype(str(folder / f"DejaVuSansMono{'-Bold' if bold else ''}.ttf"), size)
            for bold in (False, True)
        }
        self.mask = lru_cache(maxsize=None)(self._mask)

    def picture(self, grid: Grid, caption: tuple[str, str] | None = None) -> Image.Image:
        """A screen in a window; under it, if given, the key that was pressed and what happens."""
        bar, edge = self.height + self.height // 2, self.width
        columns, rows = max(map(len, grid.rows)), len(grid.rows)
        size = (columns * self.width + 2 * edge, rows * self.height + bar + edge + (2 * self.height if caption else 0))
        image = Image.new("RGB", size, grid.paper)
        pen = ImageDraw.Draw(image)
        for place, colour in enumerate(("#ff5f57", "#febc2e", "#28c840")):
            left, radius = edge + place * 2 * self.width, self.width * 0.55
            pen.ellipse((left, bar / 2 - radius, left + 2 * radius, bar / 2 + radius), fill=colour)
        title = "pulumi-rewind"
        self._text(
            image, title, (size[0] - len(title) * self.width) // 2, (bar - self.height) // 2, grid.ink, grid.paper
        )
        for y, row in enumerate(grid.rows):
            for x, cell in enumerate(row):
                self._cell(image, cell, edge + x * self.width, bar + y * self.height)
        if caption:
            self._caption(image, grid, caption, edge, bar + rows * self.height)
        pen.rectangle((0, 0, size[0] - 1, size[1] - 1), outline=grid.frame, width=max(1, self.width // 8))
        return image

    def _caption(self, image: Image.Image, grid: Grid, caption: tuple[str, str], left: int, top: int) -> None:
        key, words = caption
        top += self.height * 3 // 4
        if key:
            width = (len(key) + 2) * self.width
            box = (left, top - self.height // 6, left + width, top + self.height + self.height // 6)
            ImageDraw.Draw(image).rounded_rectangle(box, self.width // 2, fill=grid.accent)
            self._text(image, key, left + self.width, top, grid.paper, grid.accent, bold=True)
            left += width + self.width
        self._text(image, words, left, top, grid.ink, grid.paper, bold=True)

    def _text(
        self, image: Image.Image, text: str, left: int, top: int, ink: str, paper: str, *, bold: bool = False
    ) -> None:
        for place, character in enumerate(text):
            self._cell(image, Cell(character, ink, paper, bold), left + place * self.width, top)

    def _cell(self, image: Image.Image, cell: Cell, left: int, top: int) -> None:
        box = (left, top, left + self.width, top + self.height)
        image.paste(cell.paper, box)
        if cell.text.strip():
            image.paste(cell.ink, (left, top), self.mask(cell.text, cell.bold))
        if cell.underline:
            image.paste(
                cell.ink, (left, box[3] - self.height // 8, box[2], box[3] - self.height // 8 + self.width // 8)
            )

    def _mask(self, character: str, bold: bool) -> Image.Image:
        if is_drawn(character):
            return self._shape(character)
        font = self.fonts[bold]
        if bytes(font.getmask(character)) == bytes(font.getmask(UNKNOWN)):
            raise SystemExit(f"the font has no {character!r} (U+{ord(character):04X})")
        mask = Image.new("L", (self.width, self.height))
        ascent, descent = font.getmetrics()
        ImageDraw.Draw(mask).text((0, (self.height - ascent - descent) / 2 + ascent), character, 255, font, anchor="ls")
        return mask

    def _shape(self, character: str) -> Image.Image:
        width, height = self.width * FINE, self.height * FINE
        mask = Image.new("L", (width, height))
        pen = ImageDraw.Draw(mask)
        if block := BLOCKS.get(character):
            pen.rectangle(
                (block.left * width, block.top * height, block.right * width - 1, block.bottom * height - 1), fill=255
            )
            return mask.reduce(FINE)
        thick = max(1, round(self.width / 8)) * FINE
        left, top = (self.width * FINE - thick) // 2 // FINE * FINE, (height - thick) // 2 // FINE * FINE
        right, bottom = left + thick - 1, top + thick - 1
        arms = ARMS.get(character) or ROUND[character]
        bend = self.width * FINE // 2 if character in ROUND else 0
        ends = {
            "u": (left, 0, right, bottom - bend), "d": (left, top + bend, right, height),
            "l": (0, top, right - bend, bottom), "r": (left + bend, top, width, bottom),
        }  # fmt: skip
        for arm in arms:
            pen.rectangle(ends[arm], fill=255)
        if bend:
            x = left + bend if "r" in arms else right - bend
            y = top + bend if "d" in arms else bottom - bend
            reach = bend
            start = {"rd": 180, "ld": 270, "ul": 0, "ur": 90}[arms]
            pen.arc((x - reach, y - reach, x + reach, y + reach), start, start + 90, fill=255, width=thick)
        return mask.reduce(FINE)


def save_still(picture: Image.Image, grid: Grid, path: Path) -> None:
    """A PNG with as many colours as a terminal's screen has."""
    picture.quantize(palette=_palette(picture, [grid]), dither=Image.Dither.NONE).save(path, optimize=True)


def save_film(pictures: Sequence[Image.Image], grids: Sequence[Grid], seconds: Sequence[float], path: Path) -> None:
    """A GIF that runs for ever, in one palette for all frames, so that equal parts of them stay equal."""
    width, height = pictures[0].width // 2, pictures[0].height // 2
    wall = Image.new("RGB", (width, height * len(pictures)))
    for place, picture in enumerate(pictures):
        wall.paste(picture.resize((width, height), Image.Resampling.NEAREST), (0, place * height))
    palette = _palette(wall, grids)
    frames = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    durations = [round(each * 100) * 10 for each in seconds]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations, loop=0, optimize=True, disposal=1)


def _palette(picture: Image.Image, grids: Sequence[Grid]) -> Image.Image:
    """The colours of the cells exactly; the rest of the 256 stand for all between them."""
    count = Counter(colour for grid in grids for row in grid.rows for cell in row for colour in (cell.ink, cell.paper))
    exact = [value for colour, _ in count.most_common(EXACT) for value in ImageColor.getrgb(colour)]
    between = picture.quantize(256 - EXACT, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    palette = Image.new("P", (1, 1))
    palette.putpalette(exact + (between.getpalette() or []))
    return palette
