"""Listing a folder of many thousand names: nothing lost, nothing twice, few round trips, whatever the distribution."""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.backends.storage import Item
from pulumi_rewind.backends.wide_listing import Page, list_wide

AT_ONCE = 32
DAY = 86_400 * 10**9
NOW = 1_795_000_000 * 10**9


class Listed:
    """A folder as a server lists it, counting requests and round trips."""

    def __init__(self, names: Iterable[str], size: int = 1000, *, deaf: bool = False, inclusive: bool = False) -> None:
        self.names = sorted(set(names))
        self.size = size
        self.deaf = deaf
        self.inclusive = inclusive
        self.rounds = 0
        self.requests = 0

    def pages(self, afters: Sequence[str]) -> Iterator[Page]:
        self.rounds += 1
        for after in afters:
            self.requests += 1
            find = bisect_left if self.inclusive and after else bisect_right
            at = 0 if self.deaf else find(self.names, after)
            found = self.names[at : at + self.size]
            yield Page([Item(name) for name in found], len(found) == self.size)

    def rest(self, after: str) -> Iterator[Item]:
        self.rounds += 1
        self.requests += 1
        yield from (Item(name) for name in self.names if name > after)

    def all(self, after: str = "") -> list[str]:
        """What the algorithm finds; each name once."""
        found = [item.name for item in list_wide(self.pages, self.rest, after=after, now=NOW, at_once=AT_ONCE)]
        assert sorted(found) == [name for name in self.names if name > after]
        return found


def history(stamps: Iterable[int], stack: str = "dev") -> list[str]:
    """Two files for each update."""
    return [f"{stack}-{stamp}.{kind}.json" for stamp in stamps for kind in ("history", "checkpoint")]


stamps = st.one_of(
    st.integers(NOW - 1000, NOW + 1000),
    st.integers(NOW - 900 * DAY, NOW),
    st.integers(0, 10**20),
    st.integers(0, 20),
)
names = st.one_of(
    st.builds(
        "{}-{}{}".format,
        st.sampled_from(["dev", "my-dev", "d"]),
        stamps,
        st.sampled_from([".history.json", ".checkpoint.json.gz", ".history.json.zst", ""]),
    ),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=5),
)


@given(st.sets(names, max_size=120), st.integers(2, 7), st.booleans(), st.booleans(), names | st.just(""))
def test_nothing_is_lost_and_nothing_comes_twice(
    found: set[str], size: int, deaf: bool, inclusive: bool, after: str
) -> None:
    Listed(found, size, deaf=deaf, inclusive=inclusive).all(after)


@pytest.mark.parametrize("count", [0, 1, 499])
def test_a_folder_of_one_page_takes_one_request(count: int) -> None:
    folder = Listed(history(range(NOW - count * DAY, NOW, DAY)))
    folder.all()
    assert folder.requests == 1


def every(seconds: float, until: int = NOW, count: int = 10_000) -> list[int]:
    return [until - int(number * seconds * 10**9) for number in range(count)]


def working_hours(count: int = 10_000) -> list[int]:
    """Fifteen a working day, none at night and on week-ends."""
    chance = random.Random(1)
    days = [NOW - number * DAY for number in range(count) if number % 7 < 5][: count // 15 + 1]
    return [day - chance.randrange(DAY // 3) for day in days for _ in range(15)][:count]


@pytest.mark.parametrize(
    ("stamps", "rounds", "requests"),
    [
        pytest.param(every(60), 2, 35, id="a minute apart"),
        pytest.param(every(6000), 2, 35, id="over years"),
        pytest.param(working_hours(), 2, 35, id="in working hours"),
        pytest.param(every(60, NOW - 365 * DAY), 3, 70, id="then a year of rest"),
        pytest.param(every(0.01, NOW - 2000 * DAY), 4, 100, id="then years of rest"),
        pytest.param([*every(1, NOW - 900 * DAY, 600), *every(7200)], 4, 90, id="after a burst"),
        pytest.param([*every(7200), *every(0.01, NOW, 5000)], 4, 60, id="before a burst"),
        pytest.param(every(60, NOW, 50_000), 4, 160, id="a hundred thousand names"),
        pytest.param([NOW + number for number in every(60)], 22, 22, id="of another age"),
    ],
)
def test_many_pages_take_few_round_trips(stamps: list[int], rounds: int, requests: int) -> None:
    folder = Listed(history(stamps))
    folder.all()
    assert folder.rounds <= rounds
    assert folder.requests <= requests


def test_a_server_that_begins_elsewhere_is_asked_page_after_page() -> None:
    folder = Listed(history(every(60)), deaf=True)
    folder.all()
    assert folder.requests <= 3  # the first page, the first of those asked at once, and the stream


def test_a_server_that_does_not_sort_is_asked_page_after_page() -> None:
    folder = Listed(history(every(60)))
    folder.names.reverse()
    found = [item.name for item in list_wide(folder.pages, folder.rest, after="", now=NOW, at_once=AT_ONCE)]
    assert sorted(found) == sorted(folder.names)
    assert folder.requests == 2
