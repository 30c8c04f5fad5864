"""Checkpoints that are read before they are asked for, a few at a time, for loops over a backend in a network."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from pulumi_rewind.backends.interruptible import Answer, begin
from pulumi_rewind.system.untrusted import CHECKPOINT

AT_ONCE: Final = 8
"""Checkpoints under way; a loop begins with two, so that one that stops at once has read one for nothing."""

BYTES: Final = 32 << 20
"""How much of them is under way, whatever their number: beside the one that is looked at."""

RECENT: Final = 2
"""How many are kept after they were read, within `BYTES`: what was compared is often shown next."""

UNKNOWN: Final = BYTES // 4
"""What one counts whose size isn't known."""


class Ahead:
    """What one history reads ahead of its loops; safe to use from several threads."""

    def __init__(self, read: Callable[[int], bytes], size: Callable[[int], int | None]) -> None:
        self._read = read
        self._size = size
        self._begun: dict[int, Answer[bytes]] = {}
        self._recent: dict[int, bytes] = {}
        self._lock = threading.Lock()

    def walk(self, numbers: Iterable[int]) -> Iterator[int]:
        """The same numbers; while one is looked at, the next ones are read."""
        rest = iter(numbers)
        window: deque[int] = deque()
        room = 2
        try:
            while self._fill(window, rest, room):
                yield window[0]
                self._begun.pop(window.popleft(), None)
                room = min(2 * room, AT_ONCE)
        finally:
            for number in window:
                self._begun.pop(number, None)

    def get(self, number: int) -> bytes:
        """A checkpoint: one that was begun or read just now, else read; raises what reading it raises."""
        begun = self._begun.get(number)
        if begun is None and (recent := self._recent.get(number)) is not None:
            return recent
        content = begun.result() if begun is not None else self._read(number)
        with self._lock:
            self._recent.pop(number, None)
            self._recent[number] = content
            while len(self._recent) > RECENT or sum(map(len, self._recent.values())) > BYTES:
                self._recent.pop(next(iter(self._recent)))
        return content

    def _fill(self, window: deque[int], rest: Iterator[int], room: int) -> bool:
        total = sum(map(self._bytes, window))
        while len(window) < room and (not window or total < BYTES) and (number := next(rest, None)) is not None:
            window.append(number)
            total += self._bytes(number)
            if number not in self._begun and number not in self._recent:
                self._begun[number] = begin(lambda number=number: self._read(number))  # type: ignore[misc]
        return bool(window)

    def _bytes(self, number: int) -> int:
        size = self._size(number)
        return UNKNOWN if size is None else min(size, CHECKPOINT)
