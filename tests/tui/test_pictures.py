"""The pictures of README and docs: which there are, and what they are drawn from. Nothing here needs Pillow."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from textual.app import App, ComposeResult
from textual.widgets import Static

from pulumi_rewind_tui.words.symbols import UNICODE
from scripts.lockfile import pins
from scripts.pictures import film, stills
from scripts.pictures.grid import grid_of
from scripts.pictures.strokes import ARMS, BLOCKS, ROUND, is_drawn
from tests.support.tui.shop import Shop, settle

ROOT = Path(__file__).parents[2]
MADE = {f"{name}.png" for name in stills.NAMES} | {film.NAME}
BY_THE_BENCH = ROOT / "docs" / "growth.svg"
"""See `tests.core.test_growth`."""


def test_readme_and_docs_show_the_pictures_that_are_made() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    shown = {
        (page.parent / name).resolve()
        for page in pages
        for name in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text())
    }
    assert shown == {ROOT / "screenshots" / name for name in MADE} | {BY_THE_BENCH}


def test_the_pictures_of_the_repository_are_those() -> None:
    assert {path.name for path in (ROOT / "screenshots").iterdir()} == MADE
    assert (ROOT / "screenshots" / film.NAME).stat().st_size < 1_500_000


def test_what_draws_them_is_pinned() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    locked = pins((ROOT / "scripts/pictures/requirements.lock").read_text())
    asked = [Requirement(text) for text in groups["pictures"]]
    assert {each.name for each in asked} == set(locked)
    for each in asked:
        assert each.specifier.contains(locked[each.name].version)
        assert locked[each.name].hashes


async def test_a_screen_is_taken_cell_by_cell(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        grid = grid_of(app)
        theme = app.available_themes[app.theme]
    assert {len(row) for row in grid.rows} == {120}
    assert len(grid.rows) == 36
    assert "Timeline" in grid.text
    assert grid.paper == theme.background
    corner = next(cell for row in grid.rows for cell in row if cell.text == "╭")
    assert corner.ink == theme.primary, "the pane with the focus"
    assert corner.paper == theme.background
    lines = {cell.text for row in grid.rows for cell in row if "\u2500" <= cell.text <= "\u259f"}
    assert lines >= set("╭╮╰╯─│")
    assert all(is_drawn(character) for character in lines), "what the font draws may leave gaps"


class Glyphs(App[None]):
    """All symbols, a letter of two cells, and styles."""

    def compose(self) -> ComposeResult:
        yield Static("".join(UNICODE.values()), markup=False)
        yield Static("漢[reverse]r[/][u]u[/][b]b[/]")


async def test_every_symbol_comes_through_in_its_style() -> None:
    app = Glyphs()
    async with app.run_test(size=(80, 3)):
        symbols, row, _ = grid_of(app).rows
    assert "".join(cell.text for cell in symbols).strip() == "".join(UNICODE.values())
    wide, rest, reverse, underlined, bold = row[:5]
    assert (wide.text, rest.text) == ("漢", "")
    assert (reverse.text, reverse.ink, reverse.paper) == ("r", bold.paper, bold.ink)
    assert (underlined.text, underlined.underline, bold.text, bold.bold) == ("u", True, "b", True)


def test_lines_run_to_the_edges_and_blocks_fill_their_part() -> None:
    assert {arm for arms in (*ARMS.values(), *ROUND.values()) for arm in arms} == set("udlr")
    assert sorted(ROUND.values()) == sorted(ARMS[corner] for corner in "┌┐└┘")
    for block in BLOCKS.values():
        assert 0 <= block.left < block.right <= 1
        assert 0 <= block.top < block.bottom <= 1
    assert (BLOCKS["█"].left, BLOCKS["█"].top, BLOCKS["█"].right, BLOCKS["█"].bottom) == (0, 0, 1, 1)
