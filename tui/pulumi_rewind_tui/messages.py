"""What screens and workers tell the application; only its handlers, and those of screens, change widgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pulumi_rewind.backends.protocol import Glance
    from pulumi_rewind.choices import Choices
    from pulumi_rewind.diff.checkpoints import Change
    from pulumi_rewind.errors import RewindError
    from pulumi_rewind.history.failed_update import HalfWay
    from pulumi_rewind.history.timeline import Entry
    from pulumi_rewind.project.journal import JournalEntry
    from pulumi_rewind.session import Session
    from pulumi_rewind.state.locks import Lock
    from pulumi_rewind.state.model import Update
    from pulumi_rewind.window.deadline import Deadline
    from pulumi_rewind.window.held import Held
    from pulumi_rewind_tui.text.comparison import Comparison, Key
    from pulumi_rewind_tui.text.diff_rows import Row
    from pulumi_rewind_tui.text.failure import Cause
    from pulumi_rewind_tui.text.result_page import Outcome


@dataclass(eq=False, repr=False)
class SessionOpened(Message):
    """A stack is open."""

    session: Session
    keys: Mapping[str, str]
    """What the settings make of the keys, as Textual takes it."""
    clashes: tuple[str, ...]
    """Which of them are in each other's way, in words."""


@dataclass(eq=False, repr=False)
class SessionFailed(Message):
    """No stack could be opened."""

    error: BaseException


@dataclass(eq=False, repr=False)
class RollbackRequested(Message):
    """The operator wants to review a rollback to a target."""

    target: str
    choices: Choices | None = None
    """How to go there; None: as usual, or as chosen in a review of it that was left."""


@dataclass(eq=False, repr=False)
class BlameRequested(Message):
    """The operator wants to know who set a resource's properties last."""

    urn: str
    path: str = ""


@dataclass(eq=False, repr=False)
class DetailsRequested(Message):
    """The operator wants to know all that is recorded about an update."""

    update: Update
    entry: Entry | None
    """Its tags and commit, where they are known."""


class StacksRequested(Message):
    """The operator wants to choose a stack."""


@dataclass(eq=False, repr=False)
class StackSelected(Message):
    """Another stack is to be opened."""

    name: str


@dataclass(eq=False, repr=False)
class RunFinished(Message):
    """A run has ended, one way or another."""

    session: Session
    outcome: Outcome


@dataclass(eq=False, repr=False)
class InterruptedFound(Message):
    """A rollback of this stack was interrupted and can be resumed."""

    entry: JournalEntry


@dataclass(eq=False, repr=False)
class JournalUnread(Message):
    """The journal of this stack is damaged or can't be read, so a rollback may be running."""

    error: RewindError


@dataclass(eq=False, repr=False)
class HistoryLoaded(Message):
    """Updates were read."""

    generation: int
    total: int
    updates: tuple[Update, ...]
    complete: bool = False
    """Whether now all are read."""
    first: Glance | None = None
    """Where these are the newest ones, with which the timeline begins: the stack as it was before they were read."""


@dataclass(eq=False, repr=False)
class MarksLoaded(Message):
    """Live was compared with the updates, and locks were looked for."""

    generation: int
    live: int | None
    last_good: int | None
    problem: str
    locks: tuple[Lock, ...]
    secrets: bool
    """Whether live holds secrets."""
    digest: str = ""
    """Of the live state; empty if it can't be read."""
    half_way: HalfWay | None = None
    """Whether the newest update failed half-way."""
    held: tuple[Held, ...] = ()
    """What updates let go of alive."""


@dataclass(eq=False, repr=False)
class EntriesLoaded(Message):
    """Git's tags and commits for some updates, and where the working tree is."""

    generation: int
    entries: tuple[Entry, ...]
    head: str


@dataclass(eq=False, repr=False)
class StackMoved(Message):
    """Something has happened to the stack on the screen; what is new was read."""

    generation: int
    now: Glance
    marks: MarksLoaded | None = None
    """How live stands to the updates now; None if it is as before, and so are the updates."""
    entries: tuple[Entry, ...] = ()
    """The updates that came, newest first."""
    head: str = ""
    """Where the working tree is."""


@dataclass(eq=False, repr=False)
class HistoryReplaced(Message):
    """The backend's history is another one: updates that were known are gone or have other numbers."""

    generation: int


@dataclass(eq=False, repr=False)
class WaitingRead(Message):
    """Which update waits for a confirmation was looked for."""

    session: Session
    deadline: Deadline | None
    problem: str = ""
    """Why nobody knows."""


@dataclass(eq=False, repr=False)
class WaitingChanged(Message):
    """The operator decided about the update that waits, or could not."""

    deadline: Deadline
    said: str = ""
    kept: bool = False
    """Whether it waits no longer."""
    error: BaseException | None = None


@dataclass(eq=False, repr=False)
class LoadFailed(Message):
    """The history could not be read."""

    generation: int
    error: BaseException


@dataclass(eq=False, repr=False)
class ThemeNotKept(Message):
    """The chosen theme could not be remembered."""

    error: BaseException


@dataclass(eq=False, repr=False)
class ComparisonReady(Message):
    """Two sides were compared; rows as they are shown by default."""

    comparison: Comparison
    rows: Sequence[Row]


@dataclass(eq=False, repr=False)
class DetailsRead(Message):
    """The properties of a resource that was opened are at hand."""

    comparison: Comparison
    """That to which the resource belongs."""
    index: int


@dataclass(eq=False, repr=False)
class ComparisonFailed(Message):
    """Two sides could not be compared."""

    key: Key
    error: BaseException


@dataclass(eq=False, repr=False)
class CauseRead(Message):
    """Why an update failed is known, as far as it can be."""

    generation: int
    number: int
    """The row of the timeline."""
    cause: Cause | None


@dataclass(eq=False, repr=False)
class SecretRevealed(Message):
    """One change with its secret in plaintext, for the row that asked."""

    comparison: Comparison
    """That to which the row belongs."""
    position: int
    change: Change
