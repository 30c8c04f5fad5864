"""When the terminal goes away while something still has to be finished."""

from __future__ import annotations

import os
import threading
from typing import Any

from textual.app import App


def detach(app: App[Any]) -> None:
    """Lets the application continue without its lost terminal; does nothing if it never had one.

    Writing to it fails, which ends Textual's writer thread; after that the event loop would block in the next write.
    A lost terminal also continues the process (SIGCONT), on which Textual starts a new writer, so it isn't enough to
    put something else in place of the terminal. Reading would report its end over and over: that thread ends, too.
    """
    if app.is_headless:
        return
    driver = app._driver
    for name in ("write", "flush", "close"):
        setattr(driver, name, _nothing)
    done = getattr(driver, "exit_event", None)
    if isinstance(done, threading.Event):
        done.set()
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    os.close(null)


def _nothing(*_: object) -> None:
    return
