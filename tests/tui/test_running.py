"""A run on recordings: what is shown, how it is stopped, and what happens when the screen or the terminal goes."""

from __future__ import annotations

import os
import signal
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from textual.message import Message
from textual.pilot import Pilot

from pulumi_rewind.engine.events import Diagnostic, ResourceDone, ResourcePre, StepMetadata
from pulumi_rewind.rollback.result import RollbackResult
from pulumi_rewind.session import Session
from pulumi_rewind_tui.screens.result import ResultScreen
from pulumi_rewind_tui.screens.running import RunningScreen
from pulumi_rewind_tui.screens.stop import StopScreen
from pulumi_rewind_tui.screens.text_modal import TextModal
from pulumi_rewind_tui.widgets.run_views import seconds_text
from pulumi_rewind_tui.workers.runner import RunBatch, log_path
from tests.support.tui.replay import ReplayedRun, play, recorded
from tests.support.tui.shop import Shop, screen_text
from tests.support.tui.stories import go_back, until, wait_for

HALF = 19
"""Events of the recording after which three of seven steps are done."""

BUSY = 12
"""Events after which something is running."""


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop", protected=False)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> type[ReplayedRun]:
    return play(monkeypatch, stop_after=HALF)


async def started(pilot: Pilot[Any]) -> RunningScreen:
    """From the start to a run that waits half-way."""
    await go_back(pilot)
    screen = await wait_for(pilot, RunningScreen)
    await until(pilot, lambda: len(screen.state.raw) >= BUSY)
    await pilot.pause(0.3)
    return screen


async def test_rows_counts_and_log_follow_the_engine(shop: Shop, played: type[ReplayedRun]) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await started(pilot)
        text = screen_text(app)
        assert (
            "ROLLING BACK shop/prod → #5 (v1.2)   3 of 7 steps   0 running   0 failed   00:00   lock: this rollback"
            in text
        )
        assert "✓ orders-db  ± replaced" in text
        assert "· worker     ~ waiting" in text
        assert "12:00:00 orders-db: creating the replacement…" in text
        assert app.run_in_progress is screen
        path = log_path(shop_session(app))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert "orders-db: created the replacement" in path.read_text()
        played.made.go()
        await wait_for(pilot, ResultScreen)
        assert app.run_in_progress is None


def shop_session(app: Any) -> Any:
    assert app.session is not None
    return app.session


async def test_nothing_leaves_a_run_by_accident(shop: Shop, played: type[ReplayedRun]) -> None:
    app = shop.app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await started(pilot)
        await pilot.press("escape", "enter", "escape", "escape")
        await pilot.pause()
        assert app.screen is screen
        await pilot.press("q")
        dialog = await wait_for(pilot, StopScreen)
        assert app.focused is not None
        assert app.focused.id == "cancel"
        await pilot.press("ctrl+c", "ctrl+q", "q")  # no second dialogue; q in it keeps going
        await pilot.pause()
        assert not dialog.is_current
        await pilot.press("ctrl+c", "enter")
        await pilot.pause()
        assert app.screen is screen
        assert played.made.calls == []
        played.made.go()
        await wait_for(pilot, ResultScreen)


async def test_stopping_gently_then_now(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stubborn(ReplayedRun):
        def interrupt(self) -> None:
            self.calls.append("interrupt")
            if len(self.calls) > 1:
                self._gate.put("stop")

    played = play(monkeypatch, stop_after=HALF, interrupt=Stubborn.interrupt)
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await started(pilot)
        await pilot.press("ctrl+c", "s")
        await until(pilot, lambda: played.made.calls == ["interrupt"])
        await until(pilot, lambda: "stopping…" in screen_text(app))
        assert "stopping after the running steps" in screen_text(app)
        assert app.screen is screen
        await pilot.press("ctrl+c")
        await wait_for(pilot, StopScreen)
        assert "Stopping now may leave pending operations" in screen_text(app)
        await pilot.press("n")
        await wait_for(pilot, ResultScreen)
        assert played.made.calls == ["interrupt", "interrupt"]
        text = screen_text(app)
        assert "STOPPED at step 3 of 7" in text
        assert "shop/prod is BETWEEN #8 and #5 (v1.2)" in text
        assert "c continue to #5 (v1.2)" in text


async def test_what_was_asked_of_a_run_is_gone_when_it_has_ended(shop: Shop, played: type[ReplayedRun]) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await started(pilot)
        await pilot.press("enter")
        await wait_for(pilot, TextModal)
        await pilot.press("ctrl+c")
        await wait_for(pilot, StopScreen)
        played.made.go()
        result = await wait_for(pilot, ResultScreen)
        assert app.screen_stack == [app.home, result]


async def test_killing_is_told_apart(shop: Shop, played: type[ReplayedRun]) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await started(pilot)
        await pilot.press("ctrl+c", "K")
        await wait_for(pilot, ResultScreen)
        assert played.made.calls == ["kill"]


async def test_follow_raw_and_errors_of_the_log(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    events = recorded("success")[:HALF]
    urns = (event.step.urn for event in events if isinstance(event, ResourcePre))
    urn = next(urn for urn in urns if "orders-db" in urn)
    chatter = [Diagnostic(f"line {number}", "info", urn) for number in range(60)]
    problems = [
        Diagnostic("first [bold]problem[/] \x1b[31m", "error", urn),
        *chatter,
        Diagnostic("second", "error", ""),
    ]
    played = play(monkeypatch, events_to_play=[*events, *chatter, *problems, *chatter, *recorded("success")[-3:]])
    played.stop_after = len(events) + 3 * 60 + 2
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await started(pilot)
        await until(pilot, lambda: "line 59" in screen_text(app))
        log = screen.log_view
        assert log.follow
        await pilot.press("e")
        await until(pilot, lambda: "first [bold]problem[/] ␛[31m" in screen_text(app))
        assert not log.follow
        assert "F follows" in screen_text(app)
        await pilot.press("e")
        await until(pilot, lambda: "second" in screen_text(app))
        await pilot.press("F")
        await until(pilot, lambda: log.follow and log.scroll_offset.y > 100)
        await pilot.press("l")
        await until(pilot, lambda: "Diagnostic info urn:pulumi:prod" in screen_text(app))
        await pilot.press("l", "enter")
        await wait_for(pilot, TextModal)
        assert "first [bold]problem[/]" in app.screen.query_one("TextView").text
        await pilot.press("escape")
        played.made.go()
        await wait_for(pilot, ResultScreen)


async def test_a_resized_terminal_keeps_everything(shop: Shop, played: type[ReplayedRun]) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await started(pilot)
        for size in ((80, 24), (60, 15), (50, 10), (200, 60), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause(0.1)
            assert app.screen is screen
        text = screen_text(app)
        assert "3 of 7 steps" in text
        assert "✓ orders-db" in text
        assert "orders-db: created the replacement" in text  # the log is still at its end
        played.made.go()
        await wait_for(pilot, ResultScreen)


async def test_secrets_in_messages_are_masked(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    leak = Diagnostic("connect failed: password=correct-horse user=shop", "error", "")
    played = play(monkeypatch, events_to_play=[*recorded("success")[:HALF], leak, *recorded("success")[HALF:]])
    played.stop_after = HALF + 1
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await started(pilot)
        await until(pilot, lambda: "password=[secret]" in screen_text(app))
        assert all("correct-horse" not in line.text for line in (*screen.state.log, *screen.state.raw))
        played.made.go()
        await wait_for(pilot, ResultScreen)
        assert "correct-horse" not in log_path(shop_session(app)).read_text()


async def test_a_thousand_resources_come_in_few_messages(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def step(number: int) -> StepMetadata:
        return StepMetadata(
            "update", f"urn:pulumi:prod::shop::bridged:index:Server::many-{number:04}", "bridged:index:Server"
        )

    many = [kind(step(number)) for number in range(1000) for kind in (ResourcePre, ResourceDone)]
    played = play(monkeypatch, events_to_play=[*recorded("success")[:HALF], *many, recorded("success")[0]])
    played.stop_after = HALF + len(many)
    real = played.events

    def events(self: ReplayedRun) -> Any:
        for number, event in enumerate(real(self)):
            if number % 2:
                time.sleep(0.0005)  # not all at once: each could be a message of its own
            yield event

    monkeypatch.setattr(played, "events", events)
    batches: list[int] = []
    post = RunningScreen.post_message

    def counted(self: RunningScreen, message: Message) -> bool:
        if isinstance(message, RunBatch):
            batches.append(len(message.events))
        return post(self, message)

    monkeypatch.setattr(RunningScreen, "post_message", counted)
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await started(pilot)
        await until(pilot, lambda: screen.state.count("ok") == 1003)
        assert sum(batches) >= 2000
        assert len(batches) < 200
        await pilot.press("G")
        await until(pilot, lambda: "many-0999" in screen_text(app))
        played.made.go()
        await wait_for(pilot, ResultScreen)


async def test_a_crash_of_the_screen_stops_the_run_gently(
    shop: Shop, played: type[ReplayedRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = shop.app()
    session: Session | None = None

    def crash(self: RunningScreen) -> None:
        raise RuntimeError("a bug in the screen")

    async def story() -> None:
        nonlocal session
        async with app.run_test(size=(120, 40)) as pilot:
            await started(pilot)
            session = app.session
            monkeypatch.setattr(RunningScreen, "action_raw", crash)
            await pilot.press("l")
            await pilot.pause(0.5)

    with pytest.raises(RuntimeError, match="a bug in the screen"):
        await story()
    assert played.made.calls == ["interrupt"]
    assert session is not None
    assert session.journal.read() is not None  # it can be resumed


async def test_a_lost_terminal_finishes_what_is_in_flight(shop: Shop, played: type[ReplayedRun]) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await started(pilot)
        session = app.session
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value == 4
    assert played.made.calls == ["interrupt"]  # once: a second one would not be gentle
    assert session is not None
    assert session.journal.read() is not None
    assert "created the replacement" in log_path(session).read_text()


async def test_a_result_that_is_missing_is_no_success(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def events(self: ReplayedRun) -> Any:
        yield from recorded("success")[:HALF]

    play(monkeypatch, events=events)
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await go_back(pilot)
        screen = await wait_for(pilot, ResultScreen)
        assert screen.outcome.kind != "done"
        assert isinstance(screen.outcome.result, RollbackResult | None)
        assert "✓ shop/prod equals" not in screen_text(app)


def test_the_time_of_a_resource_is_told_from_a_tenth_of_a_second_on() -> None:
    told = {seconds: seconds_text(seconds) for seconds in (0.04, 0.25, 12.7, 125.0)}
    assert told == {0.04: "", 0.25: "0.2s", 12.7: "12s", 125.0: "2m05s"}
