"""Lines and blocks as shapes: drawn from edge to edge of their cell they always join, whatever the font."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

ARMS: Final[Mapping[str, str]] = {
    "─": "lr", "│": "ud", "┌": "rd", "┐": "ld", "└": "ur", "┘": "ul", "├": "udr", "┤": "udl", "┬": "lrd", "┴": "lru",
    "┼": "udlr", "╴": "l", "╵": "u", "╶": "r", "╷": "d",
}  # fmt: skip
"""Thin lines: to which edges they run from the middle (up, down, left, right)."""

ROUND: Final[Mapping[str, str]] = {"╭": "rd", "╮": "ld", "╰": "ur", "╯": "ul"}
"""Corners whose arms meet in an arc."""


@dataclass(frozen=True)
class Block:
    """A filled part of the cell: left, top, right, bottom as parts of its size."""

    left: float
    top: float
    right: float
    bottom: float


def _blocks() -> dict[str, Block]:
    found = {
        "▀": Block(0, 0, 1, 1 / 2),
        "▐": Block(1 / 2, 0, 1, 1),
        "▔": Block(0, 0, 1, 1 / 8),
        "▕": Block(7 / 8, 0, 1, 1),
    }
    for eighths, character in enumerate("▁▂▃▄▅▆▇█", 1):
        found[character] = Block(0, 1 - eighths / 8, 1, 1)
    for eighths, character in enumerate("▏▎▍▌▋▊▉", 1):
        found[character] = Block(0, 0, eighths / 8, 1)
    return found


BLOCKS: Final[Mapping[str, Block]] = _blocks()


def is_drawn(character: str) -> bool:
    """Whether a character is drawn as a shape; all others come from the font."""
    return character in ARMS or character in ROUND or character in BLOCKS
