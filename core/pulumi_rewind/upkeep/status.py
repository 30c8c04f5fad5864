"""What stands in the way of a stack's next update: a hold, an update that runs, a rollback that was interrupted."""

from __future__ import annotations

from dataclasses import dataclass

from pulumi_rewind.errors import JournalError
from pulumi_rewind.holding.holds import Seen, see_hold
from pulumi_rewind.project.journal import JournalEntry
from pulumi_rewind.session import Session
from pulumi_rewind.state.locks import Lock


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


def read_status(session: Session) -> StackStatus:
    """Looks; a hold that is over ends with it.

    Raises:
        BackendError: the backend can't be read.
    """
    seen, operations = see_hold(session), tuple(session.operations())
    journal = session.journal
    try:
        entry = journal.read()
    except JournalError as err:
        return StackStatus(seen, operations, problem=session.redactor.said(err))
    return StackStatus(seen, operations, entry, entry is not None and journal.running(entry))
