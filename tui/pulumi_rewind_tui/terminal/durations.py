"""Spans of time on the command line: ``30m``, ``48h``, ``2d12h``."""

from __future__ import annotations

import re
from typing import Final

import click

_SIZES: Final = (86_400, 3_600, 60, 1)
_SPAN: Final = re.compile(r"(?:(\d{1,5})d)?(?:(\d{1,5})h)?(?:(\d{1,5})m)?(?:(\d{1,6})s)?")


def seconds_of(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int:
    """The seconds of an option's value, 0 where it isn't given."""
    if value is None:
        return 0
    match = _SPAN.fullmatch(value.strip())
    counts = match.groups("0") if match is not None else ()
    seconds = sum(int(count) * size for count, size in zip(counts, _SIZES, strict=False))
    if not seconds:
        raise click.BadParameter(f"{value!r} is not a span of time such as 30m, 48h or 2d.")
    return seconds
