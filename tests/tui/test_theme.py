"""Themes: every role can be read in each of them, and the pictures of the light one show every colour it has."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.color import Color as Ink
from rich.color import ColorSystem
from rich.style import Style
from textual.color import Color
from textual.theme import Theme

from pulumi_rewind_tui.theme import ROLES, role_styles, themes
from pulumi_rewind_tui.widgets.few_colours_filter import FewColoursFilter, few
from scripts.pictures.grid import grid_of
from scripts.pictures.strokes import is_drawn
from tests.support.tui.pictures import colours
from tests.support.tui.shop import Shop, settle

SNAPSHOTS = Path(__file__).parent / "__snapshots__"
THEMES = {theme.name: theme for theme in themes()}
READABLE = 4.5
"""The contrast that WCAG 2 asks of text."""
MARKED = 3.0
"""What it asks of lines: borders of panes."""
DECORATION = {"guide"}
"""Lines, not text."""


def grounds(theme: Theme) -> dict[str, str]:
    """What text may stand on."""
    fixed = {"background": theme.background, "surface": theme.surface, "panel": theme.panel}
    cursors = {name: theme.variables[name] for name in ("rewind-cursor", "rewind-cursor-blur")}
    return {name: colour for name, colour in (fixed | cursors).items() if colour}


def inks(name: str) -> dict[str, str]:
    """The colour of each role's text."""
    plain = THEMES[name].foreground
    assert plain is not None
    styles = {role: role_styles(name)[role] for role in sorted(set(ROLES) - DECORATION)}
    return {role: plain if style.color is None else style.color.get_truecolor().hex for role, style in styles.items()}


def standard(colour: str) -> int | None:
    """Which of 16 colours a terminal that has no more shows."""
    return Ink.parse(colour).downgrade(ColorSystem.STANDARD).number


def luminance(colour: str) -> float:
    """As WCAG 2 defines it."""
    parts = Color.parse(colour).normalized
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """From 1 (the same) to 21 (black and white)."""
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


def test_the_light_pictures_show_every_style_of_the_theme() -> None:
    theme = THEMES["rewind-light"]
    shown = colours(SNAPSHOTS.rglob("*-light].svg"))
    styles = {role: style for role, style in role_styles(theme.name).items() if style.color is not None}
    assert len(styles) > 20
    missing = [
        role
        for role, style in styles.items()
        if (style.color.get_truecolor().hex, bool(style.bold)) not in shown.text  # type: ignore[union-attr]
    ]
    missing += [name for name, colour in grounds(theme).items() if colour not in shown.ground]
    missing += [] if theme.foreground in shown.ground else ["match"]
    assert missing == []


@pytest.mark.parametrize("name", THEMES)
def test_every_role_has_a_style(name: str) -> None:
    assert set(role_styles(name)) == set(ROLES)


@pytest.mark.parametrize("name", THEMES)
def test_every_role_can_be_read_on_every_ground(name: str) -> None:
    poor = {}
    for role, ink in inks(name).items():
        for ground, colour in grounds(THEMES[name]).items():
            if (found := contrast(ink, colour)) < READABLE:
                poor[role, ground] = round(found, 2)
    assert poor == {}


@pytest.mark.parametrize("name", THEMES)
def test_borders_can_be_seen_and_buttons_can_be_read(name: str) -> None:
    theme = THEMES[name]
    assert theme.background is not None
    for border in ("rewind-border", "rewind-border-focus"):
        assert contrast(theme.variables[border], theme.background) >= MARKED, border
    for button in (theme.primary, theme.error):
        assert button is not None
        assert contrast(theme.background, button) >= READABLE, "of a button with the focus"


@pytest.mark.parametrize("name", THEMES)
def test_no_text_vanishes_in_16_colours(name: str) -> None:
    behind = {standard(colour) for colour in grounds(THEMES[name]).values()}
    assert [role for role, ink in inks(name).items() if standard(ink) in behind] == []


@pytest.mark.parametrize("name", THEMES)
async def test_all_that_a_screen_shows_can_be_read(name: str, shop: Shop) -> None:
    poor = set()
    async with shop.app(theme=name.removeprefix("rewind-")).run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for key in ("j", "slash", "escape"):
            await pilot.press(key)
            await settle(pilot)
            for row in grid_of(pilot.app).rows:
                for cell in row:
                    if cell.text.strip() and not is_drawn(cell.text) and contrast(cell.ink, cell.paper) < READABLE:
                        poor.add((cell.text, cell.ink, cell.paper))
    assert poor == set()


HUES = ("create", "delete", "update", "replace", "title", "rename", "hazard", "dim")
"""Roles that say different things by their colours."""


@pytest.mark.parametrize("name", THEMES)
def test_where_there_are_16_colours_hues_stay_apart(name: str) -> None:
    styles = role_styles(name)
    numbers = {role: few(styles[role]).color.number for role in HUES}  # type: ignore[union-attr]
    assert None not in numbers.values()
    assert len(set(numbers.values())) == len(HUES), numbers
    cursor = few(styles["guide"] + Style(bgcolor=THEMES[name].variables["rewind-cursor"]))
    assert cursor.color is not None
    assert cursor.bgcolor is not None
    assert cursor.color.number != cursor.bgcolor.number


@pytest.mark.parametrize(("system", "no_color", "expected"), [
    ("standard", False, True), ("truecolor", False, False), ("standard", True, False),
])  # fmt: skip
def test_16_colours_are_used_where_the_terminal_has_no_more(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, system: str, no_color: bool, expected: bool
) -> None:
    monkeypatch.setattr("textual.constants.COLOR_SYSTEM", system)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    filters = shop.app().get_line_filters()
    assert any(isinstance(each, FewColoursFilter) for each in filters) is expected
