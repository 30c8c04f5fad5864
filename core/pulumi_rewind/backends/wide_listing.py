"""Lists a folder of many thousand files in a few round trips: pages from many places in it at once. Pure.

A page of a listing begins behind a name, but nothing says how many names there are or where they end. Names of a
history hold the time, ``<stack>-<nanoseconds>.history.json``: the time that the page before covers tells how far to
step. The steps grow, so that they reach until now whatever lies between, bursts or years of rest; what a page doesn't
finish is divided again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, pairwise
from typing import Final, NamedTuple

from pulumi_rewind.backends.storage import Item

STEP: Final = 0.8
"""The first step by the time that the page before covers: a little less, so that one page holds it."""

AT_LEAST: Final = 4
"""Parts of what a page left unfinished, also where that is more than is asked at once."""

_STAMP: Final = re.compile(r"-(\d{1,30})\.")


class Page(NamedTuple):
    """What one request lists."""

    items: Sequence[Item]
    """In the order of their names, by bytes."""
    more: bool
    """Whether names may follow."""


Pages = Callable[[Sequence[str]], Iterable[Page]]


class _Range(NamedTuple):
    """Names behind `after`, up to and with `end`; an empty `end` is the end of the folder."""

    after: str
    end: str
    span: int
    """Nanoseconds that a page covers where it begins, as far as is known; 0 where nothing is."""


def list_wide(
    pages: Pages,
    rest: Callable[[str], Iterable[Item]],
    *,
    after: str,
    now: int,
    at_once: int,
) -> Iterator[Item]:
    """All items of a folder behind a name, each once; the first page comes by itself and in order, the others in none.

    `pages` gives the pages behind several names, all asked at once; `rest` everything behind a name, by one request
    after the other: for servers that don't sort, or don't heed where a listing is to begin. `now` is in nanoseconds.
    """
    first = next(iter(pages([after])))
    if not _is_sorted(first) or _is_deaf(first, after):
        yield from rest(after)
        return
    yield from (item for item in first.items if item.name > after)
    if not first.more:
        return
    last = first.items[-1].name
    others = _others(pages, _Range(last, "", _span(first)), now, at_once)
    yield from rest(last) if others is None else others


def _others(pages: Pages, range_: _Range, now: int, at_once: int) -> list[Item] | None:
    """What is in a range; None where the server doesn't answer as it should for that."""
    found: list[Item] = []
    ranges = [range_]
    while ranges:
        share = max(at_once // len(ranges), AT_LEAST)
        parts = list(chain.from_iterable(_divided(range_, now, share) for range_ in ranges))
        ranges = []
        for part, page in zip(parts, pages([part.after for part in parts]), strict=True):
            if not _is_sorted(page) or _is_deaf(page, part.after):
                return None
            # A page may begin with the name itself, and reach into the next part.
            found += [item for item in page.items if part.after < item.name and (not part.end or item.name <= part.end)]
            if page.more and (not part.end or page.items[-1].name < part.end):
                ranges.append(_Range(page.items[-1].name, part.end, _span(page)))
    return found


def _is_sorted(page: Page) -> bool:
    return all(one.name < other.name for one, other in pairwise(page.items))


def _is_deaf(page: Page, after: str) -> bool:
    """Whether a server has not begun where it was told to (with the name itself it may), or gives nothing new."""
    if not page.items:
        return page.more
    return page.items[0].name < after or (page.more and page.items[-1].name <= after)


def _divided(range_: _Range, now: int, at_most: int) -> list[_Range]:
    """A range in parts, in steps that grow as much as it takes to reach its end."""
    start, low = _split(range_.after)
    high = now if not range_.end else _split(range_.end)[1]
    if not low or high <= low or at_most < 2:
        return [range_]
    cuts = _cuts(low, high, max(int(range_.span * STEP), 1), at_most)
    names = [range_.after, *(f"{start}-{cut}" for cut in cuts), range_.end]
    if any(right <= left for left, right in pairwise(names[:-1])) or (range_.end and range_.end <= names[-2]):
        return [range_]  # names that sort in another way than their times
    return [_Range(left, right, range_.span) for left, right in pairwise(names)]


def _cuts(low: int, high: int, step: int, at_most: int) -> list[int]:
    """At most `at_most` - 1 moments between two, the first one a step from `low`, the others in growing steps."""
    steps = -(-(high - low) // step)
    if steps <= at_most:
        return [low + step * number for number in range(1, steps)]
    growth = _growth((high - low) / step, at_most)
    cuts: list[int] = []
    at, width = low, float(step)
    for _ in range(at_most - 1):
        at += int(width)
        width *= growth
        if at >= high:
            break
        cuts.append(at)
    return cuts


def _growth(total: float, count: int) -> float:
    """The factor by which `count` steps, the first of length 1, must grow to reach `total`."""
    low, high = 1.0, 2.0
    while _reach(high, count) < total:
        high *= 2
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if _reach(middle, count) < total else (low, middle)
    return high


def _reach(growth: float, count: int) -> float:
    return count if growth - 1 < 1e-9 else (growth**count - 1) / (growth - 1)


def _span(page: Page) -> int:
    """Nanoseconds that a page covers."""
    return max(_split(page.items[-1].name)[1] - _split(page.items[0].name)[1], 0)


def _split(name: str) -> tuple[str, int]:
    """What comes before the time in a name, and the time; 0 where it has none."""
    at = max(name.rfind("-"), 0)
    found = _STAMP.match(f"{name}.", at)
    return (name[:at], int(found[1])) if found else (name, 0)
