"""Property values as lines of text."""

from __future__ import annotations

import json

from pulumi_rewind.show import readable
from pulumi_rewind.values import MASK, kind_of

ONE_LINE = 100
"""Longer objects are spread over several lines."""

FOLDED = 40
"""Lines of one value that are shown; the rest is counted."""


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
