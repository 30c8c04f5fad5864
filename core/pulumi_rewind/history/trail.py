"""The way back to the states that say something else of one resource; of the others only a part is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from pulumi_rewind.errors import BackendError
from pulumi_rewind.history.timeline import Timeline
from pulumi_rewind.state.entries import Entry, same_entry

SLACK: Final = 1 << 15
"""Bytes around an entry that are read with it: so far it moves when what is before it grows or shrinks."""

FIRST: Final = 4
"""Parts that are asked for together at first; twice as many each time, up to `MOST`."""

MOST: Final = 64

MISSES: Final = 3
"""After so many updates in a row whose part lacks the entry, all states are read whole."""


class Trail:
    """A walk from the newest update down to the first one."""

    def __init__(self, timeline: Timeline, entry: Entry | None, observe: Callable[[int, int], None]) -> None:
        """`entry`: as live has it. `observe` hears before each update how many were passed, and of how many."""
        self._timeline = timeline
        self._observe = observe
        self._in_parts = entry is not None
        self.entry = entry
        """What the next states are compared with; whoever walks sets it to what the last one has."""
        self.reached = 0
        """The oldest update so far that has it; 0: live alone has it."""
        self.gap = False
        """Whether the next ones couldn't be read."""

    def walk(self) -> Iterator[tuple[int, bytes]]:
        """Number and state of each update that lacks the entry's very bytes, newest first."""
        rest = range(len(self._timeline), 0, -1)
        size, misses = FIRST, 0
        while rest and self._in_parts and misses < MISSES:
            same = self._same(rest[:size])
            if same < len(rest[:size]):
                yield from self._unlike(rest[same])
                misses = 0 if same else misses + 1
                size, same = FIRST, same + 1
            else:
                size, misses = min(2 * size, MOST), 0
            rest = rest[same:]
        for number in self._timeline.ahead(rest):
            self._told(number)
            yield from self._unlike(number)

    def pass_to(self, number: int, entry: Entry | None) -> None:
        """Goes on from an update with what it has."""
        self.entry, self.reached, self.gap = entry, number, False

    def _same(self, numbers: Sequence[int]) -> int:
        """How many of these, from the first one on, have the entry, as a part of each tells."""
        if self.entry is None:
            return 0
        start = max(self.entry.place - SLACK, 0)
        parts = self._timeline.history.parts(numbers, start, len(self.entry.raw) + 2 * SLACK)
        for count, (number, part) in enumerate(zip(numbers, parts, strict=True)):
            self._told(number)
            self._in_parts = part is not None or bool(self.reached)
            found = same_entry(part, self.entry, start) if part is not None else None
            if found is None:
                return count
            self.pass_to(number, found)
        return len(numbers)

    def _unlike(self, number: int) -> Iterator[tuple[int, bytes]]:
        try:
            raw = self._timeline.history.raw(number)
        except BackendError:
            self.gap = True
            return
        found = same_entry(raw, self.entry) if self.entry is not None else None
        if found is not None:
            self.pass_to(number, found)
        else:
            yield number, raw

    def _told(self, number: int) -> None:
        total = len(self._timeline)
        self._observe(total - number, total)
