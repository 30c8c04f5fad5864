"""Themes: every role can be read in each of them, and the pictures of the light one show every colour it has."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.color import Color
from textual.theme import Theme

from pulumi_rewind_tui.theme import ROLES, role_styles, themes
from tests.support.tui.pictures import colours

SNAPSHOTS = Path(__file__).parent / "__snapshots__"
THEMES = {theme.name: theme for theme in themes()}
READABLE = 4.5
"""The contrast that WCAG 2 asks of text."""
MARKED = 3.0
"""What it asks of large text; enough for bars, boxes and the row that the cursor is on."""
DECORATION = {"guide"}
"""Lines, not text."""


def grounds(theme: Theme) -> dict[str, str]:
    """What text may stand on."""
    fixed = {"background": theme.background, "surface": theme.surface, "panel": theme.panel}
    cursors = {name: theme.variables[name] for name in ("rewind-cursor", "rewind-cursor-blur")}
    return {name: colour for name, colour in (fixed | cursors).items() if colour}


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
    theme = THEMES[name]
    assert theme.foreground is not None
    poor = {}
    for role in sorted(set(ROLES) - DECORATION):
        ink = role_styles(name)[role].color
        text = theme.foreground if ink is None else ink.get_truecolor().hex
        for ground, colour in grounds(theme).items():
            wanted = READABLE if ground == "background" else MARKED
            if (found := contrast(text, colour)) < wanted:
                poor[role, ground] = round(found, 2)
    assert poor == {}
