"""The core story as a film: an update failed half-way, and seven keys later the stack is what it was."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from pulumi_rewind.demo.content import STACK
from pulumi_rewind.demo.folder import Demo
from pulumi_rewind_tui.screens.confirm import ConfirmScreen
from pulumi_rewind_tui.screens.home import HomeScreen
from pulumi_rewind_tui.screens.result import ResultScreen
from pulumi_rewind_tui.screens.review import ReviewScreen
from pulumi_rewind_tui.screens.running import RunningScreen
from scripts.pictures.grid import Grid
from scripts.pictures.studio import RESULT, Actor, Keep, playing

NAME: Final = "story.gif"
SIZE: Final = (112, 32)
"""Side by side, and still readable where the picture is 830 pixels wide."""
GLANCE, READ, KEY, RUN = 0.8, 2.2, 0.2, 4.5
"""Seconds: for a screen that a person knows already, for one to read, for a key typed, and for the run at most."""


@dataclass(frozen=True)
class Frame:
    """One picture of the film."""

    grid: Grid
    key: str
    words: str
    seconds: float


class Camera:
    """Takes the frames."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.frames: list[Frame] = []

    def take(self, key: str, words: str, seconds: float) -> None:
        """What is on the screen, for so long; what looks like the frame before only makes that one longer."""
        frame = Frame(self.actor.look(), key, words, seconds)
        if self.frames and replace(self.frames[-1], seconds=seconds) == frame:
            frame = replace(frame, seconds=seconds + self.frames.pop().seconds)
        self.frames.append(frame)


async def story(shop: Demo, keep: Keep) -> list[Frame]:
    """Plays it; the stills of the run and of its end are taken on the way."""
    async with playing(shop, SIZE) as actor:
        camera = Camera(actor)
        camera.take("", "The last update failed half-way. What now?", READ)
        await _move(actor, "k")
        camera.take("k", "#4 failed: what it did, and why.", READ)
        await _move(actor, "j")
        camera.take("j", "#3 is the last good one: this is what a rollback to it would change.", READ)
        await actor.press("r")
        camera.take("r", "The engine works out a plan.", GLANCE)
        await actor.sees(ReviewScreen, "built ")
        camera.take("r", "Review it: every step in order, with its risks. Nothing has changed yet.", READ + 1)
        await actor.press("r")
        await actor.sees(ConfirmScreen)
        question = "Data would be lost: confirm that, and type the stack's name."
        camera.take("r", question, READ)
        await actor.press("space")
        camera.take("space", question, GLANCE)
        for character in STACK:
            await actor.press(character)
            camera.take(character, question, KEY)
        await actor.press("enter")
        run = await _run(camera)
        await actor.sees(ResultScreen, "equals", seconds=120)
        camera.take("", "Done and compared: the stack equals #3 again.", READ + 2)
        keep("running", _busiest(run))
        await actor.resize(*RESULT)
        keep("result", actor.look())
        return camera.frames


def _busiest(run: Sequence[Frame]) -> Grid:
    """A moment at which something is done, and something under way; at worst, the middle."""
    return next((shot for shot in run if {"✓", "◐"} <= set(shot.grid.text)), run[len(run) // 2]).grid


async def _move(actor: Actor, key: str) -> None:
    await actor.press(key)
    await actor.pilot.pause(1)  # what the row means follows the cursor a little later
    await actor.sees(HomeScreen, "#4")


async def _run(camera: Camera) -> list[Frame]:
    actor, before = camera.actor, len(camera.frames)
    await actor.until(lambda: actor.is_on(RunningScreen))
    then = time.monotonic()
    while actor.is_on(RunningScreen):
        await actor.pilot.pause(0.1)
        if actor.is_on(RunningScreen):
            now = time.monotonic()
            camera.take("enter", "The engine replaces, updates and deletes, and every step is shown.", now - then)
            then = now
    shots = camera.frames[before:]
    pace = min(1, RUN / sum(shot.seconds for shot in shots))
    camera.frames[before:] = shots = [replace(shot, seconds=shot.seconds * pace) for shot in shots]
    return shots
