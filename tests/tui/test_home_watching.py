"""Home is alive: what happens elsewhere is shown soon, by itself, and moves nothing under the cursor."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from pulumi_rewind.backends.diy import DiyBackend
from pulumi_rewind.errors import BackendError
from pulumi_rewind.history.update_mark import Mark, Stamp
from pulumi_rewind.holding.holds import place_hold, release_hold
from pulumi_rewind.state.locks import Lock
from pulumi_rewind.state.model import Update
from pulumi_rewind_tui.app import RewindApp
from pulumi_rewind_tui.messages import HistoryLoaded
from pulumi_rewind_tui.screens import home_loading as loading
from pulumi_rewind_tui.screens.error import ErrorScreen
from pulumi_rewind_tui.screens.help import HelpScreen
from pulumi_rewind_tui.text.cells import plain
from pulumi_rewind_tui.text.comparison import LIVE
from pulumi_rewind_tui.text.stack_news import News, behind_line, lock_text, news_line
from pulumi_rewind_tui.words.words import ago
from pulumi_rewind_tui.workers import watch as watch_module
from tests.support.filestore import FileStore
from tests.support.tui.shop import NOON, Shop, screen_text, settle
from tests.support.tui.stories import choose, until

WIDE = (120, 40)


@pytest.fixture(autouse=True)
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks are made by the tests."""
    monkeypatch.setattr(watch_module, "EVERY", 3600.0)


async def look(pilot: Pilot[Any]) -> str:
    app = pilot.app
    assert isinstance(app, RewindApp)
    app.home.watching.look()
    await settle(pilot)
    return screen_text(app)


@asynccontextmanager
async def on_row_5(shop: Shop) -> AsyncIterator[tuple[RewindApp, Pilot[Any]]]:
    app = shop.app()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await choose(pilot, 5)
        await settle(pilot)
        yield app, pilot


def header(pilot: Pilot[Any]) -> str:
    return screen_text(pilot.app).splitlines()[0]


def came(shop: Shop, number: int = 9, *, like: int = 7, result: str = "succeeded", stamp: str = "") -> None:
    """Another update elsewhere, with the state of an earlier one; with a stamp, a rollback."""
    record, checkpoint = shop.record(like), shop.checkpoint(like)
    name = f"prod-{(int(NOON) - 3) * 1_000_000_000 + number}"
    document = json.loads(record.read_text()) | {"result": result, "startTime": int(NOON) - 9, "endTime": int(NOON) - 3}
    if stamp:
        document["environment"] = {**document["environment"], "exec.agent": stamp}
    state = checkpoint.read_text()
    shop.live.write_text(state)
    checkpoint.with_name(f"{name}.checkpoint.json").write_text(state)
    record.with_name(f"{name}.history.json").write_text(json.dumps(document))


def lock_file(shop: Shop) -> Path:
    path = shop.backend / ".pulumi" / "locks" / "organization" / "shop" / "prod" / "4711.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def take_lock(shop: Shop) -> Path:
    path = lock_file(shop)
    lock = {"pid": 15817, "username": "root", "hostname": "ci", "timestamp": "2026-11-28T06:56:46.5Z"}
    path.write_text(json.dumps(lock))
    return path


async def test_an_update_that_comes_is_shown_and_the_cursor_stays(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await choose(pilot, 5)
        await pilot.press("tab", "j", "j", "j")
        await settle(pilot)
        row = app.home.diff.current
        came(shop)
        text = await look(pilot)
        assert "#9 is new: update, ok, 3 s ago" in header(pilot)
        assert "9 updates" in header(pilot)
        assert "live  = #9" in text
        assert "#9 11:59:51 ✓" in text
        assert app.home.timeline.number == 5
        assert app.home.diff.comparison is not None
        assert app.home.diff.comparison.key == (LIVE, 5)
        assert row is not None
        assert app.home.diff.current is not None
        assert app.home.diff.current.urn == row.urn
        assert app.home.timeline.marks.last_good not in (None, 9)
        await pilot.press("k")
        await settle(pilot)
        assert "is new" not in header(pilot), "a key has been pressed: it has been read"


async def test_it_is_noticed_without_a_key(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "EVERY", 0.05)
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        take_lock(shop)
        await until(pilot, lambda: "locked by root@ci (pid 15817) since 06:56:46" in header(pilot))


async def test_live_names_the_failed_update_whose_state_a_rollback_brought_back(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        came(shop, like=8, stamp=Stamp(Mark(8, 0)).text())
        assert "live  = #9, as failed #8 left it" in await look(pilot)
        came(shop, 10, like=8, stamp=Stamp(Mark(8, 0), partial=True).text())
        text = await look(pilot)
        assert "live  = #10" in text
        assert "left it" not in text, "a part of the resources says nothing of the stack"


async def test_updates_that_come_one_after_the_other_are_told_together(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        lock = take_lock(shop)
        await look(pilot)
        came(shop)
        await look(pilot)
        came(shop, 10, like=8, result="failed")
        await look(pilot)
        lock.unlink()
        await look(pilot)
        assert "#9 to #10 are new, the newest: update, failed, 3 s ago" in header(pilot)
        assert "locked" not in header(pilot)
        assert "The last update, #10, failed half-way" in screen_text(pilot.app)


@pytest.mark.parametrize("size", [WIDE, (80, 24)])
async def test_a_lock_is_shown_and_goes(shop: Shop, size: tuple[int, int]) -> None:
    async with shop.app().run_test(size=size) as pilot:
        await settle(pilot)
        lock = take_lock(shop)
        await look(pilot)
        assert "locked by root@ci (pid 15817) since 06:56:46" in header(pilot)
        lock.unlink()
        await look(pilot)
        assert "the lock was released, just now" in header(pilot)
        assert "locked by" not in header(pilot)
        take_lock(shop)
        came(shop)
        await look(pilot)
        assert "locked by root@ci (pid 15817) since 06:56:46   #9 is new" in header(pilot), (
            "however little room there is"
        )


async def test_a_hold_is_shown_and_goes(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert isinstance(pilot.app, RewindApp)
        session = pilot.app.home.session
        assert session is not None
        assert "lock: none" in header(pilot)
        place_hold(session, why="bad release")
        await look(pilot)
        assert "held by " in header(pilot)
        assert ": bad release" in header(pilot)
        release_hold(session)
        await look(pilot)
        assert "lock: none" in header(pilot)


async def test_an_edit_of_the_state_is_told_and_compared(shop: Shop) -> None:
    async with on_row_5(shop) as (app, pilot):
        shop.live.write_text(shop.live.read_text().replace("shop/worker:1.3.1", "shop/worker:9"))
        text = await look(pilot)
        assert "the state was changed outside updates, just now" in header(pilot)
        assert "live  changed outside updates" in text
        assert "shop/worker:9" in text
        assert app.home.timeline.number == 5
        shop.live.write_text(shop.checkpoint(5).read_text())
        text = await look(pilot)
        assert "changed outside updates: it equals #5 now" in header(pilot)
        assert "live  = #5" in text
        take_lock(shop)
        await look(pilot)
        shop.live.write_text(shop.checkpoint(7).read_text())
        await look(pilot)
        assert app.home.bar.news[0][0] == "the state changed"


def begin_operation(shop: Shop) -> None:
    """What an engine writes before it changes a resource."""
    live = json.loads(shop.live.read_text())
    worker = next(res for res in live["checkpoint"]["latest"]["resources"] if res["urn"].endswith("::worker"))
    live["checkpoint"]["latest"]["pending_operations"] = [{"resource": worker, "type": "updating"}]
    shop.live.write_text(json.dumps(live))


async def test_an_update_that_runs_is_neither_an_edit_nor_a_killed_one(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("g")
        await settle(pilot)
        lock = take_lock(shop)
        begin_operation(shop)
        text = await look(pilot)
        assert "live  differs from #8" in text
        assert "was killed" not in text
        lock.unlink()
        text = await look(pilot)
        assert "live  changed outside updates" in text
        assert "An update after #8 was killed while updating worker" in text
        take_lock(shop)
        assert "was killed" not in await look(pilot), "it is being continued, or put right"
        came(shop)
        lock.unlink()
        text = await look(pilot)
        assert "live  = #9" in text
        assert "was killed" not in text


async def test_what_has_not_changed_is_neither_told_nor_compared_again(shop: Shop) -> None:
    async with on_row_5(shop) as (app, pilot):
        shown = app.home.diff.comparison
        os.utime(shop.live, (NOON, NOON))
        await look(pilot)
        assert app.home.diff.comparison is shown
        assert app.home.bar.news == ()
        await pilot.press("m")
        await choose(pilot, 3)
        await settle(pilot)
        shown = app.home.diff.comparison
        assert shown is not None
        assert shown.key == (5, 3)
        came(shop)
        await look(pilot)
        assert app.home.diff.comparison is shown, "two updates: neither is another one by now"
        assert app.home.timeline.marks.base == 5


async def test_only_what_is_new_is_read(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from pulumi_rewind.backends.files import FileStorage

    app = shop.app()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        read: list[str] = []

        def noted(name: str, original: Any) -> Any:
            def call(*given: Any) -> Any:
                read.append(name)
                return original(*given)

            return call

        monkeypatch.setattr(DiyBackend, "live", noted("live", DiyBackend.live))
        monkeypatch.setattr(FileStorage, "names", noted("history", FileStorage.names))
        await look(pilot)
        take_lock(shop)
        await look(pilot)
        assert read == [], "a look, and a lock, need neither the state nor the history"
        shop.live.write_text(shop.checkpoint(5).read_text())
        await look(pilot)
        assert read == ["live"], "the list of updates is as it was"
        came(shop)
        await look(pilot)
        assert read == ["live", "history", "live"]


async def test_the_cursor_stays_while_a_filter_is_typed(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("slash", *"main")
        await settle(pilot)
        await choose(pilot, 4)
        await settle(pilot)
        before = len(app.home.timeline.filtered or ())
        came(shop)
        text = await look(pilot)
        assert app.home.timeline.number == 4
        assert app.home.diff.comparison is not None
        assert app.home.diff.comparison.key == (LIVE, 4)
        assert len(app.home.timeline.filtered or ()) == before + 1
        assert f"{before + 1} of 9" in text
        assert app.focused is not None
        assert app.focused.parent is app.home._bar, "and typing goes on"


async def test_nothing_is_looked_at_behind_another_screen_and_everything_on_return(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        timer = app.home.watching._timer
        assert timer is not None
        assert not timer._active.is_set()
        came(shop)
        await pilot.press("escape")
        await settle(pilot)
        assert timer._active.is_set()
        assert "#9 is new" in header(pilot)


async def test_a_backend_that_is_away_is_told_quietly_and_found_again(shop: Shop) -> None:
    now = [NOON]
    app = shop.app(clock=lambda: now[0])
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        rows = app.home.timeline.total
        await look(pilot)
        shop.backend.rename(shop.directory / "away")
        now[0] += 600
        await look(pilot)
        await pilot.press("j")
        await settle(pilot)
        assert "as of 12:00, backend not reachable" in header(pilot)
        assert app.screen is app.home
        assert app.home.timeline.total == rows
        (shop.directory / "away").rename(shop.backend)
        came(shop)
        await look(pilot)
        assert "not reachable" not in header(pilot)
        assert "#9 is new" in header(pilot)
        now[0] += 60
        await look(pilot)
        assert "#9 is new" not in header(pilot), "a bit later everybody has seen it"


async def test_a_backend_that_was_away_from_the_start_is_read_when_it_comes(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = shop.app()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        away = shop.directory / "away"
        shop.backend.rename(away)
        app.home.refresh_all()
        await until(pilot, lambda: isinstance(app.screen, ErrorScreen))
        await pilot.press("escape")
        await settle(pilot)
        assert "backend not reachable" in header(pilot)
        away.rename(shop.backend)
        came(shop)
        await look(pilot)
        assert "9 updates" in header(pilot)


async def test_a_look_that_hangs_is_told_and_never_piles_up(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    app = shop.app()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        hangs, glances = threading.Event(), []
        glance = DiyBackend.glance

        def slow(*given: Any) -> Any:
            glances.append(given)
            hangs.wait(60)
            return glance(*given)

        monkeypatch.setattr(DiyBackend, "glance", slow)
        monkeypatch.setattr(watch_module, "OVERDUE", 0.0)
        try:
            app.home.watching.look()
            app.home.watching.look()
            await until(pilot, lambda: "backend not reachable" in header(pilot))
            assert len(glances) == 1
        finally:
            hangs.set()
        await settle(pilot)
        assert "not reachable" not in header(pilot)


async def test_a_backend_that_answers_is_not_called_away_while_what_is_new_is_read(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [NOON]
    app = shop.app(clock=lambda: now[0])
    go_on, read_marks = threading.Event(), loading.read_marks

    def slow(*given: Any, **named: Any) -> Any:
        go_on.wait(60)
        return read_marks(*given, **named)

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("git is broken")

    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await look(pilot)
        now[0] += 600
        monkeypatch.setattr(loading, "read_marks", broken)
        came(shop)
        await look(pilot)
        assert "as of 12:00, what is new can't be read (ctrl+r)" in header(pilot)
        monkeypatch.setattr(loading, "read_marks", slow)
        monkeypatch.setattr(watch_module, "OVERDUE", 0.0)
        try:
            app.home.watching.look()
            await until(pilot, lambda: app.home.watching._answered)
            app.home.watching.look()
            await until(pilot, lambda: "as of 12:00, still reading what is new" in header(pilot))
        finally:
            go_on.set()
        await settle(pilot)
        assert "#9 is new" in header(pilot)


async def test_a_state_that_cannot_be_read_for_a_while_was_not_changed(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        state = shop.live.read_bytes()
        shop.live.write_bytes(state[:100])
        text = await look(pilot)
        assert "live  can't be read" in text
        assert "changed" not in header(pilot)
        shop.live.write_bytes(state)
        text = await look(pilot)
        assert "live  = #8" in text
        assert "changed" not in header(pilot)
        assert app.home.diff.comparison is not None, "it was compared again"


async def test_a_history_that_was_replaced_is_read_anew(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("m")
        await choose(pilot, 5)
        await settle(pilot)
        shop.record(1).unlink()
        await look(pilot)
        assert "7 updates" in header(pilot)
        assert "updates were removed or replaced" in header(pilot)
        assert app.home.timeline.number == 5
        assert app.home.timeline.marks.base is None, "that number may be another update's now"


async def test_a_checkpoint_that_comes_after_its_record_is_read_too(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        came(shop)
        checkpoint = shop.checkpoint(9)
        aside = checkpoint.replace(shop.directory / "aside")
        assert "no checkpoint" in await look(pilot)
        await choose(pilot, 9)
        pilot.app.home.compare_soon(at_once=True)  # type: ignore[attr-defined]
        await settle(pilot)
        aside.replace(checkpoint)
        text = await look(pilot)
        assert "no checkpoint" not in text
        assert "damaged" not in text
        assert "9 updates" in text
        assert "#9 is new" in text


async def test_an_update_that_another_reader_finds_first_is_news_all_the_same(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await choose(pilot, 5)
        came(shop)
        assert app.session is not None
        found = app.session.backend.history(app.session.stack).update(9)
        app.home.post_message(HistoryLoaded(app.home.generation, 9, (found,)))
        await settle(pilot)
        assert app.home.timeline.number == 5
        text = await look(pilot)
        assert "#9 is new" in header(pilot)
        assert "9 updates" in header(pilot)
        assert "#1 " in text


async def test_another_stack_begins_without_the_news_of_the_last(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        came(shop, like=8, result="failed")
        await look(pilot)
        await choose(pilot, 9)
        app.home.compare_soon(at_once=True)
        await settle(pilot)
        assert "#9 is new" in header(pilot)
        assert "✗ #9 failed" in screen_text(app)
        app.home.closing()
        await settle(pilot)
        assert header(pilot).split() == ["opening…"]
        assert "#9" not in screen_text(app)
        app.open_stack("prod")
        await settle(pilot)
        assert "9 updates" in header(pilot)
        assert "is new" not in header(pilot)


async def test_a_look_at_the_stack_before_says_nothing_of_this_one(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    app = shop.app()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        go_on, begun = threading.Event(), threading.Event()
        glance = DiyBackend.glance

        def gone(*given: Any) -> Any:
            begun.set()
            go_on.wait(60)
            raise BackendError("gone")

        monkeypatch.setattr(DiyBackend, "glance", gone)
        app.home.watching.look()
        await until(pilot, begun.is_set)
        monkeypatch.setattr(DiyBackend, "glance", glance)
        try:
            app.home.closing()
            app.open_stack("prod")
            await settle(pilot)
            came(shop)
            await look(pilot)
            assert "#9 is new" in header(pilot), "nobody waits for the look that hangs"
        finally:
            go_on.set()
        await settle(pilot)
        assert "not reachable" not in header(pilot)


async def test_rows_below_the_first_screen_stay_where_they_are(tmp_path: Path, shop: Shop) -> None:
    store = FileStore(tmp_path / "long", project="shop", stack="prod")
    for number in range(120):
        store.add(number)
    app = RewindApp(cwd=shop.root, stack="prod", backend=store.url, environ=shop.environ, clock=lambda: NOON)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        timeline = app.home.timeline
        await pilot.press(*("pagedown",) * 2, *("k",) * 5)
        await settle(pilot)
        number, line = timeline.number, timeline.cursor - timeline.scroll_offset.y
        assert timeline.scroll_offset.y
        lines = screen_text(app).splitlines()
        at = next(index for index, text in enumerate(lines) if "❯" in text and f"#{number} " in text)
        store.add(500)
        await look(pilot)
        assert (timeline.number, timeline.cursor - timeline.scroll_offset.y) == (number, line)
        assert f"❯  #{number} " in screen_text(app).splitlines()[at]
        await pilot.press("g", "j")
        store.add(501)
        await look(pilot)
        assert timeline.number == 121
        assert "#122 " in screen_text(app), "at the top, what came is in sight"


def test_what_happens_after_an_update_came_hides_it_only_where_it_is_something_else() -> None:
    came = News(0, (update(10),))
    for follows in (News(1, gave=True), News(1, took=True, held=True), News(1, held=True)):
        assert follows.after(came) is came
    edited = News(1)
    assert edited.after(came) is edited
    assert plain(news_line(edited, 1)).startswith("the state was changed outside updates")
    assert [each.number for each in News(1, (update(11),)).after(came).updates] == [11, 10]


def update(number: int, **given: Any) -> Update:
    usual: dict[str, Any] = {"number": number, "kind": "update", "result": "succeeded", "end_time": 100}
    return Update(**usual | given)


def test_the_words() -> None:
    assert plain(news_line(News(0, (update(10),)), 103)) == "#10 is new: update, ok, 3 s ago"
    failed = update(10, kind="destroy", result="failed")
    assert plain(news_line(News(0, (failed,)), 103)) == "#10 is new: destroy, failed, 3 s ago"
    assert plain(news_line(News(200, (update(10, end_time=0),)), 260)) == "#10 is new: update, ok, 1 min ago"
    unread = update(10, result="unreadable")
    assert plain(news_line(News(0, (unread,)), 103)) == "#10 is new: its record, damaged, 3 s ago"
    assert plain(behind_line(0, "away")) == "backend not reachable"
    assert lock_text(Lock(username="u", hostname="h", pid=1, timestamp="odd")) == "locked by u@h (pid 1) since odd"
    assert [ago(seconds) for seconds in (-5, 0.4, 59.9, 3599, 7200, 200_000)] == [
        "just now", "just now", "59 s ago", "59 min ago", "2 h ago", "2 days ago",
    ]  # fmt: skip
