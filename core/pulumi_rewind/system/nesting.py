"""How deeply JSON is nested: asked once where it comes in, so that whatever walks through it later has an end. Pure.

Decoders stop at about 1,000 levels by themselves, or later, as the version of Python has it; walks of our own take
several frames a level, so that they would stop in the middle of anything.
"""

from __future__ import annotations

import re
from array import array
from itertools import accumulate
from typing import Any, Final

DEEPEST: Final = 100
"""Schemas of Kubernetes, the deepest values in use, have half as many; what travels to the engine even fewer."""

TOO_DEEP: Final = f"its values are nested more than {DEEPEST} deep"

_TEXTS: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_STEPS: Final = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_OTHERS: Final = bytes(set(range(256)) - set(b"[{]}"))


def too_deep(raw: bytes, deepest: int = DEEPEST) -> bool:
    """Whether JSON text is nested more deeply than that; linear, and one look where it has few brackets at all."""
    if len(raw) <= deepest or raw.count(b"{") + raw.count(b"[") <= deepest:
        return False
    steps = _TEXTS.sub(b"", raw).translate(_STEPS, _OTHERS)
    return max(accumulate(array("b", steps)), default=0) > deepest


def value_too_deep(value: Any, deepest: int = DEEPEST) -> bool:
    """The same of what was decoded already."""
    level = [value]
    for _ in range(deepest):
        level = [
            inner
            for item in level
            if isinstance(item, dict | list | tuple)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return any(isinstance(item, dict | list | tuple) for item in level)
