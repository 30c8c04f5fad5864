"""Lines of text for command line and screens: spans with a role; harmless, measured, cut, padded and wrapped.

Everything a state, a commit or an engine says is shown on the screens through here, so that escape sequences, markup,
bidirectional controls and wide characters can't change anything but their own cells.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

from pulumi_rewind_tui.words.symbols import UNICODE


class Span(NamedTuple):
    """A piece of text and its role: what it means, which `theme` and `terminal.writer` turn into colours."""

    text: str
    style: str = ""


Piece: TypeAlias = tuple[str, str] | str
"""A span, as a pair as well; a plain string has no role."""

Line: TypeAlias = Sequence[Piece]
"""One line of output, or one row of a view; without its end."""

Build: TypeAlias = Callable[[int], Sequence[Line]]
"""Makes the lines for a width in cells."""

ELLIPSIS = "…"

PAGE = 100
"""How wide running text is on the command line."""

_KEPT_FORMATS = frozenset("\u200c\u200d")
"""Joiners, without which emoji and some scripts fall apart; harmless on their own."""

_SYMBOLS = frozenset("".join(UNICODE.values()))

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


def _narrow(text: str) -> bool:
    """Whether every character certainly takes one cell; so for most of what a command prints rich isn't loaded."""
    return text.isprintable() and (text.isascii() or all(char < "\u0300" or char in _SYMBOLS for char in text))


def width(text: str) -> int:
    """How many terminal cells the text takes."""
    if _narrow(text):
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _first(text: str, cells: int) -> str:
    """The beginning of a text that is wider than `cells`."""
    if _narrow(text):
        return text[: max(0, cells)]
    from rich.cells import set_cell_size

    return set_cell_size(text, max(0, cells))


def cut(text: str, cells: int) -> str:
    """The text, cut with ``…`` if it is wider than `cells`."""
    if width(text) <= cells:
        return text
    if cells <= 1:
        return ELLIPSIS if cells == 1 else ""
    return _first(text, cells - 1).rstrip() + ELLIPSIS


def fit(text: str, cells: int) -> str:
    """The text cut or padded to exactly `cells`."""
    short = cut(text, cells)
    return short + " " * max(0, cells - width(short))


def spans(line: Line) -> tuple[Span, ...]:
    """The pieces of a line, each with its role."""
    return tuple(Span(piece) if isinstance(piece, str) else Span(*piece) for piece in line)


def line_width(line: Line) -> int:
    """How many cells a line takes."""
    return sum(width(piece if isinstance(piece, str) else piece[0]) for piece in line)


def fit_line(line: Line, cells: int, more: str = ELLIPSIS) -> tuple[Span, ...]:
    """A line cut to at most `cells`, with `more` at its end if it was longer."""
    given = spans(line)
    if line_width(given) <= cells:
        return given
    out: list[Span] = []
    left = cells - width(more)
    for text, role in given:
        size = width(text)
        if size > left:
            out.append(Span(_first(text, left) + (more if cells > 0 else ""), role))
            break
        out.append(Span(text, role))
        left -= size
    return tuple(out)


def shown_line(line: Line, cells: int) -> tuple[Span, ...]:
    """A line as a view may show it in `cells`: harmless and cut."""
    return fit_line([Span(inert(text), role) for text, role in spans(line)], cells)


def plain(line: Line) -> str:
    """The text of a line without its roles."""
    return "".join(piece if isinstance(piece, str) else piece[0] for piece in line)


def wrap(text: str, cells: int) -> list[str]:
    """The text broken into pieces of at most `cells`, by cells and not by words."""
    if cells < 2:
        return [text]
    lines: list[str] = []
    current: list[str] = []
    size = 0
    for char in text:
        char_size = width(char)
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
            if width(joined) <= cells:
                current = joined
                continue
            if current:
                lines.append(current)
            pieces = wrap(word, cells)
            lines.extend(pieces[:-1])
            current = pieces[-1]
        lines.append(current)
    return lines


def wrap_line(line: Line, cells: int) -> list[Line]:
    """A line broken at spaces where that is possible, each piece with its role."""
    given = [Span(inert(text), role) for text, role in spans(line)]
    text = "".join(one.text for one in given)
    roles = [role for one, role in given for _ in one]
    found: list[Line] = []
    at = 0
    for piece in wrap_words(text, max(2, cells)):
        at = text.index(piece, at)
        end = at + len(piece)
        runs = itertools.groupby(range(at, end), key=roles.__getitem__)
        found.append([Span("".join(text[one] for one in places), role) for role, places in runs])
        at = end
    return found


def join(lines: Iterable[Line]) -> str:
    """Lines as plain text."""
    return "\n".join(plain(line) for line in lines)


def paragraph(text: str, cells: int, role: str = "", *, indent: int = 0) -> list[Line]:
    """Text broken at words, indented."""
    margin = " " * indent
    return [((margin + piece, role),) for piece in wrap_words(text, max(10, cells - indent))]


def heading(text: str) -> list[Line]:
    """A blank line and a heading."""
    return [((("", ""),)), ((text, "title"),)]


def facts(pairs: Sequence[tuple[str, str]], cells: int) -> list[Line]:
    """Names and values in two columns; empty values are left out."""
    shown = [(name, value) for name, value in pairs if value]
    column = min(52, max((width(name) for name, _ in shown), default=0)) + 2
    lines: list[Line] = []
    for name, value in shown:
        pieces = wrap_words(value, max(10, cells - column - 2))
        lines.append((("  " + name.ljust(column - 2) + "  ", "dim"), (pieces[0], "")))
        lines.extend(((" " * (column + 2) + piece, ""),) for piece in pieces[1:])
    return lines
