"""Taking back an update that nobody confirmed, or whose watch command fails: by one process alone, and once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace

from pulumi_rewind.confirming.trusting import armed_here
from pulumi_rewind.confirming.verdicts import keep_unconfirmed
from pulumi_rewind.engine.events import Diagnostic, EngineEvent
from pulumi_rewind.errors import RefusedError, RewindError, UpdateFailed
from pulumi_rewind.goal.replay_report import Observe
from pulumi_rewind.history.targets import resolve_target
from pulumi_rewind.plan.model import Plan
from pulumi_rewind.records.parts import update_key
from pulumi_rewind.rollback.planning import build_plan
from pulumi_rewind.rollback.result import RollbackResult
from pulumi_rewind.rollback.run import RollbackRun
from pulumi_rewind.session import Session
from pulumi_rewind.system.durations import length
from pulumi_rewind.system.who import me
from pulumi_rewind.up.recovery import Recovery
from pulumi_rewind.up.run import Before
from pulumi_rewind.window.deadline import Deadline, Deadlines, How, content_of, timed


def end_resumed(session: Session) -> None:
    """After an interrupted rollback was continued to its end: what this user was taking back is taken back."""
    deadlines = Deadlines(session)
    with suppress(RewindError):
        deadline = deadlines.read().deadline
        if deadline is not None and deadline.taken_by == me():
            deadlines.end(deadline.run, "gone-back", "resumed")


def tell_unable(session: Session, deadline: Deadline, error: RewindError) -> Iterator[EngineEvent]:
    """Calls the project's `on_failure` where an update can't be taken back; what fails at that is a warning."""
    try:
        target = resolve_target(session.timeline, f"#{deadline.before}")
        with closing(build_plan(session, target)) as plan, closing(RollbackRun(session, plan).undo) as undo:
            yield from undo.unable(error)
    except RewindError as err:
        yield Diagnostic(f"on_failure could not be called: {session.redactor.said(err)}", "warning")


class TakingBack:
    """One way back: `plan`, then iterate `events`, then read `result`. The note tells all others of it."""

    def __init__(
        self, session: Session, deadline: Deadline, how: How = "gone-back", *, over: bool = False, trust: bool = False
    ) -> None:
        """`over`: although another process has begun, which the operator knows to be dead. `trust`: see `trusting`.

        Raises:
            RefusedError: another process was faster, it was confirmed, or the stack has changed since.
        """
        self.session = session
        self.deadlines = Deadlines(session)
        self.deadline = timed(deadline, self.deadlines.take(deadline.run, over=over))
        self._how: How = how
        self._trust = trust or armed_here(session, deadline)
        keep_unconfirmed(session, self.deadline, self.deadlines.clock(), self._why)
        try:
            self.recovery = Recovery(
                session,
                self._before(),
                self.reason(),
                allow_data_loss=deadline.allow_data_loss,
                delete_first=deadline.delete_first,
            )
        except RewindError as err:
            self.deadlines.end(deadline.run, "moved" if isinstance(err, RefusedError) else "failed", str(err))
            raise

    @property
    def result(self) -> RollbackResult | None:
        """How it ended, None if it did not reach the update before."""
        return self.recovery.result

    def reason(self) -> UpdateFailed:
        """Why it is taken back."""
        return UpdateFailed(f"#{self.deadline.update} is taken back: {self._why}", left=self.session.live().digest)

    @property
    def _why(self) -> str:
        deadline = self.deadline
        if deadline.failed:
            return f"the watch command failed {deadline.failures} times in a row"
        if self._how == "aborted":
            return f"{me()} aborted it"
        return f"nobody confirmed it within {length(deadline.until - deadline.since)}"

    def plan(self, observe: Observe) -> Plan:
        """Plans it; raises as `Recovery.plan`."""
        try:
            return self.recovery.plan(observe)
        except RewindError as err:
            self._failed(err)
            raise

    def events(self, plan: Plan) -> Iterator[EngineEvent]:
        """Runs the plan; raises as `Recovery.events`."""
        try:
            yield from self.recovery.events(plan)
        except RewindError as err:
            self._failed(err)
            raise
        self.deadlines.end(self.deadline.run, self._how)

    def interrupt(self) -> None:
        """Stops it, first gently, then now."""
        self.recovery.interrupt()

    def kill(self) -> None:
        """Stops it at once."""
        self.recovery.kill()

    def _before(self) -> Before:
        """The state to go back to.

        Raises:
            RefusedError: it isn't what it was, or live is not what waits.
        """
        session, deadline = self.session, self.deadline
        session.reload()
        timeline = session.timeline
        if content_of(session.live()) != deadline.content:
            raise RefusedError(
                f"#{deadline.update} is not taken back: the stack has changed since it began to wait",
                hint="Look at `pulumi-rewind history`, and roll back by hand if that is still right.",
                unchanged=True,
            )
        there = deadline.update <= len(timeline) and update_key(timeline.update(deadline.update)) == deadline.key
        target = resolve_target(timeline, f"#{deadline.before}")
        checkpoint = timeline.checkpoint(deadline.before)
        if not there or checkpoint.digest != deadline.digest:
            raise RefusedError(
                f"{deadline.label} is not what it was when #{deadline.update} began to wait",
                hint="Updates were removed from the history, or numbers moved. Roll back by hand.",
                unchanged=True,
            )
        if self._trust:  # it was live when the update began
            target = replace(target, known=checkpoint)
        return Before(checkpoint, deadline.update - 1, target)

    def _failed(self, error: RewindError) -> None:
        self.deadlines.end(self.deadline.run, "failed", self.session.redactor.said(error).splitlines()[0])
