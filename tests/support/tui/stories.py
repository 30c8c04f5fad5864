"""Steps that many stories share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from textual.pilot import Pilot
from textual.screen import Screen

from pulumi_rewind.session import open_session
from pulumi_rewind_tui.app import RewindApp
from pulumi_rewind_tui.screens.interrupted import InterruptedScreen
from pulumi_rewind_tui.screens.review import ReviewScreen
from tests.support.journals import process_ended
from tests.support.tui.shop import NOON, Shop, screen_text, settle

ScreenT = TypeVar("ScreenT", bound=Screen[Any])


async def until(pilot: Pilot[Any], holds: Callable[[], bool], *, seconds: float = 60) -> None:
    """Waits until something holds."""
    for _ in range(int(seconds / 0.05)):
        if holds():
            await pilot.pause(0.05)
            return
        await pilot.pause(0.05)
    raise AssertionError(f"it did not come to that:\n{screen_text(pilot.app)}")


async def wait_for(pilot: Pilot[Any], kind: type[ScreenT], *, seconds: float = 60) -> ScreenT:
    """Waits until a screen of that kind is on top."""
    await until(pilot, lambda: isinstance(pilot.app.screen, kind) and pilot.app.screen.is_mounted, seconds=seconds)
    screen = pilot.app.screen
    assert isinstance(screen, kind)
    return screen


async def choose(pilot: Pilot[Any], number: int) -> None:
    """Puts the cursor of the timeline on an update."""
    app = pilot.app
    assert isinstance(app, RewindApp)
    app.home.timeline.select(number)
    await pilot.pause()


async def review(pilot: Pilot[Any]) -> ReviewScreen:
    """Waits until a plan can be reviewed."""
    screen = await wait_for(pilot, ReviewScreen)
    await until(pilot, lambda: screen.plan is not None)
    return screen


async def go_back(pilot: Pilot[Any], number: int = 5) -> None:
    """From the start to a rollback that was reviewed and confirmed."""
    await settle(pilot)
    await choose(pilot, number)
    await pilot.press("r")
    await review(pilot)
    await pilot.press("r", "space", *"prod", "enter")


def interrupted(shop: Shop, *, digest: str = "") -> Any:
    """Leaves a rollback to #5 half-way, begun by a process that is gone."""
    session = open_session(shop.root, "prod", environ=shop.environ)
    found = digest or session.timeline.checkpoint(5).digest
    session.journal.begin(target=5, label="#5 (v1.2)", digest=found, start=8)
    process_ended(session.journal, started=NOON - 600)
    return session.journal


async def found(pilot: Pilot[Any]) -> InterruptedScreen:
    """Waits until the application has found it."""
    screen = await wait_for(pilot, InterruptedScreen)
    await settle(pilot)
    return screen
