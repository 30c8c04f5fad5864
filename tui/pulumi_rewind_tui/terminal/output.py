"""Standard streams whose loss (closed, disk full, terminal gone) does not end the command.

A rollback continues when its output can no longer be written. `report_lost_output` reports that at the end, on the
other stream and by the exit code.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping
from typing import Final

from pulumi_rewind_tui.terminal.writer import open_writer
from pulumi_rewind_tui.text.cells import Span
from pulumi_rewind_tui.words.words import SMALLEST

CHANGING: Final = frozenset({"demo", "record", "resolve", "resume", "rollback", "up"})
"""Commands whose exit code reports what they did; the others only print."""


class SurvivingOutput(io.FileIO):
    """A file that remembers its first error and drops later output; a closed pipe still raises."""

    lost: OSError | None = None

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        """Writes what can be written, and says that it was all."""
        if self.lost is None:
            try:
                return super().write(data) or 0
            except BrokenPipeError:  # the reader has seen enough, see `cli.run`
                raise
            except OSError as err:
                self.lost = err
        return len(data)


def open_streams() -> None:
    """Makes the standard streams usable, whatever we were started with.

    A descriptor that is closed would be given to the next file that is opened, and output would be written into that.
    In its place stands one that can't be written (or is at its end, for input), so that it is noticed like a full disk.
    """
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDONLY), True)  # the lowest number that is free: this one
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - lives as long as we do
    sys.stdout, sys.stderr = _surviving(sys.stdout, 1), _surviving(sys.stderr, 2)


def _surviving(stream: object, fd: int) -> io.TextIOWrapper:
    """The same stream on a `SurvivingOutput`."""
    was = stream if isinstance(stream, io.TextIOWrapper) else None
    return io.TextIOWrapper(
        io.BufferedWriter(SurvivingOutput(fd, "w", closefd=False)),  # type: ignore[type-var]
        encoding=was.encoding if was else "utf-8",
        errors=was.errors if was else "backslashreplace",
        line_buffering=was.line_buffering if was else fd == 2,
        write_through=was.write_through if was else False,
    )


def in_terminal() -> bool:
    """Whether the standard streams are a terminal; screens are drawn on standard error."""
    return all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))


def plain_only(environ: Mapping[str, str]) -> str:
    """Why this terminal can only print lines, or is not interactive; empty if it is."""
    if environ.get("TERM", "") in {"", "dumb"}:
        return f"TERM is {environ.get('TERM') or 'not set'}"
    return "CI is set" if environ.get("CI", "").lower() not in {"", "0", "false"} else ""


def no_screens(environ: Mapping[str, str]) -> str:
    """Why this terminal can't show the screens; empty where it can."""
    import shutil

    if reason := plain_only(environ):
        return reason
    size = shutil.get_terminal_size((80, 24))
    if size.columns < SMALLEST[0] or size.lines < SMALLEST[1]:
        return "the window is {}x{}, and the screens need {}x{}".format(*size, *SMALLEST)
    return ""


def lost_output() -> OSError | None:
    """Why standard output couldn't be written, None if it could."""
    sys.stdout.flush()
    file = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return file.lost if isinstance(file, SurvivingOutput) else None


def report_lost_output(code: int, command: str | None, *, no_color: bool, ascii_only: bool) -> int:
    """The exit code of a command that ended with `code`, where its output may not have been written."""
    if (lost := lost_output()) is None:
        return code
    err = open_writer(sys.stderr, no_color=no_color, ascii_only=ascii_only)
    err.line(Span("error:", "failed"), f" standard output is not writable: {lost.strerror}")
    if command in CHANGING:
        hint = "The command has finished its work; `pulumi-rewind history` shows the newest update."
        if code:
            hint = f"It ended with exit code {code}; `pulumi-rewind doctor` shows what remains to do."
        err.line(Span("hint:", "commit"), f" {hint}")
        return code
    err.line(Span("hint:", "commit"), " Redirect it to a writable file and run the command again.")
    return code or 1
