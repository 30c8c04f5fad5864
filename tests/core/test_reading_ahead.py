"""Checkpoints that are read ahead of a loop: in order, few at a time, and never in place of one another."""

from __future__ import annotations

import threading

import pytest

from pulumi_rewind.backends.ahead import AT_ONCE, BYTES, Ahead
from pulumi_rewind.errors import CheckpointError


class Far:
    """Notes what is read."""

    def __init__(self, size: int | None = 10) -> None:
        self.read: list[int] = []
        self.size = size
        self.ahead = Ahead(self._one, lambda _: size)

    def _one(self, number: int) -> bytes:
        self.read.append(number)
        if number % 7 == 0:
            raise CheckpointError(f"#{number} is damaged")
        return str(number).encode()


def test_every_number_comes_in_order_with_its_own_content() -> None:
    far = Far()
    seen = []
    for number in far.ahead.walk(range(40, 0, -1)):
        seen.append(number)
        if number % 7 == 0:
            with pytest.raises(CheckpointError, match=f"#{number} "):
                far.ahead.get(number)
        else:
            assert far.ahead.get(number) == str(number).encode()
    assert seen == list(range(40, 0, -1))
    assert sorted(far.read) == sorted(set(far.read))  # each once


def test_a_loop_that_stops_has_read_little() -> None:
    far = Far()
    assert next(iter(far.ahead.walk(range(1000, 0, -1)))) == 1000
    assert len(far.read) <= 2
    for number in far.ahead.walk(range(1000, 0, -1)):
        if number % 7:
            far.ahead.get(number)
        if number == 980:
            break
    assert len(far.read) <= 3 + 20 + AT_ONCE


def test_large_ones_are_not_gathered() -> None:
    far = Far(size=BYTES + 1)
    for number in far.ahead.walk(range(20, 10, -1)):
        assert min(far.read, default=number) >= number  # nothing beside the one that is looked at
        if number % 7:
            far.ahead.get(number)


def test_the_next_one_is_read_while_one_is_looked_at() -> None:
    met = threading.Barrier(2)
    ahead = Ahead(lambda number: (met.wait(20), str(number).encode())[1], lambda _: 10)
    assert [ahead.get(number) for number in ahead.walk((1, 2))] == [b"1", b"2"]
