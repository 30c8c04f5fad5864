"""The recorded shop (see `shop_recording.py`) laid out anew for a test, and the application opened on it."""

from __future__ import annotations

import asyncio
import atexit
import functools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textual.app import App
from textual.pilot import Pilot
from textual.widget import Widget

from pulumi_rewind.system.toolchain import OVERRIDE
from pulumi_rewind_tui.app import RewindApp
from tests.support.tui.shop_recording import PASSPHRASE, RECORDINGS

NOON = 1_795_521_600.0
"""When the tests happen: the day of the recording, at 12:00 UTC."""


@functools.cache
def cloned() -> Path:
    """The recorded repository, cloned once in this process; who gets a copy must not change this one."""
    directory = Path(tempfile.mkdtemp(prefix="rewind-tests-shop-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    bundle = RECORDINGS / "shop" / "repository.bundle"
    # Git knows a file of a copy for unchanged by its size and time; owner, inode and change time are those of the copy.
    known = ["-c", "core.checkStat=minimal", "-c", "core.trustctime=false"]
    clone = ["git", "clone", "-q", "-b", "main", *known, str(bundle), str(directory / "project")]
    subprocess.run(clone, check=True, capture_output=True)
    return directory / "project"


@dataclass
class Shop:
    """A copy of the recording under `directory`."""

    directory: Path
    passphrase: str | None = PASSPHRASE
    extra: dict[str, str] = field(default_factory=dict)
    protected: bool = True
    """Whether the database is protected in the newest updates, which then blocks every way back before them."""

    def __post_init__(self) -> None:
        """Lays out backend, project and repository."""
        shutil.copytree(RECORDINGS / "shop" / "backend" / "pulumi", self.backend / ".pulumi")
        shutil.copytree(cloned(), self.root, symlinks=True)
        for name in ("home", "state"):
            (self.directory / name).mkdir()
        if not self.protected:
            for path in (self.checkpoint(7), self.checkpoint(8), self.live):
                path.write_text(path.read_text().replace('"protect": true', '"protect": false'))

    @property
    def backend(self) -> Path:
        """The root of the file backend."""
        return self.directory / "backend"

    @property
    def root(self) -> Path:
        """The project."""
        return self.directory / "project"

    @property
    def live(self) -> Path:
        """The live state."""
        return self.backend / ".pulumi" / "stacks" / "shop" / "prod.json"

    def checkpoint(self, number: int) -> Path:
        """The checkpoint of an update."""
        return self._history("checkpoint")[number - 1]

    def record(self, number: int) -> Path:
        """The record of an update."""
        return self._history("history")[number - 1]

    def _history(self, kind: str) -> list[Path]:
        return sorted((self.backend / ".pulumi" / "history" / "shop" / "prod").glob(f"*.{kind}.json"))

    @property
    def environ(self) -> dict[str, str]:
        """Everything the application may know of the world."""
        from tests.conftest import ORIGINAL

        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory / "home"),
            "XDG_STATE_HOME": str(self.directory / "state"),
            "XDG_CACHE_HOME": ORIGINAL.get("XDG_CACHE_HOME") or str(Path(ORIGINAL["HOME"]) / ".cache"),
            "PULUMI_HOME": str(self.directory / "home" / ".pulumi"),
            "PULUMI_BACKEND_URL": self.backend.as_uri(),
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            **{name: ORIGINAL[name] for name in (OVERRIDE,) if name in ORIGINAL},
            **self.extra,
        }
        if self.passphrase is not None:
            env["PULUMI_CONFIG_PASSPHRASE"] = self.passphrase
        return env

    def app(self, **options: Any) -> RewindApp:
        """The application on this stack, with a clock that stands still."""
        settings: dict[str, Any] = {"cwd": self.root, "stack": "prod", "environ": self.environ, "clock": lambda: NOON}
        return RewindApp(**(settings | options))


SOON = 1.0
"""Seconds. A timer that runs longer is no part of an answer: notices that go by themselves, the garbage collector."""


def busy(app: RewindApp) -> bool:
    """Whether something is under way: work in a thread, a message, a delayed step, or a part that is not painted."""
    if any(not worker.is_finished for worker in app.workers):
        return True
    nodes = [app, *(node for screen in app.screen_stack for node in screen.walk_children(with_self=True))]
    if any(not node._message_queue.empty() or node._next_callbacks for node in nodes):
        return True
    timers = (timer for node in nodes for timer in node._timers if timer._repeat == 0 and timer._interval < SOON)
    if any(timer._task is not None and not timer._task.done() for timer in timers):
        return True
    screen = app.screen
    return bool(screen._dirty_widgets or screen._layout_required or screen._callbacks)


async def settle(pilot: Pilot[Any], until: Callable[[RewindApp], bool] | None = None, *, seconds: float = 20) -> None:
    """Waits until nothing works in the background any more and, if asked, until something holds."""
    app = pilot.app
    assert isinstance(app, RewindApp)
    end = time.monotonic() + seconds
    quiet = 0
    while quiet < 2:
        if time.monotonic() > end:
            raise AssertionError(f"still waiting: {[worker for worker in app.workers if not worker.is_finished]}")
        await pilot.pause()
        for _ in range(10):  # handlers that wait for one another go on meanwhile
            await asyncio.sleep(0)
        quiet = 0 if busy(app) or not (until is None or until(app)) else quiet + 1


def screen_text(app: App[Any]) -> str:
    """What the terminal shows, one line a row."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


def title(widget: Widget) -> str:
    """The title in the border of a pane."""
    return str(widget.border_title or "")
