"""Takes an update that waits for a confirmation back, for the screens: planned in a dialog, run as any rollback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from pulumi_rewind.engine.events import Diagnostic, EngineEvent
from pulumi_rewind.errors import RefusedError
from pulumi_rewind_tui.workers.background import CancelCheck, Post
from pulumi_rewind_tui.workers.planner import observer

if TYPE_CHECKING:
    from pulumi_rewind.confirming.taking_back import TakingBack
    from pulumi_rewind.plan.model import Plan
    from pulumi_rewind.rollback.result import RollbackResult
    from pulumi_rewind.session import Session
    from pulumi_rewind.window.deadline import Deadline


class PlannedBack:
    """The way back, planned: a run as the running screen takes it."""

    def __init__(self, back: TakingBack, plan: Plan) -> None:
        self.back = back
        self.plan = plan
        self.title = f"TAKING #{back.deadline.update} BACK"

    @property
    def result(self) -> RollbackResult | None:
        """How it ended."""
        return self.back.result

    def events(self) -> Iterator[EngineEvent]:
        """Runs it; the note tells all others how it ended."""
        return self.back.events(self.plan)

    def interrupt(self) -> None:
        """First gentle, then now."""
        self.back.interrupt()

    def kill(self) -> None:
        """At once."""
        self.back.kill()


@dataclass
class BackPlanned(Message):
    """It can be run."""

    back: TakingBack
    plan: Plan
    start: int
    """The newest update."""


@dataclass
class BackFailed(Message):
    """It can't; what hooks of the project said of that is in `told`."""

    error: BaseException
    told: tuple[str, ...] = ()


def plan_back(
    session: Session, deadline: Deadline, keep: Callable[[TakingBack], None], post: Post, cancelled: CancelCheck
) -> None:
    """Takes the note first, so that nobody else takes the update back, then plans; `keep` gets what can be stopped.

    Raises:
        SecretsError: a secret can't be opened; nothing is begun then.
        RewindError: as `TakingBack` does.
    """
    from pulumi_rewind.confirming.taking_back import TakingBack, tell_unable

    for side in (session.live(), session.timeline.checkpoint(deadline.before)):
        session.vault.decrypt(side, session.stack)
    try:
        back = TakingBack(session, deadline, "aborted")
    except RefusedError as err:
        told: tuple[str, ...] = ()
        if "has changed since" in str(err):
            told = tuple(one.message for one in tell_unable(session, deadline, err) if isinstance(one, Diagnostic))
        session.redactor.error(err)
        post(BackFailed(err, told))
        return
    keep(back)
    plan = back.plan(observer(0, post, back.interrupt, cancelled))
    if cancelled():
        plan.close()
        return
    post(BackPlanned(back, plan, len(session.timeline)))
