"""What the doctor says of a backend: how fast it answers, as whom it is asked, what may be read, what it keeps."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from statistics import median
from typing import Final

from pulumi_rewind.backends.protocol import Backend, History
from pulumi_rewind.backends.urls import FILE
from pulumi_rewind.errors import BackendError
from pulumi_rewind.records.history import RecordedHistory
from pulumi_rewind.state.model import StackRef, Update
from pulumi_rewind.upkeep.findings import Finding

QUESTIONS: Final = 5
"""How many small ones are asked to learn how fast a backend answers."""

SLOW: Final = 1.0
"""Seconds for a small question from which on a backend is called slow."""

NAMED: Final = 8
"""How many numbers a message names."""


def unreachable(error: BackendError, backend: Backend | None) -> Iterator[Finding]:
    """What is known of a backend that can't be asked: of one that could not be opened its error tells that."""
    facts = error.facts if backend is None else islice(backend.facts(""), 1)
    for topic, text in facts:
        yield Finding(topic, "ok", text)


def described(backend: Backend, project: str) -> Iterator[Finding]:
    """As whom it is asked, how fast it answers, and how it keeps stacks; a directory answers at once.

    Raises:
        BackendError: it can't be asked.
    """
    for topic, text in backend.facts(project):
        yield Finding(topic, "ok", text)
    if backend.url.startswith(FILE):
        return
    took = median(_seconds(backend) for _ in range(QUESTIONS))
    text = f"{took * 1000:.0f} ms for a small question (median of {QUESTIONS})"
    if took < SLOW:
        yield Finding("latency", "ok", text)
    else:
        hint = "Everything takes this long many times; run it nearer to the backend, or check the network."
        yield Finding("latency", "warn", text, hint)


def _seconds(backend: Backend) -> float:
    begun = time.perf_counter()
    backend.ping()
    return time.perf_counter() - begun


def readable(backend: Backend, stack: StackRef) -> Iterator[Finding]:
    """Whether the history may be read, and who may have written it."""
    history = backend.history(stack)
    newest = next((update for update in history.newest(NAMED)), None)
    if newest is None:
        return
    if newest.result == "unreadable":
        yield _unreadable(history, newest.problem, "")
        return
    number = next((update.number for update in history.newest(NAMED) if update.has_checkpoint), None)
    try:
        raw = history.raw(number) if number is not None else b""
    except BackendError as err:
        yield _unreadable(history, str(err), err.hint)
        return
    size = f"; the newest checkpoint has {len(raw) / 1024:,.0f} KiB" if raw else ""
    yield Finding("rights", "ok", f"stacks, states, records and checkpoints can be listed and read{size}")
    if writers := backend.shared(stack):
        yield Finding("writers", "ok", writers)


def _unreadable(history: History, why: str, hint: str) -> Finding:
    message = f"{len(history)} updates are listed, but the newest can't be read: {why}"
    return Finding("rights", "fail", message, hint or "Reading needs the right to get what is listed.")


def kept(history: History) -> Iterator[Finding]:
    """How far back the history goes, and what of it is gone from the backend."""
    total = len(history)
    gone = list[int]()
    if isinstance(history, RecordedHistory):
        gone = [number for number in range(1, total + 1) if not history.places.place(number)]
    missing = frozenset(gone)
    there = next((number for number in range(1, total + 1) if number not in missing), None)
    if there is None:
        return
    text = f"{total - len(gone)} on the backend, the oldest #{there}{_since(history.update(there))}"
    if not gone:
        yield Finding("versions", "ok", text)
        return
    lost = [number for number in gone if not history.update(number).from_record]
    parts = [f"gone from it: {_numbers(gone)}"]
    parts.append("records in git have them" if not lost else f"no record has {_numbers(lost)}")
    hint = (
        "The history was pruned, restored from a backup, or left on another backend when the stack was moved; only "
        "recorded updates survive that (docs/records.md)."
    )
    yield Finding("versions", "warn", "; ".join((text, *parts)), hint)


def _since(update: Update) -> str:
    """The day of an update; empty where its record doesn't say one, or holds any number instead."""
    with contextlib.suppress(ValueError, OverflowError, OSError):
        return f" of {datetime.fromtimestamp(update.start_time, UTC).date()}" if update.start_time else ""
    return ""


def _numbers(numbers: list[int]) -> str:
    return ", ".join(f"#{number}" for number in numbers[:NAMED]) + (" …" if len(numbers) > NAMED else "")
