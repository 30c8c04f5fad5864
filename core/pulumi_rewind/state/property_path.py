"""Property paths as Pulumi writes them (``tags["k8s.io/owner"]``, ``rules[*].cidr``), and what ignoring one does. Pure.

Source of both: the behaviour of Pulumi 3.276, where a path that doesn't fit a value leaves that value alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

import msgspec

from pulumi_rewind.state.values import SECRET, SIG, Json, content_of, is_secret

PropertyPath: TypeAlias = tuple[str | int, ...]

ANY: Final = "*"
"""Every key or index; bare, in brackets, or quoted."""

_ABSENT: Final = object()

_STEP_ENDS: Final = re.compile(r"[.\[]")
_INDEX: Final = re.compile(r"\[(\*|[+-]?[0-9]{1,18})\]")
_QUOTED: Final = re.compile(r'((?:\\"|[^"])*+)"')


def parse_path(text: str) -> PropertyPath | None:
    """The steps of a path; None if it isn't one, which the engine doesn't take for one either."""
    if not text or text[0] == ".":
        return None
    steps: list[str | int] = []
    at = 0
    while at < len(text):
        if text[at] == ".":
            at += 1
            if at == len(text):
                return None
        elif text.startswith('["', at):
            key, at = _quoted(text, at + 2)
            if key is None or not text.startswith("]", at):
                return None
            steps.append(key)
            at += 1
        elif text[at] == "[":
            index = _INDEX.match(text, at)
            if index is None:
                return None
            steps.append(ANY if index[1] == ANY else int(index[1]))
            at = index.end()
        else:
            end = _STEP_ENDS.search(text, at)
            steps.append(text[at : end.start()] if end else text[at:])
            at = end.start() if end else len(text)
    return tuple(steps)


def top_key(text: str) -> str:
    """The top-level property that a path begins with."""
    return _STEP_ENDS.split(text, maxsplit=1)[0]


def _quoted(text: str, at: int) -> tuple[str | None, int]:
    """A key up to its closing quote, and the place behind that; ``\\"`` is a quote inside."""
    found = _QUOTED.match(text, at)
    return (None, len(text)) if found is None else (found[1].replace('\\"', '"'), found.end())


def keeping(paths: Iterable[str] | None, old: Mapping[str, Json], new: Mapping[str, Json]) -> dict[str, Json]:
    """New inputs with what the paths name as the old ones have it: the engine's ``ignoreChanges``.

    Secrets are looked into; both sides should be decrypted.
    """
    kept: Json = dict(new)
    for path in filter(None, map(parse_path, paths or ())):
        kept = _kept(path, dict(old), kept)
    return dict(kept)


def _kept(path: PropertyPath, old: Json, new: Json) -> Json:
    """`new` with what lies at `path` as in `old`; either may be a secret, and what comes out of one stays one."""
    if is_secret(old) and "plaintext" in old:
        return _as_secret(_kept(path, content_of(old), new), new)
    if is_secret(new) and "plaintext" in new:
        return _as_secret(_kept(path, old, content_of(new)), None)
    first, rest = path[0], path[1:]
    if isinstance(old, list) and isinstance(new, list):
        both = range(min(len(old), len(new)))
        places = both if first == ANY else [first] if isinstance(first, int) and first in both else []
        return [_below(rest, old[at], item) if at in places else item for at, item in enumerate(new)]
    if not isinstance(new, dict) or isinstance(first, int) or SIG in new:
        return new
    there = old if isinstance(old, dict) and SIG not in old else {}
    if first == ANY and there is not old:
        return new
    keys = [*new, *(key for key in there if key not in new)] if first == ANY else [first]
    found = dict(new)
    for key in keys:
        value = _below(rest, there.get(key, _ABSENT), new.get(key, _ABSENT))
        if value is _ABSENT:
            found.pop(key, None)
        else:
            found[key] = value
    return found


def _below(rest: PropertyPath, old: Json, new: Json) -> Json:
    if not rest:
        return old
    return new if old is _ABSENT or new is _ABSENT else _kept(rest, old, new)


def _as_secret(value: Json, unchanged: Json) -> Json:
    """A value that holds something secret now; one that is, or holds nothing new, as it is."""
    if value is unchanged or value == unchanged or is_secret(value):
        return value
    return {SIG: SECRET, "plaintext": msgspec.json.encode(value).decode()}
