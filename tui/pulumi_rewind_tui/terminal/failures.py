"""The one place where errors become messages and exit codes."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pulumi_rewind.errors import InterruptedRun, ProjectNotFound, RewindError, TargetError, UsageError
from pulumi_rewind_tui.terminal.writer import Writer, open_writer
from pulumi_rewind_tui.text.cells import Span

if TYPE_CHECKING:
    from pulumi_rewind.secrets.known import KnownSecrets

DEBUG = "PULUMI_REWIND_DEBUG"
"""Set to 1, an unexpected error prints its traceback (without local variables: they may hold secrets)."""

INTERRUPTED = InterruptedRun.exit_code


def report(
    err: BaseException, known: KnownSecrets | None = None, *, no_color: bool = False, ascii_only: bool = False
) -> int:
    """Prints what went wrong on standard error, without the secrets that are known, and returns the exit code."""
    if known is not None:
        known.error(err)
    writer = open_writer(sys.stderr, no_color=no_color, ascii_only=ascii_only)
    err = _surroundings(err)
    match err:
        case RewindError():
            report_error(writer, err)
            return err.exit_code
        case click.Abort() | KeyboardInterrupt() | EOFError():
            writer.line(Span("! interrupted", "warn"))
            return INTERRUPTED
        case click.ClickException():
            _report_usage(writer, err)
            return err.exit_code
        case _:
            _report_bug(writer, err)
            return 1


def _surroundings(err: BaseException) -> BaseException:
    """The error, or the missing directory that caused it."""
    if isinstance(err, OSError) and directory_is_gone():
        return ProjectNotFound(
            "the current directory no longer exists",
            hint="Go into a Pulumi project, or name its directory with `--cwd DIR`.",
        )
    if isinstance(err, RuntimeError) and str(err).startswith("Could not determine home directory"):
        return UsageError(
            f"no home directory is known: HOME is not set, and user {os.geteuid()} is not in the user database",
            hint="Set HOME to a writable directory.",
        )
    return err


def directory_is_gone() -> bool:
    """Whether the directory that we were started in was removed."""
    try:
        return not Path.cwd()
    except OSError:
        return True


def report_error(writer: Writer, err: RewindError) -> None:
    """``error: …``, the candidates if there are any, and ``hint: …``."""
    _error(writer, str(err))
    if isinstance(err, TargetError):
        for candidate in err.candidates:
            writer.line("  ", candidate)
    if err.hint:
        _hint(writer, err.hint)


def _error(writer: Writer, message: str) -> None:
    first, *rest = message.splitlines() or [""]
    writer.line(Span("error:", "failed"), f" {first}")
    for line in rest:
        writer.line("  ", line)


def _hint(writer: Writer, hint: str) -> None:
    writer.line(Span("hint:", "commit"), f" {hint}")


def _report_usage(writer: Writer, err: click.ClickException) -> None:
    message = err.format_message()
    _error(writer, message[:1].lower() + message[1:] if message[1:2].islower() else message)
    context = getattr(err, "ctx", None)
    if isinstance(context, click.Context):
        _hint(writer, f"`{context.command_path} --help` lists its arguments.")


def _report_bug(writer: Writer, err: BaseException) -> None:
    import traceback

    where = ""
    if frames := traceback.extract_tb(err.__traceback__):
        where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}"
    _error(writer, f"unexpected {type(err).__name__}{where}; this is a bug")
    if os.environ.get(DEBUG) == "1":
        for line in "".join(traceback.format_exception(err)).splitlines():
            writer.line(line)
    else:
        _hint(writer, f"Please report it; with {DEBUG}=1 the traceback is shown.")
