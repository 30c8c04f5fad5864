"""Large states: the UI's own process reads none of them, keeps little of them, and does each thing once. Counted."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

import pytest

from pulumi_rewind.session import Session, open_session
from pulumi_rewind_tui.app import RewindApp
from pulumi_rewind_tui.text import diff_place, diff_rows
from pulumi_rewind_tui.text.comparison import LIVE, Comparison, Details, Heading, Key
from pulumi_rewind_tui.text.diff_lines import path_column
from pulumi_rewind_tui.text.diff_place import find, places
from pulumi_rewind_tui.text.diff_rows import READING, Row, Shown, build_rows, end_of, is_open, refold, rows_of
from pulumi_rewind_tui.workers import comparer as comparing
from pulumi_rewind_tui.workers import diff_source
from pulumi_rewind_tui.workers.comparer import Comparer
from pulumi_rewind_tui.workers.diff_process import SessionSpec
from pulumi_rewind_tui.workers.diff_source import LocalSource
from tests.support.state_reads import state_reads
from tests.support.tui.shop import Shop, screen_text, settle
from tests.support.tui.stories import until


def session_of(shop: Shop) -> Session:
    return open_session(shop.root, stack="prod", environ=shop.environ)


def never() -> bool:
    return False


async def test_the_process_of_the_ui_reads_no_large_state(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async with shop.app().run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        small = screen_text(pilot.app)
    monkeypatch.setattr(comparing, "LARGE", 10)
    reads = state_reads(monkeypatch)
    async with shop.app().run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        assert screen_text(pilot.app) == small, "live, its update and the last good one are known"
        await pilot.press("j", "j", "k", "d")
        await settle(pilot)
        await pilot.press("ctrl+p", *"orders-db")
        await settle(pilot)
        assert "orders-db" in screen_text(pilot.app)
        await pilot.press("escape")
        assert reads == []


def test_what_an_update_in_between_has_changed_is_found_out_here(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the other process would tell of updates that the timeline on the screen hasn't got."""
    monkeypatch.setattr(comparing, "LARGE", 10)
    session = session_of(shop)
    count = len(session.timeline)
    shop.checkpoint(count).unlink()
    shop.record(count).unlink()
    spec = SessionSpec(shop.root, "shop/prod", shop.backend.as_uri(), shop.environ)
    comparer = Comparer(session, spec)
    try:
        found = comparer.standing()
        assert found.standing.count == count
        assert comparer._far.standing(False).standing.count == count - 1
    finally:
        comparer.close()


def test_the_state_of_live_and_its_update_is_read_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    source = LocalSource(session_of(shop))
    newest = source.standing(False).standing.live
    assert newest is not None
    reads = state_reads(monkeypatch)
    source.compare((newest, 3), False, never)
    assert len(reads) == 1, "that of #3"
    source.standing(True)
    assert any("/stacks/" in key for key in reads), "live may have moved"


@pytest.mark.parametrize("room", [0, 1 << 30])
def test_decoded_states_are_bounded_by_their_bytes(shop: Shop, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    monkeypatch.setattr(diff_source, "BYTES", room)
    source = LocalSource(session_of(shop))
    for number in (2, 3, 4, 5):
        source.compare((LIVE, number), False, never)
        source.compare((LIVE, number), True, never)
    compared = source._diffs.values()
    kept = {id(side.raw) for one in compared for side in (one.old, one.new)} | {
        id(one.raw) for one in source._checkpoints.values()
    }
    assert len(kept) == (2 if room == 0 else 5), "those that were compared last, and live"
    if not room:
        assert list(source._diffs) == [((LIVE, 5), True)]
        reads = state_reads(monkeypatch)
        assert source.details((LIVE, 2), False, 0, False).changes is not None
        assert len(reads) == 1, "what was dropped is read again"


def test_comparisons_are_bounded_by_what_they_hold(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = SessionSpec(shop.root, "shop/prod", shop.backend.as_uri(), shop.environ)
    comparer = Comparer(session_of(shop), spec)
    keys: list[Key] = [(LIVE, number) for number in (2, 3, 4, 5, 6)]
    for key in keys:
        comparer.compare(key)
    assert all(map(comparer.cached, keys))
    monkeypatch.setattr(comparing, "RESOURCES", 0)
    comparer.compare((LIVE, 7))
    assert [key for key in (*keys, (LIVE, 7)) if comparer.cached(key)] == [(LIVE, 5), (LIVE, 6), (LIVE, 7)]


def test_folding_one_resource_gives_the_rows_that_building_all_gives(shop: Shop) -> None:
    done = LocalSource(session_of(shop)).compare((LIVE, 1), True, never)
    chance = random.Random(5)
    shown = Shown(consequential=True)
    rows = build_rows(done, shown)
    changed = 0
    for _ in range(60):
        row = chance.choice([row for row in rows if row.index >= 0 and done.known(row.index)])
        if row.change is not None:
            shown.long ^= {(done.resources[row.index].key, row.change.path)}
        else:
            shown.chosen[done.resources[row.index].key] = not is_open(done, row.index, shown)
        before = len(rows)
        refold(rows, next(at for at, one in enumerate(rows) if one.kind == "resource" and one.index == row.index), done,
               shown)  # fmt: skip
        changed += len(rows) != before
        assert rows == build_rows(done, shown)
    assert changed > 20


async def test_what_is_opened_says_that_it_is_read_and_then_what_differs(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diff_source, "EAGER", 0)
    there, details = threading.Event(), LocalSource.details

    def slow(source: LocalSource, key: Key, decrypted: bool, index: int, outputs: bool) -> Details:
        assert there.wait(20)
        return details(source, key, decrypted, index, outputs)

    monkeypatch.setattr(LocalSource, "details", slow)
    async with shop.app().run_test(size=(140, 24)) as pilot:
        await settle(pilot)
        await pilot.press("j", "tab", "d")
        await settle(pilot)
        app = pilot.app
        assert isinstance(app, RewindApp)
        diff = app.home.diff
        assert diff.comparison is not None
        closed = list(diff.rows)
        at = max(at for at, row in enumerate(closed) if row.kind == "resource"
                 and diff.comparison.resources[row.index].op == "update")  # fmt: skip
        diff.move_to(at)
        await pilot.press("enter")
        assert [row.text for row in diff.rows[at + 1 : end_of(diff.rows, at)]] == [READING]
        assert "reading…" in screen_text(app)
        there.set()
        await until(pilot, lambda: READING not in [row.text for row in diff.rows])
        inside = diff.rows[at + 1 : end_of(diff.rows, at)]
        assert inside
        assert all(row.change is not None for row in inside)
        assert diff.cursor == at
        await pilot.press("enter")
        assert diff.rows == closed
        await pilot.press("E")
        await settle(pilot)
        assert len(diff.rows) > len(closed) + len(inside)
        await pilot.press("E")
        await settle(pilot)
        assert diff.rows == closed, "what was read is not open for that"


async def test_what_is_folded_before_it_is_read_stays_folded(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diff_source, "EAGER", 0)
    async with shop.app().run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        await pilot.press("j", "tab")
        await settle(pilot)
        app = pilot.app
        assert isinstance(app, RewindApp)
        closed = list(app.home.diff.rows)
        await pilot.press("enter", "enter")
        await settle(pilot)
        assert app.home.diff.rows == closed


async def test_the_thread_of_the_screens_never_asks_for_details(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer may take seconds, and no key would be answered meanwhile."""
    asked = list[tuple[str, bool]]()

    def noting(name: str, ask: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*given: Any) -> Any:
            asked.append((name, threading.current_thread() is threading.main_thread()))
            return ask(*given)

        return noted

    for name in ("details", "unchanged"):
        monkeypatch.setattr(LocalSource, name, noting(name, getattr(LocalSource, name)))
    async with shop.app().run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        for keys in ("j", "j", "tab o", "u", "shift+tab k", "j", "k", "tab E", "shift+tab j", "k", "slash w e b"):
            await pilot.press(*keys.split())
            await settle(pilot)
        await pilot.resize_terminal(100, 40)
        await settle(pilot)
        await pilot.resize_terminal(200, 40)
        await settle(pilot)
    assert {name for name, _ in asked} == {"details", "unchanged"}
    assert [name for name, here in asked if here] == []


async def test_what_is_opened_is_scrolled_into_sight(shop: Shop) -> None:
    async with shop.app().run_test(size=(140, 24)) as pilot:
        await settle(pilot)
        await pilot.press("G", "tab", "c", "E", "G")
        await settle(pilot)
        app = pilot.app
        assert isinstance(app, RewindApp)
        diff = app.home.diff
        height = diff.scrollable_content_region.height
        opened = [at for at, row in enumerate(diff.rows)
                  if row.kind == "resource" and at >= height - 1 and end_of(diff.rows, at) > at + 1]  # fmt: skip
        assert opened, "there is something to scroll"
        for at in opened:
            diff.move_to(at)
            await pilot.press("enter")
            diff.scroll_to(y=at - height + 1, animate=False, immediate=True)
            await pilot.pause()
            await pilot.press("enter")
            await pilot.pause()
            top = diff.scroll_offset.y
            assert top <= at
            assert top + height >= min(end_of(diff.rows, at), at + height)


def test_what_was_dropped_is_got_ready_before_it_is_asked_for(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diff_source, "BYTES", 0)
    monkeypatch.setattr(diff_source, "EAGER", 0)
    source = LocalSource(session_of(shop))
    done, _ = (source.compare((LIVE, number), True, never) for number in (2, 3))
    done.source = source
    done.prepare(never)
    reads = state_reads(monkeypatch)
    assert done.details(0, outputs=True).changes
    assert path_column(done, 0) > 0, "a line that is drawn asks for nothing more"
    assert reads == []
    assert not done.known(0)


async def test_the_differences_are_got_ready_when_the_operator_enters_them(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diff_source, "EAGER", 0)
    ready = list[Key]()
    monkeypatch.setattr(LocalSource, "prepare", lambda _, key, decrypted, cancelled: ready.append(key))
    async with shop.app().run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        await pilot.press("j")
        await settle(pilot)
        assert ready == []
        await pilot.press("tab")
        await settle(pilot)
        app = pilot.app
        assert isinstance(app, RewindApp)
        assert app.home.diff.comparison is not None
        assert ready == [app.home.diff.comparison.key]


def test_rows_are_made_once_for_each_choice(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    done = LocalSource(session_of(shop)).compare((LIVE, 1), True, never)
    done.source = LocalSource(session_of(shop))
    made = 0

    def counting(comparison: Comparison, shown: Shown) -> list[Row]:
        nonlocal made
        made += 1
        return build_rows(comparison, shown)

    monkeypatch.setattr(diff_rows, "build_rows", counting)
    shown = Shown()
    assert [list(rows_of(done, shown)) for _ in range(3)] == [build_rows(done, shown)] * 3
    assert made == 1
    for choice in ("consequential", "all_open", "side_by_side"):
        setattr(shown, choice, True)
        done.changes(0)
        assert list(rows_of(done, shown)) == build_rows(done, shown)
    assert made == 4
    shown.words = "orders"
    assert list(rows_of(done, shown)) == build_rows(done, shown)
    shown.words = ""
    assert list(rows_of(done, shown)) == build_rows(done, shown), "a filter leaves nothing behind"


def test_the_cursor_is_found_again_without_looking_closely_at_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    urns = [f"urn:pulumi:p::s::t::r{number}" for number in range(5_000)]
    done = Comparison((0, 1), tuple(Heading(urn, urn, "update", "t") for urn in urns), "none")
    rows = build_rows(done, Shown())
    wanted = places(done, rows, 2_500)
    looked = 0
    row_key = diff_place.row_key

    def counting(comparison: Comparison, row: Row) -> diff_place.RowKey:
        nonlocal looked
        looked += 1
        return row_key(comparison, row)

    monkeypatch.setattr(diff_place, "row_key", counting)
    assert find(wanted, done, rows) == 2_500
    assert looked <= len(wanted)
    assert find([], done, rows) == 0
    assert looked <= len(wanted)


async def test_what_was_folded_in_one_comparison_is_open_in_the_next(shop: Shop) -> None:
    async with shop.app().run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        app = pilot.app
        assert isinstance(app, RewindApp)
        diff, comparer = app.home.diff, app.home.comparer
        assert comparer is not None
        assert diff.comparison is not None
        other = comparer.compare((LIVE, 1))
        there = {res.key for index, res in enumerate(other.resources) if other.known(index) and not res.uncertain}
        folded = {res.key for res in diff.comparison.resources if res.key in there}
        assert folded
        diff.shown.chosen |= dict.fromkeys(folded, False)
        rows = build_rows(other, diff.shown)
        diff.show_comparison(other, rows)
        assert diff.rows == build_rows(other, Shown(side_by_side=diff.shown.side_by_side))
        assert diff.rows != list(rows)
