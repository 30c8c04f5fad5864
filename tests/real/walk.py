"""Taking a stack along a road, with what came of it noted."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import TypeVar

from tests.real.roads import Seen
from tests.real.shop import Shop, World

S = TypeVar("S", bound=Shop)


def walk(
    shop: type[S],
    road: str,
    way: Callable[[S, Seen], None],
    world: World,
    note_result: Callable[[dict[str, object]], None],
) -> None:
    """Takes a new stack along a road, and notes what came of it."""
    made, seen, began = shop(world), Seen(), time.monotonic()
    result = "failed"
    try:
        way(made, seen)
        result = "held"
    finally:
        made.close()
        seconds = round(time.monotonic() - began)
        note_result(
            {"shop": shop.title, "road": road, "result": result, "seconds": seconds, **dataclasses.asdict(seen)}
        )
