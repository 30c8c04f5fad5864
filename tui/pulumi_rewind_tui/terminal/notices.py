"""Notices about the state of the stack, printed once on standard error."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pulumi_rewind.backends.interruptible import begin
from pulumi_rewind.errors import RewindError
from pulumi_rewind_tui.terminal.writer import Screen
from pulumi_rewind_tui.text.cells import Span
from pulumi_rewind_tui.words.words import listed

if TYPE_CHECKING:
    from pulumi_rewind.session import Session
    from pulumi_rewind.state.locks import Lock


def half_way_notice(session: Session, screen: Screen) -> None:
    """Says that the newest update failed half-way, and how to roll back; prints nothing while a rollback is pending."""
    from pulumi_rewind.errors import BackendError
    from pulumi_rewind.history.failed_update import half_way

    try:
        found = None if session.journal.peek() is not None else half_way(session.timeline)
    except BackendError:
        return  # the command itself reports it
    if found is not None:
        screen.err.line(
            Span("! half-way", "warn"),
            f": #{found.failed.number} failed; `pulumi-rewind rollback {session.stack.word} last-good` reviews the "
            f"rollback to #{found.good.number}",
        )


def lock_notice(session: Session) -> Callable[[Screen], None]:
    """Begins to look who holds the stack, which is one more question to the backend; what it returns says it."""
    found: list[Lock | RewindError] = []

    def look() -> None:
        try:
            locks = session.backend.locks(session.stack, quick=True)
            if any(lock.hold for lock in locks):
                from pulumi_rewind.holding.holds import seen_locks

                locks = list(seen_locks(session, locks))
            found.extend(locks)
        except RewindError as err:
            found.append(err)

    looked = begin(look)

    def say(screen: Screen) -> None:
        looked.result()
        for one in found:
            if isinstance(one, RewindError):
                screen.err.line(Span("! lock", "warn"), f": {session.redactor.said(one)}")
            else:
                screen.err.line(Span("! held" if one.hold else "! locked", "warn"), f": by {one}: {one.advice}")

    return say


def damage_notice(session: Session, screen: Screen) -> None:
    """Says that the live state is damaged, where, and how to repair it."""
    from pulumi_rewind.state.integrity import REPAIR_HINT

    if what := session.timeline.live_damage:
        screen.err.line(Span("! damaged", "failed"), f": the engine refuses the live state: {what}")
        screen.err.line(Span("hint:", "commit"), f" {REPAIR_HINT}")


def overdue_notice(session: Session, screen: Screen) -> None:
    """Asks about objects that are held for longer than was asked for; nothing is deleted by itself."""
    from pulumi_rewind.rollback.let_go import held_here

    late = [one.name for one in held_here(session) if one.batch.until <= time.time()]
    if late:
        name = session.stack.word
        screen.err.line(
            Span("! held", "warn"),
            f": {listed(late)}, longer than asked for; `pulumi-rewind held {name}` tells of them, "
            f"`pulumi-rewind confirm {name}` deletes them",
        )


def interrupted_notice(session: Session, screen: Screen) -> None:
    """Says that a rollback of this stack is running or was interrupted, and how to continue."""
    try:
        entry = session.journal.read()
    except RewindError as err:
        screen.err.line(Span("! journal", "failed"), f": {session.redactor.said(err)}")
        screen.err.line(Span("hint:", "commit"), f" {err.hint}")
        return
    if entry is None:
        return
    if session.journal.running(entry):
        what = f"an update of {session.stack}" if entry.update else f"a rollback of {session.stack} to {entry.label}"
        screen.err.line(Span("◐ running", "warn"), f": {what} ({session.journal.who(entry)})")
        return
    if entry.update:
        screen.err.line(
            Span("! interrupted", "warn"),
            f": an update of {session.stack} was interrupted; `pulumi-rewind resume {session.stack.word}` rolls it "
            f"back to {entry.label}, `resume {session.stack.word} --forget` keeps the stack as it is",
        )
        return
    screen.err.line(
        Span("! interrupted", "warn"),
        f": a rollback of {session.stack} to {entry.label} was interrupted; "
        f"`pulumi-rewind resume {session.stack.word}` continues it",
    )
