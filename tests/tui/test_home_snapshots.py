"""Pictures of the screens around home; look at them when they change (`pytest --snapshot-update`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from pulumi_rewind.errors import EngineError
from pulumi_rewind_tui.app import RewindApp
from tests.support.tui.pictures import pictures
from tests.support.tui.shop import Shop, settle

Step = Callable[[Pilot[Any]], Awaitable[None]]


def keys(*pressed: str) -> Step:
    async def step(pilot: Pilot[Any]) -> None:
        for key in pressed:
            await pilot.press(key)
        await settle(pilot)

    return step


def on_row(name: str, *pressed: str, path: str = "") -> Step:
    async def step(pilot: Pilot[Any]) -> None:
        await keys("j", "tab")(pilot)
        diff = pilot.app.home.diff  # type: ignore[attr-defined]
        for index, row in enumerate(diff.rows):
            if row.urn.endswith(f"::{name}") and row.kind == "resource":
                diff.move_to(index)
            if path and row.change is not None and row.change.path == path:
                diff.move_to(index)
        await keys(*pressed)(pilot)

    return step


async def failed(pilot: Pilot[Any]) -> None:
    assert isinstance(pilot.app, RewindApp)
    error = EngineError(
        "the preview failed: error: Preview failed: provider `bridged` exited with code 1",
        hint="See what the provider said (t), fix it, and try again.",
        output="Diagnostics:\n  bridged:index:Server (api):\n    error: no credentials",
    )
    pilot.app.fail(error, meaning="Nothing was changed.", retry=lambda: None)
    await keys("t")(pilot)


SCREENS: dict[str, Step] = {
    "home": keys(),
    "diff": keys("j", "tab"),
    "diff-revealed": on_row("orders-db", "v", path="inputs.password"),
    "diff-strange": keys("j", "j", "j", "m", "j", "j"),
    "filter": keys("/", *"api"),
    "details": keys("k", "i"),
    "blame": on_row("orders-db", "B"),
    "stacks": keys("s"),
    "help": keys("?"),
    "error": failed,
    "passphrase": keys("p"),
}
LIGHT = ["home", "filter"]


@pytest.mark.parametrize(("screen", "size", "theme"), pictures(SCREENS, LIGHT))
def test_screen(snap_compare: Any, tmp_path: Path, screen: str, size: tuple[int, int], theme: str) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        await SCREENS[screen](pilot)

    app = Shop(tmp_path / "shop").app(theme=theme)
    assert snap_compare(app, run_before=before, terminal_size=size)


@pytest.mark.parametrize("name", ["locked", "corrupt", "colour-blind", "ascii", "too-small", "no-updates"])
def test_state(snap_compare: Any, tmp_path: Path, name: str) -> None:
    shop = Shop(tmp_path / "shop", passphrase=None if name == "locked" else "open sesame")
    options: dict[str, Any] = {}
    size = (100, 30)
    match name:
        case "corrupt":
            shop.checkpoint(6).write_text("{")
            shop.checkpoint(3).unlink()
            shop.record(2).write_text("{")
        case "colour-blind":
            options["theme"] = "colour-blind"
        case "ascii":
            options["ascii_only"] = True
        case "too-small":
            size = (50, 12)
        case "no-updates":
            (shop.live.with_name("dev.json")).write_text(shop.live.read_text())
            options["stack"] = "dev"

    async def before(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        await keys("j")(pilot)

    assert snap_compare(shop.app(**options), run_before=before, terminal_size=size)
