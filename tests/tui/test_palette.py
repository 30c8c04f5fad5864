"""The palette finds actions, updates, resources, stacks and themes, and is quick with many of them."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from textual.command import CommandInput, CommandList
from textual.pilot import Pilot

from pulumi_rewind_tui.screens import palette
from pulumi_rewind_tui.screens.blame import BlameScreen
from pulumi_rewind_tui.screens.palette import Palette
from pulumi_rewind_tui.screens.palette_index import LIMIT, Listing, read_index
from pulumi_rewind_tui.screens.review import ReviewScreen
from tests.support.tui.shop import Shop, screen_text, settle

WIDE = (120, 40)


async def search(pilot: Pilot[Any], words: str) -> list[str]:
    """What the palette offers for some words, best first; it stays open."""
    app = pilot.app
    if not isinstance(app.screen, Palette):
        await pilot.press("ctrl+p")
        await settle(pilot)
    app.screen.query_one(CommandInput).value = words
    await settle(pilot, lambda app: not app.screen._show_busy)  # type: ignore[attr-defined]
    listed = app.screen.query_one(CommandList)
    return [str(option.prompt) for option in listed.options]


async def choose(pilot: Pilot[Any], words: str, label: str) -> str:
    """Chooses the first offer that begins with a label."""
    offers = await search(pilot, words)
    at = next((index for index, offer in enumerate(offers) if offer.startswith(label)), None)
    assert at is not None, offers
    await pilot.press(*["down"] * at, "enter")
    await settle(pilot)
    return screen_text(pilot.app)


async def test_an_update_is_found_by_number_message_tag_and_commit(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        home = pilot.app.home  # type: ignore[attr-defined]
        update = home.session.timeline.update(3)
        tags = {entry.update.number: entry.tags for entry in home.session.timeline.entries()}
        tagged = next(number for number, names in tags.items() if names)
        assert (await search(pilot, "#3"))[0].startswith("Update #3")
        assert (await search(pilot, "3"))[:2] == await search(pilot, "#3")
        for words in (update.message.splitlines()[0][:12], update.commit[:7]):
            assert any(offer.startswith("Update #3 ") for offer in await search(pilot, words)), words
        assert any(offer.startswith(f"Update #{tagged} ") for offer in await search(pilot, tags[tagged][0]))
        await choose(pilot, "#3", "Update #3")
        assert home.timeline.number == 3
        assert home.timeline.has_focus
        assert "LIVE → #3" in str(home.diff.border_title)


async def test_the_review_of_an_update_is_the_second_entry(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert (await search(pilot, "#4"))[1].startswith("Roll back… to #4")
        assert (await search(pilot, "roll back to 4"))[:2] == (await search(pilot, "#4"))[:2]
        await choose(pilot, "#4", "Roll back…")
        opened = [screen for screen in pilot.app.screen_stack if isinstance(screen, ReviewScreen)]
        assert [screen.request.target for screen in opened] == ["#4"]


async def test_a_resource_is_shown_in_the_diff_or_blamed(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        home = pilot.app.home  # type: ignore[attr-defined]
        await pilot.press("G")  # the oldest update: most differs
        await settle(pilot)
        urn = next(row for row in home.diff.rows_of_resources() if row.endswith("::api"))
        await choose(pilot, "api", "Show in the diff: api ")
        assert home.diff.has_focus
        assert home.diff.current_urn == urn
        await choose(pilot, "api", "Blame api ")
        assert isinstance(pilot.app.screen, BlameScreen)
        assert pilot.app.screen.urn == urn
        await choose(pilot, "api", "Show in the diff: api ")  # from another screen, which is left
        assert pilot.app.screen is home


async def test_a_stack_is_opened_and_a_theme_applied(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        first = pilot.app.session  # type: ignore[attr-defined]
        await choose(pilot, "stack prod", "Open stack ")
        await settle(pilot, lambda app: app.session is not first)
        assert str(pilot.app.session.stack).endswith("prod")  # type: ignore[attr-defined]
        await choose(pilot, "light", "Theme light")
        assert pilot.app.theme == "rewind-light"
        assert (shop.directory / "state" / "pulumi-rewind" / "theme").read_text() == "light\n"


async def test_what_is_about_a_stack_is_not_done_to_one_that_was_opened_meanwhile(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE, notifications=True) as pilot:
        await settle(pilot)
        app = pilot.app
        first = app.session  # type: ignore[attr-defined]
        offers = await search(pilot, "#4")
        assert offers[1].startswith("Roll back… to #4")
        app.open_stack("prod")  # type: ignore[attr-defined]
        await settle(pilot, lambda app: app.home.session is not first)
        await pilot.press("down", "enter")
        await settle(pilot)
        assert not [screen for screen in app.screen_stack if isinstance(screen, ReviewScreen)]
        assert [notice.message for notice in app._notifications] == [
            "Another stack was opened meanwhile. Nothing was done."
        ]
        app.home.closing()  # type: ignore[attr-defined]
        assert not [offer for offer in await search(pilot, "#4") if "#4" in offer], "none is open"


async def test_actions_of_another_pane_are_run_there_and_those_of_other_screens_say_where(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE, notifications=True) as pilot:
        await settle(pilot)
        home = pilot.app.home  # type: ignore[attr-defined]
        assert home.timeline.has_focus
        await choose(pilot, "unchanged", "Unchanged: Show or hide unchanged values  (u)  in home, the diff")
        assert home.diff.shown.unchanged
        assert home.diff.has_focus
        text = await choose(pilot, "in/out", "In/out: Leave")
        assert "works in the review of a plan" in text
        assert pilot.app.screen is home


async def test_what_was_typed_early_is_looked_for_again_when_all_is_read(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def late(*arguments: Any) -> None:
        go_on.wait(20)
        read_index(*arguments)

    monkeypatch.setattr(palette, "read_index", late)
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+p", "#", "5")
        while any(worker.name == "_gather_commands" and not worker.is_finished for worker in pilot.app.workers):
            await pilot.pause()
        assert "Update #5" not in screen_text(pilot.app)
        go_on.set()
        await settle(pilot)
        assert screen_text(pilot.app).count("Update #5") == 1


async def test_a_question_is_not_left_by_the_palette(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("question_mark")
        await settle(pilot)
        assert not [offer for offer in await search(pilot, "#3") if "#3" in offer]


def test_many_are_searched_within_a_frame() -> None:
    listing: Listing[int] = Listing()
    for number in range(20_000):
        text = f"#{number} update succeeded deploy the service number {number} {number:040x} main ada@example.test"
        listing.add(number, text, (str(number), f"#{number}"))
    slowest = 0.0
    for query in ("s", "zzz", "deploy", "ada zzz", "the service 19999", "main update ada deploy zzz"):
        best = min(timed(listing, query) for _ in range(5))
        slowest = max(slowest, best)
    assert len(listing.find("s")) == LIMIT
    assert listing.named("#7") == [7]
    assert listing.find("the service 19999") == [19_999]
    assert slowest < 0.05


def timed(listing: Listing[int], query: str) -> float:
    begun = time.process_time()
    listing.named(query)
    listing.find(query)
    return time.process_time() - begun
