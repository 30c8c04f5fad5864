"""What an incident note tells: a rollback, or an update that failed, collected from what is kept.

History, journal, evidence and records are read; what none of them knows is left empty, and the note says so.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import msgspec

from pulumi_rewind.errors import RewindError, UsageError
from pulumi_rewind.history.failed_update import undo_number
from pulumi_rewind.history.origins import find, rolled_back_to
from pulumi_rewind.history.targets import Target
from pulumi_rewind.history.timeline import deployed_commit
from pulumi_rewind.history.update_mark import read_stamp
from pulumi_rewind.records.evidence import error_of
from pulumi_rewind.rollback.head_reminder import head_reminder
from pulumi_rewind.rollback.report import Report, kept_report, report_after
from pulumi_rewind.rollback.reverts import Reverts, reverts_of
from pulumi_rewind.system.shell import command

if TYPE_CHECKING:
    from pulumi_rewind.session import Session
    from pulumi_rewind.state.model import Update

FAR: Final = 2000
"""How far back an incident is searched for where none is named."""

OFFERED: Final = 8
"""How many incidents an error names."""


@dataclass(frozen=True)
class Incident:
    """A rollback, or a failed update; secrets masked in all that others wrote."""

    stack: str
    """``project/stack``."""
    name: str
    """The stack, as commands name it."""
    number: int
    """The update that it is about: the rollback's own; the one before where the rollback became none."""
    rollback: Update | None = None
    """The rollback's own update."""
    report: Report | None = None
    """What was kept of the rollback."""
    target: Update | None = None
    tags: tuple[str, ...] = ()
    """Of the target's commit."""
    over: tuple[Update, ...] = ()
    """The updates that were gone back over, oldest first; the failed update alone where nothing was rolled back."""
    error: str = ""
    """Why the failed one of them failed, secrets masked."""
    half_made: tuple[str, ...] = ()
    """What its checkpoint says of resources that are not ready."""
    undo_to: int = 0
    """What the rollback is taken back to, where no report has the command; 0: not known."""
    reverts: Reverts = field(default_factory=Reverts)
    reminder: str = ""
    """What the next ordinary deploy would do."""
    later: tuple[int, ...] = ()
    """The updates since."""
    resumes: bool = False
    """Whether a rollback of the stack is unfinished now."""
    pending: tuple[str, ...] = ()
    """Operations that are open in the state now, ``creating api``."""
    way_back: Update | None = None
    """The rollback that went back over the failed update: the first that succeeded, else the last that failed."""

    @property
    def is_rollback(self) -> bool:
        """Whether something was rolled back, or begun to be."""
        return self.rollback is not None or self.report is not None

    @property
    def failed(self) -> Update | None:
        """The update that failed last before the rollback, whose own attempts don't count; None where it succeeded."""
        attempts = (one for one in reversed(self.over) if one.succeeded or read_stamp(one) is None)
        last = next(attempts, None)
        return last if last is not None and last.result == "failed" else None


def read_incident(session: Session, number: int | None = None) -> Incident:
    """Collects what is known of a rollback or failed update; of the newest one if no number is given.

    Raises:
        UsageError: there is none, or the update is neither.
        BackendError: the history can't be read.
    """
    timeline = session.timeline
    newest = len(timeline)
    if not newest:
        raise UsageError(f"{session.stack} has no updates yet", hint="There is nothing to report.")
    if number is None:
        if (after := report_after(session, newest)) is not None:
            return incident_of(session, newest, after)
        number = next(iter(_incidents(session)), 0)
        if not number:
            raise UsageError(
                f"{session.stack} has no rollback and no failed update",
                hint=f"`{command('history', session.stack.name)}` lists its updates.",
            )
    update = timeline.update(number)
    own = read_stamp(update) is not None
    report = kept_report(session, number) if own else report_after(session, number)
    if report is None and not _is_incident(update):
        found = [f"#{one}" for one in _incidents(session)]
        there = f"Those of {session.stack} are {', '.join(found[:OFFERED])}." if found else "There are none."
        raise UsageError(f"#{number} is neither a rollback nor a failed update", hint=there)
    return incident_of(session, number, report)


def incident_of(session: Session, number: int, report: Report | None) -> Incident:
    """The same for an update of which it is known what was kept of it."""
    _open_live(session)
    timeline = session.timeline
    history, newest = timeline.history, len(timeline)

    def told(update: Update) -> Update:
        return msgspec.structs.replace(update, message=session.redactor(update.message))

    update = told(timeline.update(number))
    became = report is None or number > report.before  # the run of the report has become this update
    own = update if became and read_stamp(update) is not None else None
    target = _target(session, own, report)
    target = told(target) if target is not None else None
    start = report.before if report is not None else number - 1
    over: tuple[Update, ...] = (update,) if own is None and report is None else ()
    if own is not None or report is not None:
        first = target.number + 1 if target is not None else start
        over = tuple(told(history.update(one)) for one in range(max(first, start - FAR, 1), start + 1))
    found = Incident(str(session.stack), session.stack.word, number, own, report, target, over=over)
    failed = found.failed
    error, half_made = _why(session, failed)
    with contextlib.suppress(RewindError):
        live = session.backend.live(session.stack)
        pending = tuple(f"{one.type} {one.resource.name}" for one in live.pending_operations)
        found = replace(found, pending=pending)
    entry = session.journal.peek()
    last = max(number, own.number if own is not None else start)
    return replace(
        found,
        tags=_tags(session, target),
        error=error,
        half_made=half_made,
        undo_to=undo_number(timeline, own.number) if own is not None and report is None else 0,
        reverts=reverts_of(session, target, over),
        reminder=head_reminder(session, Target(target, "", "")) if target is not None and found.is_rollback else "",
        later=tuple(range(last + 1, newest + 1)),
        resumes=entry is not None and not entry.update and not session.journal.running(entry),
        way_back=None if found.is_rollback else _way_back(session, number),
    )


# -- inside -----------------------------------------------------------------------------------------------------


def _is_incident(update: Update) -> bool:
    return update.result == "failed" or read_stamp(update) is not None


def _incidents(session: Session) -> list[int]:
    """The rollbacks and failed updates, newest first."""
    return [update.number for update in session.timeline.history.newest(FAR) if _is_incident(update)]


def _open_live(session: Session) -> None:
    """Lets the session know the secrets of live, as far as they can be opened, so that no text quotes them."""
    with contextlib.suppress(RewindError, OSError):
        session.vault.decrypt(session.backend.live(session.stack), session.stack)


def _target(session: Session, own: Update | None, report: Report | None) -> Update | None:
    history = session.timeline.history
    if own is not None and (found := rolled_back_to(history, own)) is not None:
        return found
    if report is None or not 1 <= report.target <= len(history):
        return None
    return history.update(report.target)


def _tags(session: Session, target: Update | None) -> tuple[str, ...]:
    repository = session.repository
    sha = deployed_commit(target) if target is not None else ""
    return repository.tags().get(sha, ()) if repository is not None and sha else ()


def _why(session: Session, failed: Update | None) -> tuple[str, tuple[str, ...]]:
    """Why an update failed, and what it left half-made."""
    if failed is None:
        return "", ()
    error, half_made = "", tuple[str, ...]()
    with contextlib.suppress(RewindError):
        error = session.redactor(error_of(session, failed.number))
    with contextlib.suppress(RewindError):
        checkpoint = session.timeline.checkpoint(failed.number)
        half_made = tuple(
            session.redactor(f"{res.name}: {text}") for res in checkpoint.resources for text in res.init_errors or ()
        )
    return error, half_made


def _way_back(session: Session, number: int) -> Update | None:
    """The first rollback that went from an update, or from a later one, back over it; a failed one if none else did."""
    history = session.timeline.history
    failed = None
    for other in range(number + 1, min(len(history), number + FAR) + 1):
        update = history.update(other)
        stamp = read_stamp(update)
        target = find(history, stamp.target) if stamp is not None and stamp.target is not None else None
        if target is not None and target.number < number:
            if update.succeeded:
                return update
            failed = update
    return failed
