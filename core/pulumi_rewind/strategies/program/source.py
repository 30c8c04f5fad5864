"""Which commit's program made a target's state, and whether it can be had here."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pulumi_rewind.errors import BackendError, UsageError
from pulumi_rewind.history.origins import rolled_back_to
from pulumi_rewind.history.timeline import Timeline
from pulumi_rewind.records.lookup import uncommitted_record
from pulumi_rewind.state.model import Update

if TYPE_CHECKING:
    from pulumi_rewind.project.repository import Repository
    from pulumi_rewind.session import Session

INSTEAD: Final = "`--strategy checkpoint` needs no program."


@dataclass(frozen=True)
class Problem:
    """Why a program can't be had, and what to do about it."""

    message: str
    hint: str

    def error(self) -> UsageError:
        """The same as an error."""
        return UsageError(f"the program of the target can't be run: {self.message}", hint=self.hint)


def program_update(timeline: Timeline, update: Update) -> Update | None:
    """The update whose program made the state of `update`: its own, or the one that a replay went back to.

    A refresh or an import changes the state without a program: that of the update before counts. None: nobody's.
    """
    seen: set[int] = set()
    while update.number not in seen:
        seen.add(update.number)
        if update.is_rollback:
            target = rolled_back_to(timeline.history, update)
            if target is None:
                return None
            update = target
        elif update.kind == "update":
            return update
        elif update.kind == "destroy" or update.result == "unreadable" or update.number == 1:
            return None
        else:
            update = timeline.update(update.number - 1)
    return None


def program_problem(session: Session, target: Update) -> Problem | None:
    """What stands against running the target's program, as far as it shows without running it."""
    try:
        update = program_update(session.timeline, target)
    except BackendError as err:
        return Problem(str(err), INSTEAD)
    if update is None:
        return Problem(f"#{target.number} ({target.kind}) was not created by a known program", INSTEAD)
    if not update.commit:
        return Problem(f"#{update.number} was deployed outside a git repository, so its commit is unknown", INSTEAD)
    repository = session.repository
    if repository is None:
        if shutil.which("git", path=session.workspace.environ.get("PATH")) is None:
            return Problem("there is no git on PATH", f"Install git. {INSTEAD}")
        return Problem(
            f"{session.workspace.root} is in no git repository",
            f"Work in a clone of the program's repository (`--cwd`). {INSTEAD}",
        )
    if repository.refusal:
        return Problem("git refuses to read its repository", f"{repository.gaps()} {INSTEAD}")
    if repository.commit(update.commit) is None:
        return Problem(
            f"commit {update.commit[:7]} of #{update.number} is not in this repository", _fetch(repository, update)
        )
    return None


def dirty_without_record(session: Session, update: Update) -> bool:
    """Whether changes went in that no commit has and nobody kept."""
    return update.dirty and uncommitted_record(session, update) is None


def _fetch(repository: Repository, update: Update) -> str:
    if repository.shallow():
        return f"This clone is shallow: `git fetch --unshallow` fetches the rest. {INSTEAD}"
    where = f", or look for branch {update.branch}" if update.branch else ""
    return f"Get it with `git fetch origin {update.commit}` while the remote has it{where}. {INSTEAD}"
