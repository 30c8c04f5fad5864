"""Lengths of time as operators write them: ``90s``, ``15m``, ``24h``, ``2d``. Pure."""

from __future__ import annotations

import re
from typing import Final

from pulumi_rewind.errors import UsageError

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


def seconds_of(text: str, option: str) -> float:
    """A length of time in seconds; several parts add up (``1h30m``).

    Raises:
        UsageError: it is none, or not above zero; `option` is named.
    """
    parts = _PART.findall(text.strip().lower())
    if "".join(number + unit for number, unit in parts) == text.strip().lower() and parts:
        found = sum(float(number) * _SECONDS[unit] for number, unit in parts)
        if 0 < found < 100 * 365 * 86400:
            return found
    raise UsageError(
        f"{option} {text!r} is no length of time", hint="Write a number with a unit: 90s, 15m, 24h, 2d, 1h30m."
    )


def length(seconds: float) -> str:
    """A length of time in its two largest units: ``1 d 3 h``, ``45 s``."""
    rest = max(int(seconds), 0)
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])
