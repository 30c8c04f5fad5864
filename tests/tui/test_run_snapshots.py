"""Pictures of review, run and result; look at them when they change (`pytest --snapshot-update`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from pulumi_rewind_tui.screens.confirm import ConfirmScreen
from pulumi_rewind_tui.screens.result import ResultScreen
from pulumi_rewind_tui.screens.running import RunningScreen
from pulumi_rewind_tui.screens.stop import StopScreen
from tests.support.tui.pictures import pictures
from tests.support.tui.replay import play
from tests.support.tui.shop import Shop, settle
from tests.support.tui.stories import choose, found, interrupted, review, until, wait_for

Step = Callable[[Pilot[Any]], Awaitable[None]]
BUSY = 16
"""Events of the recording after which one replacement is half done and two resources are being worked on."""


async def reviewed(pilot: Pilot[Any], *keys: str) -> None:
    await settle(pilot)
    await choose(pilot, 5)
    await pilot.press("r")
    await review(pilot)
    await settle(pilot)
    for key in keys:
        await pilot.press(key)
        await pilot.pause()


def keys(*pressed: str) -> Step:
    async def step(pilot: Pilot[Any]) -> None:
        await reviewed(pilot, *pressed)

    return step


async def taken_out(pilot: Pilot[Any]) -> None:
    """One resource of several is left as it is; the cursor is on it."""
    await reviewed(pilot, "j", "j", "space")
    await review(pilot)
    await settle(pilot)


async def asked(pilot: Pilot[Any]) -> None:
    await reviewed(pilot, "r")
    await wait_for(pilot, ConfirmScreen)
    await pilot.press("space", "p", "r")


async def running(pilot: Pilot[Any]) -> None:
    await reviewed(pilot, "r", "space", *"prod", "enter")
    screen = await wait_for(pilot, RunningScreen)
    await until(pilot, lambda: screen.state.count("running") == 2)
    await pilot.pause(0.3)


async def stopping(pilot: Pilot[Any]) -> None:
    await running(pilot)
    await pilot.press("ctrl+c")
    await wait_for(pilot, StopScreen)


async def result(pilot: Pilot[Any]) -> None:
    await reviewed(pilot, "r", "space", *"prod", "enter")
    await wait_for(pilot, ResultScreen)
    await settle(pilot)


SCREENS: dict[str, tuple[Step, str, dict[str, Any]]] = {
    "review": (keys(), "success", {}),
    "review-open": (keys("enter", "j", "enter"), "success", {}),
    "review-risks": (keys("right"), "success", {}),
    "review-blocked": (keys(), "success", {}),
    "review-taken-out": (taken_out, "success", {}),
    "strategy": (keys("t", "j"), "success", {}),
    "plan-options": (keys("o", "j", "space"), "success", {}),
    "confirm": (asked, "success", {}),
    "running": (running, "success", {"stop_after": BUSY}),
    "stop": (stopping, "success", {"stop_after": BUSY}),
    "success": (result, "success", {}),
    "failure": (result, "failure", {}),
}
LIGHT = ["review", "confirm", "failure"]


@pytest.mark.parametrize(("screen", "size", "theme"), pictures(SCREENS, LIGHT))
def test_screen(
    snap_compare: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    screen: str,
    size: tuple[int, int],
    theme: str,
) -> None:
    before, run, options = SCREENS[screen]
    played = play(monkeypatch, run, **options)
    app = Shop(tmp_path / "shop", protected=screen == "review-blocked").app(theme=theme)
    try:
        assert snap_compare(app, run_before=before, terminal_size=size)
    finally:
        if hasattr(played, "made"):
            played.made.go()


@pytest.mark.parametrize("screen", ["interrupted", "ascii-review", "ascii-running", "colour-blind"])
def test_state(snap_compare: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, screen: str) -> None:
    played = play(monkeypatch, stop_after=BUSY)
    shop = Shop(tmp_path / "shop", protected=False)
    if screen == "interrupted":
        interrupted(shop)
    app = shop.app(ascii_only=screen.startswith("ascii"), theme="colour-blind" if screen == "colour-blind" else "dark")
    step = {"interrupted": found, "ascii-running": running}.get(screen, keys("enter"))
    try:
        assert snap_compare(app, run_before=step, terminal_size=(100, 30))
    finally:
        if hasattr(played, "made"):
            played.made.go()
