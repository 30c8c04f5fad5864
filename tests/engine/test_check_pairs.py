"""What `check` says of an update agrees with the rollback that is really run, over pairs of programs drawn by chance.

A few pairs in every run; REWIND_CHECK_PAIRS=60 draws that many.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.support.checked import tried
from tests.support.stack import EngineStack

PAIRS = int(os.environ.get("REWIND_CHECK_PAIRS", "4"))
UNDECIDED = 0.1
"""Which share of all steps may be left undecided, or be judged worse than what happened."""


@pytest.mark.slow
@pytest.mark.timeout(120 + 60 * PAIRS)
def test_verdicts_agree_with_the_rollback_really_run(make_stack: Callable[..., EngineStack]) -> None:
    steps, pairs, seed = 0, 0, 100
    better: list[str] = []
    undecided: list[str] = []
    while pairs < PAIRS:
        outcome = tried(make_stack(), seed)
        if outcome.said and not outcome.skipped:
            pairs += 1
            steps += len(outcome.said)
            better += [f"{seed}: {one}" for one in outcome.better]
            undecided += [f"{seed}: {one}" for one in (*outcome.worse, *outcome.unknown)]
        seed += 1
    assert better == [], "said to be better than it was"
    assert len(undecided) <= max(1, UNDECIDED * steps), undecided
