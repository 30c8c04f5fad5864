"""Running a reviewed plan: guard, journal, update, verification."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Generator, Iterator, Mapping

from pulumi_rewind.callbacks.revisions.run import RollbackRevisions
from pulumi_rewind.callbacks.undo.run import UndoRun
from pulumi_rewind.engine.cli import EngineRun
from pulumi_rewind.engine.crashes import with_report
from pulumi_rewind.engine.events import Diagnostic, EngineEvent, Phase, without_quotes
from pulumi_rewind.engine.messages import says_unsaved
from pulumi_rewind.engine.system_errors import errors_as_warnings
from pulumi_rewind.errors import (
    BackendError,
    CheckpointError,
    EngineError,
    IncompleteError,
    InterruptedRun,
    RefusedError,
    RewindError,
)
from pulumi_rewind.goal.model import GoalChanges
from pulumi_rewind.goal.replay_report import ReplayReport
from pulumi_rewind.guard.checks import (
    check_able,
    check_agreed,
    check_free,
    check_unmoved,
    has_moved,
    lock_left,
    lock_refusal,
)
from pulumi_rewind.history.origins import own_record
from pulumi_rewind.history.update_mark import Mark, Stamp
from pulumi_rewind.holding.holds import see_hold
from pulumi_rewind.holding.passing import passing
from pulumi_rewind.plan.advice import lost_module
from pulumi_rewind.plan.blockers import Blockers, left_alone, speaker
from pulumi_rewind.plan.model import Plan
from pulumi_rewind.plan.unsure_creates import lost_sight_of, unsure_creates_text
from pulumi_rewind.plan.verify import Difference
from pulumi_rewind.replay.host import ReplayHost
from pulumi_rewind.rollback.driving import EngineDriver
from pulumi_rewind.rollback.hold import with_hold
from pulumi_rewind.rollback.let_go import let_go
from pulumi_rewind.rollback.name_conflicts import announced_taken, deleting_taken_first
from pulumi_rewind.rollback.read_back import read_back, to_read
from pulumi_rewind.rollback.replan import replanned
from pulumi_rewind.rollback.report import keep, report_of, undo_command
from pulumi_rewind.rollback.result import RollbackResult
from pulumi_rewind.rollback.run_journal import RunJournal
from pulumi_rewind.rollback.run_state import RunState
from pulumi_rewind.session import Session
from pulumi_rewind.state.model import Checkpoint, urn_name
from pulumi_rewind.strategies.choosing import STRATEGIES
from pulumi_rewind.strategies.preview import PreviewControl
from pulumi_rewind.system.shell import command


class RollbackRun(EngineDriver):
    """One run of a reviewed plan. Iterate `events`, then read `result`.

    The iteration raises RefusedError before anything was changed, InterruptedRun when stopped, and IncompleteError
    when it failed half-way; in the latter two the journal stays and `resume` continues.
    """

    def __init__(
        self,
        session: Session,
        plan: Plan,
        *,
        allow_data_loss: bool = False,
        check_again: bool = True,
        hold: bool | None = None,
    ) -> None:
        super().__init__(session.backend, lambda: passing(session))
        self.session = session
        self.plan = plan
        self.allow_data_loss = allow_data_loss
        self.check_again = check_again
        """Whether a second preview must come out empty at the end."""
        self.hold = hold
        """Whether the stack is held afterwards; None: as the settings say."""
        self.result: RollbackResult | None = None
        self.control = PreviewControl()
        self._strategy = STRATEGIES[plan.strategy].load()
        self.undo = UndoRun(session, plan, self._replanned)
        """The project's callbacks; its `cause` may be set before the run."""
        self.revisions = RollbackRevisions(session, plan.revisions, plan.target.label)
        self._began = 0.0
        self._before: int | None = None
        """Number of the newest update when it began; None: it hasn't."""
        self._journal = RunJournal(session)
        self._state = RunState(session)
        self.begun_from: Checkpoint = plan.prepared.live
        self._made: dict[str, str] = {}
        """What is read once when it has been made or has come back, see `rollback.read_back.to_read`."""
        self.stamp = Stamp()
        """What is written into its updates, so that they are known again."""
        self._alike = False
        """Whether it ended early and live has the target's content all the same."""
        self._note = ""

    # -- stopping -----------------------------------------------------------------------------------------------

    def interrupt(self) -> None:
        """First call: stop after the running steps. Second call: stop now (pending operations may stay)."""
        super().interrupt()
        self.undo.interrupt()
        self.revisions.interrupt()
        self.control.stop()

    def kill(self) -> None:
        """Ends the engine at once; the journal stays."""
        super().kill()
        self.undo.kill()
        self.revisions.kill()
        self.control.stop()

    # -- the run ------------------------------------------------------------------------------------------------

    def events(self) -> Iterator[EngineEvent]:
        """Guards, runs and verifies; yields what the engine reports and our own phases, without any secret."""
        redact = self.session.redactor
        try:
            with contextlib.closing(self._told()) as events:
                for event in events:
                    yield without_quotes(event, redact)
        except RewindError as err:
            redact.error(err)
            raise with_report(err, self.session.workspace.environ) from err.__cause__

    def _told(self) -> Generator[EngineEvent]:
        started = time.monotonic()
        self._began = time.time()
        try:
            try:
                yield from self._events(started)
            except (RewindError, OSError) as err:
                changed = self._changed or self.undo.changed or self.revisions.changed
                changed = changed or (isinstance(err, OSError) and self._unheard())
                if not changed:
                    self._state.not_begun(self.plan)
                told = self._journal.settled(err, self._state.rewriting, changed=changed)
                yield from errors_as_warnings(self.undo.failed(told))
                unchanged = not (changed or isinstance(told, IncompleteError))
                yield from errors_as_warnings(self._recorded(told, unchanged))
                raise told from err
            yield from errors_as_warnings(self._held())
            yield from errors_as_warnings(self._recorded(self.result))
            if self.result is not None and self.result.result != "nothing-to-do":
                yield from errors_as_warnings(self.undo.after(self.result))
                self.result = dataclasses.replace(
                    self.result, callbacks=(*self.undo.outcomes, *self.revisions.outcomes)
                )
                if self.result.callbacks:  # some end after the record was made
                    self._report(self.result)
        finally:
            self.undo.close()
            self.plan.close()
            self.session.journal.release()

    def _held(self) -> Iterator[EngineEvent]:
        wanted = self.hold if self.hold is not None else self.session.settings.hold and self._before is not None
        if self.result is not None and wanted:
            yield Phase("hold", "holding the stack")
            self.result = with_hold(self.session, self.plan.target, self.result)

    def _recorded(self, end: RollbackResult | RewindError | None, unchanged: bool = False) -> Iterator[EngineEvent]:
        """Keeps how it ended, and what the run has made of the stack as a record in git."""
        if self._before is not None:
            from pulumi_rewind.rollback.recording import after_run

            yield from after_run(self.session, self._before, self._report(end, unchanged))

    def _report(self, end: RollbackResult | RewindError | None, unchanged: bool = False) -> Mapping[str, bytes]:
        """Keeps what the incident note tells of this run; the same as a file for the record."""
        if self._before is None or end is None:
            return {}
        with contextlib.suppress(RewindError, OSError):  # as where it can't be kept
            self.session.reload()
            result = end if isinstance(end, RollbackResult) else None
            changed = not unchanged and getattr(end, "changed", True)
            undo = undo_command(self.session, result, self.plan.prepared.choices) if changed else ""
            report = report_of(self.plan, self._began, self._before, end, undo, run=self.stamp.run, unchanged=unchanged)
            return keep(self.session, report)
        return {}

    def _events(self, started: float) -> Iterator[EngineEvent]:
        yield Phase("guard", "checking that nothing has changed since the review")
        self._guard()
        if self.plan.nothing_to_do:
            notes, newest = self._journal.end(), len(self.session.history())
            left, stale = tuple(left_alone(self.plan.prepared.notes)), self.plan.prepared.stale()
            changes = dict(self.plan.changes)
            self.result = RollbackResult("nothing-to-do", newest, changes, left, 0.0, notes, stale=stale)
            return
        target = self.plan.target
        self._journal.begin(self.plan)
        self._before = self._journal.newest
        yield from self.undo.before()
        live = self.session.timeline.live_update()
        self.stamp = Stamp(
            Mark.of(target.update) if target.checkpoint is None else None,
            Mark.of(self.session.timeline.update(live)) if live is not None else None,
            partial=self.plan.prepared.partial,
        )
        self.plan = yield from self.undo.resources()
        prepared = self.plan.prepared
        yield from self.revisions.before(prepared.live_plain)
        self._changed = self.undo.changed or self.revisions.changed
        self._made = to_read(self.plan.steps)
        check_unmoved(self._live(), prepared.live)  # the callbacks may have taken hours
        self.begun_from = yield from self._state.events(self.plan)
        yield Phase("run", f"rolling back to {target.label}")
        report = yield from self._update()
        self._changed = True
        changes = self._counted()
        repaired = [] if self._alike else (yield from self._strategy.repair_state(self, report))
        imported = frozenset(step.urn for step in self.plan.steps if step.op == "import")
        yield from self.revisions.after(prepared.live_plain, self.undo.changes, imported)
        yield Phase("verify", "comparing the state with the target")
        differences = yield from self._checked(report, repaired=bool(repaired))
        self.session.reload()
        self._state.settle(self._began)
        own = own_record(self.session.timeline.history, self.stamp)
        number = own.number if own is not None else len(self.session.timeline)
        took = time.monotonic() - started
        notes, undo = self._strategy.closing(self)
        notes = (*filter(None, (self._note, *self._journal.end())), *notes)
        stale = self.plan.prepared.stale(report)
        held = let_go(self.session, prepared.holding)
        self.result = RollbackResult(
            "succeeded", number, changes, tuple(differences), took, notes, undo,
            stale=stale, held=held, held_until=prepared.holding.until,
        )  # fmt: skip

    def _counted(self) -> dict[str, int]:
        """Steps by operation, as the engine counted them."""
        summary = self.engine_run.summary if self.engine_run is not None else None
        changes = dict(summary.changes if summary is not None else self.plan.changes)
        if returned := sum(step.op == "return" for step in self.plan.steps):
            changes["return"] = returned
        return self.progress.counted(changes, {step.urn for step in self.plan.steps if step.op == "hold"})

    def _checked(self, report: ReplayReport, *, repaired: bool) -> Generator[EngineEvent, None, list[Difference]]:
        """What is not as in the target: by the state, by a second plan, by what providers read.

        Where something was written into the state after the update, the history is to end with it: that is recorded.
        """
        after, differences = self._verify(report)
        if self._alike:
            return list(left_alone(self.plan.prepared.notes))
        record = repaired or any(item.temporary for item in self.plan.prepared.registered.values())
        if (record or self.check_again) and not self._stops:
            yield from self._strategy.second_plan(self, after, differences, record=record)
        if not self._stops:
            config = self._strategy.settings(self.plan)
            yield from read_back(self.session, config, self._made, differences, self.control)
        return differences

    def _guard(self) -> None:
        with contextlib.suppress(BackendError):  # of a hold that stands in the way `passing` tells
            see_hold(self.session)  # which puts its lock file back, if a killed run has left it away
        check_agreed(self.plan, allow_data_loss=self.allow_data_loss)
        check_free(self.session)
        live = self._live()
        check_unmoved(live, self.plan.prepared.live)
        if not self.plan.nothing_to_do:
            check_able(self.session, live)

    def _live(self) -> Checkpoint:
        return self._strategy.live(self.session)

    @property
    def message(self) -> str:
        """Of the update that it becomes."""
        dropped = self.plan.prepared.choices.drop_held
        return "held objects deleted" if dropped else f"rollback to {self.plan.target.label}"

    def _update(self) -> Generator[EngineEvent, None, ReplayReport]:
        """The rollback itself; returns the report of the replay.

        Once more with the old objects deleted first where the plan announced that, see `rollback.name_conflicts`.
        """
        while True:
            try:
                return (yield from self._strategy.update(self))
            except IncompleteError:
                taken = announced_taken(self.plan, self.blockers)
                if not taken or self.asked_to_stop():
                    raise
            yield Phase("run", f"continuing with the old object deleted first: {', '.join(map(urn_name, taken))}")
            self.plan = deleting_taken_first(self.session, self.plan, taken, self.control)
            self.blockers = Blockers()
            self._journal.begin(self.plan)
            self.begun_from = yield from self._state.events(self.plan)

    def _replanned(self, changes: GoalChanges) -> Plan:
        return replanned(self.session, self.plan, changes, self.control)

    def attach(self, host: ReplayHost) -> None:
        """Lets a host call the project's code while the engine runs."""
        host.hook_code, host.error_code = self.undo.hooks.code(), self.undo.hooks.on_error()
        host.afterwards, host.note = self.undo.afterwards.code(), self.session.redactor.note_within

    def _unheard(self) -> bool:
        """Whether the engine has changed the state and couldn't tell."""
        return self.engine_run is not None and not self.engine_run.heard and has_moved(self.session, self.begun_from)

    def _not_begun(self) -> Exception:
        if self.progress.moved:  # what is not begun is another update of the same rollback
            resume = command("resume", self.session.stack.word)
            how = "running steps were finished and saved"
            return InterruptedRun(f"stopped half-way; {how}", hint=f"Run `{resume}` to continue to the target.")
        return InterruptedRun("stopped before it began; nothing in the stack was changed")

    def _said_by_hooks(self) -> Iterator[EngineEvent]:
        yield from self.undo.hooks.pending_events()

    def ended_early(self, run: EngineRun, report: ReplayReport, refusal: str = "") -> Diagnostic:
        """What to say of an update that did not end well although nothing was left to do; else raises why."""
        if refusal or not self._reached(report):
            raise self._failure(run, refusal)
        how = "stopped" if run.interrupted else "ended with an error"
        self._note = f"the run was {how} after its last step; nothing was left to do. {lock_left(self.session)}".strip()
        return Diagnostic(self._note, "info")

    def _reached(self, report: ReplayReport) -> bool:
        """Whether live is as the target although the engine did not come to its end."""
        if self.progress.failed or not self._changed:
            return False
        from pulumi_rewind.diff.equality import same_content

        try:
            if report.complete:
                return all(difference.expected for difference in self._verify(report)[1])
            live = self.session.backend.live(self.session.stack)
            after = self.session.vault.decrypt(live, self.session.stack)
        except RewindError:
            return False
        self._alike = not live.pending_operations and same_content(self.plan.prepared.target_plain, after) is True
        return self._alike

    def _failure(self, run: EngineRun, refusal: str = "") -> RewindError:
        lock = lock_left(self.session)
        prepared, name = self.plan.prepared, self.session.stack.word
        resume = f"{lock}Run `{command('resume', name)}` to continue to the target, or roll back to the update before."
        spoken = speaker(prepared.registered, prepared.live_plain)
        resume += self.blockers.hint(name, spoken, again=self._journal.follows_another)
        if refusal and not self._changed:
            return RefusedError(refusal, hint="Plan again and review the new plan.", unchanged=True)
        if run.interrupted and not any(says_unsaved(event.message) for event in run.errors):
            if not self._changed:
                return InterruptedRun("stopped before anything was changed", hint=lock.strip())
            gently = self._stops <= 1
            how = "running steps were finished and saved" if gently else "operations may be left pending"
            return InterruptedRun(f"stopped half-way; {how}", hint=resume)
        error = run.error(f"the rollback to {self.plan.target.label} failed")
        self._changed = self._changed or self._unheard()
        if not self._changed:
            if isinstance(error, EngineError) and error.locked:
                return lock_refusal(self.session, error)
            error.advise(lock.strip())
            error.unchanged = True
            return error
        resume = f"{self._lost_module(error)} {resume}".lstrip()
        unsure = self.progress.unsure_creates
        with contextlib.suppress(RewindError):  # it is told all the same
            self.session.journal.note_unsure_creates(unsure)
        try:
            self.session.backend.live(self.session.stack)
        except CheckpointError as err:
            lost = lost_sight_of(self.progress.made)
            told = "\n".join(filter(None, (str(error), str(err), lost, unsure_creates_text(unsure))))
            return IncompleteError(told, hint=f"{err.hint} Then run `pulumi-rewind resume` to continue.")
        incomplete = IncompleteError(
            "\n".join(filter(None, (str(error), unsure_creates_text(unsure)))), hint=resume, resumes=True
        )
        incomplete.passed_by = tuple(dict.fromkeys(map(spoken, self.blockers.urns)))
        incomplete.stuck = self.blockers.stuck(name)
        return incomplete

    def _lost_module(self, error: RewindError) -> str:
        """What helps where code of a dynamic provider is gone: what is deleted needs that of the update before."""
        prepared = self.plan.prepared
        kept = {item.name for item in prepared.registered.values()}
        deleted = not kept.intersection(self.blockers.names) and self._before
        update = self.session.timeline.update(self._before or 0) if deleted else self.plan.target.update
        types = {res.type for res in prepared.live.resources}
        text = f"{error}\n{error.output}" if isinstance(error, EngineError) else str(error)
        return lost_module(text, types, self.blockers.names, update.commit, deleted=bool(deleted))

    def _verify(self, report: ReplayReport) -> tuple[Checkpoint, list[Difference]]:
        after = self.session.vault.decrypt(self.session.backend.live(self.session.stack), self.session.stack)
        return after, list(self._strategy.verify(self.plan, report, after))
