"""Blame of many updates: it says how far it is, and what it has found stays when it is stopped."""

from __future__ import annotations

import io
import itertools
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from pulumi_rewind.history.blame import Blamed, blame
from pulumi_rewind.session import open_session
from pulumi_rewind_tui import cli
from pulumi_rewind_tui.screens import blame as screen
from pulumi_rewind_tui.screens.blame import BlameList, BlameScreen
from pulumi_rewind_tui.terminal.planning import counted
from pulumi_rewind_tui.terminal.writer import Screen, Writer
from tests.support.filestack import FileStack
from tests.support.tui.shop import Shop, settle
from tests.support.tui.stories import until

FOUND = Blamed("inputs.size", "m", False, None)


def endless(*_: Any, observe: Callable[[int, int], None], **__: Any) -> Iterator[Blamed]:
    """Finds one property, and then looks at updates for ever."""
    yield FOUND
    for done in itertools.count(120):
        observe(done, 1200)
        time.sleep(0.001)


def test_the_search_says_before_each_update_how_far_it_is(tmp_path: Path) -> None:
    stack = FileStack(tmp_path)
    for _ in range(3):
        stack.update(stack.resource("api", {"size": "m"}))
    timeline = open_session(stack.work, environ=stack.env).timeline
    seen: list[tuple[int, int]] = []
    assert len(list(blame(timeline, "api", observe=lambda *at: seen.append(at)))) == 3
    assert seen == [(0, 3), (1, 3), (2, 3)]


def test_in_a_terminal_a_line_says_it_once_it_takes_long() -> None:
    stream = io.StringIO()
    err = Writer(stream, color=True, terminal=True, ascii_only=False, width=80)
    now = 0.0
    with counted(Screen(err, err), "blame api", lambda: now) as observe:
        observe(3, 1200)
        assert stream.getvalue() == ""
        now = 0.6
        observe(120, 1200)
        assert "blame api   checked 120 of 1,200 updates   00:00   ctrl+c stops" in stream.getvalue()
    quiet = io.StringIO()
    err = Writer(quiet, color=False, terminal=False, ascii_only=False)
    with counted(Screen(err, err), "blame api", itertools.count().__next__) as observe:
        observe(120, 1200)
    assert quiet.getvalue() == ""


@pytest.mark.parametrize("as_json", [False, True])
def test_an_interrupt_shows_what_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    stack = FileStack(tmp_path)
    stack.update(stack.resource("api", {"size": "m"}))
    for name, value in stack.env.items():
        monkeypatch.setenv(name, value)

    def interrupted(*_: Any, observe: Callable[[int, int], None], **__: Any) -> Iterator[Blamed]:
        yield FOUND
        observe(1, 2)
        raise KeyboardInterrupt

    monkeypatch.setattr("pulumi_rewind.history.blame.blame", interrupted)
    assert cli.run(["blame", "--cwd", str(stack.work), "api", *(["--json"] if as_json else [])]) == 130
    out, err = capsys.readouterr()
    assert "interrupted" in err
    if as_json:
        assert out == "", "a part would be taken for the whole"
    else:
        assert "size" in out
        assert "checked 1 of 1 update; properties that are not listed were set earlier" in err


async def reading(pilot: Pilot[Any]) -> BlameList:
    """The blame screen, in the middle of a long search."""
    await settle(pilot)
    app: Any = pilot.app
    app.push_screen(BlameScreen(app.session, "urn:pulumi:prod::shop::t:m:R::api"))
    await until(pilot, lambda: "1,200" in subtitle(app))
    view: BlameList = app.screen.query_one(BlameList)
    return view


def subtitle(app: Any) -> str:
    return " ".join(str(view.border_subtitle) for view in app.screen.query(BlameList))


@pytest.mark.parametrize("key", ["escape", "ctrl+c"])
async def test_the_screen_says_how_far_it_is_and_can_be_stopped(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setattr("pulumi_rewind.history.blame.blame", endless)
    monkeypatch.setattr(screen, "PATIENCE", 0.0)
    async with shop.app().run_test(size=(120, 40)) as pilot:
        view = await reading(pilot)
        assert re.search(r"checked [1-9]\d* of", subtitle(pilot.app))
        assert "esc stops" in subtitle(pilot.app)
        await pilot.press(key)
        await settle(pilot)
        assert isinstance(pilot.app.screen, BlameScreen), "what was found stays"
        assert re.match(r"stopped: checked [1-9]", subtitle(pilot.app))
        assert view.rows == [FOUND]
        await pilot.press("escape")
        await settle(pilot)
        assert not isinstance(pilot.app.screen, BlameScreen)


async def test_a_search_that_nobody_waits_for_ends(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulumi_rewind.history.blame.blame", endless)
    async with shop.app().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        app: Any = pilot.app
        app.push_screen(BlameScreen(app.session, "urn:pulumi:prod::shop::t:m:R::api"))
        await pilot.pause()
        app.pop_screen()
        await settle(pilot)
