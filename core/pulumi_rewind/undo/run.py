"""Callbacks and hooks in a rollback: called in order, their results taken into the goal, their outcome told apart.

`rollback.RollbackRun` calls this at four points: before anything, before the engine's run, after a success, after a
failure.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from pulumi_rewind.called import Call, Callback, UndoPlan
from pulumi_rewind.errors import CallbackError, IncompleteError, InterruptedRun, RefusedError, RewindError
from pulumi_rewind.events import Diagnostic, EngineEvent, HookEnded, HookEvent, HookStarted, Phase
from pulumi_rewind.goal import GoalChanges
from pulumi_rewind.journal import UndoRecord
from pulumi_rewind.model import Update, urn_name
from pulumi_rewind.plan import Plan
from pulumi_rewind.session import Session
from pulumi_rewind.undo.afterwards import Afterwards, Pending
from pulumi_rewind.undo.code import check_trusted, todays_code
from pulumi_rewind.undo.declare import HOOK_KINDS
from pulumi_rewind.undo.hooks import HookRunner
from pulumi_rewind.undo.match import call_context, resource_context, told_result, update_context
from pulumi_rewind.undo.plan import undone_updates
from pulumi_rewind.undo.process import UndoProcess

UNCHANGED = "this run has changed nothing in the stack yet"
RESUME = "Mend what failed, then run `pulumi-rewind resume`: what has returned is not called again."


@dataclass(frozen=True)
class CallbackOutcome:
    """How one callback or hook ended; told apart from what the engine did."""

    function: str
    kind: str
    urn: str
    outcome: str
    """restored, recreate, skip, delete, keep, done or failed."""
    message: str


class UndoRun:
    """The callbacks of one run of a plan."""

    def __init__(self, session: Session, plan: Plan, replan: Callable[[GoalChanges], Plan], cause: str = "") -> None:
        self.session = session
        self.plan = plan
        self.cause = cause
        """Why the update that is undone failed, where the caller knows."""
        self.outcomes: list[CallbackOutcome] = []
        self.changed = False
        """Whether an undo callback was called, now or before: something may have changed outside the stack."""
        self.changes = GoalChanges()
        hooks = tuple(item for item in plan.undo.callbacks if item.kind in HOOK_KINDS) if plan.undo else ()
        self.hooks = HookRunner(hooks, lambda: self._new_worker(hooks[0].code))
        """The code of Pulumi's own resource hooks."""
        self.afterwards = Afterwards(self.hooks.events, self._went_on)
        """What callbacks do when the thing is there again."""
        self._replan = replan
        """Makes the plan with what callbacks returned, or raises why it can't be run."""
        self._processes: dict[str, UndoProcess] = {}
        """By the hash of their code."""
        self._stops = 0
        self._begun = False

    def told(self) -> tuple[CallbackOutcome, ...]:
        """How everything ended that was called, Pulumi's own hooks last."""
        later = (*self.afterwards.ended, *self.hooks.ended)
        told = (CallbackOutcome(one.function, one.kind, one.urn, one.outcome, one.message) for one in later)
        return (*self.outcomes, *told)

    # -- stopping -----------------------------------------------------------------------------------------------

    def interrupt(self) -> None:
        """First call: no further callback is called. Second call: the one that runs is ended."""
        self._stops += 1
        if self._stops > 1:
            self._end()

    def kill(self) -> None:
        """Ends what runs, at once."""
        self._stops += 2
        self._end()

    def _end(self) -> None:
        self.hooks.stop()
        self.afterwards.stop()
        for process in tuple(self._processes.values()):
            process.stop()

    def close(self) -> None:
        """Ends the workers."""
        self.hooks.close()
        for process in self._processes.values():
            process.close()
        self._processes.clear()

    # -- the four points ----------------------------------------------------------------------------------------

    def before(self) -> Iterator[EngineEvent]:
        """Checks that the code is the reviewed one and calls `before_rollback`.

        Raises:
            RefusedError: the file has changed, or a hook raised; nothing was changed.
        """
        undo = self.plan.undo
        now = todays_code(self.session.workspace.root, self.session.settings)
        today = undo.today if undo else None
        if (now.sha256 if now else "") != (today.sha256 if today else ""):
            raise RefusedError(
                "the hooks file has changed since the plan was reviewed",
                hint="Plan again and review which callbacks are called now.",
                unchanged=True,
            )
        if undo is None:
            return
        for code in undo.codes.values():
            check_trusted(self.session, code)
        for callback in undo.around("before_rollback"):
            try:
                yield from self._call(undo, callback, self._around())
            except CallbackError as err:
                raise self._stopped() or RefusedError(
                    f"refused by {err}", hint="The project's own hook said no; the stack was not changed."
                ) from None
            self._begun = True
        self._begun = True

    def resources(self) -> Generator[EngineEvent, None, Plan]:
        """Calls the undo callbacks of the plan's steps; returns the plan that is to be run.

        That is the same one, or where results change the goal a new one of which nothing else differs.

        Raises:
            IncompleteError: a callback failed, or the new plan is not what was reviewed; it can be resumed.
            InterruptedRun: it was asked to stop.
        """
        undo = self.plan.undo
        if undo is None or not (undo.calls or undo.finishing):
            return self.plan
        if undo.calls:
            yield Phase("undo", f"calling undo callbacks: {len(undo.calls)}")
        updates = undone_updates(self.session, self.plan, undo.calls)
        adopt: dict[str, str] = {}
        inputs: dict[str, Mapping[str, Any]] = {}
        skip: dict[str, str] = {}
        keep: dict[str, str] = {}
        for call in undo.calls:
            result = yield from self._undo(undo, call, self._told(updates.get(call.urn)))
            match (result or {}).get("result"):
                case "restored":
                    adopt[call.goal_urn] = result["id"]
                case "recreate" if result["inputs"]:
                    inputs[call.goal_urn] = result["inputs"]
                case "skip":
                    skip[call.goal_urn] = result["reason"]
                case "keep":
                    keep[call.live_urn] = result["reason"]
        yield from self._finish()
        self.changes = GoalChanges(adopt, inputs, skip, keep)
        if not self.changes:
            return self.plan
        yield Phase("preview", "asking the engine what it does with what the callbacks returned")
        try:
            self.plan = self._replan(self.changes)
        except InterruptedRun:
            raise self._interrupted() from None
        return self.plan

    def _finish(self) -> Iterator[EngineEvent]:
        """Lets the callbacks go on that had not when an interrupted run had restored their resources already.

        Raises:
            IncompleteError: one failed; it can be resumed.
            InterruptedRun: it was asked to stop.
        """
        undo = self.plan.undo
        if undo is None or not undo.finishing:
            return
        self.changed = True
        updates = undone_updates(self.session, self.plan, undo.finishing)
        for call in undo.finishing:
            if self._stops:
                raise self._interrupted()
            told = self._told(updates.get(call.urn))
            pending = Pending(call, self._context(call, told, again=True), self._worker(call.callback))
            error = yield from self.afterwards.go_on(pending, resource_context(call.new) or {})
            if error:
                raise self._stopped() or IncompleteError(f"{error}; {UNCHANGED}", hint=RESUME, changed=False)

    def after(self, result: Any) -> Iterator[EngineEvent]:
        """Calls `after_rollback`; a failure is told and changes nothing."""
        undo = self.plan.undo
        if undo is not None:
            told = self._around(
                result=result.result,
                version=result.version,
                changes=dict(result.changes),
                differences=[f"{urn_name(one.urn)} {one.path}: {one.message}".strip() for one in result.differences],
            )
            yield from self._tell(undo, "after_rollback", told)

    def failed(self, error: RewindError) -> Iterator[EngineEvent]:
        """Calls `on_failure`, unless nothing was begun or the operator wants out at once."""
        undo = self.plan.undo
        if undo is None or not self._begun or self._stops > 1:
            return
        resumable = self.session.journal.read() is not None
        message = self.session.redactor_of_callbacks(str(error))
        yield from self._tell(undo, "on_failure", self._around(result="failed", error=message, resumable=resumable))

    # -- inside -------------------------------------------------------------------------------------------------

    def _tell(self, undo: UndoPlan, kind: str, context: dict[str, Any]) -> Iterator[EngineEvent]:
        for callback in undo.around(kind):
            try:
                yield from self._call(undo, callback, context)
            except CallbackError as err:
                yield Diagnostic(f"{kind}: {err}", "warning")

    def _around(self, **more: Any) -> dict[str, Any]:
        plan = self.plan
        return {
            "stack": plan.stack,
            "target": plan.target.label,
            "steps": [
                {"urn": step.urn, "type": step.type, "name": step.name, "op": step.op, "forecast": step.forecast}
                for step in plan.steps
            ],
            "result": "",
            "version": 0,
            "changes": {},
            "differences": [],
            "error": "",
            "resumable": False,
            **more,
        }

    def _undo(self, undo: UndoPlan, call: Call, update: Mapping[str, Any]) -> Generator[EngineEvent, None, Any]:
        """What a callback returned, now or before this rollback was interrupted."""
        if self._stops:
            raise self._interrupted()
        self.changed = True
        callback, sha256 = call.callback, call.callback.code
        entry = self.session.journal.read()
        known = {(item.urn, item.kind, item.function): item for item in entry.undo} if entry else {}
        before = known.get((call.urn, callback.kind, callback.function))
        if before is not None and before.sha256 == sha256 and before.result not in {"", "recreate"}:
            text = f"{callback.function} returned {before.result} before; it is not called again"
            yield Diagnostic(text, "info", call.urn)
            self._ended(callback, call.urn, before.result, before.id or before.reason)
            if before.more:
                self._go_on_later(call, update)
            return {"result": before.result, "id": before.id, "reason": before.reason}
        record = UndoRecord(call.urn, callback.kind, callback.function, sha256)
        self.session.journal.note(record)
        context = self._context(call, update, again=before is not None)
        try:
            result = yield from self._call(
                undo, callback, context, urn=call.urn, once_more=self._context(call, update, again=True)
            )
        except CallbackError as err:
            raise self._stopped() or IncompleteError(f"{err}; {UNCHANGED}", hint=RESUME, changed=False) from None
        given = result or {}
        self.session.redactor.note_within(given.get("inputs"))
        more = bool(given.get("more"))
        if more:
            self._go_on_later(call, update)
        self.session.journal.note(
            msgspec.structs.replace(
                record,
                result=told_result(result)[0],
                id=given.get("id", ""),
                reason=self._worker(callback).redact(given.get("reason", "")),
                more=more,
            )
        )
        return result

    def _context(self, call: Call, update: Mapping[str, Any], *, again: bool) -> dict[str, Any]:
        entry = self.session.journal.read()
        whole = "\n".join((entry.key if entry else "", call.urn, call.callback.kind, call.callback.function))
        return call_context(
            call,
            stack=self.plan.stack,
            target=self.plan.target.label,
            update=update,
            key=hashlib.sha256(whole.encode()).hexdigest()[:32],
            dry_run=False,
            again=again,
        )

    def _go_on_later(self, call: Call, update: Mapping[str, Any]) -> None:
        context = self._context(call, update, again=True)
        self.afterwards.pending[call.goal_urn] = Pending(call, context, self._worker(call.callback))

    def _went_on(self, call: Call) -> None:
        """Nothing is left to do for it, also if the rest of the run fails; from any thread."""
        entry = self.session.journal.read()
        mine = (call.urn, call.callback.kind, call.callback.function)
        for item in entry.undo if entry else ():
            if (item.urn, item.kind, item.function) == mine:
                self.session.journal.note(msgspec.structs.replace(item, more=False))

    def _call(
        self,
        undo: UndoPlan,
        callback: Callback,
        context: Mapping[str, Any],
        *,
        urn: str = "",
        once_more: Mapping[str, Any] | None = None,
    ) -> Generator[HookEvent, None, dict[str, Any] | None]:
        """Calls one function, as often as it may fail."""
        worker = self._worker(callback)
        again = bool(context.get("again"))
        for attempt in range(callback.retries + 1):
            started = time.monotonic()
            yield HookStarted(callback.function, callback.kind, urn, undo.code(callback).label, again or attempt > 0)
            try:
                result = yield from worker.call(callback, context if not attempt else once_more or context, urn)
            except CallbackError as err:
                yield HookEnded(callback.function, callback.kind, urn, "failed", str(err), time.monotonic() - started)
                if attempt < callback.retries and not self._stops:
                    continue
                self._ended(callback, urn, "failed", str(err))
                raise
            outcome, message = told_result(result)
            message = worker.redact(message)
            self._ended(callback, urn, outcome, message)
            yield HookEnded(callback.function, callback.kind, urn, outcome, message, time.monotonic() - started)
            return result
        raise AssertionError("unreachable")

    def _ended(self, callback: Callback, urn: str, outcome: str, message: str) -> None:
        self.outcomes.append(CallbackOutcome(callback.function, callback.kind, urn, outcome, message))

    def _worker(self, callback: Callback) -> UndoProcess:
        if callback.code not in self._processes:
            self._processes[callback.code] = self._new_worker(callback.code)
        return self._processes[callback.code]

    def _new_worker(self, code: str) -> UndoProcess:
        undo = self.plan.undo
        assert undo is not None
        redact = self.session.redactor_of_callbacks
        return UndoProcess(undo.codes[code], Path(undo.python), self.session.workspace.environ, redact)

    def _told(self, update: Update | None) -> dict[str, Any]:
        """What a callback hears of the update that it undoes; why that failed is known here, or from its evidence."""
        from pulumi_rewind.up.evidence import error_of

        error = self.cause or ("" if update is None else error_of(self.session, update.number))
        return update_context(update, error)

    def _stopped(self) -> RewindError | None:
        return self._interrupted() if self._stops else None

    def _interrupted(self) -> InterruptedRun:
        return InterruptedRun(
            f"stopped while callbacks were called; {UNCHANGED}",
            hint="Run `pulumi-rewind resume` to go on: what has returned is not called again.",
        )
