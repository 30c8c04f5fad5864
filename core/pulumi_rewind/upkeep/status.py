"""What stands in the way of a stack's next update, and what waits for a decision of the operator's."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pulumi_rewind.errors import JournalError, RewindError
from pulumi_rewind.holding.holds import Seen, see_hold
from pulumi_rewind.project.journal import JournalEntry
from pulumi_rewind.session import Session
from pulumi_rewind.state.locks import Lock
from pulumi_rewind.window.deadline import NOTHING_WAITS, Deadlines, Waiting
from pulumi_rewind.window.held import Held
from pulumi_rewind.window.ledger import Window


@dataclass(frozen=True)
class StackStatus:
    """A stack as it stands now. What else comes to stand in the way gets a field here, and lines in `text.holds`."""

    seen: Seen
    """The hold, and what has just become of it."""
    operations: tuple[Lock, ...]
    """Who is changing the stack."""
    entry: JournalEntry | None = None
    """The rollback or update of this machine that the journal knows."""
    runs: bool = False
    """Whether that one still runs."""
    problem: str = ""
    """Why the journal can't be read."""
    waiting: Waiting = NOTHING_WAITS
    """The update that waits for a confirmation, and how the last waiting ended."""
    held: tuple[Held, ...] = ()
    """The objects that updates let go of alive."""
    unknown: tuple[str, ...] = ()
    """Why it isn't known what waits or is held."""


def read_status(session: Session) -> StackStatus:
    """Looks; a hold that is over ends with it.

    Raises:
        BackendError: the backend can't be read.
    """
    seen, operations = see_hold(session), tuple(session.operations())
    journal = session.journal
    unknown: list[str] = []
    waiting, held = NOTHING_WAITS, tuple[Held, ...]()
    try:
        waiting = Deadlines(session).read()
        held = Window(session).now(session.live())
    except RewindError as err:
        unknown.append(session.redactor.said(err))
    found = StackStatus(seen, operations, waiting=waiting, held=held, unknown=tuple(unknown))
    try:
        entry = journal.read()
    except JournalError as err:
        return replace(found, problem=session.redactor.said(err))
    return replace(found, entry=entry, runs=entry is not None and journal.running(entry))
