"""A hold on the screens: placed by one key after a rollback, in red on the first screen, ended when it is over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pulumi_rewind.backends import open_backend
from pulumi_rewind.backends.protocol import Backend
from pulumi_rewind.errors import BackendError
from pulumi_rewind.state.holds import Hold
from pulumi_rewind.state.locks import Lock
from pulumi_rewind.state.model import StackRef
from pulumi_rewind_tui.screens.error import ErrorScreen
from pulumi_rewind_tui.screens.result import ResultScreen
from pulumi_rewind_tui.text.cells import spans
from pulumi_rewind_tui.text.stack_news import lock_text
from pulumi_rewind_tui.widgets.footer import KeyFooter
from tests.support.tui.replay import play, recorded
from tests.support.tui.shop import Shop, screen_text, settle
from tests.support.tui.stories import go_back, until, wait_for

PROD = StackRef("shop", "prod")
TOKEN = "11111111-0000-4000-8000-000000000000"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop", protected=False)


def backend(shop: Shop) -> Backend:
    return open_backend(f"file://{shop.backend}")


def hold(shop: Shop, **changed: Any) -> None:
    made = Hold(**{"user": "ada", "host": "build1", "since": 1_700_000_000, "why": "bad", "token": TOKEN, **changed})
    content = json.dumps({key: getattr(made, key) for key in ("user", "host", "since", "why", "until", "token")})
    backend(shop).write_note(PROD, "hold", content.encode(), instead_of=None)
    backend(shop).place_lock(PROD, TOKEN, made.lock)


async def test_one_key_holds_the_stack_after_a_rollback(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, events_to_play=recorded("success"))
    app = shop.app()
    async with app.run_test(size=(140, 40)) as pilot:
        await go_back(pilot)
        screen = await wait_for(pilot, ResultScreen)
        await settle(pilot)
        assert "hold the stack" in screen_text(app)
        assert "hold" in [key.label for key in screen.query_one(KeyFooter).shown]
        await pilot.press("h")
        await until(pilot, lambda: "the stack is held: rolled back to #5" in screen_text(app))
        assert "hold" not in [key.label for key in screen.query_one(KeyFooter).shown]
        await pilot.press("escape")
        await settle(pilot)
    assert backend(shop).note(PROD, "hold") is not None
    assert [lock.hold for lock in backend(shop).locks(PROD)] == ["rolled back to #5 (v1.2)"]


async def test_a_hold_that_can_not_be_placed_is_told(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise BackendError("the bucket can't be written", hint="Ask for the right.")

    play(monkeypatch, events_to_play=recorded("success"))
    monkeypatch.setattr("pulumi_rewind.rollback.hold.place_hold", refused)
    app = shop.app()
    async with app.run_test(size=(140, 40)) as pilot:
        await go_back(pilot)
        screen = await wait_for(pilot, ResultScreen)
        await settle(pilot)
        await pilot.press("h")
        await wait_for(pilot, ErrorScreen)
        assert "The stack is not held." in screen_text(app)
        await pilot.press("escape")
        await settle(pilot)
        assert "hold" in [key.label for key in screen.query_one(KeyFooter).shown]


async def test_the_first_screen_says_in_red_who_holds_the_stack(shop: Shop) -> None:
    hold(shop)
    app = shop.app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        assert "held by ada@build1 since 2023-11-14" in screen_text(app)
        assert ": bad" in screen_text(app)
        pieces, _ = app.home.bar.pieces()
        assert [role for text, role in spans(pieces[0]) if text.startswith("held by")] == ["failed"]
        assert not app.home.timeline.marks.locked, "nobody is in the middle of an update"


async def test_one_that_is_over_ends_when_the_first_screen_opens(shop: Shop) -> None:
    hold(shop, until=1_700_000_100)
    app = shop.app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        assert "held by" not in screen_text(app)
        assert "lock: none" in screen_text(app)
    assert backend(shop).note(PROD, "hold") is None
    assert backend(shop).locks(PROD) == []


def test_a_hold_is_told_with_its_day() -> None:
    told = lock_text(Lock("x", "build1", timestamp="2026-11-29T05:00:00Z", hold="bad", holder="ada"))
    assert told.startswith("held by ada@build1 since 2026-11-29 ")
    assert told.endswith(": bad")
