"""Text as programs put values into it: JSON, keys of YAML, indented blocks, numbers. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from pulumi_rewind.state.values import Json
from pulumi_rewind.system.documents import load_json

_TOKEN: Final = re.compile(
    r'"(?:[^"\\]|\\.)*"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|[{}\[\]:,]|true|false|null', re.DOTALL
)
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(?:\.0)?")
_KEY_BEFORE: Final = re.compile(r"""(?:^|\n)[ \t]*(?:- +)*["']?[^\s"':]*$""")
_KEY_AFTER: Final = re.compile(r"""[^\s"':]{0,400}+["']?[ \t]{0,400}+:(?:[ \t\r\n]|$)""")
_GO_ESCAPES: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
ASSIGNED_BEFORE: Final = re.compile(r"""([A-Za-z_][\w.-]*)["']?[ \t]*[=:][ \t]*["']?$""")
"""A name before a value in text: ``version: 2``, ``DB_PORT="5432"``."""
ASSIGNED_AFTER: Final = re.compile(r"(?![\w.:/@-]{0,400}[\w/@])")
"""The value ends here."""
_DASHED: Final = re.compile(r"[\w-]{0,400}")
_AFTER: Final = re.compile(r"[:/@#]([0-9]{1,400})(?![\w.-]{0,400}\w)")
_LINE: Final = 400
"""No key stands further from the start of its line."""


class Hit(NamedTuple):
    """A token in a text."""

    start: int
    end: int
    text: str


def tokens(text: str, parts: Iterable[str]) -> list[Hit]:
    """Where any of the parts stand between token boundaries, in their order; of those that overlap the longest.

    A letter or digit beside it makes it part of a longer word, and a dot with a digit part of a longer number. (A
    pattern for each property would cost more than looking for the parts one by one.)
    """
    found: list[Hit] = []
    for part in parts:
        start = text.find(part)
        while start >= 0:
            end = start + len(part)
            if _bounded(text, start, end):
                found.append(Hit(start, end, part))
            start = text.find(part, start + 1)
    found.sort(key=lambda hit: (hit.start, -hit.end))
    result: list[Hit] = []
    for hit in found:
        if not result or hit.start >= result[-1].end:
            result.append(hit)
    return result


def _bounded(text: str, start: int, end: int) -> bool:
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if before[-1:].isalnum() or after[:1].isalnum():
        return False
    if before[-1:] == "." and before[:1].isdigit() and text[start].isdigit():
        return False
    return not (after[:1] == "." and after[1:].isdigit() and text[end - 1].isdigit())


def number_of(text: str) -> float | None:
    """The number that a text is, whole numbers alone; ``48624.0`` is one."""
    return float(text) if _NUMBER.fullmatch(text) else None


def like_number(text: str, number: Json) -> str:
    """A number written as `text` is: with ``.0`` where that has it."""
    if not isinstance(number, float | int) or (isinstance(number, float) and not number.is_integer()):
        return str(number)
    return f"{int(number)}.0" if text.endswith(".0") else str(int(number))


@dataclass(frozen=True)
class JsonPart:
    """A piece of JSON text, as it is written."""

    text: str
    value: str | float | None = None
    """What it says, where it is a text or a number."""
    key: str = ""
    """The nearest key above a value."""
    is_key: bool = False

    def written(self, new: Json) -> str:
        """Another value in the same style."""
        if not isinstance(new, str):
            return like_number(self.text, new)
        text = json.dumps(new, ensure_ascii=self.text.isascii())
        for char, escape in _GO_ESCAPES.items():  # as Go's encoder has it
            if escape in self.text:
                text = text.replace(char, escape)
        return text


def word_around(text: str, start: int, end: int) -> str:
    """The word with dashes and underscores that a token is part of: ``web-1`` in ``other-web-1``."""
    before = _DASHED.match(text[max(0, start - _LINE) : start][::-1])
    after = _DASHED.match(text, end)
    return (before.group()[::-1] if before else "") + text[start:end] + (after.group() if after else "")


def token_after(text: str, end: int) -> str | None:
    """The number that directly follows a token: a port, a version."""
    found = _AFTER.match(text, end)
    return found.group(1) if found else None


def json_parts(text: str) -> Sequence[JsonPart] | None:
    """A JSON object or array in pieces, in their order; None where the text is none."""
    trimmed = text.strip()
    if len(trimmed) < 2 or trimmed[0] not in "{[" or trimmed[-1] not in "}]":
        return None
    try:
        load_json(text)
    except ValueError:
        return None
    parts: list[JsonPart] = []
    keys: list[str] = []
    inside: list[bool] = []  # one entry a container: whether it is an object
    names: list[str] = []  # and what its "name" is
    key, at, expects_key = "", 0, False
    for token in _TOKEN.finditer(text):
        said = token.group()
        part = JsonPart(said)
        if token.start() > at:
            parts.append(JsonPart(text[at : token.start()]))
        at = token.end()
        if said in "{[":
            keys.append(key)
            inside.append(said == "{")
            names.append("")
            expects_key = said == "{"
        elif said in "}]":
            key = keys.pop()
            inside.pop()
            names.pop()
        elif said == ",":
            expects_key = inside[-1]
            key = keys[-1]
        elif said[0] == '"':
            value = json.loads(said, strict=False)
            if expects_key:
                key, expects_key = value, False
                part = JsonPart(said, value, is_key=True)
            else:
                if key == "name":
                    names[-1] = value
                part = JsonPart(said, value, names[-1] if key == "value" and names[-1] else key)
        elif said[0] in "-0123456789":
            number = float(said) if re.search(r"[.eE]", said) else int(said)
            part = JsonPart(said, number, names[-1] if key == "value" and names[-1] else key)
        parts.append(part)
    parts.append(JsonPart(text[at:]))
    return parts


def is_key(text: str, start: int, end: int) -> bool:
    """Whether a token of a text is, or is part of, a key as YAML has it: alone before a colon on its line."""
    return bool(_KEY_AFTER.match(text, end) and _KEY_BEFORE.search(text[max(0, start - _LINE) : start]))


@dataclass(frozen=True)
class Block:
    """Where a value stands in a text, with the indentation that its lines have there."""

    start: int
    end: int
    indent: str = ""

    def filled(self, new: str) -> str:
        """Another value in its place."""
        first, *rest = new.strip("\n").split("\n") if self.indent or "\n" in new else [new]
        return "\n".join([first, *(f"{self.indent}{line}" if line else line for line in rest)])


def block_at(text: str, start: int, value: str) -> Block | None:
    """The place of a value that may begin at `start`: between token boundaries, its lines all indented alike."""
    lines = value.strip("\n").split("\n")
    line_start = text.rfind("\n", 0, start) + 1
    lead = text[line_start:start]
    indent = lead if not lead.strip(" \t") else ""
    if text[start - 1 : start].isalnum():
        return None
    at = start
    for number, line in enumerate(lines):
        wanted = line if number == 0 or not line else f"{indent}{line}"
        if number and not line and text.startswith(f"{indent}\n", at):
            at += len(indent)  # an empty line may be indented, too
        if not text.startswith(wanted, at):
            return None
        at += len(wanted)
        if number < len(lines) - 1:
            if text[at : at + 1] != "\n":
                return None
            at += 1
    return None if text[at : at + 1].isalnum() else Block(start, at, indent)
