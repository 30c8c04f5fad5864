"""The application on a real demo, driven by keys."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

from textual.pilot import Pilot
from textual.screen import Screen

from pulumi_rewind.demo.build import build_demo
from pulumi_rewind.demo.content import STACK
from pulumi_rewind.demo.folder import Demo, open_demo
from pulumi_rewind.demo.machine import Machine
from pulumi_rewind.demo.site import Site
from pulumi_rewind_tui.app import RewindApp
from pulumi_rewind_tui.screens.home import HomeScreen
from scripts.pictures.grid import Grid, grid_of, text_of

FOLDER: Final = Path("/tmp/shop")  # noqa: S108  what pictures show of paths is the same on every machine
WIDE, PLAN, RESULT, SMALL = (120, 36), (120, 30), (112, 19), (80, 24)

Keep = Callable[[str, Grid], None]
"""Takes a picture's name, and what is on it."""


@contextmanager
def demo(site_in: Callable[[Path], Site] = Machine.fresh) -> Iterator[Demo]:
    """A new demo, taken away again."""
    if FOLDER.exists():
        raise SystemExit(f"{FOLDER} is there already; remove it: pulumi-rewind demo --clean {FOLDER}")
    try:
        for _ in build_demo(FOLDER, os.environ, site_in):
            pass
        yield open_demo(FOLDER)
    finally:
        if FOLDER.exists():
            open_demo(FOLDER).clean(os.environ)


@contextmanager
def broken(shop: Demo) -> Iterator[None]:
    """A folder that resources need is in the way of itself: a rollback fails half-way."""
    databases = shop.root / "machine" / "databases"
    away = databases.with_name("databases-away")
    databases.rename(away)
    databases.write_text("in the way")
    try:
        yield
    finally:
        databases.unlink()
        away.rename(databases)


class Actor:
    """One running application."""

    def __init__(self, app: RewindApp, pilot: Pilot[Any]) -> None:
        self.app = app
        self.pilot = pilot

    async def sees(self, screen: type[Screen[Any]], *texts: str, seconds: float = 60) -> None:
        """Waits until a screen is there with all of these, and nothing is being compared any more."""
        await self.until(lambda: self.is_on(screen) and self.shows(*texts) and not self.shows("comparing"), seconds)
        await self.pilot.pause(0.4)

    def is_on(self, screen: type[Screen[Any]]) -> bool:
        """Whether a screen of this kind is on top."""
        return isinstance(self.app.screen, screen)

    async def until(self, done: Callable[[], bool], seconds: float = 60) -> None:
        """Waits for something else."""
        end = time.monotonic() + seconds
        await self.pilot.pause(0.1)
        while not done():
            if time.monotonic() > end:
                raise SystemExit(f"it never came; on the screen is:\n{text_of(self.app)}")
            await self.pilot.pause(0.1)

    def shows(self, *texts: str) -> bool:
        """Whether all of these are on the screen."""
        screen = text_of(self.app)
        return all(text in screen for text in texts)

    async def press(self, *keys: str) -> None:
        """Presses keys, and lets the screen follow."""
        await self.pilot.press(*keys)
        await self.until(lambda: bool(text_of(self.app)), 10)

    async def resize(self, columns: int, rows: int) -> None:
        """Gives the terminal another size."""
        await self.pilot.resize_terminal(columns, rows)
        await self.pilot.pause(0.4)

    def look(self) -> Grid:
        """What is on the screen; nothing of this machine may be."""
        grid = grid_of(self.app)
        for private in (str(Path.home()), str(Path(__file__).parents[2]), platform.node()):
            if len(private) > 3 and private in grid.text:
                raise SystemExit(f"{private} is on the screen:\n{grid.text}")
        return grid


@asynccontextmanager
async def playing(
    shop: Demo, size: tuple[int, int], theme: str = "dark", *, sight: str = "shop-db"
) -> AsyncIterator[Actor]:
    """The application on the demo's stack, once its first screen stands, with a resource that differs."""
    app = RewindApp(cwd=shop.root, stack=STACK, environ=shop.environ(os.environ), theme=theme)
    async with app.run_test(size=size) as pilot:
        actor = Actor(app, pilot)
        await actor.sees(HomeScreen, "#4", "#3", sight)
        yield actor
