"""Which commits came in, or went out again, between an update and the one deployed before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pulumi_rewind.model import Update
from pulumi_rewind.origins import origin
from pulumi_rewind.timeline import Timeline, deployed_commit

if TYPE_CHECKING:
    from pulumi_rewind.repo import Commit

LIMIT: Final = 50
"""How many commits are read for one update."""

FAR: Final = 200
"""How far back the update before is searched for."""


@dataclass(frozen=True)
class Between:
    """The commits between two deployed ones, newest first."""

    since: int = 0
    """The update that was deployed before from a known commit; 0: there is none."""
    came: tuple[Commit, ...] = ()
    """In the later one's history alone."""
    went: tuple[Commit, ...] = ()
    """In the earlier one's alone: an older commit, or another branch, was deployed."""
    problem: str = ""
    """Why nothing can be said."""


def commits_between(timeline: Timeline, update: Update, limit: int = LIMIT) -> Between:
    """What was deployed with an update in comparison with the one before, by git.

    Of our own rollbacks what they brought back counts; what is checked out then is not what was deployed. Refreshes
    are passed over.
    """
    history = timeline.history
    repository, sha = timeline.repository, deployed_commit(origin(history, update))
    if repository is None or not sha or update.kind != "update":
        return Between()
    earlier = (other for other in history.newest(FAR, before=update.number) if other.kind == "update")
    found = ((other, deployed_commit(origin(history, other))) for other in earlier)
    before, was = next(((other, commit) for other, commit in found if commit), (None, ""))
    if before is None:
        return Between()
    known = repository.commits((sha, was))
    lacking = next((one for one in (was, sha) if one not in known), "")
    if lacking:
        return Between(before.number, problem=f"commit {lacking[:7]} is not in this repository")
    if was == sha:
        return Between(before.number)
    return Between(before.number, tuple(repository.log(was, sha, limit)), tuple(repository.log(sha, was, limit)))
