"""Opening the screens from the command line, which alone knows them."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from pulumi_rewind.session import Session, open_session
from pulumi_rewind_tui.app import RewindApp
from pulumi_rewind_tui.cli import open_screens
from pulumi_rewind_tui.terminal.options import Shared
from pulumi_rewind_tui.terminal.output import no_screens
from tests.support.filestack import FileStack
from tests.support.tui.shop import Shop, settle


@pytest.mark.parametrize(("returned", "result", "code"), [(0, None, 0), (0, 4, 4), (1, None, 1)])
def test_screens_open_where_a_command_wants_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, returned: int, result: int | None, code: int
) -> None:
    """As `demo --open` does, with an environment of its own."""
    opened: list[RewindApp] = []

    def run(app: RewindApp) -> int | None:
        opened.append(app)
        app._return_code = returned
        return result

    monkeypatch.setattr(RewindApp, "run", run)
    monkeypatch.setenv("NO_COLOR", "")
    shared = Shared(no_color=True, ascii=True, opener=open_screens)
    assert shared.open_screens(cwd=tmp_path, stack="dev", environ={"A": "b"}) == code
    (app,) = opened
    assert (app.cwd, app.stack_name, app.environ, app.ascii_only) == (tmp_path, "dev", {"A": "b"}, True)
    assert os.environ["NO_COLOR"] == "1"


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        ({"TERM": "dumb"}, "TERM is dumb"),
        ({"TERM": ""}, "TERM is not set"),
        ({"CI": "true"}, "CI is set"),
        ({"COLUMNS": "59", "LINES": "24"}, "the window is 59x24, and the screens need 60x15"),
        ({"COLUMNS": "80", "LINES": "14"}, "the window is 80x14, and the screens need 60x15"),
    ],
)
def test_a_terminal_that_can_not_show_the_screens_gets_the_history(
    tmp_path: Path, env: dict[str, str], reason: str
) -> None:
    stack = FileStack(tmp_path)
    stack.update(stack.resource("api", {}), message="the first")
    ran = stack.terminal(env=env, colors=True)
    assert ran.code == 0, ran.out
    assert f"note: {reason}: pulumi-rewind prints the history instead of opening the screens" in ran.out
    assert "#1" in ran.out
    assert "\x1b[?1049h" not in ran.out, "no full screen"


async def test_a_stack_that_opens_late_does_not_replace_the_one_chosen_after_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    opened: list[str | None] = []

    def late(*arguments: Any, **options: Any) -> Session:
        session = open_session(*arguments, **options)
        if options["stack"] == "prod":
            begun.set()
            go_on.wait(20)
        opened.append(options["stack"])
        return session

    monkeypatch.setattr("pulumi_rewind.session.open_session", late)
    async with shop.app().run_test() as pilot:
        app = pilot.app
        assert isinstance(app, RewindApp)
        while not begun.is_set():
            await pilot.pause()
        app.open_stack(None)
        while app.session is None:
            await pilot.pause()
        second = app.session
        go_on.set()
        await settle(pilot, lambda _: opened == [None, "prod"])
        assert app.session is app.home.session is second


def test_what_does_not_speak_against_the_screens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", "15")
    assert no_screens({"TERM": "xterm"}) == ""
    assert no_screens({"TERM": "xterm", "CI": "false"}) == ""
