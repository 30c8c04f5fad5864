"""What an operator is told on the side, once, on standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi_rewind_tui.render.writer import Screen, Span

if TYPE_CHECKING:
    from pulumi_rewind.journal import JournalEntry
    from pulumi_rewind.session import Session


def journal_entry(session: Session) -> JournalEntry | None:
    """The rollback of this stack that has begun and not ended, if there is one."""
    return session.journal.read()


def interrupted_notice(session: Session, screen: Screen) -> None:
    """Says that a rollback of this stack is under way or was interrupted, and how to go on."""
    entry = journal_entry(session)
    if entry is None:
        return
    if entry.running:
        screen.err.line(
            Span("◐ running", "warn"), f": a rollback of {session.stack} to {entry.label} (pid {entry.pid})"
        )
        return
    screen.err.line(
        Span("! interrupted", "warn"),
        f": a rollback of {session.stack} to {entry.label} has not reached it; "
        f"`pulumi-rewind resume {session.stack.name}` continues it",
    )
