"""Makes ``screenshots/*.svg`` (and ``.png`` where a converter is there) from a real demo stack.

``python scripts/screenshots.py [OUT]``: builds a demo in a temporary folder, drives the UI through a whole rollback and
one that fails, and exports what is on the screen. Needs the engine; run it after changing what a screen shows.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from textual.app import App
from textual.pilot import Pilot

from pulumi_rewind.demo.build import build_demo
from pulumi_rewind.demo.content import STACK
from pulumi_rewind.demo.folder import Demo, open_demo
from pulumi_rewind_tui.app import RewindApp

WIDE, SMALL = (120, 40), (80, 24)
FONT_FACE = re.compile(r"@font-face \{[^}]*\}", re.S)


class Studio:
    """Takes pictures of one application."""

    def __init__(self, demo: Demo, out: Path) -> None:
        self.demo = demo
        self.out = out

    def app(self, **options: Any) -> RewindApp:
        """The application on the demo's stack."""
        return RewindApp(cwd=self.demo.root, stack=STACK, environ=self.demo.environ(os.environ), **options)

    def take(self, app: RewindApp, name: str) -> None:
        """Writes what is on the screen; fonts are the viewer's own, nothing is fetched."""
        svg = FONT_FACE.sub("", app.export_screenshot(title="pulumi-rewind"))
        svg = svg.replace("Fira Code, monospace", "DejaVu Sans Mono, Menlo, Consolas, monospace")
        svg = svg.replace(str(self.demo.root.parent), "~")
        (self.out / f"{name}.svg").write_text(svg)
        print(f"{name}.svg", flush=True)


async def wait(pilot: Pilot[Any], until: Callable[[], bool], seconds: float = 60) -> None:
    """Waits for something to be on the screen."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await pilot.pause(0.1)
        if until():
            await pilot.pause(0.4)
            return
    raise SystemExit(f"it never came; on the screen is:\n{text_of(pilot.app)}")


def text_of(app: App[Any]) -> str:
    """What the terminal shows."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


def shows(app: RewindApp, *texts: str) -> Callable[[], bool]:
    """Whether all of these are on the screen."""
    return lambda: all(text in text_of(app) for text in texts)


def compared(app: RewindApp) -> Callable[[], bool]:
    """Whether the secrets have been compared."""
    return lambda: "comparing" not in text_of(app)


async def browse(studio: Studio) -> None:
    """Home and diff, in two themes and two sizes."""
    for theme, size, name in (
        ("dark", WIDE, "home"),
        ("light", WIDE, "home-light"),
        ("colour-blind", WIDE, "home-colour-blind"),
        ("dark", SMALL, "home-80x24"),
    ):
        with suppress(KeyError, ValueError):
            app = studio.app(theme=theme)
            async with app.run_test(size=size) as pilot:
                await wait(pilot, shows(app, "#4", "#3", "shop-db"))
                await wait(pilot, compared(app))
                studio.take(app, name)
                if name == "home":
                    await pilot.press("tab", "]")
                    await pilot.pause(0.5)
                    studio.take(app, "diff")


async def roll_back(studio: Studio, prefix: str, ending: str) -> None:
    """A whole rollback from home to its end."""
    app = studio.app(theme="dark")
    async with app.run_test(size=WIDE) as pilot:
        await wait(pilot, shows(app, "#4", "#3"))
        await pilot.press("r")
        await wait(pilot, shows(app, "built ", "live unchanged"))
        if not prefix:
            studio.take(app, "review")
        await pilot.press("r")
        await wait(pilot, shows(app, "Cancel", "with the real engine"))
        if not prefix:
            studio.take(app, "confirm")
        await pilot.press("space", *STACK)
        await pilot.press("enter")
        await wait(pilot, shows(app, "ROLLING BACK", "replac"))
        if not prefix:
            studio.take(app, "running")
        await wait(pilot, shows(app, ending), 120)
        studio.take(app, prefix or "result")


async def failing(studio: Studio) -> None:
    """A rollback that fails half-way, because a folder is not there any more."""
    databases = studio.demo.machine / "databases"
    away = databases.with_name("databases-away")
    databases.rename(away)
    databases.write_text("in the way")
    try:
        await roll_back(studio, "failure", "FAILED")
    finally:
        databases.unlink()
        away.rename(databases)


def png(out: Path) -> None:
    """Pictures for the README, where CairoSVG is installed."""
    try:
        import cairosvg
    except ImportError:
        print("CairoSVG is not installed: no PNG files were made", file=sys.stderr)
        return
    for path in sorted(out.glob("*.svg")):
        cairosvg.svg2png(url=str(path), write_to=str(path.with_suffix(".png")), scale=1.0)


async def main() -> None:
    """Builds the demo, takes every picture, removes the demo."""
    out = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "screenshots").resolve()
    out.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp()) / "rewind-demo"
    for _ in build_demo(folder):
        pass
    demo = open_demo(folder)
    try:
        studio = Studio(demo, out)
        await browse(studio)
        await failing(studio)
        demo.clean(os.environ)
        for _ in build_demo(folder):
            pass
        studio = Studio(open_demo(folder), out)
        await roll_back(studio, "", "equals")
    finally:
        demo.clean(os.environ)
        shutil.rmtree(folder.parent, ignore_errors=True)
    png(out)


if __name__ == "__main__":
    asyncio.run(main())
