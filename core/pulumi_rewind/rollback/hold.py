"""The hold that a rollback leaves behind: it names the commits that the next ordinary deploy would apply again."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pulumi_rewind.history.origins import origin
from pulumi_rewind.holding.holds import Placed, place_hold
from pulumi_rewind.rollback.reverts import reverts_since
from pulumi_rewind.state.holds import COMMITS

if TYPE_CHECKING:
    from pulumi_rewind.history.targets import Target
    from pulumi_rewind.rollback.result import RollbackResult
    from pulumi_rewind.session import Session
    from pulumi_rewind.state.model import Update


def with_hold(session: Session, target: Target, result: RollbackResult) -> RollbackResult:
    """Holds the stack after the rollback to a target, and says so in the result.

    Raises:
        BackendError: the backend can't be written.
    """
    commits = gone_over(session, target.update)
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
    commits = gone_over(session, origin(history, newest))
    return place_hold(session, why=why or newest.message, until=until, commits=commits, update=newest.number)


def gone_over(session: Session, target: Update) -> tuple[str, ...]:
    """The commits that HEAD has and an update has not, as `reverts_since` finds them; empty where nobody knows."""
    found = reverts_since(session, target)
    return tuple(one.sha for one in (*found.commits, *found.elsewhere))[:COMMITS]


def held_words(placed: Placed) -> str:
    """What is said of a hold that was placed."""
    hold = placed.hold
    stops = "" if placed.by_lock else "; no lock stops `pulumi up` here: pipelines ask `pulumi-rewind hold check` first"
    return f"the stack is held: {hold.reason}; {hold.lock.advice}{stops}"
