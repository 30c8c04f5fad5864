"""How a run ended: success, failure, and the ways on; and an interrupted rollback found at the start."""

from __future__ import annotations

import dataclasses
import stat
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from pulumi_rewind import errors
from pulumi_rewind.choices import Choices
from pulumi_rewind.rollback.result import RollbackResult
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind_tui.app import RewindApp
from pulumi_rewind_tui.screens.result import ResultScreen
from pulumi_rewind_tui.screens.text_modal import TextModal
from pulumi_rewind_tui.widgets.footer import KeyFooter
from pulumi_rewind_tui.widgets.note_line import NoteLine
from pulumi_rewind_tui.widgets.text_page import TextView
from pulumi_rewind_tui.workers.planner import Request
from tests.support.journals import process_ended
from tests.support.tui.replay import play, recorded
from tests.support.tui.shop import Shop, screen_text, settle
from tests.support.tui.stories import found, go_back, interrupted, review, until, wait_for

CHOSEN = Choices(
    only=("*api*", "!worker"),
    refresh=True,
    recorded_credentials=True,
    todays_config=True,
    adopt={"db": "i-1", "": ""},
    recorded_hooks=True,
)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop", protected=False)


async def ended(pilot: Pilot[Any]) -> ResultScreen:
    """From the start to the result of a whole run."""
    await go_back(pilot)
    screen = await wait_for(pilot, ResultScreen)
    await settle(pilot)
    return screen


def labels(screen: ResultScreen) -> list[str]:
    return [key.label for key in screen.query_one(KeyFooter).shown]


async def test_success_says_what_differs_and_why_and_how_to_undo(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch)
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await ended(pilot)
        text = screen_text(app)
        assert "✓ done, 2 differences: shop/prod is back at #5 (v1.2)   took 00:04   recorded as #9" in text
        assert "orders-db inputs.name: was generated again by the provider (as announced)" in text
        assert "±1 +1 ~3 -2   1 replaced, 1 created, 3 updated, 2 deleted" in text
        assert "still contains #8: revert it" in text
        assert "continue" not in labels(screen)
        assert "undo…" in labels(screen)
        assert app.home.timeline.total == 9  # home has read the history again
        await pilot.press("u")
        back = await review(pilot)
        assert back.request.target == "#8"


async def test_an_exact_success_says_that_it_equals_the_target(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, events_to_play=recorded("success"))
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ended(pilot)
        assert "✓ done: shop/prod equals #5 (v1.2)" in screen_text(app)
        await pilot.press("escape")
        await settle(pilot)
        assert app.screen is app.home


async def test_a_difference_that_nobody_announced_is_a_hazard(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from pulumi_rewind.plan.verify import Difference

    def result(self: Any) -> RollbackResult:
        odd = Difference("urn:pulumi:prod::shop::t::api", "inputs.image", "has a different value than in the target")
        return RollbackResult("succeeded", 9, {"update": 1}, (odd,), 61.0)

    played = play(monkeypatch, events_to_play=recorded("success"))
    played.result = property(result, lambda self, value: None)  # type: ignore[assignment]
    app = shop.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ended(pilot)
        text = screen_text(app)
        assert "⚠ done, 1 difference" in text
        assert "took 01:01" in text
        assert "⚠ api inputs.image: has a different value than in the target" in text


async def test_values_that_may_be_stale_are_said_instead_of_equals(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from pulumi_rewind.plan.stale_values import StaleValue

    def result(self: Any) -> RollbackResult:
        old = StaleValue("urn:pulumi:prod::shop::t::api", "tags.h", "was computed from db")
        return RollbackResult("succeeded", 9, {"update": 1}, (), 61.0, stale=(old,))

    played = play(monkeypatch, events_to_play=recorded("success"))
    played.result = property(result, lambda self, value: None)  # type: ignore[assignment]
    app = shop.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ended(pilot)
        text = screen_text(app)
        assert "⚠ done, 1 value may be stale: shop/prod is back at #5" in text
        assert "⚠ api.tags.h: was computed from db" in text
        assert "equals" not in text


async def test_failure_says_where_the_stack_is_and_every_way_on(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, "failure")
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await ended(pilot)
        text = screen_text(app)
        assert "✗ FAILED at step 5 of 7   shop/prod is BETWEEN #8 and #5 (v1.2)" in text
        assert "✗ api: updating failed" in text
        assert "· 2 not reached: jobs, レポート" in text
        assert "InvalidParameterValue: image shop/api:1.2.0 is not in this region" in text
        assert "Pending operations: none" in text
        assert "Lock: released" in text
        assert "Live compared with #5 (v1.2): 4 differences remain" in text
        assert {"continue", "undo…", "refresh", "copy note"} <= set(labels(screen))
        await pilot.press("c")
        on = await review(pilot)
        assert on.request.target == "#5"
        assert not on.request.choices.refresh


@pytest.mark.parametrize(("key", "target", "refresh"), [("u", "#8", False), ("f", "#5", True)])
async def test_the_other_ways_on(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, key: str, target: str, refresh: bool
) -> None:
    play(monkeypatch, "failure")
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ended(pilot)
        await pilot.press(key)
        on = await review(pilot)
        assert (on.request.target, on.request.choices.refresh) == (target, refresh)
        assert app.screen_stack == [app.home, on]  # in place of the result: esc leads to the timeline


async def test_a_refusal_says_that_nothing_was_changed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def events(self: Any) -> Any:
        yield from recorded("success")[:1]
        raise errors.RefusedError("the stack's state has changed since the plan was reviewed", hint="Plan again.")

    play(monkeypatch, events=events)
    app = shop.app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ended(pilot)
        text = screen_text(app)
        assert "NOT ROLLED BACK: nothing was changed" in text
        assert "the stack's state has changed" in text
        assert "Plan again." in text
        assert "BETWEEN" not in text
        assert "undo…" not in labels(screen)
        await pilot.press("c")
        assert (await review(pilot)).request.target == "#5"


async def test_the_incident_note_is_private_and_masked(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    played = play(monkeypatch, "failure")
    real = played.events

    def events(self: Any) -> Any:
        try:
            yield from real(self)
        except errors.IncompleteError as err:
            raise errors.IncompleteError(f"{err}: password correct-horse was refused", hint=err.hint) from None

    monkeypatch.setattr(played, "events", events)
    copied: list[str] = []
    app = shop.app()
    monkeypatch.setattr(app, "copy_to_clipboard", copied.append)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await ended(pilot)
        assert {"save", "copy note"} <= set(labels(screen))
        page = screen.query_one("#result", TextView)
        assert "password [secret] was refused" in " ".join(page.text.split())
        await pilot.press("s", "y")
        await until(pilot, lambda: screen.query_one("#note", NoteLine).text.startswith("saved: ") and bool(copied))
        await pilot.press("l")
        await wait_for(pilot, TextModal)
        assert "api: updating failed" in screen_text(app)
        assert "InvalidParameterValue" in screen_text(app)
    path = next((shop.directory / "state").rglob("incident-prod-*.md"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == copied[0]
    text = copied[0]
    assert text.startswith("# `shop/prod`: update `#8` failed, rollback failed on the way to `#5 (v1.2)`\n")
    assert "The rollback failed half-way; it left the stack between `#8` and `#5 (v1.2)`." in text
    assert "- replace `orders-db` (`bridged:index:Database`)" in text
    assert "pulumi-rewind rollback prod 8" in text
    assert "`pulumi-rewind resume prod` continues it" in text
    assert "HEAD still contains" in text
    assert "`pulumi-rewind revert prod`" in text
    assert "correct-horse" not in text
    assert "[secret]" in text


async def test_a_note_that_can_not_be_made_is_said(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch)
    app = shop.app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ended(pilot)

        def fails(*_: object) -> None:
            raise errors.BackendError("the history is gone", hint="Look at the backend.")

        monkeypatch.setattr("pulumi_rewind.rollback.incident.incident_of", fails)
        await pilot.press("y")
        await until(pilot, lambda: app.screen is not screen)
        text = " ".join(screen_text(app).split())
        assert "the history is gone" in text
        assert "could not be copied" in text


async def test_continuing_keeps_everything_that_was_chosen(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, "failure")
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await ended(pilot)
        prepared = dataclasses.replace(screen.outcome.plan.prepared, choices=CHOSEN)
        screen.outcome = dataclasses.replace(
            screen.outcome, plan=dataclasses.replace(screen.outcome.plan, prepared=prepared)
        )
        await pilot.press("c")
        await until(
            pilot, lambda: any(getattr(one, "request", None) == Request("#5", CHOSEN) for one in app.screen_stack)
        )


# -- found at the start ----------------------------------------------------------------------------------------------


async def test_an_interrupted_rollback_can_be_resumed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch)
    journal = interrupted(shop)
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await found(pilot)
        text = screen_text(app)
        assert "The stack may be between #8 and #5 (v1.2)." in text
        assert app.focused is not None
        assert app.focused.id == "cancel"
        await pilot.press("r")
        assert (await review(pilot)).request.target == "#5"
        assert journal.read() is not None


async def test_an_interrupted_update_goes_back_to_a_state_that_no_update_left(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch)
    state = shop.checkpoint(5).read_text().replace("\n", " ")  # the same content; the bytes are nobody's
    kept = decode_checkpoint(state.encode(), source="test")
    journal = interrupted(shop)
    journal.begin(target=5, label="the state before #6", digest=kept.digest, start=5, update=True, checkpoint=kept)
    process_ended(journal)
    app = shop.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await found(pilot)
        assert "An update of shop/prod began" in screen_text(app)
        await pilot.press("r")
        screen = await review(pilot)
        assert screen.plan is not None
        assert screen.plan.target.label == "the state before #6"
        assert screen.plan.prepared.target.digest == kept.digest
    journal.checkpoint_path.write_text("{}")
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await found(pilot)
        assert "It can't be resumed" in screen_text(app)


async def test_the_way_back_later_and_forgetting(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch)
    journal = interrupted(shop)
    app = shop.app()
    assert isinstance(app, RewindApp)
    async with app.run_test(size=(80, 24)) as pilot:
        await found(pilot)
        await pilot.press("u")
        assert (await review(pilot)).request.target == "#8"
    for key, kept in (("enter", True), ("F", False)):
        app = shop.app()
        async with app.run_test(size=(80, 24)) as pilot:
            await found(pilot)
            await pilot.press(key)
            await settle(pilot)
            assert app.screen is app.home
            assert (journal.read() is not None) is kept


async def test_a_target_that_is_not_the_same_any_more_can_not_be_resumed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch)
    interrupted(shop, digest="0" * 64)
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await found(pilot)
        assert "It can't be resumed" in screen_text(app)
        await pilot.press("r")
        await settle(pilot)
        assert app.screen is screen
