"""A large state is in memory once: reading, comparing and knowing how it stands make no second copy of it."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pulumi_rewind.errors import BackendError
from pulumi_rewind.history.timeline import Timeline
from pulumi_rewind.state.same import same_bytes
from pulumi_rewind.system.untrusted import read_bytes
from tests.support.filestore import FileStore
from tests.support.state_reads import state_reads

SIZE = 8 << 20


@pytest.fixture
def peak() -> Iterator[Callable[[Callable[[], object]], int]]:
    """Bytes that a piece of work takes at most beside what was there."""

    def measured(work: Callable[[], object]) -> int:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        work()
        return tracemalloc.get_traced_memory()[1] - before

    tracemalloc.start()
    yield measured
    tracemalloc.stop()


def test_reading_takes_one_copy(tmp_path: Path, peak: Callable[[Callable[[], object]], int]) -> None:
    path = tmp_path / "state"
    path.write_bytes(bytes(4 * SIZE))
    assert peak(lambda: read_bytes(path, 4 * SIZE)) < 4 * 1.2 * SIZE


def state(time: str, *, shape: str, last: str = "x") -> bytes:
    values = ["x"] * (SIZE >> 12)
    values[-1] = last
    resources = [{"urn": f"u{at}", "type": "t", "inputs": {"v": one * 4000}} for at, one in enumerate(values)]
    latest = {"manifest": {"time": time, "magic": "m", "version": "v3.276.0"}, "resources": resources}
    document: Any = {"deployment": latest} if shape == "export" else {"checkpoint": {"stack": "s", "latest": latest}}
    indent, separators = (4, None) if shape == "indented" else (None, (",", ":"))
    return json.dumps({"version": 3, **document}, indent=indent, separators=separators).encode()


@pytest.mark.parametrize("shape", ["compact", "indented", "export"])
@pytest.mark.parametrize("last", ["x", "y"])
def test_comparing_takes_no_copy(shape: str, last: str, peak: Callable[[Callable[[], object]], int]) -> None:
    one, other = state("2026", shape="compact"), state("2027", shape=shape, last=last)
    answers: list[bool] = []
    assert peak(lambda: answers.append(same_bytes(one, other))) < 0.3 * SIZE
    assert answers == [last == "x"]


def test_who_is_told_how_live_stands_reads_no_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FileStore(tmp_path)
    for value in (1, 2, 3, 3):
        store.add(value)
    knows = store.timeline()
    standing = knows.standing()
    reads = state_reads(monkeypatch)
    told = store.timeline()
    told.stand(standing)
    assert told.live_update() == 4
    assert told.live_damage == ""
    good = told.last_good()
    assert good is not None
    assert good.number == 2
    assert [(entry.live, entry.last_good) for entry in told.entries()] == [
        (entry.live, entry.last_good) for entry in knows.entries()
    ]
    assert reads == []
    assert told.live().raw == knows.live().raw, "it can still be had"
    assert len(reads) == 1


def test_nobody_is_told_what_cannot_be_read(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.add(1)
    store.state.write_bytes(b"{")
    with pytest.raises(BackendError):
        store.timeline().standing()


def test_a_state_without_updates_or_good_ones_stands_all_the_same(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.add(1, result="failed")
    found = store.timeline().standing()
    told: Timeline = store.timeline()
    told.stand(found)
    assert (found.count, found.live, found.last_good) == (1, 1, None)
    assert told.last_good() is None
