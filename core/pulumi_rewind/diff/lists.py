"""Which element of one list is which of another, so that one inserted element is one change. Pure."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from typing import Any, Final, TypeAlias

import msgspec

from pulumi_rewind.state.values import DEFAULTS, SIG, Json, each, is_secret, same

Pair: TypeAlias = tuple[int | None, int | None]
"""Old index, new index; None where there is no such side."""

MAX_CELLS: Final = 2_500
"""Blocks of more combinations are paired in order: weighing each against each grows faster than the list."""

POPULAR: Final = 400
"""From so many elements on, difflib may set aside values that occur all over the list; without that it is quadratic."""

_NAMES: Final = ("name", "Name", "id", "Id", "key", "Key", "Sid", "sid")
"""Keys by which people tell elements of a list apart."""

_MARKS: Final = (SIG.encode(), DEFAULTS.encode())


def token(value: Json, *, noise: bool = False) -> bytes:
    """What a value is known by: equal tokens are equal values; secrets count by what they hold.

    With `noise` the bookkeeping of providers (``__defaults``) counts as well.
    """
    encoded = msgspec.json.encode(value, order="sorted")
    if any(mark in encoded for mark in _MARKS):
        return msgspec.json.encode(_bare(value, noise), order="sorted")
    return encoded


def _bare(value: Json, noise: bool) -> Json:
    if is_secret(value):
        held = value.get("plaintext")
        return {SIG: "secret", "": held if held is not None else value.get("ciphertext")}
    if isinstance(value, dict):
        if SIG in value and value.get("hash"):
            return {SIG: value[SIG], "": value["hash"]}
        return {key: _bare(inner, noise) for key, inner in value.items() if noise or key != DEFAULTS}
    return each(value, lambda inner: _bare(inner, noise))


def align(old: Sequence[Json], new: Sequence[Json], *, noise: bool = False) -> list[Pair]:
    """Pairs of unequal elements, and elements of one side alone; those that are equal are left out."""
    # What both begin and end with goes first: then an insertion among equal elements is nothing but an insertion.
    middle = _middle(old, new, same)
    lefts, rights = range(len(old))[middle[0]], range(len(new))[middle[1]]
    if not (lefts and rights):
        return _block(old, new, lefts, rights)
    left, right = [token(old[at], noise=noise) for at in lefts], [token(new[at], noise=noise) for at in rights]
    middle = _middle(left, right, operator.eq)
    left, right, lefts, rights = left[middle[0]], right[middle[1]], lefts[middle[0]], rights[middle[1]]
    found: list[Pair] = []
    matcher = SequenceMatcher(None, left, right, autojunk=max(len(left), len(right)) > POPULAR)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            found.extend(_block(old, new, lefts[i1:i2], rights[j1:j2]))
    return found


def _middle(old: Sequence[Json], new: Sequence[Json], equal: Callable[[Any, Any], bool]) -> tuple[slice, slice]:
    """Of both lists what stands between the elements that both begin with and those that both end with."""
    shortest = min(len(old), len(new))
    start = next((at for at in range(shortest) if not equal(old[at], new[at])), shortest)
    rest = shortest - start
    end = next((at for at in range(rest) if not equal(old[-1 - at], new[-1 - at])), rest)
    return slice(start, len(old) - end), slice(start, len(new) - end)


def _block(old: Sequence[Json], new: Sequence[Json], lefts: range, rights: range) -> list[Pair]:
    """Pairs within a stretch that has nothing equal."""
    rows, columns = len(lefts), len(rights)
    if rows and columns and (rows, columns) != (1, 1) and rows * columns <= MAX_CELLS:
        return _likest(old, new, lefts, rights)
    common = min(rows, columns)
    pairs: list[Pair] = list(zip(lefts[:common], rights[:common], strict=True))
    pairs.extend((index, None) for index in lefts[common:])
    pairs.extend((None, index) for index in rights[common:])
    return pairs


def _likest(old: Sequence[Json], new: Sequence[Json], lefts: range, rights: range) -> list[Pair]:
    """Pairs in order so that those that are paired are as alike as possible in sum."""
    rows, columns = len(lefts), len(rights)
    alike = [[likeness(old[i], new[j]) for j in rights] for i in lefts]
    best = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    for row in range(rows - 1, -1, -1):
        for column in range(columns - 1, -1, -1):
            best[row][column] = max(
                alike[row][column] + best[row + 1][column + 1], best[row + 1][column], best[row][column + 1]
            )
    pairs: list[Pair] = []
    row = column = 0
    while row < rows or column < columns:
        if row == rows:
            pairs.append((None, rights[column]))
            column += 1
        elif column == columns or best[row][column] == best[row + 1][column] != best[row][column + 1]:
            pairs.append((lefts[row], None))
            row += 1
        elif best[row][column] == alike[row][column] + best[row + 1][column + 1]:
            pairs.append((lefts[row], rights[column]))
            row, column = row + 1, column + 1
        elif best[row][column] == best[row + 1][column]:
            pairs.append((lefts[row], None))
            row += 1
        else:
            pairs.append((None, rights[column]))
            column += 1
    return pairs


def likeness(old: Json, new: Json) -> float:
    """How much two unequal values look like one that was edited, from nearly 0 to 1; never 0."""
    if isinstance(old, dict) and isinstance(new, dict):
        if old.get(SIG) != new.get(SIG):
            return 0.01
        keys = old.keys() | new.keys()
        equal = sum(1 for key in old.keys() & new.keys() if old[key] == new[key])
        share = 0.05 + 0.9 * equal / max(len(keys), 1)
        names = [key for key in _NAMES if key in old and key in new]
        if names:
            return (1 + share) / 2 if any(old[key] == new[key] for key in names) else share / 4
        return share
    if isinstance(old, list) and isinstance(new, list):
        inside, other = {token(item) for item in old}, {token(item) for item in new}
        return 0.05 + 0.9 * len(inside & other) / max(len(inside | other), 1)
    return 0.02 if type(old) is type(new) else 0.01
