"""The screens around home: details, blame, stacks, help, palette, empty states, errors; and quitting."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen

from pulumi_rewind.errors import BackendError, EngineError
from pulumi_rewind_tui.app import RewindApp
from pulumi_rewind_tui.screens.blame import BlameScreen
from pulumi_rewind_tui.screens.details import DetailsScreen
from pulumi_rewind_tui.screens.empty import EmptyScreen
from pulumi_rewind_tui.screens.error import ErrorScreen
from pulumi_rewind_tui.screens.help import HelpScreen
from pulumi_rewind_tui.screens.palette import Palette
from pulumi_rewind_tui.screens.stacks import StacksScreen
from pulumi_rewind_tui.widgets.footer import KeyFooter
from pulumi_rewind_tui.words.palette import key_actions
from tests.support.tui.shop import Shop, screen_text, settle

WIDE = (120, 40)
SMALL = (80, 24)
KEYS = [
    *"jkgGmidnNBsup/?[]uocEvyxrq", "tab", "enter", "escape", "up", "down", "pageup", "pagedown", "space", "f5",
    "home", "end", "shift+tab", "ctrl+p", "ctrl+t", "backspace", "left",
]  # fmt: skip


def showing(app: App[Any], screen: type[Screen[Any]]) -> bool:
    return type(app.screen) is screen


async def press(pilot: Pilot[Any], *keys: str) -> str:
    for key in keys:
        await pilot.press(key)
    await settle(pilot)
    return screen_text(pilot.app)


async def test_details_tell_everything_about_an_update(shop: Shop) -> None:
    async with shop.app().run_test(size=(120, 50)) as pilot:
        await settle(pilot)
        text = await press(pilot, "i")
        assert showing(pilot.app, DetailsScreen)
        for words in (
            "Postgres 16 and the job runner",
            "Ada Tester <ada@example.test>",
            "± 1 replace",
            "~ shop:dbPassword  ●●● set again",
            "Commits since #6",
            "0418495",
            "pulumi.version",
        ):
            assert words in text
        await press(pilot, "escape", "k", "i")
        assert "Why it failed" in screen_text(pilot.app)
        await press(pilot, "y")
        assert "Jobs 0.1.1" in pilot.app.clipboard


async def test_blame_names_update_commit_and_author(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        text = await blame_of(pilot, "api")
        assert showing(pilot.app, BlameScreen)
        image = next(line for line in text.splitlines() if " image " in line)
        assert "#7" in image
        assert "Ada Tester" in image
        hotfix = next(line for line in text.splitlines() if " userData " in line)
        assert "#6" in hotfix
        assert "589ec68*" in hotfix
        await press(pilot, "enter")
        assert showing(pilot.app, DetailsScreen)
        await press(pilot, "escape", "escape")
        assert len(pilot.app.screen_stack) == 1


async def blame_of(pilot: Pilot[Any], name: str) -> str:
    diff = pilot.app.home.diff  # type: ignore[attr-defined]
    await press(pilot, "j", "tab")
    diff.move_to(next(i for i, row in enumerate(diff.rows) if row.urn.endswith(f"::{name}")))
    return await press(pilot, "B")


async def test_where_there_is_no_resource_to_blame_it_is_said(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE, notifications=True) as pilot:
        await settle(pilot)
        await press(pilot, "j", "tab", "/", *"nobody", "enter")
        assert "Move to a resource in the differences" in await press(pilot, "B")


async def test_blame_asks_for_the_name_that_live_knows(shop: Shop) -> None:
    async with shop.app().run_test(size=SMALL) as pilot:
        await settle(pilot)
        home = pilot.app.home  # type: ignore[attr-defined]
        diff = home.diff
        heading = diff.comparison.resources[diff.rows[0].index]
        msgspec.structs.force_setattr(heading, "old_urn", "urn:pulumi:prod::shop::t:m:R::before")
        assert diff.comparison.key[0] == 0, "from live"
        assert diff.live_urn.endswith("::before")


async def test_blame_names_the_update_of_the_selected_property_in_its_frame(shop: Shop) -> None:
    async with shop.app().run_test(size=SMALL) as pilot:
        await settle(pilot)
        text = await blame_of(pilot, "api")
        frame = next(line for line in text.splitlines() if "properties" in line)
        number = frame.split("#")[1].split(":")[0]
        assert any(f"#{number} " in line for line in text.splitlines())


async def test_blame_of_secrets_shows_none(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        text = await blame_of(pilot, "orders-db")
        password = next(line for line in text.splitlines() if " password " in line)
        assert "●●●" in password
        assert "#7 " in password, "compared decrypted: rotated with #7"
        assert "correct-horse" not in text


async def test_another_stack_is_opened_from_the_picker(shop: Shop) -> None:
    top = shop.backend / ".pulumi"
    shutil.copy(shop.live, shop.live.with_name("dev.json"))
    (top / "history" / "shop" / "dev").mkdir()
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        text = await press(pilot, "s")
        assert showing(pilot.app, StacksScreen)
        prod = next(line for line in text.splitlines() if "shop/prod" in line)
        assert "✗ failed" in prod
        assert "8 updates" in prod
        assert "9 resources" in prod
        assert "no updates yet" in text
        text = await press(pilot, "g", "enter")
        assert len(pilot.app.screen_stack) == 1
        assert "shop/dev" in text
        assert "has no updates yet" in text
        assert "`pulumi up`" in text


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_without_a_project_the_next_step_is_said(shop: Shop, tmp_path: Path, size: tuple[int, int]) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    async with shop.app(cwd=empty).run_test(size=size) as pilot:
        await settle(pilot)
        assert showing(pilot.app, EmptyScreen)
        text = screen_text(pilot.app)
        assert "No Pulumi project here" in text
        assert "--cwd DIR" in text
        assert text.count("--cwd") == 1, "each thing to do is said once"
        assert "s stacks" not in text, "there are none to show"
        await press(pilot, "escape")
        assert showing(pilot.app, EmptyScreen), "esc leads nowhere from here"


async def test_without_a_backend_the_url_and_its_origin_are_said_and_it_can_come_back(shop: Shop) -> None:
    away = shop.backend.with_name("away")
    shop.backend.rename(away)
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        text = screen_text(pilot.app)
        assert str(shop.backend) in text.replace("│\n│", "")
        assert "PULUMI_BACKEND_URL" in text
        away.rename(shop.backend)
        text = await press(pilot, "r")
        assert "live  = #8" in text


async def test_an_unknown_stack_leads_to_the_picker(shop: Shop) -> None:
    async with shop.app(stack="nope").run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "No such stack" in screen_text(pilot.app)
        await press(pilot, "s", "enter")
        assert "live  = #8" in screen_text(pilot.app)


async def test_an_error_stays_with_what_it_means_and_its_full_text(shop: Shop) -> None:
    tried: list[int] = []
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        app = pilot.app
        assert isinstance(app, RewindApp)
        app.fail(
            EngineError("preview failed", hint="Look at the provider.", output="boom \x1b[31m[b]x"),
            meaning="Nothing was changed.",
            retry=lambda: tried.append(1),
        )
        text = await press(pilot)
        assert showing(app, ErrorScreen)
        assert "preview failed" in text
        assert "Nothing was changed." in text
        assert "Look at the provider." in text
        assert "boom" not in text
        text = await press(pilot, "t")
        assert "boom ␛[31m[b]x" in text
        await press(pilot, "r")
        assert tried == [1]
        assert not showing(app, ErrorScreen)
        app.fail(BackendError("gone"), meaning="The stack is not affected.")
        text = await press(pilot)
        assert "Try again" not in text
        await press(pilot, "enter")
        assert not showing(app, ErrorScreen)


async def test_an_unexpected_error_shows_no_local_variables(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        app = pilot.app
        assert isinstance(app, RewindApp)
        try:
            hidden = "s3cr3t"
            raise ValueError(len(hidden))
        except ValueError as err:
            app.fail(err, meaning="Nothing was changed.")
        text = await press(pilot, "t")
        assert "ValueError" in text
        assert "= 's3cr3t'" not in text


async def crash_of(app: RewindApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)

        def crash() -> None:
            password = os.environ["HIDDEN_VALUE"]
            raise ValueError("broken" * bool(password))

        app.call_later(crash)
        await pilot.pause(0.3)


async def test_a_crash_prints_no_local_variables(
    shop: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIDDEN_VALUE", "s3cr3t-value")
    with pytest.raises(ValueError, match="broken"):
        await crash_of(shop.app())
    printed = capsys.readouterr().err
    assert "ValueError" in printed
    assert "s3cr3t-value" not in printed


@pytest.mark.parametrize("focus", ["timeline", "diff"])
async def test_help_lists_every_key_of_the_focused_pane(shop: Shop, focus: str) -> None:
    async with shop.app().run_test(size=(120, 80)) as pilot:
        await settle(pilot)
        if focus == "diff":
            await press(pilot, "tab")
        wanted = [binding.description for _, binding in key_actions(pilot.app.screen)]
        text = await press(pilot, "?")
        assert showing(pilot.app, HelpScreen)
        assert [what for what in wanted if what not in text] == []
        assert ("reveal" in text) == (focus == "diff")
        await press(pilot, "q")
        assert pilot.app.is_running, "q closes help, it doesn't quit"
        assert len(pilot.app.screen_stack) == 1


@pytest.mark.parametrize("keys", [[], ["tab"], ["i"], ["B"], ["s"], ["/"], ["?"]])
@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_every_key_in_the_footer_works_and_it_is_no_wider_than_78(
    shop: Shop, keys: list[str], size: tuple[int, int]
) -> None:
    async with shop.app().run_test(size=size) as pilot:
        await settle(pilot)
        await press(pilot, *keys)
        screen = pilot.app.screen
        footer = screen.query_one(KeyFooter)
        assert len(str(footer.render()).rstrip()) <= 78
        bound = {binding.action: node for node, binding, enabled, _ in screen.active_bindings.values() if enabled}
        assert footer.shown
        for entry in footer.shown:
            assert entry.action in bound
            name = entry.action.partition("(")[0].rpartition(".")[2]
            node = bound[entry.action] if "." not in entry.action else pilot.app
            assert hasattr(node, f"action_{name}"), entry
        if keys not in (["/"], ["?"]):
            assert [entry.key for entry in footer.shown[-2:]] == ["?", "q"]


async def test_the_palette_knows_what_keys_can_do(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        text = await press(pilot, "ctrl+p")
        assert showing(pilot.app, Palette)
        assert "Roll back" in text
        await press(pilot, *"details")
        await press(pilot, "enter")
        assert showing(pilot.app, DetailsScreen)


async def test_a_click_selects_and_the_footer_can_be_clicked(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.click("#timeline", offset=(6, 5))
        await settle(pilot)
        assert pilot.app.home.timeline.number == 5  # type: ignore[attr-defined]
        await pilot.click(KeyFooter, offset=(30, 0))
        await settle(pilot)
        assert "#5 → LIVE" in str(pilot.app.home.diff.border_title)  # type: ignore[attr-defined]


async def test_keys_can_be_configured(shop: Shop) -> None:
    (shop.root / "rewind.toml").write_text('[keys]\n"timeline.details" = "x"\n')
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        await press(pilot, "i")
        assert len(pilot.app.screen_stack) == 1
        await press(pilot, "x")
        assert showing(pilot.app, DetailsScreen)


async def test_ascii_needs_no_unicode(shop: Shop) -> None:
    async with shop.app(ascii_only=True).run_test(size=WIDE) as pilot:
        await settle(pilot)
        text = await press(pilot, "j")
        odd = {char for char in text if ord(char) > 127} - set("レポート…→▁▂▃▄▅▆▇█▔▎")
        assert odd == set()


class Running:
    """A run that counts how often quitting was tried."""

    def __init__(self) -> None:
        self.asked = 0

    def ask_interrupt(self) -> None:
        """Asked instead of quitting."""
        self.asked += 1


@pytest.mark.parametrize("key", ["q", "ctrl+q", "ctrl+c"])
async def test_quitting_asks_while_a_rollback_runs(shop: Shop, key: str) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        app = pilot.app
        assert isinstance(app, RewindApp)
        app.run_in_progress = run = Running()
        await press(pilot, key)
        assert run.asked == 1
        assert app.is_running
        app.run_in_progress = None
        await pilot.press(key)
        await pilot.pause(0.2)
        assert app.return_value == 0


async def test_no_color_is_kept_for_children(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert os.environ["NO_COLOR"] == "1"
        colours = {
            (segment.style.color.triplet, segment.style.bgcolor.triplet)
            for strip in pilot.app.screen._compositor.render_strips()
            for segment in strip.apply_filter(pilot.app._filters[-1], pilot.app.screen.styles.background)
            if segment.style and segment.style.color and segment.style.bgcolor
        }
        assert all(len(set(triplet)) == 1 for pair in colours for triplet in pair if triplet), "greys only"


async def test_a_long_history_is_read_as_far_as_it_is_looked_at(shop: Shop) -> None:
    record = json.loads(shop.record(1).read_text())
    directory = shop.record(1).parent
    for index in range(1500):
        record["message"] = f"older {index}"
        (directory / f"prod-{1_700_000_000_000_000_000 + index}.history.json").write_text(json.dumps(record))
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        timeline = pilot.app.home.timeline  # type: ignore[attr-defined]
        assert timeline.count() == 1509
        assert len(timeline.updates) < 200
        text = await press(pilot, "G")
        assert "#1 10:30" in text
        assert len(timeline.updates) < 400
        text = await press(pilot, "/", *"older 149")
        assert "15 of 1508" in text


@pytest.mark.slow
@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(st.sampled_from([key for key in KEYS if key not in ("q", "r")]), min_size=12, max_size=25),
    st.sampled_from([WIDE, SMALL, (61, 16)]),
)
def test_random_keys_never_crash(
    tmp_path_factory: pytest.TempPathFactory, keys: list[str], size: tuple[int, int]
) -> None:
    import asyncio

    async def story() -> None:
        shop = Shop(tmp_path_factory.mktemp("shop") / "s")
        shop.checkpoint(5).write_text("{")
        async with shop.app().run_test(size=size) as pilot:
            await pilot.press(*keys)  # the first ones while the stack is being opened
            await settle(pilot)
            assert pilot.app.is_running

    asyncio.run(story())
