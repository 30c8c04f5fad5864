"""Takes secrets out of text that others wrote: provider messages and engine errors may quote what they were sent.

They quote in many forms: as it is, escaped (JSON, repr, URL, HTML, shell, indented YAML), in base64 or hexadecimal,
cut short, and several of these at once. So not the secrets are encoded in every way, but the text is decoded: each
`View` is a decoded form of a text that knows which part of the text each of its own parts came from. What is found in
a view is masked in the text.

The cost is that of the text: a position costs one look into a dictionary, however many secrets there are.
"""

from __future__ import annotations

import binascii
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from typing import Final

from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.values import MASK, SECRET, Json, is_secret, reveal, walk

SHORTEST: Final = 4
"""Shorter secrets are left alone: replacing them would garble the text and give them away."""

WORD: Final = 8
"""Shorter ones count as whole words alone, and longer ones as they are: ``prod`` isn't masked in ``production``."""

ANY_CASE: Final = 12
"""From this length on upper and lower case are the same: names of hosts and headers lose it."""

PIECE: Final = 20
"""Of a long secret so many characters in a row give it away: texts are cut short and wrapped."""

CROWD: Final = 20
"""What is in more secrets than these is their form (``-----BEGIN``), and gives none of them away."""

DEPTH: Final = 3
"""How many encodings inside each other are undone: base64 of JSON in a URL."""

Span = tuple[int, int]


class Redactor:
    """Replaces the secrets of some decrypted checkpoints, and `more` of them, by ``[secret]``."""

    def __init__(self, checkpoints: Iterable[Checkpoint] = (), more: Iterable[str] = ()) -> None:
        self._needles = _Needles()
        self.add(text for checkpoint in checkpoints for text in secrets_of(checkpoint))
        self.add(text for secret in more for text in parts(secret))

    def add(self, texts: Iterable[str]) -> None:
        """Looks for more texts from now on, each as it is (see `parts`); costs what they cost, not those before."""
        self._needles.add(texts)

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        if not self._needles:
            return text
        out: list[str] = []
        end = 0
        for start, stop in _merged(self._found(text, DEPTH)):
            out += (text[end:start], MASK)
            end = stop
        return "".join((*out, text[end:])) if out else text

    def _found(self, text: str, depth: int) -> Iterator[Span]:
        yield from self._needles.spans(text)
        if depth:
            for view in _views(text):
                yield from map(view.where, self._found(view.text, depth - 1))


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Spans in their order, those that touch or overlap as one."""
    found: list[Span] = []
    for start, stop in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        else:
            found.append((start, stop))
    return found


# -- what is looked for -----------------------------------------------------------------------------------------------


class _Needles:
    """Finds many texts in one.

    Whole ones of `WORD` characters and more by the four characters at every fourth place of the text, of which one lies
    in the first seven of any of them; pieces of long ones by a block at every third place, where every fourth block of
    the secret is known; short ones where a word begins.
    """

    def __init__(self) -> None:
        self._exact: set[str] = set()
        self._any_case: set[str] = set()
        self._words: dict[str, set[int]] = {}
        self._long: dict[str, set[int]] = {}
        """The beginning of a text, in lower case → how long those are that begin so."""
        self._grams: dict[str, set[int]] = {}
        """Characters → how far from the beginning of a long text they may stand."""
        self._pieces: dict[str, list[tuple[str, int]]] = {}
        """Characters → the long texts that they are a block of, and where; blocks of one or two characters left out."""

    def add(self, texts: Iterable[str]) -> None:
        for text in texts:
            if len(text) < SHORTEST or text in self._exact or text.lower() in MASK:
                continue  # what the mask itself says is no secret, and would be masked in masks
            self._exact.add(text)
            if len(text) < WORD:
                self._words.setdefault(text[:SHORTEST], set()).add(len(text))
                continue
            start = _lower(text[:WORD])
            self._long.setdefault(start, set()).add(len(text))
            for offset in range(SHORTEST):
                self._grams.setdefault(start[offset : offset + SHORTEST], set()).add(offset)
            if len(text) >= ANY_CASE and (low := _lower(text)) not in self._any_case:
                self._any_case.add(low)
                self._cut(low)

    def _cut(self, text: str) -> None:
        for at in range(0, len(text) - WORD + 1, 4) if len(text) > PIECE else ():
            block = text[at : at + WORD]
            owners = self._pieces.setdefault(block, [])
            if len(owners) <= CROWD and len(set(block)) > 2:  # one more than a crowd: that is known of it
                owners.append((text, at))

    def __bool__(self) -> bool:
        return bool(self._exact)

    def spans(self, text: str) -> Iterator[Span]:
        """Where they are, in any order."""
        low, grams, pieces, words = _lower(text), self._grams, self._pieces, self._words
        if grams:
            for at in [at for at in range(0, len(low) - SHORTEST + 1, 4) if low[at : at + SHORTEST] in grams]:
                for start in (at - offset for offset in grams[low[at : at + SHORTEST]] if offset <= at):
                    yield from self._whole(text, low, start, self._long.get(low[start : start + WORD], ()))
        if pieces:
            looked: dict[tuple[str, int], int] = {}
            for at in [at for at in range(0, len(low) - WORD + 1, 3) if low[at : at + WORD] in pieces]:
                owners = pieces[low[at : at + WORD]]
                if len(owners) <= CROWD:
                    yield from _extended(low, at, owners, looked)
        if words:
            begins = (found.start() for found in _BEGINS.finditer(text))
            for at in [at for at in begins if text[at : at + SHORTEST] in words]:
                yield from self._word(text, at, words[text[at : at + SHORTEST]])

    def _whole(self, text: str, low: str, at: int, lengths: Iterable[int]) -> Iterator[Span]:
        for length in sorted(lengths, reverse=True):
            if text[at : at + length] in self._exact or low[at : at + length] in self._any_case:
                yield at, at + length
                return

    def _word(self, text: str, at: int, lengths: Iterable[int]) -> Iterator[Span]:
        for length in sorted(lengths, reverse=True):
            stop = at + length
            if text[at:stop] in self._exact and not (text[at - 1 : at].isalnum() or text[stop : stop + 1].isalnum()):
                yield at, stop
                return


def _extended(
    low: str, at: int, owners: Iterable[tuple[str, int]], looked: dict[tuple[str, int], int]
) -> Iterator[Span]:
    """The pieces of secrets around a block of one, where they are long enough and no ordinary words.

    `looked` has for each secret, and where it would begin, how far the last piece went: blocks inside say no more.
    """
    for secret, place in owners:
        if at + WORD <= looked.get((secret, at - place), 0):
            continue
        start, there = at, place
        while start and there and low[start - 1] == secret[there - 1]:
            start, there = start - 1, there - 1
        stop, there = at + WORD, place + WORD
        while stop < len(low) and there < len(secret) and low[stop] == secret[there]:
            stop, there = stop + 1, there + 1
        looked[secret, at - place] = stop
        if stop - start >= PIECE and _telling(low[start:stop]):
            yield start, stop


_RUN: Final = re.compile(r"\S{16,}")
_BEGINS: Final = re.compile(r"(?<![^\W_])\S")
_ARMOUR: Final = re.compile(r"-----[ -~]*-----")


def _telling(text: str) -> bool:
    """Whether a piece says something that only its secret says: it has long runs of mixed characters."""
    runs = _RUN.findall(_ARMOUR.sub("", text))
    return any(any(c.isdigit() for c in run) and any(c.isalpha() for c in run) for run in runs) or len(text) >= 4 * WORD


def _lower(text: str) -> str:
    """In lower case, with as many characters as before."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(c.lower() if c.isascii() else c for c in text)


def secrets_of(checkpoint: Checkpoint) -> Iterator[str]:
    """What the secrets of a decrypted checkpoint hold: texts, and numbers as they are written."""
    marker = SECRET.encode()
    for res in checkpoint.resources:
        for raw, decoded in ((res.inputs, res.decoded_inputs), (res.outputs, res.decoded_outputs)):
            if marker in bytes(raw):
                for value in walk(decoded()):
                    if is_secret(value):
                        yield from strings(reveal(value))


def strings(value: Json) -> Iterator[str]:
    """The texts within a secret value."""
    for inner in walk(value):
        if isinstance(inner, str) and inner != MASK:
            yield from parts(inner)
        elif isinstance(inner, int | float) and not isinstance(inner, bool) and abs(inner) >= 10**5:
            yield str(inner) if isinstance(inner, int) else f"{inner:.0f}" if inner.is_integer() else repr(inner)


def parts(secret: str) -> Iterator[str]:
    """A secret, and each line of it that says something by itself."""
    yield secret
    yield secret.strip()
    lines = secret.splitlines()
    if len(lines) > 1:
        stripped = (_ARMOUR.sub("", line).strip() for line in lines)
        yield from (line for line in stripped if len(line) >= WORD)


# -- the text, decoded ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _View:
    """A decoded form of a text."""

    text: str
    starts: list[int]
    """Where its parts begin, ascending."""
    sources: list[tuple[int, int, bool]]
    """For each part the span of the text that it came from, and whether the characters are the same there."""

    def where(self, span: Span) -> Span:
        """The part of the text that a part of the view came from."""
        return self._place(span[0])[0], self._place(span[1] - 1)[1]

    def _place(self, at: int) -> Span:
        part = bisect_right(self.starts, at) - 1
        start, stop, same = self.sources[part]
        if not same:
            return start, stop
        return start + at - self.starts[part], start + at - self.starts[part] + 1


class _Builder:
    """Puts a view together."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.starts: list[int] = []
        self.sources: list[tuple[int, int, bool]] = []
        self._length = 0

    def add(self, text: str, start: int, stop: int, *, same: bool) -> None:
        if text:
            self.parts.append(text)
            self.starts.append(self._length)
            self.sources.append((start, stop, same))
            self._length += len(text)

    def view(self) -> _View:
        """What was put together."""
        return _View("".join(self.parts), self.starts, self.sources)


_ESCAPE: Final = re.compile(
    r"(?:%[0-9a-fA-F]{2})+|(?:\\x[0-9a-fA-F]{2})+|(?:\\[0-3][0-7]{2})+"  # bytes
    r"|(?:\\u[0-9a-fA-F]{4})+|\\U[0-9a-fA-F]{8}"
    r"|&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});"
    r"""|'\\''|'"'"'|''"""  # a quotation mark inside quotation marks: shell, YAML, SQL
    r"|\r\n[ \t]*|\n[ \t]+|\\\r?\n[ \t]*"  # indented blocks, continued lines
    r"|\\.",
    re.DOTALL,
)
_CONTROLS: Final = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "v": "\v", "a": "\a", "0": "\0", "e": "\x1b"}
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{6,}")
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2}[: -]?){3,}[0-9a-fA-F]{2}")
_URL_SAFE: Final = str.maketrans("-_", "+/")
_READABLE: Final = re.compile(r"[^\x00-\x08\x0e-\x1f\x7f\ufffd]{4,}")
_GAP: Final = "\0"
"""Between what was decoded from different places."""


def _views(text: str) -> Iterator[_View]:
    escapes = [(found.start(), found.end(), _unescaped(found.group())) for found in _ESCAPE.finditer(text)]
    if escapes:
        yield _replaced(text, escapes)
    if "+" in text and ("%" in text or "=" in text):  # how forms write a space
        spaces = [(found.start(), found.end(), " ") for found in re.finditer(r"\+", text)]
        yield _replaced(text, sorted([*escapes, *spaces]))
    if (decoded := _decoded(text)) is not None:
        yield decoded


def _replaced(text: str, changes: Iterable[tuple[int, int, str]]) -> _View:
    built = _Builder()
    end = 0
    for start, stop, new in changes:
        built.add(text[end:start], end, start, same=True)
        built.add(new, start, stop, same=False)
        end = stop
    built.add(text[end:], end, len(text), same=True)
    return built.view()


def _unescaped(found: str) -> str:
    if found[0] == "%":
        return _text(bytes.fromhex(found.replace("%", "")))
    if found[0] == "&":
        return unescape(found)
    if found[0] == "'":
        return "'"
    if "\n" in found:
        return "" if found[0] == "\\" else "\n"
    kind = found[1]
    if kind == "x" and len(found) > 2:
        return _text(bytes.fromhex(found.replace("\\x", "")))
    if kind == "u" and len(found) > 2:  # two halves may make one character
        return bytes.fromhex(found.replace("\\u", "")).decode("utf-16-be", errors="replace")
    if kind == "U" and len(found) > 2:
        return chr(min(int(found[2:], 16), 0x10FFFF))
    if len(found) > 2:
        return _text(bytes(int(octal, 8) for octal in found[1:].split("\\")))
    return _CONTROLS.get(kind, kind)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _decoded(text: str) -> _View | None:
    """What is base64 or hexadecimal in a text, each run of it."""
    built = _Builder()
    for pattern, opened in ((_BASE64, _from_base64), (_HEX, _from_hex)):
        for run in pattern.finditer(text):
            for part in opened(run.group()):
                built.add(part + _GAP, run.start(), run.end(), same=False)
    return built.view() if built.parts else None


@lru_cache(maxsize=4096)
def _from_base64(run: str) -> tuple[str, ...]:
    """The readable parts of what a run may mean, whatever stands before the beginning of it."""
    body = run.translate(_URL_SAFE)
    found: list[str] = []
    for skip in range(4):
        usable = len(body) - skip
        usable -= usable % 4 == 1  # one character alone holds no byte
        if usable > SHORTEST:
            found += _readable(binascii.a2b_base64(body[skip : skip + usable] + "=" * (-usable % 4)))
    return tuple(found)


@lru_cache(maxsize=1024)
def _from_hex(run: str) -> tuple[str, ...]:
    digits = re.sub(r"[: -]", "", run)
    return tuple(
        part
        for skip in (0, 1)
        for part in _readable(bytes.fromhex(digits[skip : skip + (len(digits) - skip) // 2 * 2]))
    )


def _readable(data: bytes) -> list[str]:
    return _READABLE.findall(data.decode(errors="replace"))
