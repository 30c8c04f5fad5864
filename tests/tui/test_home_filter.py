"""The filter on home: what is shown beside it, and what a key then plans, is the update under the cursor."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.message import Message

from pulumi_rewind_tui.messages import RollbackRequested
from pulumi_rewind_tui.screens import home_loading as loading
from pulumi_rewind_tui.screens.review import ReviewScreen
from pulumi_rewind_tui.text.comparison import LIVE
from tests.support.tui.replay import play
from tests.support.tui.shop import Shop, screen_text, settle, title
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


async def test_reading_again_reads_all_that_is_filtered(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "FIRST", 3)
    app = shop.app()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("slash", *"main", "enter")
        await settle(pilot)
        found = app.home.timeline.filtered
        assert found is not None
        assert len(found) > 3
        await pilot.press("ctrl+r")
        await settle(pilot)
        assert app.home.timeline.filtered == found
        assert "reading" not in screen_text(app)


async def test_cursor_diff_and_r_mean_the_same_row_all_the_time(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """While typing, where nothing matches, from match to match, and when the filter is off again."""
    app = shop.app()
    asked: list[str] = []
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        home = app.home
        posted = app.post_message

        def post(message: Message) -> bool:
            if not isinstance(message, RollbackRequested):
                return posted(message)
            asked.append(message.target)
            return True

        monkeypatch.setattr(app, "post_message", post)

        async def agree(*keys: str) -> None:
            for key in keys:
                await pilot.press(key)
                await settle(pilot)
                shown = home.diff.comparison
                number = home.timeline.number
                assert shown is not None, key
                assert number in shown.key, key
                assert number == LIVE or f"#{number}" in title(home.diff), key
                home.action_roll_back()
                assert asked == ([f"#{number}"] if number != LIVE else []), key
                asked.clear()

        await agree("slash", *"ok", "enter", "n", "N")
        await agree("slash", "z", "enter", "n", "escape", "N")
        await agree("slash", "number_sign", "2", "escape")
