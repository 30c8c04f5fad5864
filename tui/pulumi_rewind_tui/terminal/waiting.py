"""A line in a terminal while something is read that takes long, gone when it is there."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pulumi_rewind_tui.terminal.writer import Screen
from pulumi_rewind_tui.text.cells import Line, Span
from pulumi_rewind_tui.words.words import PATIENCE, elapsed

if TYPE_CHECKING:
    from rich.live import Live


@contextlib.contextmanager
def waiting(screen: Screen, what: str) -> Iterator[None]:
    """Says what is read once it takes longer than `PATIENCE`; nothing is printed meanwhile."""
    if not screen.err.color:  # as everything that is redrawn
        yield
        return
    begun = time.monotonic()
    lock = threading.Lock()
    ended = False
    live: Live | None = None

    def lines() -> list[Line]:
        return [[Span(f"◐ {what}   {elapsed(time.monotonic() - begun)}", "dim")]]

    def show() -> None:
        nonlocal live
        with lock:
            if not ended:
                live = screen.err.live(lines, redirect=False)
                live.start(refresh=True)

    timer = threading.Timer(PATIENCE, show)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        with lock:
            ended = True
        if live is not None:
            live.stop()
