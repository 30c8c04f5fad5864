"""Every real stack on every road: reality, the version's own program, and secrets are looked at after each."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.real.roads import ROADS
from tests.real.shop import Shop, World
from tests.real.shops import SHOPS
from tests.real.walk import walk


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize(
    "shop", [pytest.param(shop, id=shop.title, marks=pytest.mark.needs(shop.groups)) for shop in SHOPS]
)
def test_road(shop: type[Shop], road: str, world: World, note_result: Callable[[dict[str, object]], None]) -> None:
    walk(shop, road, ROADS[road], world, note_result)
