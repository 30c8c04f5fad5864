"""Makes all pictures: ``make pictures``, or ``python -m scripts.pictures [FOLDER]``."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pulumi_rewind.demo.cluster import own_plane
from pulumi_rewind.errors import RewindError
from pulumi_rewind.system.toolchain import find_engine
from scripts.pictures import film, stills
from scripts.pictures.draw import Painter, save_film, save_still
from scripts.pictures.film import Frame
from scripts.pictures.grid import Grid
from scripts.pictures.studio import FOLDER, demo

OUT: Final = Path(__file__).resolve().parents[2] / "screenshots"
STILL_CELL, FILM_CELL = 15, 14
"""Width of a cell in pixels: about twice what a README shows, for screens with a fine resolution."""


async def make(out: Path) -> None:
    """A PNG for each name in `stills.NAMES`, and the film."""
    painter = Painter(STILL_CELL)

    def keep(name: str, grid: Grid) -> None:
        save_still(painter.picture(grid), grid, out / f"{name}.png")
        print(f"{name}.png", flush=True)

    with demo() as shop:
        await stills.browse(shop, keep)
        await stills.fail(shop, keep)
    with demo() as shop:
        frames = await film.story(shop, keep)
    save(frames, out / film.NAME)
    try:
        own_plane(FOLDER).check(find_engine().path, os.environ)
    except RewindError as err:
        print(f"the pictures on Kubernetes stay as they are: {err}", flush=True)
        return
    with demo(own_plane) as shop:
        await stills.on_kubernetes(shop, keep)


def save(frames: Sequence[Frame], path: Path) -> None:
    """Draws the film."""
    painter = Painter(FILM_CELL)
    seconds = [frame.seconds for frame in frames]
    pictures = [painter.picture(frame.grid, (frame.key, frame.words)) for frame in frames]
    save_film(pictures, [frame.grid for frame in frames], seconds, path)
    print(f"{path.name}: {len(frames)} frames, {sum(seconds):.0f} s, {path.stat().st_size / 1e6:.2f} MB", flush=True)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else OUT)
    target.mkdir(parents=True, exist_ok=True)
    asyncio.run(make(target))
