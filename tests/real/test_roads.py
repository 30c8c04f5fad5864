"""Every real stack on every road: reality, the version's own program, and secrets are looked at after each."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import TypeVar

import pytest

from tests.real.roads import ROADS, Seen
from tests.real.shop import Shop, World
from tests.real.shops import SHOPS

S = TypeVar("S", bound=Shop)


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize(
    "shop", [pytest.param(shop, id=shop.title, marks=pytest.mark.needs(shop.groups)) for shop in SHOPS]
)
def test_road(shop: type[Shop], road: str, world: World, note_result: Callable[[dict[str, object]], None]) -> None:
    walk(shop, road, ROADS[road], world, note_result)


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
