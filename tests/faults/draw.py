"""What a seed decides: the road, the fault, and when it strikes. Pure."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

ROADS: Final = ("checkpoint", "program", "state", "up", "resume")
"""The ways back: three strategies, an update that takes itself back, and a rollback that goes on."""

FAULTS: Final = (
    "kill-us",
    "kill-engine",
    "kill-provider",
    "stop-us",
    "stop-engine",
    "stop-provider",
    "int",
    "int-twice",
    "term",
    "hup",
    "full-backend",
    "full-state",
    "full-tmp",
    "readonly-backend",
    "readonly-state",
    "readonly-tmp",
    "gone-backend",
    "race-rollback",
    "race-up",
    "clock",
    "engine-replaced",
    "engine-gone",
)

OPEN: Final = ("blinking-backend",)
"""Not survived yet, so only tried when asked for by name: what the engine saves while the backend is away for a moment
lies elsewhere, and nobody notices when it is back before the end."""


@dataclass(frozen=True)
class Moment:
    """One try: where a fault strikes on which road."""

    number: int
    road: str
    callbacks: bool
    """Whether the project has a hooks file."""
    fault: str
    place: float
    """How far the run is when it strikes, as a share of the events of an undisturbed one, 0 to 1."""
    early: bool
    """Whether it strikes before the first event instead, while all is planned."""
    delay: float
    """Seconds that it waits after that event, 0 to 0.1; of an early one a share of the time to the first event."""
    turn: float
    """What else is left to chance: for how long, in which direction; 0 to 1."""

    @property
    def kind(self) -> str:
        """The road as the table names it."""
        return f"{self.road}+callbacks" if self.callbacks else self.road


def moments(seed: str, kinds: Sequence[str] = ()) -> Iterator[Moment]:
    """All moments of a seed, without end: each fault on each road once, in mixed order, then again at other moments.

    `kinds` leaves those whose road, kind or fault it names; where it names roads and faults, both have to fit. The
    number of a moment doesn't depend on it, unless one of `OPEN` is named.
    """
    every = list(itertools.product(ROADS, (False, True), (*FAULTS, *(fault for fault in OPEN if fault in kinds))))
    for turn in itertools.count():
        mixed = list(every)
        random.Random(f"{seed} {turn}").shuffle(mixed)
        for index, (road, callbacks, fault) in enumerate(mixed):
            number = turn * len(every) + index
            draw = random.Random(f"{seed} {number}")
            moment = Moment(
                number,
                road,
                callbacks,
                fault,
                place=draw.random(),
                early=draw.random() < 0.15,
                delay=draw.random() / 10,
                turn=draw.random(),
            )
            if wanted(moment, kinds):
                yield moment


def wanted(moment: Moment, kinds: Sequence[str]) -> bool:
    """Whether the words in `kinds` mean this moment."""
    roads = [word for word in kinds if word.partition("+")[0] in ROADS]
    faults = [word for word in kinds if word not in roads]
    return (not roads or bool({moment.road, moment.kind} & set(roads))) and (not faults or moment.fault in faults)


def unknown(kinds: Sequence[str]) -> list[str]:
    """The words that mean nothing."""
    known = {*FAULTS, *OPEN, *ROADS, *(f"{road}+callbacks" for road in ROADS)}
    return [word for word in kinds if word not in known]
