"""What git and the history tell together: which commits came in with an update, and whether a tag has moved since."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from pulumi_rewind.history.origins import origin
from pulumi_rewind.history.timeline import Timeline, deployed_commit
from pulumi_rewind.history.update_mark import read_stamp
from pulumi_rewind.state.model import Update

if TYPE_CHECKING:
    from pulumi_rewind.project.repository import Commit, Repository

LIMIT: Final = 50
"""How many commits are read for one update."""

FAR: Final = 200
"""How far back the update before is searched for."""

_LABEL: Final = re.compile(r"rollback to #([0-9]{1,18}) \((.*)\)", re.DOTALL)


class Between(NamedTuple):
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


def moved_since(repository: Repository, tag: str, sha: str, updates: Iterable[Update]) -> dict[str, str]:
    """The deployed commits that a tag meant before it came to mean `sha` → how that is known.

    A rollback's message says which tag stood at its target; git keeps the places of a tag only where it was told to
    (``core.logAllRefUpdates = always``). Where neither knows, a move doesn't show.
    """
    updates = list(updates)
    by_number = {update.number: update for update in updates}
    deployed = {
        update.commit: update.number for update in reversed(updates) if update.commit and not update.is_rollback
    }
    found: dict[str, str] = {}
    for update in updates:
        match = _LABEL.fullmatch(update.message.strip())
        if match is None or read_stamp(update) is None or tag not in match[2].split(", "):
            continue
        meant = by_number.get(int(match[1]))
        if meant is not None and meant.commit and not meant.is_rollback and meant.commit != sha:
            found.setdefault(meant.commit, f"#{update.number} went back to #{meant.number} by it")
    for before in repository.moved(tag):
        if before in deployed and before != sha:
            found.setdefault(before, f"#{deployed[before]} deployed it from there")
    return found
