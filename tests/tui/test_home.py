"""Home as an operator uses it, on the recorded shop."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from pulumi_rewind_tui.app import RewindApp
from pulumi_rewind_tui.messages import SecretRevealed
from pulumi_rewind_tui.screens.error import ErrorScreen
from pulumi_rewind_tui.screens.home import HomeScreen
from pulumi_rewind_tui.screens.passphrase import PassphraseScreen
from pulumi_rewind_tui.text.failure import Cause
from tests.support.tui.replay import play
from tests.support.tui.shop import Shop, screen_text, settle, title
from tests.support.tui.shop_recording import PASSPHRASE
from tests.support.tui.stories import review, until

SECRET_NOW = "correct-horse"
SECRET_BEFORE = "hunter2-at-first"
WIDE = (120, 40)
SMALL = (80, 24)


@pytest.fixture
def locked_shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop", passphrase=None)


async def press(pilot: Pilot[Any], *keys: str) -> str:
    for key in keys:
        await pilot.press(key)
    await settle(pilot)
    return screen_text(pilot.app)


def focused(pilot: Pilot[Any]) -> str | None:
    return pilot.app.focused.id if pilot.app.focused else None


def home_of(pilot: Pilot[Any]) -> HomeScreen:
    assert isinstance(pilot.app, RewindApp)
    return pilot.app.home


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_one_glance_says_where_the_stack_is(shop: Shop, size: tuple[int, int]) -> None:
    async with shop.app().run_test(size=size) as pilot:
        await settle(pilot)
        text = screen_text(pilot.app)
        assert "shop/prod [PROD]" in text
        assert "8 updates" in text
        assert "lock: none" in text
        assert "live  = #8, which failed half-way" in text
        assert "#8 10:" in text
        assert "✗ failed" in text
        assert "★" in text
        assert home_of(pilot).timeline.number == 7, "the cursor starts on the last good update"
        assert title(home_of(pilot).diff) == "Rollback to #7: LIVE → #7   ~1"
        assert "shop/worker:1.3.1 → shop/worker:1.2.0" in text


async def test_in_a_small_terminal_the_timeline_takes_the_rows_it_needs_and_the_diff_the_rest(shop: Shop) -> None:
    async with shop.app().run_test(size=(80, 44)) as pilot:
        await settle(pilot)
        home = home_of(pilot)
        assert home.timeline.size.height == home.timeline.count()
        assert home.query_one("#differences").size.height > home.timeline.size.height
        await pilot.resize_terminal(80, 16)
        await settle(pilot)
        assert home.timeline.outer_size.height <= home.query_one("#panes").size.height // 2
        await press(pilot, "enter")
        assert home.diff.size.height >= home.timeline.size.height


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_an_update_that_failed_half_way_is_offered_to_be_taken_back(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    play(monkeypatch)
    cause = Cause(8, errors=("jobs: no such column",))
    monkeypatch.setattr("pulumi_rewind_tui.text.failure.read_cause", lambda *_: cause)
    async with shop.app().run_test(size=size) as pilot:
        await settle(pilot)
        home = home_of(pilot)
        lines = screen_text(pilot.app).splitlines()
        offer = lines.index(next(line for line in lines if "✗ The last update, #8, failed half-way." in line))
        assert "R reviews the rollback to #7" in lines[offer]
        assert "jobs: no such column" in lines[offer + 1], "why, without another key"
        await press(pilot, "j", "R")
        assert (await review(pilot)).request.target == "#7", "wherever the cursor is"
        await press(pilot, "escape")
        # Somebody has gone back meanwhile: there is nothing to offer any more.
        shutil.copy(shop.checkpoint(7), shop.live)
        text = await press(pilot, "f5")
        assert "half-way" not in text
        assert home.half_way is None
        await press(pilot, "R")
        assert pilot.app.screen is home


async def test_the_diff_follows_the_cursor(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        text = await press(pilot, "j")
        assert "LIVE → #6   ±1 +1" in title(home_of(pilot).diff)
        assert "orders-db" in text
        assert "REPLACE  ⚠ data" in text
        assert "pg16 → pg15" in text
        await press(pilot, "G")
        assert "LIVE → #1" in title(home_of(pilot).diff)
        await press(pilot, "g")
        assert "#8 → LIVE" in title(home_of(pilot).diff), "on live: what was changed outside updates"


async def test_tags_and_dirty_trees_are_marked(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        rows = {line.split()[0].lstrip("│❯"): line for line in screen_text(pilot.app).splitlines() if "#" in line[:6]}
        six = next(line for line in screen_text(pilot.app).splitlines() if " #6 " in line)
        assert "v1.2" in six, rows
        assert "* " in six.split("││")[0][-4:] or six.split("││")[0].rstrip().endswith("*")


async def test_flipping_and_a_base_change_the_sides(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        text = await press(pilot, "d")
        assert "#7 → LIVE" in title(home_of(pilot).diff)
        assert "shop/worker:1.2.0 → shop/worker:1.3.1" in text
        await press(pilot, "d", "d", "m", "j", "j")
        assert title(home_of(pilot).diff).startswith("Against the base: #7 → #5")
        assert "◆" in screen_text(pilot.app)
        text = await press(pilot, "d")
        assert title(home_of(pilot).diff).startswith("Against the base: #5 → #7"), "with a base d turns the direction"
        assert "- only in #5   + only in #7" in text
        assert "d other direction" in text
        await press(pilot, "escape")
        assert "LIVE → #5" in title(home_of(pilot).diff), "esc takes the mark off"


async def test_enter_drills_in_and_esc_comes_back_and_never_quits(shop: Shop) -> None:
    async with shop.app().run_test(size=SMALL) as pilot:
        await settle(pilot)
        await press(pilot, "enter")
        assert focused(pilot) == "diff"
        await press(pilot, "escape")
        assert focused(pilot) == "timeline"
        await press(pilot, "escape", "escape", "escape")
        assert pilot.app.is_running


async def test_folding_and_walking_through_changes(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        await press(pilot, "j", "tab")
        diff = home_of(pilot).diff
        diff.move_to(next(i for i, row in enumerate(diff.rows) if row.urn.endswith("::orders-db")))
        before = diff.count()
        await press(pilot, "enter")
        assert diff.count() < before
        await press(pilot, "enter", "]")
        assert diff.count() == before
        assert not diff.current_urn.endswith("orders-db")
        await press(pilot, "[")
        assert diff.current_urn.endswith("orders-db")
        text = await press(pilot, "u")
        assert "=" in text
        assert "net-b" in text, "unchanged resources are listed"
        text = await press(pilot, "E")
        assert "shop/jobs:0.1.0" in text, "everything is open"


async def test_a_long_value_unfolds(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        await press(pilot, "j", "j", "tab")
        diff = home_of(pilot).diff
        at = next(
            i for i, row in enumerate(diff.rows) if row.change is not None and row.change.path.endswith("userData")
        )
        diff.move_to(at)
        text = await press(pilot, "enter")
        assert "- ulimit -n 65536" in text
        assert "  #!/bin/sh" in text


async def test_filter_counts_and_clears(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        text = await press(pilot, "/", *"api")
        assert "3 of 8" in text
        text = await press(pilot, "enter")
        timeline = home_of(pilot).timeline
        assert pilot.app.focused is timeline
        assert timeline.count() == 4
        numbers = []
        await press(pilot, "g")
        for _ in range(3):
            await press(pilot, "n")
            numbers.append(timeline.number)
        assert numbers == [6, 5, 2]
        await press(pilot, "N")
        assert timeline.number == 5
        await press(pilot, "escape")
        assert timeline.count() == 9
        assert timeline.number == 5, "the cursor stays on its update"


@pytest.mark.parametrize(("words", "found"), [("v1.2", 2), ("failed", 1), ("dirty", 1), ("#4", 1), ("ada 1.1", 2)])
async def test_filter_looks_at_everything_known_of_an_update(shop: Shop, words: str, found: int) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        await press(pilot, "/")
        pilot.app.focused.value = words  # type: ignore[union-attr]
        await settle(pilot)
        assert f"{found} of 8" in screen_text(pilot.app)


async def test_typing_in_the_filter_is_typing(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        await press(pilot, "/", *"jrqd?")
        assert pilot.app.is_running
        assert len(pilot.app.screen_stack) == 1
        assert pilot.app.focused.value == "jrqd?"  # type: ignore[union-attr]


async def test_the_diff_is_filtered_too(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        text = await press(pilot, "j", "tab", "/", *"jobs", "enter")
        assert "1 of 8" in text
        assert [row.urn.rsplit("::")[-1] for row in home_of(pilot).diff.rows if row.kind == "resource"] == ["jobs"]


async def test_without_a_passphrase_secrets_are_not_comparable_and_it_is_asked_for(locked_shop: Shop) -> None:
    async with locked_shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        text = await press(pilot, "j", "tab")
        assert "secrets: locked (p)" in text
        assert "●●● not comparable" in text
        assert "●●● changed" not in text
        to_row(pilot, "password")
        await press(pilot, "v")
        assert isinstance(pilot.app.screen, PassphraseScreen)
        await press(pilot, *"guess1", "enter")
        await until(pilot, lambda: "This passphrase is wrong" in screen_text(pilot.app))
        assert isinstance(pilot.app.screen, PassphraseScreen), "it stays until the passphrase is right, or it is left"
        assert "guess1" not in screen_text(pilot.app)
        await pilot.press(*("space" if char == " " else char for char in PASSPHRASE))
        assert "sesame" not in screen_text(pilot.app), "what is typed is not shown"
        await pilot.press("enter")
        await until(pilot, lambda: "●●● changed" in screen_text(pilot.app))
        assert "secrets: hidden" in screen_text(pilot.app)
    assert PASSPHRASE not in all_files(locked_shop.directory), "the passphrase stays in memory"


def to_row(pilot: Pilot[Any], path: str) -> None:
    diff = home_of(pilot).diff
    diff.move_to(next(i for i, row in enumerate(diff.rows) if row.change and row.change.path.endswith(path)))


def all_files(directory: Path) -> str:
    return "\n".join(path.read_text(errors="replace") for path in directory.rglob("*") if path.is_file())


async def test_a_key_reveals_one_secret_and_leaving_masks_it(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        text = await press(pilot, "j", "tab")
        assert SECRET_NOW not in text
        assert SECRET_BEFORE not in text
        to_row(pilot, "password")
        text = await press(pilot, "v")
        assert f"{SECRET_NOW} → {SECRET_BEFORE}" in text
        assert text.count("revealed") == 1  # the other rows stay as they are
        text = await press(pilot, "y")
        assert SECRET_NOW not in pilot.app.clipboard
        assert "password" in pilot.app.clipboard
        assert "●●● changed" in pilot.app.clipboard
        for leave in ("j", "escape"):
            to_row(pilot, "password")
            home_of(pilot).diff.focus()
            if SECRET_NOW not in screen_text(pilot.app):
                await press(pilot, "v")
            assert SECRET_NOW in screen_text(pilot.app)
            text = await press(pilot, leave)
            assert SECRET_NOW not in text


async def test_a_secret_that_comes_late_is_shown_on_the_row_that_asked_or_nowhere(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        await press(pilot, "j", "tab")
        to_row(pilot, "password")
        diff = home_of(pilot).diff
        done, row = diff.comparison, diff.current
        assert done is not None
        assert row is not None
        change = done.revealed(row.index, "inputs.password")
        assert change is not None
        for asked, at in ((copy.copy(done), diff.cursor), (done, diff.cursor + 1), (done, diff.cursor)):
            diff.move_to(at)
            home_of(pilot).post_message(SecretRevealed(asked, at, change))
            await settle(pilot)
            on_its_row = asked is done and diff.current is row
            assert (SECRET_NOW in screen_text(pilot.app)) is on_its_row
            to_row(pilot, "password")


async def test_secrets_that_are_the_same_are_said_to_be(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        home = home_of(pilot)
        home.timeline.select(1)
        await press(pilot, "m")
        home.timeline.select(6)
        await settle(pilot)
        text = screen_text(pilot.app)
        assert "#1 → #6" in title(home.diff)
        assert "●●● changed" not in text


async def test_a_corrupt_checkpoint_says_so_and_browsing_goes_on(shop: Shop) -> None:
    shop.checkpoint(6).write_text('{"version": 3, "checkpoint": {"latest": ')
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        text = await press(pilot, "j")
        assert "#6 can't be read" in text
        assert "The stack itself is not affected" in text
        assert "? damaged state" in text
        await press(pilot, "j")
        assert "LIVE → #5   ±1" in title(home_of(pilot).diff)


async def test_a_missing_checkpoint_and_a_damaged_record_keep_their_rows(shop: Shop) -> None:
    shop.checkpoint(3).unlink()
    shop.record(2).write_text("not json")
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        text = screen_text(pilot.app)
        assert "? no checkpoint " in text
        assert "? damaged record" in text
        home_of(pilot).timeline.select(3)
        await settle(pilot)
        assert "the checkpoint of #3 does not exist" in screen_text(pilot.app)


async def test_the_backend_disappears_and_comes_back(shop: Shop, tmp_path: Path) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        shutil.move(shop.backend, tmp_path / "away")
        home_of(pilot).timeline.select(1)
        await settle(pilot)
        text = screen_text(pilot.app)
        assert "✗" in text
        assert "#8 10:" in text, "what was read stays on screen"
        await press(pilot, "ctrl+r")
        text = screen_text(pilot.app)
        assert "can't be read" in text or "no longer there" in text or isinstance(pilot.app.screen, ErrorScreen)
        shutil.move(tmp_path / "away", shop.backend)
        if isinstance(pilot.app.screen, ErrorScreen):
            await press(pilot, "r")
        else:
            await press(pilot, "ctrl+r")
        home_of(pilot).timeline.select(7)
        await settle(pilot)
        assert title(home_of(pilot).diff) == "Rollback to #7: LIVE → #7   ~1"
        assert "live  = #8" in screen_text(pilot.app)


async def test_a_live_state_that_was_edited_says_so(shop: Shop) -> None:
    shop.live.write_text(shop.live.read_text().replace("shop/api:1.3.0", "shop/api:by-hand"))
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "live  changed outside updates" in screen_text(pilot.app)
        text = await press(pilot, "g")
        assert "shop/api:1.3.0 → shop/api:by-hand" in text


async def test_a_lock_is_shown_with_its_owner(shop: Shop) -> None:
    directory = shop.backend / ".pulumi" / "locks" / "organization" / "shop" / "prod"
    directory.mkdir(parents=True)
    lock = {"pid": 15817, "username": "root", "hostname": "host", "timestamp": "2026-11-24T06:56:46Z"}
    (directory / "f0.json").write_text(json.dumps(lock))
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "locked by root@host (pid 15817) since" in screen_text(pilot.app)
        await press(pilot, "j")
        assert "LIVE → #6" in title(home_of(pilot).diff), "browsing works"


async def test_strange_text_is_harmless_and_aligned(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        home = home_of(pilot)
        home.timeline.select(2)
        await press(pilot, "m")
        home.timeline.select(3)
        await settle(pilot)
        text = screen_text(pilot.app)
        assert "␛[31mred␛[0m␇" in text
        assert "[bold red]not bold[/] [/nothing]" in text
        assert "‹U+202E›shalom" in text
        assert "東京" in text
        strips = pilot.app.screen._compositor.render_strips()
        assert {strip.cell_length for strip in strips} == {WIDE[0]}
        assert not any(char in text for char in "\x1b\x07\u202e")


async def test_a_small_window_says_so_and_a_larger_one_works_again(shop: Shop) -> None:
    async with shop.app().run_test(size=(50, 12)) as pilot:
        await settle(pilot)
        assert "too small" in screen_text(pilot.app)
        await pilot.resize_terminal(120, 40)
        await settle(pilot)
        text = screen_text(pilot.app)
        assert "too small" not in text
        assert text.splitlines()[2].count("╭") == 2, "side by side"
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        assert screen_text(pilot.app).splitlines()[2].count("╭") == 1, "stacked"


async def test_r_on_an_update_opens_its_review_and_on_live_nothing(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        await press(pilot, "g", "r")
        assert len(pilot.app.screen_stack) == 1
        await press(pilot, "j", "j", "j", "r")
        names = [type(screen).__name__ for screen in pilot.app.screen_stack]
        assert "ReviewScreen" in names, "the recording has no provider, so its error may be on top by now"
