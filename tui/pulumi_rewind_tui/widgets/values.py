"""Property values for the diff pane: short on one line, long ones folded."""

from __future__ import annotations

import re

from pulumi_rewind_tui.render.values import value_lines
from pulumi_rewind_tui.widgets.cells import inert

_WORD = re.compile(r"(?!(?:true|false|null|-?[0-9.]+)$)[^\s\"'\[{](?:.*\S)?", re.DOTALL)
"""Strings that read well without quotes: not empty, no blanks at the ends, no JSON look-alikes."""


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
