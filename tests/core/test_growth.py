"""The law of growth that the bench fits, and its picture in docs/speed.md."""

from __future__ import annotations

import cProfile
import json
import pstats
import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.bench_diff import complete, make_state
from tests.bench.bench_growth import change
from tests.bench.growth import BOTTOM, LEFT, RIGHT, TOP, Law, Line, figures, law, picture, said, spaced

DOCS = Path(__file__).parents[2] / "docs"
SIZES = spaced(100, 100_000, 7)
MADE_UP = [
    Line("history, made up", SIZES, tuple(0.2 + size / 1e5 for size in SIZES)),
    Line("diff, made up & <odd>", (10, 100, 1_000), (0.5, 0.5, 0.55), dashed=True),
]

costs = st.floats(0.001, 1_000)
exponents = st.integers(30, 250).map(lambda hundredths: hundredths / 100)
shares = st.floats(2, 1_000)
"""How many times its start a line costs at its largest size."""


def grown(start: float, exponent: float, share: float, sizes: tuple[int, ...] = SIZES) -> Line:
    factor = start * share / sizes[-1] ** exponent
    return Line("history, made up", sizes, tuple(start + factor * size**exponent for size in sizes))


@given(low=st.integers(1, 1_000), times=st.integers(100, 100_000), count=st.integers(2, 9))
def test_sizes_are_spaced_evenly_on_a_logarithmic_scale(low: int, times: int, count: int) -> None:
    sizes = spaced(low * 100, low * 100 * times, count)
    assert (sizes[0], sizes[-1], len(sizes)) == (low * 100, low * 100 * times, count)
    for one, other in pairwise(sizes):
        assert abs(other / one / times ** (1 / (count - 1)) - 1) < 0.02


@given(start=costs, exponent=exponents, share=shares)
def test_the_exponent_that_costs_were_made_with_is_found(start: float, exponent: float, share: float) -> None:
    found = law(grown(start, exponent, share))
    assert abs(found.exponent - exponent) < 0.015
    assert abs(found.start / start - 1) < 0.2
    assert found.whole < exponent


@given(start=costs, exponent=st.integers(60, 200).map(lambda n: n / 100), share=st.floats(5, 100), data=st.data())
def test_noise_of_a_hundredth_moves_it_little(start: float, exponent: float, share: float, data: st.DataObject) -> None:
    line = grown(start, exponent, share)
    noise = data.draw(st.lists(st.floats(0.99, 1.01), min_size=len(SIZES), max_size=len(SIZES)))
    noisy = line._replace(seconds=tuple(one * by for one, by in zip(line.seconds, noise, strict=True)))
    assert abs(law(noisy).exponent - exponent) < 0.15


@given(seconds=st.lists(costs, min_size=7, max_size=7), slower=st.floats(0.1, 10), larger=st.integers(2, 9))
def test_a_slower_machine_and_another_unit_change_no_exponent(seconds: list[float], slower: float, larger: int) -> None:
    line = Line("history, made up", SIZES, tuple(seconds))
    found = law(line)
    assert abs(law(line._replace(seconds=tuple(one * slower for one in seconds))).exponent - found.exponent) < 0.015
    assert abs(law(line._replace(sizes=tuple(one * larger for one in SIZES))).exponent - found.exponent) < 0.015
    assert found.start >= 0
    assert all(found.at(size) > 0 for size in SIZES)


@given(cost=costs, noise=st.lists(st.floats(1, 1.19), min_size=7, max_size=7))
def test_what_stays_as_it_is_does_not_grow(cost: float, noise: list[float]) -> None:
    found = law(Line("history, made up", SIZES, tuple(cost * by for by in noise)))
    assert (found.exponent, found.factor) == (0, 0)
    assert abs(found.whole) < 0.06


def test_what_falls_does_not_grow() -> None:
    assert law(Line("history, made up", (100, 1_000, 10_000), (4.0, 2.0, 1.0))).exponent == 0


def calls_of_a_diff(folder: Path, resources: int, changed: int) -> int:
    """How many functions are called to tell everything that differs, which is the same on every machine."""
    state, (old, new) = make_state(resources), (folder / "old.json", folder / "new.json")
    old.write_text(json.dumps(state))
    change(state, changed)
    new.write_text(json.dumps(state))
    profile = cProfile.Profile()
    places = profile.runcall(complete, old, new)
    assert places >= changed
    calls: int = pstats.Stats(profile).total_calls  # type: ignore[attr-defined]
    return calls


@pytest.mark.parametrize("grows", ["resources", "changed"])
def test_a_diff_grows_no_faster_than_what_it_compares(tmp_path: Path, grows: str) -> None:
    sizes = (100, 200, 400, 800, 1_600)
    asked = {"resources": 1_600, "changed": 10}
    calls_of_a_diff(tmp_path, **asked)  # what is imported and compiled once
    calls = tuple(float(calls_of_a_diff(tmp_path, **{**asked, grows: size})) for size in sizes)
    found = law(Line("diff, made up", sizes, calls))
    assert 0.9 < found.exponent < 1.05


def test_a_picture_has_every_figure_inside_its_edges_and_the_law_beside_it() -> None:
    svg = picture(MADE_UP)
    assert figures(svg) == MADE_UP
    root = ElementTree.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    points = [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in root.iter(f"{space}circle")]
    assert len(points) == sum(len(line.sizes) for line in MADE_UP)
    assert all(LEFT <= across <= RIGHT and TOP <= up <= BOTTOM for across, up in points)
    first = points[: len(SIZES)]
    assert [across for across, _ in first] == sorted(across for across, _ in first)
    assert [up for _, up in first] == sorted((up for _, up in first), reverse=True), "more seconds are higher up"
    texts = [text.text for text in root.iter(f"{space}text")]
    for line in MADE_UP:
        assert line.name in texts
        assert said(law(line)) in texts
    assert said(Law(0.2, 1, 0.987, 0.25)) == "exponent 0.99 above 0.20 s; 0.25 in all"


def test_the_picture_of_the_page_is_what_the_bench_draws_of_its_figures() -> None:
    svg = (DOCS / "growth.svg").read_text()
    lines = figures(svg)
    assert svg == picture(lines)
    for name, largest in (("history", 100_000), ("diff", 50_000), ("plan", 3_000), ("rollback", 3_000)):
        assert max(line.sizes[-1] for line in lines if line.name.startswith(name)) >= largest
    page = (DOCS / "speed.md").read_text().partition("\n## Growth\n")[2].partition("\n## ")[0]
    assert "](growth.svg)" in page
    assert not re.search(r"exponent (of )?\d", page), "figures stand in the picture alone: each run makes it anew"
