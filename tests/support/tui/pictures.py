"""Which pictures are taken of the screens, and the colours in a picture."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

WIDE = (120, 40)
SIZES = (WIDE, (80, 24))

_TEXT = re.compile(r"\.terminal-r\d+ \{ fill: (#[0-9a-f]{6})([^}]*)\}")
_GROUND = re.compile(r'<rect fill="(#[0-9a-f]{6})"')


def pictures(screens: Iterable[str], light: Collection[str]) -> list[Any]:
    """Every screen in both sizes, in dark; of some one more in light: those have every colour, see `test_theme.py`."""
    dark = [(screen, size, "dark") for screen in screens for size in SIZES]
    return [
        pytest.param(screen, size, theme, id=f"{screen}-{size[0]}x{size[1]}-{theme}")
        for screen, size, theme in [*dark, *((screen, WIDE, "light") for screen in light)]
    ]


@dataclass
class Colours:
    """What a picture shows in which colour."""

    text: set[tuple[str, bool]]
    """Colours of text, and whether it is bold."""
    ground: set[str]
    """Colours behind text."""


def colours(paths: Iterable[Path]) -> Colours:
    """The colours of several pictures together."""
    found = Colours(set(), set())
    for path in paths:
        svg = path.read_text()
        found.text |= {(colour, "bold" in more) for colour, more in _TEXT.findall(svg)}
        found.ground |= set(_GROUND.findall(svg))
    return found
