"""Where a stack stands after a rollback, and what of that HEAD still has."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pulumi_rewind.errors import RefusedError, RewindError, UsageError
from pulumi_rewind.history.origins import origin
from pulumi_rewind.history.update_mark import read_stamp
from pulumi_rewind.project.repository import Repository
from pulumi_rewind.rollback.reverts import Reverts, reverts_of
from pulumi_rewind.strategies.program.source import program_update
from pulumi_rewind.system.git import git_is_there
from pulumi_rewind.system.shell import command

if TYPE_CHECKING:
    from pulumi_rewind.project.repository import Commit
    from pulumi_rewind.session import Session
    from pulumi_rewind.state.model import Update


@dataclass(frozen=True)
class Standing:
    """The update that the stack is at, and those that it went back over."""

    live: Update
    """The newest update that live equals."""
    target: Update
    """The update whose program made that state, through rollbacks and refreshes."""
    over: tuple[Update, ...]
    """All updates since the target, oldest first; rollbacks and refreshes are among them."""
    reverts: Reverts

    @property
    def gone_over(self) -> tuple[Update, ...]:
        """The updates of programs among `over`."""
        return tuple(one for one in self.over if one.kind == "update" and read_stamp(one) is None)

    @property
    def dirty(self) -> tuple[int, ...]:
        """Numbers of those that were deployed from uncommitted changes, of which git knows nothing."""
        return tuple(one.number for one in self.gone_over if one.dirty)

    @property
    def partial(self) -> bool:
        """Whether the rollback went back with chosen resources alone."""
        stamp = read_stamp(self.live)
        return stamp is not None and stamp.partial


def read_standing(session: Session, *, every: bool = False) -> Standing:
    """Finds out what the stack went back over; `every`: commits that don't change the project are to be reverted too.

    Raises:
        UsageError: there is no repository, it lacks commits, or it isn't known which update the stack is at.
        RefusedError: a rollback is unfinished.
        BackendError: the history can't be read.
    """
    repository = usable_repository(session)
    entry = session.journal.read()
    if entry is not None:
        resume = f"`{command('resume', session.stack.word)}` continues it; revert after that."
        raise RefusedError(
            f"a rollback of {session.stack} to {entry.label} is unfinished",
            hint="It is still running: wait for its end." if session.journal.running(entry) else resume,
            unchanged=True,
        )
    timeline = session.timeline
    if not len(timeline):
        raise UsageError(f"{session.stack} has no updates yet", hint="There is nothing to revert.")
    number = timeline.live_update()
    if number is None:
        timeline.live()  # raises where it can't be read
        raise UsageError(
            f"it is not known which update {session.stack} is at: its state was edited outside updates",
            hint=f"`{command('diff', session.stack.word)}` shows what differs; use `git revert` by hand.",
        )
    live = timeline.update(number)
    made = program_update(timeline, live)
    if made is None:
        raise UsageError(
            f"the state of {session.stack}, that of #{number}, was not made by a known program",
            hint="There is no commit to compare HEAD with: use `git revert` by hand.",
        )
    target, newest = origin(timeline.history, made), len(timeline)
    over = tuple(reversed(list(timeline.history.newest(newest - target.number)))) if newest > target.number else ()
    reverts = reverts_of(session, target, over, every=every)
    if reverts.problem:
        gaps = repository.gaps() if repository.shallow() else ""
        raise UsageError(
            f"what to revert is not known: {reverts.problem}",
            hint=gaps or "Get missing commits with `git fetch origin COMMIT`, or use `git revert` by hand.",
        )
    return Standing(live, target, over, _masked(session, reverts))


def _masked(session: Session, reverts: Reverts) -> Reverts:
    """The same without secrets of the stack in what others wrote."""
    with contextlib.suppress(RewindError, OSError):  # as far as they can be opened
        session.vault.decrypt(session.backend.live(session.stack), session.stack)

    def told(commits: tuple[Commit, ...]) -> tuple[Commit, ...]:
        return tuple(replace(one, title=session.redactor(one.title)) for one in commits)

    return replace(
        reverts,
        commits=told(reverts.commits),
        elsewhere=told(reverts.elsewhere),
        reverted=told(reverts.reverted),
    )


def usable_repository(session: Session) -> Repository:
    """The project's repository.

    Raises:
        UsageError: there is none, it has no commit, or git can't or won't read it.
    """
    repository = session.repository
    if repository is None:
        if not git_is_there():
            raise UsageError("there is no git on PATH", hint="Install git.")
        raise UsageError(
            f"{session.workspace.root} is in no git repository",
            hint="Work in a clone of the program's repository (`--cwd DIR`).",
        )
    if repository.refusal:
        raise UsageError("git refuses to read the project's repository", hint=repository.gaps())
    if not repository.head():
        raise UsageError("the repository has no commit yet", hint="There is nothing to revert.")
    return repository
