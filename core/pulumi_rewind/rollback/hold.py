"""The hold that a rollback leaves behind: it names the commits that the next ordinary deploy would apply again."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pulumi_rewind.history.origins import origin
from pulumi_rewind.history.timeline import deployed_commit
from pulumi_rewind.holding.holds import Placed, place_hold
from pulumi_rewind.state.holds import COMMITS

if TYPE_CHECKING:
    from pulumi_rewind.history.targets import Target
    from pulumi_rewind.rollback.result import RollbackResult
    from pulumi_rewind.session import Session
    from pulumi_rewind.state.model import Update

NEAR = 100
"""Of how many updates the commits are looked for."""


def with_hold(session: Session, target: Target, before: int | None, result: RollbackResult) -> RollbackResult:
    """Holds the stack after the rollback from update `before` to a target, and says so in the result.

    None as `before`: nothing was to do.

    Raises:
        BackendError: the backend can't be written.
    """
    commits = gone_over(session, target.update, result.version if before is None else before)
    placed = place_hold(session, why=f"rolled back to {target.label}", commits=commits, update=result.version)
    return dataclasses.replace(result, notes=(*result.notes, held_words(placed)))


def hold_now(session: Session, *, why: str = "", until: int = 0) -> Placed:
    """Holds the stack as it is; where its newest update is a rollback, with the commits that it went back over.

    Raises:
        BackendError: the backend can't be read or written.
    """
    history = session.timeline.history
    newest = history.update(len(history)) if len(history) else None
    if newest is None or not newest.is_rollback:
        return place_hold(session, why=why, until=until)
    commits = gone_over(session, origin(history, newest), newest.number - 1)
    return place_hold(session, why=why or newest.message, until=until, commits=commits, update=newest.number)


def gone_over(session: Session, target: Update, newest: int) -> tuple[str, ...]:
    """The commits that were deployed after an update, up to the one of number `newest`, and are not in it; no merges.

    A deployed commit that this repository lacks is named by itself. Empty where git or the history doesn't know.
    """
    repository, history = session.repository, session.timeline.history
    if repository is None:
        return ()
    kept = deployed_commit(origin(history, target))
    numbers = range(max(target.number, newest - NEAR) + 1, newest + 1)
    deployed = dict.fromkeys(deployed_commit(origin(history, history.update(number))) for number in numbers)
    wanted = [sha for sha in deployed if sha and sha != kept]
    known = repository.commits((kept, *wanted))
    found: dict[str, None] = {}
    for sha in reversed(wanted):
        if sha not in known or kept not in known:
            found[sha] = None
        elif not repository.is_ancestor(sha, kept):
            found.update(dict.fromkeys(one.sha for one in repository.log(kept, sha, COMMITS)))
    merges = repository.merges(found)
    return (tuple(sha for sha in found if sha not in merges) or tuple(found))[:COMMITS]


def held_words(placed: Placed) -> str:
    """What is said of a hold that was placed."""
    hold = placed.hold
    stops = "" if placed.by_lock else "; no lock stops `pulumi up` here: pipelines ask `pulumi-rewind hold check` first"
    return f"the stack is held: {hold.reason}; {hold.lock.advice}{stops}"
