"""Text that is longer than the screen goes through a pager, as git's does."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Final, TextIO

from pulumi_rewind_tui.terminal.output import plain_only
from pulumi_rewind_tui.terminal.writer import Screen
from pulumi_rewind_tui.text.cells import width

VARIABLES: Final = ("PULUMI_REWIND_PAGER", "PAGER")
"""Name the pager, the first that is set; empty or ``cat``: none."""

DEFAULTS: Final = {"LESS": "FRX", "LV": "-c"}
"""Settings of pagers, where the user has none: keep colours, leave the text on the screen (as git has it)."""

_CONTROL: Final = re.compile(r"\x1b\[[0-9;]*m")


class PagerClosed(Exception):
    """The reader has closed the pager."""


def pager_command(environ: Mapping[str, str]) -> list[str]:
    """The pager and its arguments; empty where none is to be used."""
    if plain_only(environ):
        return []
    named = next((environ[name] for name in VARIABLES if name in environ), "less")
    with contextlib.suppress(ValueError):  # an unfinished quote
        command = shlex.split(named)
        found = shutil.which(command[0], path=environ.get("PATH")) if command and command != ["cat"] else None
        if found and (os.sep in command[0] or Path(found).is_absolute()):  # none that lies where we happen to stand
            return [found, *command[1:]]
    return []


class Paged:
    """A stream that keeps what fits on the screen, and starts the pager when it is more."""

    def __init__(self, stream: TextIO, command: list[str]) -> None:
        self.encoding = stream.encoding
        self._stream = stream
        self._command = command
        self._size = shutil.get_terminal_size((80, 24))
        self._kept: list[str] = []
        self._rows = 0
        self._process: subprocess.Popen[str] | None = None
        self._plain = False

    def isatty(self) -> bool:
        """What is written here is for a terminal."""
        return True

    def write(self, text: str) -> int:
        """Takes some lines.

        Raises:
            PagerClosed: nobody reads them.
        """
        if self._plain:
            return self._stream.write(text)
        if self._process is not None:
            self._feed(self._process, text)
            return len(text)
        self._kept.append(text)
        for line in text.splitlines():
            self._rows += max(1, -(-width(_CONTROL.sub("", line)) // self._size.columns))
        if self._rows >= self._size.lines:
            self._start()
        return len(text)

    def flush(self) -> None:
        """Hands the pager what it has not got yet."""
        if self._process is not None:
            self._feed(self._process, "")

    def close(self) -> int:
        """Prints what fits on the screen, or waits until the pager is left; returns the pager's exit code."""
        process = self._process
        if process is None:
            self._release()
            return 0
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the pager's now
        try:
            assert process.stdin is not None
            with contextlib.suppress(OSError):
                process.stdin.close()
            return process.wait()
        finally:
            signal.signal(signal.SIGINT, before)

    def _start(self) -> None:
        environ = {**DEFAULTS, **os.environ}
        self._stream.flush()
        try:
            self._process = subprocess.Popen(
                self._command,
                env=environ,
                stdin=subprocess.PIPE,
                text=True,
                encoding=self.encoding,
                errors="backslashreplace",
            )
        except OSError:
            self._release()
            return
        kept, self._kept = "".join(self._kept), []
        self._feed(self._process, kept)

    def _release(self) -> None:
        """From now on the text goes where it would go without a pager."""
        self._plain = True
        self._stream.write("".join(self._kept))
        self._kept = []

    def _feed(self, process: subprocess.Popen[str], text: str) -> None:
        pipe: IO[str] | None = process.stdin
        assert pipe is not None
        try:
            pipe.write(text)
            pipe.flush()
        except OSError:
            raise PagerClosed from None


@contextlib.contextmanager
def paged(screen: Screen) -> Iterator[Screen]:
    """The screen with a pager between it and the terminal, where there is one and the text is longer than it.

    Notes come in their place between the results. A pager that is left early ends the block, and is no error. One that
    fails may have shown nothing, which could be taken for an empty result: a note says so.
    """
    command = pager_command(os.environ) if sys.stdin.isatty() else []
    if not command:
        yield screen
        return
    stream = Paged(screen.out.stream, command)
    out = screen.out.onto(stream)
    try:
        yield Screen(out, screen.err.onto(stream) if screen.err.terminal else screen.err)
    except PagerClosed:
        pass
    finally:
        if (code := stream.close()) > 0:
            name = shlex.join(command)
            screen.err.line(
                f"note: the pager {name} ended with exit code {code}: `--no-pager` prints the text without it"
            )
