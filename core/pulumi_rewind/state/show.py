"""Values as one safe line of text: what a state holds must never be able to steer a terminal. Pure."""

from __future__ import annotations

import unicodedata
from typing import Final

import msgspec

from pulumi_rewind.state.values import (
    ARCHIVE,
    ASSET,
    BYTE_STRING,
    DEFAULTS,
    OUTPUT,
    RESOURCE_REF,
    SECRET,
    SPECIAL_FLOAT,
    UNKNOWN,
    Json,
    each,
    is_unknown,
    kind_of,
)

KNOWN_WHEN_RUN: Final = "(known when run)"
"""Stands for a value, or a part of one, that only the run can tell."""


def inert(text: str, *, newlines: str = "⏎") -> str:
    """The text with control, escape and direction characters made visible."""
    if text.isprintable():  # direction marks are not
        return text
    out: list[str] = []
    for char in text:
        if char == "\n":
            out.append(newlines)
        elif char == "\t":
            out.append(" ")
        elif char == " ":
            out.append(char)
        elif unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}:
            out.append(f"\\x{ord(char):02x}" if ord(char) < 0x100 else f"\\u{ord(char):04x}")
        else:
            out.append(char)
    return "".join(out)


def inert_lines(text: str) -> str:
    """A text of several lines as it may be kept in a file for people: see `inert`; line ends stay."""
    return "\n".join(map(inert, text.split("\n")))


def value_text(value: Json, *, limit: int = 120) -> str:
    """A value as one line: JSON, special values readable, long ones cut with ``…``; nothing in it is active."""
    plain = readable(value)
    text = inert(plain if isinstance(plain, str) else msgspec.json.encode(plain).decode())
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + "…"


def readable(value: Json) -> Json:
    """Special values replaced by short words, without providers' bookkeeping; secrets must be masked before."""
    if isinstance(value, str):
        return KNOWN_WHEN_RUN if is_unknown(value) else value.replace(UNKNOWN, KNOWN_WHEN_RUN)
    if not isinstance(value, dict):
        return each(value, readable)
    kind = kind_of(value)
    if kind is None:
        return {key: readable(item) for key, item in value.items() if key != DEFAULTS}
    if kind == SECRET:
        return "[secret]"
    if kind in {ASSET, ARCHIVE}:
        word = "asset" if kind == ASSET else "archive"
        place = value.get("path") or value.get("uri") or ("text" if "text" in value else "")
        content = str(value.get("hash") or "")
        return f"{word} {content[:12] or 'without hash'} {place}".rstrip()
    if kind == RESOURCE_REF:
        return f"→ {value.get('urn', '')} {value.get('id') or ''}".rstrip()
    if kind == BYTE_STRING:
        return f"bytes {value.get('value', '')}"
    if kind == SPECIAL_FLOAT:
        return {"7ff0000000000000": "Infinity", "fff0000000000000": "-Infinity"}.get(str(value.get("value")), "NaN")
    if kind == OUTPUT:
        return readable(value.get("value", KNOWN_WHEN_RUN))
    return each(value, readable)
