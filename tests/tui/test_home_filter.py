"""The filter on home: what is shown beside it, and what a key then plans, is the update under the cursor."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulumi_rewind_tui.screens.review import ReviewScreen
from tests.support.tui.replay import play
from tests.support.tui.shop import Shop, settle
from tests.support.tui.stories import wait_for

WIDE = (120, 40)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop", protected=False)


async def test_a_filter_moves_the_diff_with_the_cursor(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is planned by r is the update under the cursor, so that is the one to be shown."""
    play(monkeypatch)
    app = shop.app()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        home = app.home
        for words in ("#1", "#3", ""):
            await pilot.press("slash", *("backspace",) * 4, *("number_sign" if char == "#" else char for char in words))
            await settle(pilot)
            assert home.diff.comparison is not None
            assert home.timeline.number in home.diff.comparison.key, words
            await pilot.press("enter")
            await settle(pilot)
            assert home.timeline.number in home.diff.comparison.key, words
        await pilot.press("slash", "number_sign", "2", "enter")
        await settle(pilot)
        assert home.timeline.number == 2
        await pilot.press("r")
        assert (await wait_for(pilot, ReviewScreen)).request.target == "#2"
