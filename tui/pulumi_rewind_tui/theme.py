"""Themes and the roles that text can have.

Views say what a piece of text *is*; here stands how that looks in each theme. Hues of the colour-blind safe
theme follow the palette of Okabe and Ito (blue against orange instead of green against red).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from rich.style import Style
from textual.app import App
from textual.theme import Theme

from pulumi_rewind.errors import UsageError

ROLES: tuple[str, ...] = (
    "", "dim", "bold", "title", "key", "create", "update", "delete", "replace", "rename", "return", "discard", "hold",
    "same", "import", "read", "secret", "unknown", "hazard", "warn", "ok", "failed", "running", "waiting", "added",
    "removed", "removed-word", "added-word", "changed", "star", "commit", "live", "tag", "path", "link", "match",
    "guide",
)  # fmt: skip

_DARK: Mapping[str, str] = {
    "green": "#7fd18f", "red": "#ff7f89", "yellow": "#e3c078", "purple": "#cf9ff5", "orange": "#ffae5c",
    "blue": "#82aaff", "cyan": "#6cc7d1", "gold": "#ffd866", "grey": "#98a1b3", "faint": "#646f84",
}  # fmt: skip
_LIGHT: Mapping[str, str] = {
    "green": "#136c2e", "red": "#b8232a", "yellow": "#805300", "purple": "#6f42c1", "orange": "#a23f00",
    "blue": "#0a52bd", "cyan": "#0a6373", "gold": "#855c00", "grey": "#57606d", "faint": "#868d98",
}  # fmt: skip
_SAFE: Mapping[str, str] = {
    "green": "#56b4e9", "red": "#f0903c", "yellow": "#f0e442", "purple": "#e59ac4", "orange": "#ffb000",
    "blue": "#8cc8ff", "cyan": "#4fd1b0", "gold": "#f0e442", "grey": "#9ba3b3", "faint": "#667086",
}  # fmt: skip

_COLOURS: Mapping[str, Mapping[str, str]] = {"dark": _DARK, "light": _LIGHT, "colour-blind": _SAFE}

_FEW: Mapping[str, Mapping[str, int]] = {
    "dark": {"green": 10, "red": 9, "yellow": 11, "purple": 13, "orange": 3, "blue": 12, "cyan": 14, "gold": 11,
             "grey": 7, "faint": 8},
    "light": {"green": 2, "red": 1, "yellow": 3, "purple": 5, "orange": 9, "blue": 4, "cyan": 6, "gold": 3,
              "grey": 8, "faint": 8},
    "colour-blind": {"green": 14, "red": 3, "yellow": 11, "purple": 13, "orange": 9, "blue": 12, "cyan": 6, "gold": 11,
                     "grey": 7, "faint": 8},
}  # fmt: skip
"""The hues by their numbers among the 16 colours of every terminal."""

_CURSOR: Mapping[bool, str] = {True: "#26324a", False: "#d7e3f8"}
"""What the cursor's row stands on, in dark themes and others."""

NAMES: tuple[str, ...] = tuple(_COLOURS)


PREFIX: Final = "rewind-"
"""Before our names in those that Textual knows."""


def theme_name(setting: str) -> str:
    """The name Textual knows one of ours by.

    Raises:
        UsageError: there is no such theme.
    """
    name = setting.replace("_", "-").replace("color", "colour")
    if name not in _COLOURS:
        raise UsageError(f"there is no theme {setting!r}", hint=f"The themes are {', '.join(NAMES)}.")
    return PREFIX + name


def themes() -> tuple[Theme, ...]:
    """All themes, for `App.register_theme`."""
    return (
        _theme("dark", background="#10141b", surface="#141922", panel="#1c2330", foreground="#d6dbe5"),
        _theme("light", background="#fcfcfa", surface="#f6f6f2", panel="#e9e9e3", foreground="#22262e", dark=False),
        _theme("colour-blind", background="#10131a", surface="#151a23", panel="#1f2735", foreground="#e0e4ec"),
    )


def _theme(name: str, *, background: str, surface: str, panel: str, foreground: str, dark: bool = True) -> Theme:
    colour = _COLOURS[name]
    return Theme(
        name=f"rewind-{name}",
        primary=colour["blue"],
        secondary=colour["cyan"],
        warning=colour["orange"],
        error=colour["red"],
        success=colour["green"],
        accent=colour["gold"],
        foreground=foreground,
        background=background,
        surface=surface,
        panel=panel,
        dark=dark,
        variables={
            "rewind-border": colour["faint"],
            "rewind-border-focus": colour["blue"],
            "rewind-dim": colour["grey"],
            "rewind-cursor": _CURSOR[dark],
            "rewind-cursor-blur": "#1b2230" if dark else "#ecece6",
            "scrollbar": colour["faint"],
            "scrollbar-hover": colour["grey"],
            "scrollbar-active": colour["blue"],
            "scrollbar-background": background,
            "scrollbar-background-hover": background,
            "scrollbar-background-active": background,
            "scrollbar-corner-color": background,
            "block-cursor-background": _CURSOR[dark],
            "block-cursor-foreground": foreground,
            "block-cursor-text-style": "bold",
        },
    )


@lru_cache(maxsize=1)
def few_colours() -> Mapping[str, int]:
    """Our colours by what they become where there are 16."""
    hues = {colour: _FEW[name][hue] for name, colours in _COLOURS.items() for hue, colour in colours.items()}
    return hues | {_CURSOR[True]: 8, _CURSOR[False]: 7}


@lru_cache(maxsize=16)
def role_styles(name: str) -> Mapping[str, Style]:
    """Foreground styles by role for a theme of ours (or, for Textual's own themes, for dark)."""
    colour = _COLOURS.get(name.removeprefix("rewind-"), _DARK)

    def ink(hue: str, *, bold: bool = False) -> Style:
        return Style(color=colour[hue], bold=bold or None)

    return {
        "": Style(),
        "dim": ink("grey"),
        "guide": ink("faint"),
        "bold": Style(bold=True),
        "title": ink("blue", bold=True),
        "key": ink("blue", bold=True),
        "create": ink("green"),
        "added": ink("green"),
        "ok": ink("green"),
        "update": ink("yellow"),
        "changed": ink("yellow"),
        "delete": ink("red"),
        "removed": ink("red"),
        "removed-word": ink("red", bold=True) + Style(underline=True),
        "added-word": ink("green", bold=True) + Style(underline=True),
        "failed": ink("red", bold=True),
        "replace": ink("purple", bold=True),
        "rename": ink("cyan"),
        "return": ink("green"),
        "discard": ink("grey"),
        "hold": ink("cyan"),
        "import": ink("cyan"),
        "read": ink("grey"),
        "same": ink("grey"),
        "secret": ink("purple"),
        "unknown": ink("cyan"),
        "hazard": ink("orange", bold=True),
        "warn": ink("yellow"),
        "live": ink("cyan", bold=True),
        "running": ink("cyan", bold=True),
        "waiting": ink("grey"),
        "star": ink("gold", bold=True),
        "commit": ink("cyan"),
        "tag": ink("gold"),
        "path": Style(),
        "link": ink("blue"),
        "match": Style(reverse=True),
    }


class ThemedApp(App[int]):
    """An application whose theme is set before its first screen is there."""

    def refresh_css(self, animate: bool = True) -> None:
        """Before the first screen is there, nothing has a style yet that would be another one with the theme."""
        if self.screen_stack:
            super().refresh_css(animate)
        else:
            self.stylesheet.set_variables(self.get_css_variables())
            self.stylesheet.update(self, animate=animate)
