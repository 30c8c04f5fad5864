"""Property paths and values, short on one line or as several lines; the same for command line and screens."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pulumi_rewind.state.model import ROOT_STACK_TYPE
from pulumi_rewind.state.show import KNOWN_WHEN_RUN, readable
from pulumi_rewind.state.values import MASK, Json, each, kind_of
from pulumi_rewind_tui.text.cells import Line, Piece, cut, inert, line_width, width
from pulumi_rewind_tui.words.words import resource_name

if TYPE_CHECKING:
    from pulumi_rewind.diff.checkpoints import Change
    from pulumi_rewind.diff.properties import Kind

ONE_LINE = 100
"""Longer objects are spread over several lines."""

FOLDED = 40
"""Lines of one value that are shown; the rest is counted."""

TYPE_EDGE = 76
"""Cells from the left within which types end, so that they stand near the names."""

LEAST = 8
"""Cells that a value has at least."""

CONTEXT = 10
"""Cells kept of what two long values have in common at their beginning."""

DIFFERENCE = 6
"""Cells of the difference itself, marks of what is cut included, that come before any of that."""

_WORD = re.compile(r"(?!(?:true|false|null|-?[0-9.]+)$)[^\s\"'\[{](?:.*\S)?", re.DOTALL)
"""Strings that read well without quotes: not empty, no blanks at the ends, no JSON look-alikes."""


def short_path(path: str, *, custom: bool = True) -> str:
    """A property path without the section that is the ordinary case: inputs, or outputs of what has only those."""
    return path.removeprefix("inputs." if custom else "outputs.").removeprefix("inputs.") or path


def short_type(type_: str) -> str:
    """``aws:rds/instance:Instance`` as ``rds:Instance``."""
    parts = type_.split(":")
    if len(parts) != 3:
        return type_
    module = parts[1].split("/")[0]
    return f"{module}:{parts[2]}" if module not in ("", "index") else f"{parts[0]}:{parts[2]}"


def with_type(left: Line, type_: str, cells: int, *, gap: int = 1) -> Line:
    """A line with the short type at the right edge, if there is room."""
    text = "" if type_ == ROOT_STACK_TYPE else short_type(type_)
    room = min(cells, max(TYPE_EDGE, line_width(left) + 2 + gap + width(text))) - line_width(left) - 1 - gap
    if not text or width(text) > room:
        return left
    return (*left, (" " * (room - width(text) + gap), ""), (text, "dim"), (" ", ""))


def value_lines(value: object) -> list[str]:
    """A value for people: JSON, several lines where it is long, special values in words."""
    plain = readable(value)
    if isinstance(plain, str):
        if plain == MASK or plain != value or kind_of(value) is not None:
            return [plain]
        if "\n" in plain.strip("\n"):
            return _fold(["|", *plain.splitlines()])
    text = json.dumps(plain, ensure_ascii=False)
    if isinstance(plain, str) or len(text) <= ONE_LINE:
        return [text]
    return _fold(json.dumps(plain, ensure_ascii=False, indent=2).splitlines())


def _fold(lines: list[str]) -> list[str]:
    if len(lines) <= FOLDED + 5:
        return lines
    return [*lines[:FOLDED], f"… {len(lines) - FOLDED} more lines"]


def shown_lines(value: object) -> list[str]:
    """A value as lines without control characters; plain words stand unquoted."""
    if isinstance(value, str) and _WORD.fullmatch(value) and "\n" not in value:
        return [inert(value)]
    return [inert(line) for line in value_lines(value)]


def shown_text(value: object) -> str:
    """A value on one line."""
    if isinstance(value, str) and "\n" in value:
        return inert(value)
    lines = shown_lines(value)
    return lines[0] if len(lines) == 1 else " ".join(line.strip() for line in lines)


def change_values(change: Change, room: int, table: Mapping[str, str]) -> tuple[Piece, ...]:
    """What was and what is, in `room` cells; where both don't fit, from where they begin to differ."""
    old, new = shown_text(change.old), shown_text(change.new)
    match change.kind:
        case "added":
            return (("+ ", "added"), (cut(new, room - 2), "added"))
        case "removed":
            return (("- ", "removed"), (cut(old, room - 2), "removed"))
    if width(old) + width(new) + 3 > room and new == KNOWN_WHEN_RUN:
        old = cut(old, max(LEAST, room - 3 - width(new)))
    elif width(old) + width(new) + 3 > room:
        # Where they begin to differ matters; both sides get half, and enter unfolds what is cut.
        half = max(4, (room - 3) // 2)
        most = max(0, min(CONTEXT, half - DIFFERENCE))
        shorter = (from_difference(old, new, context) for context in range(most, -1, -1))
        pairs = (pair for pair in shorter if max(map(width, pair)) <= half)
        old, new = next(pairs, from_difference(old, new, most))  # what differs is whole, if it can be
        spare = max(0, half - min(width(old), width(new)))
        old = cut(old, half + spare if width(old) > width(new) else half)
        new = cut(new, half + spare if width(new) > width(old) else half)
    return ((old, "removed"), (f" {table['arrow']} ", "dim"), (new, "added"))


def from_difference(old: str, new: str, context: int = CONTEXT) -> tuple[str, str]:
    """Two long values without most of what they have in common at the beginning."""
    pairs = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False))
    common = sum(1 for _ in pairs)
    if common <= context + 1:
        return old, new
    begin = common - context
    begin = max(begin, *(old.rfind(mark, begin, common) for mark in "/ "))  # whole words, if they begin near
    return "…" + old[begin:], "…" + new[begin:]


def named(change: Change) -> Change:
    """An option with the names of the resources that its URNs stand for; of a list of these, what differs."""
    if not change.path.startswith("options."):
        return change
    old, new = _names(change.old), _names(change.new)
    if not (isinstance(old, list) and isinstance(new, list)):
        return replace(change, old=old, new=new)
    gone, came = ([name for name in one if name not in other] for one, other in ((old, new), (new, old)))
    kind: Kind = "changed" if bool(gone) == bool(came) else "removed" if gone else "added"
    return replace(change, kind=kind, old=_in_words(gone or old), new=_in_words(came or new))


def _in_words(names: list[Json]) -> Json:
    return ", ".join(map(str, names)) if all(isinstance(name, str) for name in names) else names


def _names(value: Json) -> Json:
    if isinstance(value, str) and value.startswith("urn:pulumi:"):
        return resource_name(value)
    return each(value, _names)
