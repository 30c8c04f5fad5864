"""``--ascii``: whatever we print or draw is ASCII; only the letters of values are not ours."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input

import pulumi_rewind
import pulumi_rewind_tui
from pulumi_rewind_tui import cli
from pulumi_rewind_tui.screens.base import RewindModal, RewindScreen
from pulumi_rewind_tui.screens.confirm import ConfirmScreen
from pulumi_rewind_tui.screens.result import ResultScreen
from pulumi_rewind_tui.screens.running import RunningScreen
from pulumi_rewind_tui.terminal.writer import Writer
from pulumi_rewind_tui.text.cells import Span
from pulumi_rewind_tui.words.symbols import ONE_CELL, TO_ASCII, UNICODE
from tests.support.filestack import FileStack
from tests.support.tui.replay import play
from tests.support.tui.shop import Shop, screen_text, settle
from tests.support.tui.stories import choose, interrupted, review, until, wait_for

OPENED = {"help": "question_mark", "palette": "ctrl+p", "details": "i", "stacks": "s", "filter": "slash"}


def odd(text: str) -> set[str]:
    """What is neither ASCII nor a letter, or an emoji of the recorded shop: those are values."""
    return {char for char in text if not char.isascii() and not char.isalpha()} - set("👧👩🚀\u200d")


def literals() -> set[str]:
    """Every character that stands in our sources, but for the tables of symbols themselves."""
    folders = [Path(package.__path__[0]) for package in (pulumi_rewind, pulumi_rewind_tui)]
    files = [path for folder in folders for kind in ("*.py", "*.tcss") for path in folder.rglob(kind)]
    return {char for path in files if path.name != "symbols.py" for char in path.read_text()} | set(
        "".join(UNICODE.values())
    )


def test_every_symbol_has_its_ascii() -> None:
    ours = odd("".join(literals()))
    assert {char for char in ours if ord(char) not in ONE_CELL} == set()
    assert {char for char in ours if ord(char) not in TO_ASCII} == set()
    assert all(text.isascii() for text in (*ONE_CELL.values(), *TO_ASCII.values()) if isinstance(text, str))


@pytest.mark.parametrize("name", ["", *cli.COMMANDS])
def test_help_is_ascii(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([*filter(None, (name,)), "--help", "--ascii"]) == 0
    assert odd(capsys.readouterr().out) == set()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileStack:
    """A stack with everything that has a symbol; this process is in its project."""
    stack = FileStack(tmp_path)
    stack.update(stack.resource("api", {"text": "x" * 200}, protect=True), stack.resource("db", {}))
    stack.update(stack.resource("api", {"text": "y"}), result="failed", message="one\n\ntwo")
    stack.update(stack.resource("api", {"text": "z"}, parent=stack.urn("gone")), stack.resource("new", {}))
    for name, value in stack.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(stack.work)
    return stack


EARLY = ("hist", "demo --clean --run", "-s nothing history")
"""Commands that fail before settings are read."""

COMMANDS = (
    *("history", "history --limit 1", "history --commits", "show 1", "show 2", "diff", "diff --stat", "diff 1 2"),
    *("blame api", "plan 1", "plan 9", "rollback 1", "up", "resume", "hooks", "revision", "record", "resolve"),
    *("doctor", "diff nothing", "blame x", "completion bash"),
)


@pytest.mark.parametrize(
    ("how", "command"),
    [*(("option", command) for command in (*COMMANDS, *EARLY)), *(("setting", command) for command in COMMANDS)],
)
def test_commands_print_ascii(here: FileStack, capfd: pytest.CaptureFixture[str], how: str, command: str) -> None:
    if how == "setting":
        (here.work / "rewind.toml").write_text("ascii = true\n")
    cli.run([*command.split(), *(["--ascii"] if how == "option" else [])])
    out, err = capfd.readouterr()
    assert out + err
    assert odd(out + err) == set()


def test_the_line_that_counts_is_cut_with_ascii() -> None:
    import io

    stream = io.StringIO()
    writer = Writer(stream, color=True, terminal=True, ascii_only=True, width=30)
    with writer.live(lambda: [[Span("◐ planning " + "x" * 60)]], redirect=False) as live:
        live.refresh()
    assert "..." in stream.getvalue()
    assert odd(stream.getvalue()) == set()


@pytest.mark.parametrize("opened", OPENED)
@pytest.mark.parametrize("size", [(120, 40), (80, 24), (50, 12)])
async def test_screens_around_home_draw_ascii(shop: Shop, opened: str, size: tuple[int, int]) -> None:
    async with shop.app(ascii_only=True).run_test(size=size) as pilot:
        await settle(pilot)
        assert odd(screen_text(pilot.app)) == set()
        await pilot.press("j", OPENED[opened])
        with contextlib.suppress(AssertionError):
            await settle(pilot, seconds=2)  # the palette keeps a worker
        assert odd(screen_text(pilot.app)) == set()


@pytest.mark.parametrize("opened", ["help", "details", "stacks"])
async def test_every_screen_is_ascii_from_its_first_layout(
    shop: Shop, opened: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal that can't draw anything else must not get a frame of it, however short."""
    seen: dict[str, bool] = {}
    laid_out = Screen._refresh_layout

    def watched(screen: Screen[Any], *given: Any, **named: Any) -> None:
        if isinstance(screen, RewindScreen | RewindModal):
            seen.setdefault(type(screen).__name__, screen.has_class("-ascii"))
        laid_out(screen, *given, **named)

    monkeypatch.setattr(Screen, "_refresh_layout", watched)
    app = shop.app(ascii_only=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press(OPENED[opened])
        await settle(pilot)
    assert len(seen) > 1
    assert all(seen.values()), seen


async def test_blame_draws_ascii(shop: Shop) -> None:
    async with shop.app(ascii_only=True).run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("j", "tab", "j", "B")
        await settle(pilot)
        assert odd(screen_text(pilot.app)) == set()


async def test_the_setting_is_enough(shop: Shop) -> None:
    (shop.root / "rewind.toml").write_text("ascii = true\n")
    async with shop.app().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("j")
        await settle(pilot)
        assert odd(screen_text(pilot.app)) == set()


async def test_what_is_interrupted_draws_ascii(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop", protected=False)
    interrupted(shop)
    async with shop.app(ascii_only=True).run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        assert odd(screen_text(pilot.app)) == set()


async def test_the_way_back_draws_ascii(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, "failure")
    app = Shop(tmp_path / "shop", protected=False).app(ascii_only=True)

    async def look(pilot: Pilot[Any]) -> None:
        await pilot.pause()
        assert odd(screen_text(app)) == set(), screen_text(app)

    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await choose(pilot, 5)
        await pilot.press("r")
        await look(pilot)
        await review(pilot)
        await settle(pilot)
        await look(pilot)
        for key in ("o",):
            await pilot.press(key)
            await settle(pilot)
            await look(pilot)
            await pilot.press("escape")
            await settle(pilot)
        await pilot.press("r")
        confirm = await wait_for(pilot, ConfirmScreen)
        await look(pilot)
        confirm.query_one(Input).focus()
        await pilot.press("space", *"prod", "enter")
        await until(pilot, lambda: isinstance(app.screen, RunningScreen | ResultScreen))
        await look(pilot)
        await wait_for(pilot, ResultScreen)
        await settle(pilot)
        await look(pilot)
