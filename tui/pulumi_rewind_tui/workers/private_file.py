"""Files in the user's state directory that only their owner can read: what was saved, and logs of runs."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from pulumi_rewind.errors import StateDirectoryError
from pulumi_rewind.state.show import inert_lines
from pulumi_rewind.system.state_directory import StateDirectory


def save_new(state: StateDirectory, name: str, text: str) -> Path:
    """Saves a text under a name, mode 0600, and returns its path; where the name is taken a number is added.

    The file is safe to print: control characters in it are made visible.

    Raises:
        StateDirectoryError: it can't be written.
    """
    safe = Path(re.sub(r"[^A-Za-z0-9._-]+", "-", name))
    content = inert_lines(text).encode("utf-8", "backslashreplace")
    number = 1
    while True:
        path = state.saved / (safe.name if number == 1 else f"{safe.stem}-{number}{safe.suffix}")
        try:
            state.create(path, content)
        except StateDirectoryError as err:
            if not isinstance(err.__cause__, FileExistsError):
                raise
            number += 1
        else:
            return path


class PrivateLog:
    """A log that is written while something runs, so that it is there whatever happens to the screen.

    It never raises: a run must not fail because its log can't be written.
    """

    def __init__(self, path: Path, state: StateDirectory) -> None:
        self.path = path
        self._fd = -1
        with contextlib.suppress(StateDirectoryError):
            state.remove(path)
            self._fd = state.open_new(path, os.O_APPEND)

    def write(self, text: str) -> None:
        """Appends text, its control characters made visible."""
        if self._fd >= 0 and text:
            try:
                os.write(self._fd, inert_lines(text).encode("utf-8", "backslashreplace"))
            except OSError:
                self.close()

    def close(self) -> None:
        """Ends the log."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
