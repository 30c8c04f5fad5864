"""The still pictures: what each is called, and the keys that lead there."""

from __future__ import annotations

from typing import Final

from pulumi_rewind.demo.content import STACK
from pulumi_rewind.demo.folder import Demo
from pulumi_rewind_tui.screens.confirm import ConfirmScreen
from pulumi_rewind_tui.screens.home import HomeScreen
from pulumi_rewind_tui.screens.result import ResultScreen
from pulumi_rewind_tui.screens.review import ReviewScreen
from scripts.pictures.studio import PLAN, RESULT, SMALL, WIDE, Keep, broken, playing

NAMES: Final = frozenset(
    {"home", "diff", "review", "confirm", "running", "result", "failure"}
    | {"home-light", "home-colour-blind", "home-80x24", "review-80x24"}
    | {"kubernetes-home", "kubernetes-result"}
)
"""What is made; README and docs show each of them."""


async def browse(shop: Demo, keep: Keep) -> None:
    """All that changes nothing."""
    for theme, size, name in (
        ("dark", WIDE, "home"),
        ("light", WIDE, "home-light"),
        ("colour-blind", WIDE, "home-colour-blind"),
        ("dark", SMALL, "home-80x24"),
    ):
        async with playing(shop, size, theme) as actor:
            keep(name, actor.look())
            if name == "home":
                await actor.press("tab", "]")
                await actor.sees(HomeScreen, "shop-db")
                keep("diff", actor.look())
            if size == SMALL:
                await actor.press("R")
                await actor.sees(ReviewScreen, "built ")
                keep("review-80x24", actor.look())


async def fail(shop: Demo, keep: Keep) -> None:
    """A plan, the last question, and a rollback that does not come to its end."""
    async with playing(shop, PLAN) as actor:
        await actor.press("R")
        await actor.sees(ReviewScreen, "built ")
        keep("review", actor.look())
        with broken(shop):
            await actor.press("r")
            await actor.sees(ConfirmScreen)
            keep("confirm", actor.look())
            await actor.press("space", *STACK, "enter")
            await actor.sees(ResultScreen, "FAILED", seconds=120)
            await actor.resize(*WIDE)
            keep("failure", actor.look())


async def on_kubernetes(shop: Demo, keep: Keep) -> None:
    """The way back on the demo of that kind."""
    async with playing(shop, PLAN, sight="storefront") as actor:
        keep("kubernetes-home", actor.look())
        await actor.press("R")
        await actor.sees(ReviewScreen, "built ")
        await actor.press("r")
        await actor.sees(ConfirmScreen)
        await actor.press(*STACK, "enter")
        await actor.sees(ResultScreen, "equals", seconds=120)
        await actor.resize(RESULT[0], RESULT[1] + 2)
        keep("kubernetes-result", actor.look())
