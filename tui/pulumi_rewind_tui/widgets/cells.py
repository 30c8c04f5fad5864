"""Text as terminal cells: harmless, measured, cut and padded.

Everything a state, a commit or an engine says is shown through here, so that escape sequences, markup,
bidirectional controls and wide characters can't change anything but their own cells.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import TypeAlias

from rich.cells import cell_len, set_cell_size

Span: TypeAlias = tuple[str, str]
"""A piece of text and its role (see `theme.ROLES`)."""

Line: TypeAlias = tuple[Span, ...]
"""What one row of a view shows."""

ELLIPSIS = "…"

_KEPT_FORMATS = frozenset("\u200c\u200d")
"""Joiners, without which emoji and some scripts fall apart; harmless on their own."""

_CONTROLS = {code: chr(0x2400 + code) for code in range(32)} | {10: "⏎", 9: "⇥", 127: "␡"}


def inert(text: str) -> str:
    """The text on one line with every control character made visible."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(char) for char in text)


def _visible(char: str) -> str:
    code = ord(char)
    if code in _CONTROLS:
        return _CONTROLS[code]
    if code < 127:
        return char
    category = unicodedata.category(char)
    if category in ("Cc", "Cs", "Zl", "Zp") or (category == "Cf" and char not in _KEPT_FORMATS):
        return f"‹U+{code:04X}›"
    return char


def width(text: str) -> int:
    """How many terminal cells the text takes."""
    return cell_len(text)


def cut(text: str, cells: int) -> str:
    """The text, cut with ``…`` if it is wider than `cells`."""
    if cell_len(text) <= cells:
        return text
    if cells <= 1:
        return ELLIPSIS if cells == 1 else ""
    return set_cell_size(text, cells - 1).rstrip() + ELLIPSIS


def fit(text: str, cells: int) -> str:
    """The text cut or padded to exactly `cells`."""
    short = cut(text, cells)
    return short + " " * max(0, cells - cell_len(short))


def line_width(line: Line) -> int:
    """How many cells a line takes."""
    return sum(cell_len(text) for text, _ in line)


def fit_line(line: Line, cells: int) -> Line:
    """A line cut (with ``…``) to at most `cells`."""
    if line_width(line) <= cells:
        return line
    out: list[Span] = []
    left = cells - 1  # the ellipsis takes the last cell
    for text, role in line:
        size = cell_len(text)
        if size > left:
            out.append((set_cell_size(text, max(0, left)) + (ELLIPSIS if cells > 0 else ""), role))
            break
        out.append((text, role))
        left -= size
    return tuple(out)


def plain(line: Line) -> str:
    """The text of a line without its roles."""
    return "".join(text for text, _ in line)


def wrap(text: str, cells: int) -> list[str]:
    """The text broken into pieces of at most `cells`, by cells and not by words."""
    if cells < 2:
        return [text]
    lines: list[str] = []
    current: list[str] = []
    size = 0
    for char in text:
        char_size = cell_len(char)
        if size + char_size > cells:
            lines.append("".join(current))
            current, size = [], 0
        current.append(char)
        size += char_size
    lines.append("".join(current))
    return lines


def wrap_words(text: str, cells: int) -> list[str]:
    """A paragraph broken at spaces where that is possible."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        text = inert(paragraph)
        current = ""
        margin = min(len(text) - len(text.lstrip(" ")), cells // 2)
        if margin:
            current, text = " " * (margin - 1), text.lstrip(" ")
        for word in text.split(" "):
            joined = f"{current} {word}" if current else word
            if cell_len(joined) <= cells:
                current = joined
                continue
            if current:
                lines.append(current)
            pieces = wrap(word, cells)
            lines.extend(pieces[:-1])
            current = pieces[-1]
        lines.append(current)
    return lines


def join(lines: Iterable[Line]) -> str:
    """Lines as plain text."""
    return "\n".join(plain(line) for line in lines)
