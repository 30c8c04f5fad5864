"""A crash of an engine, provider or program: its cause in one sentence, and where its full output is kept."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pulumi_rewind.errors import EngineError, RewindError, StateDirectoryError
from pulumi_rewind.system.state_directory import StateDirectory

KEPT: Final = 20
"""Files that are kept; the oldest goes first."""

_DUMP: Final = re.compile(
    r"^(?:goroutine \d+ \[|\s*Stack Trace:|panic: |fatal error: |SIG[A-Z]+: |thread '.*' panicked at )"
    r"|^Traceback \(most recent call last\):|^ {2,}at \S.*[:)]\s*(?:line )?\d*\)?$|This is a bug!",
    re.MULTILINE,
)
_BUG_REPORT: Final = re.compile(r"^\s*(?:Read |Write )?Error:\s+(\S.*)$", re.MULTILINE)
"""Where the engine's report of a bug says what happened: what was met on reading comes after who wrote it."""
_PANIC: Final = re.compile(r"^(?:panic|fatal error): .*$", re.MULTILINE)
_OWN: Final = re.compile(r"^.*This is a bug!|^(?:panic|fatal error): |^(?:Go|Write) Version:", re.MULTILINE)
_NODE: Final = re.compile(r"^\S+:\d+\n(?:.*\n)*?(\w*Error(?: \[\w+\])?: .*)$", re.MULTILINE)
"""What Node.js throws; it shows the place in its code before that, and who required it after."""
_FRAME: Final = re.compile(r"^(?:\s+at \S|goroutine \d+ \[|\s*Stack Trace:)", re.MULTILINE)


def is_crash(text: str) -> bool:
    """Whether a text holds a stack trace."""
    return _DUMP.search(text) is not None


def sentence(text: str) -> str:
    """What a crash says of its cause, without the stack; any other text as it is. Pure."""
    if not is_crash(text):
        return text
    if ("Stack Trace:" in text or "This is a bug!" in text) and (reported := _BUG_REPORT.findall(text)):
        return str(reported[-1])
    if found := _PANIC.search(text):
        return found[0].removesuffix(" [recovered]")
    if "Traceback (most recent call last)" in text:
        # The last line that isn't indented is the error's own; the way there helps nobody here.
        after = text[text.rindex("Traceback (most recent call last)") :].splitlines()[1:]
        return next((line for line in reversed(after) if line.strip() and not line[0].isspace()), "a Python error")
    before = _FRAME.split(text, maxsplit=1)[0].strip()
    if thrown := _NODE.search(before):
        return thrown[1]
    return before or next((line.strip() for line in text.splitlines() if line.strip()), "")


def report_of(output: str) -> str:
    """What the engine says of its own crash, without what it printed before that, which may be anybody's. Pure."""
    found = _OWN.search(output)
    return output[found.start() :] if found else ""


def kept_in(path: Path) -> str:
    """Where to read on."""
    return f"The full output is in {path}."


def with_report(error: RewindError, environ: Mapping[str, str]) -> RewindError:
    """The error; everything that a provider or program printed when it crashed is kept, and the hint says where."""
    if isinstance(error, EngineError) and error.whole and (path := keep(error.whole, environ)):
        error.advise(kept_in(path))
        error.whole = ""
    return error


def keep(text: str, environ: Mapping[str, str]) -> Path | None:
    """Writes all of it to a new file that only we can read; None where that can't be done."""
    state = StateDirectory(environ)
    path = state.crashes / f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 10**9:09}.txt"
    try:
        state.create(path, text.encode(errors="replace"))
    except StateDirectoryError:
        return None
    state.prune(state.crashes, KEPT)
    return path
