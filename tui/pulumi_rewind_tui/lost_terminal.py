"""When the terminal goes away while something still has to be finished."""

from __future__ import annotations

import os
import threading
from typing import Any

from textual.app import App


def detach(app: App[Any]) -> None:
    """Puts quiet stand-ins in place of the terminal that the application has lost; does nothing without one.

    Writing to it would fail, which ends Textual's writer thread and then blocks the event loop; reading from it
    would report its end over and over, so the thread that reads keys ends, too.
    """
    if app.is_headless:
        return
    done = getattr(app._driver, "exit_event", None)
    if isinstance(done, threading.Event):
        done.set()
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    os.close(null)
