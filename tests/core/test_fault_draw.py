"""What a seed of ``make faults`` decides."""

from __future__ import annotations

import itertools

from tests.faults.draw import FAULTS, OPEN, ROADS, moments, unknown
from tests.faults.inflict import FAULTS as INFLICTED
from tests.faults.stage import ROADS as STAGED


def test_a_seed_decides_every_moment_and_each_pair_comes_before_any_comes_again() -> None:
    size = len(ROADS) * 2 * len(FAULTS)
    first = list(itertools.islice(moments("7"), 2 * size))
    assert first == list(itertools.islice(moments("7"), 2 * size))
    assert first[:50] != list(itertools.islice(moments("8"), 50))
    assert [moment.number for moment in first] == list(range(2 * size))
    for half in (first[:size], first[size:]):
        assert len({(moment.road, moment.callbacks, moment.fault) for moment in half}) == size
    wanted = list(itertools.islice(moments("7", ["up+callbacks", "resume", "int"]), 3))
    assert wanted == [moment for moment in first if moment.fault == "int" and moment.kind in {
        "up+callbacks", "resume", "resume+callbacks",
    }][:3]  # fmt: skip
    assert unknown(["int", "up", "up+callbacks", *OPEN, "it"]) == ["it"]


def test_all_that_can_be_drawn_can_be_done() -> None:
    assert set(INFLICTED) == {*FAULTS, *OPEN}
    assert set(STAGED) == set(ROADS)
