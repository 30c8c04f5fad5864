"""A little of what `make fuzz` does, always the same: each target with some hundred spoiled inputs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_rewind.errors import SecretsError, UsageError
from tests.fuzz.mutations import Mutator
from tests.fuzz.runner import Runner
from tests.fuzz.seeds import Target
from tests.fuzz.targets import targets

INPUTS = 60
"""Of each target; `make fuzz` has the others."""


@pytest.fixture(scope="module")
def made() -> Iterator[dict[str, Target]]:
    with tempfile.TemporaryDirectory() as folder:
        yield targets(Path(folder))


@pytest.mark.parametrize("seed", [1, 2])
def test_only_errors_of_ours_come_out(made: dict[str, Target], seed: int, tmp_path: Path) -> None:
    runner = Runner(made, seed, tmp_path / "finds")
    for name in made:
        runner.run(name, inputs=INPUTS)
    assert runner.finds == []
    assert sum(runner.counts.values()) == INPUTS * len(made)


def test_every_seed_is_taken(made: dict[str, Target]) -> None:
    """Or a target would spoil what was refused anyway."""
    refused = set()
    for name, target in made.items():
        for raw in target.seeds:
            try:
                target.run(raw)
            except (UsageError, SecretsError):  # this timeline hasn't got it, this key doesn't open it
                pass
            except Exception as err:  # noqa: BLE001 - named below
                refused.add(f"{name}: {err!r}")
    assert refused == set()


def test_the_same_seed_makes_the_same_inputs() -> None:
    one, other, third = (Mutator(seed, (b'{"a": [1, "x"]}',)) for seed in ("1", "1", "2"))
    first = [one.made() for _ in range(200)]
    assert first == [other.made() for _ in range(200)]
    assert first != [third.made() for _ in range(200)]


def test_a_find_is_kept_and_told_once(tmp_path: Path) -> None:
    def broken(raw: bytes) -> None:
        raise KeyError(raw[:1])

    def endless(raw: bytes) -> None:
        while True:
            pass

    runner = Runner({"broken": Target((b"seed",), broken)}, 1, tmp_path / "finds")
    runner.run("broken", inputs=20)
    assert (runner.counts, runner.found) == ({"broken": 20}, {"broken": 1})
    assert len(list((tmp_path / "finds").iterdir())) == 1
    runner = Runner({"endless": Target((b"seed",), endless)}, 1, tmp_path / "finds", limit=0.05)
    runner.run("endless", inputs=1)
    assert "Hang" in runner.finds[0]
