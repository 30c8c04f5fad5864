"""Files that only their owner can read: plans, reports and logs of runs."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from pulumi_rewind.errors import StateDirectoryError
from pulumi_rewind.state.show import inert_lines
from pulumi_rewind.system.state_directory import StateDirectory

MODE = 0o600


def write_new(directory: Path, name: str, text: str) -> Path:
    """Writes a new file, mode 0600, and returns its path; where the name is taken a number is added.

    Whoever prints the file is as safe as whoever looked at the screen: control characters in it are made visible.

    Raises:
        OSError: the directory can't be written.
    """
    safe = Path(re.sub(r"[^A-Za-z0-9._-]+", "-", name))
    stem, suffix = safe.stem, safe.suffix
    for attempt in range(1, 1000):
        path = directory / (f"{stem}{suffix}" if attempt == 1 else f"{stem}-{attempt}{suffix}")
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, MODE)
        except FileExistsError:
            continue
        with os.fdopen(fd, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(inert_lines(text))
        return path
    raise OSError(f"{directory} holds too many files called {name}")


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
