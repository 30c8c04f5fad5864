"""Callbacks and hooks in a rollback: called in order, their results taken into the goal, their outcome told apart.

`rollback.RollbackRun` calls this at four points: before anything, before the engine's run, after a success, after a
failure.
"""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulumi_rewind import prepare
from pulumi_rewind.errors import CallbackError, IncompleteError, InterruptedRun, RefusedError, RewindError
from pulumi_rewind.events import Diagnostic, EngineEvent, HookEnded, HookEvent, HookStarted, Phase
from pulumi_rewind.journal import UndoRecord
from pulumi_rewind.model import Update, urn_name
from pulumi_rewind.plan import Plan
from pulumi_rewind.previewing import PreviewControl
from pulumi_rewind.redaction import Redactor
from pulumi_rewind.session import Session
from pulumi_rewind.undo_goal import GoalChanges, deviations, needing_skipped
from pulumi_rewind.undo_hooks import HookRunner
from pulumi_rewind.undo_match import Call, UndoPlan, call_context, told_result, update_context
from pulumi_rewind.undo_plan import redactor, undone_updates
from pulumi_rewind.undo_process import Callback, UndoProcess, find_hooks

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

    def __init__(self, session: Session, plan: Plan, control: PreviewControl, cause: str = "") -> None:
        self.session = session
        self.plan = plan
        self.cause = cause
        """Why the update that is undone failed, where the caller knows."""
        self.outcomes: list[CallbackOutcome] = []
        self.changed = False
        """Whether an undo callback was called, now or before: something may have changed outside the stack."""
        self.changes = GoalChanges()
        self.hooks = HookRunner(plan.undo.callbacks if plan.undo else (), self._new_worker)
        """The code of Pulumi's own resource hooks."""
        self._control = control
        self._process: UndoProcess | None = None
        self._stops = 0
        self._begun = False

    def told(self) -> tuple[CallbackOutcome, ...]:
        """How everything ended that was called, Pulumi's own hooks last."""
        hooks = (CallbackOutcome(one.function, one.kind, one.urn, one.outcome, one.message) for one in self.hooks.ended)
        return (*self.outcomes, *hooks)

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
        if self._process is not None:
            self._process.stop()

    def close(self) -> None:
        """Ends the workers."""
        self.hooks.close()
        if self._process is not None:
            self._process.close()
            self._process = None

    # -- the four points ----------------------------------------------------------------------------------------

    def before(self) -> Iterator[EngineEvent]:
        """Checks that the code is the reviewed one and calls `before_rollback`.

        Raises:
            RefusedError: the file has changed, or a hook raised; nothing was changed.
        """
        undo = self.plan.undo
        now = find_hooks(self.session.workspace.root, self.session.settings)
        if (now.sha256 if now else "") != (undo.hooks.sha256 if undo else ""):
            raise RefusedError(
                "the hooks file has changed since the plan was reviewed",
                hint="Plan again and review which callbacks are called now; nothing was changed.",
            )
        if undo is None:
            return
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
        if undo is None or not undo.calls:
            return self.plan
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
        self.changes = GoalChanges(adopt, inputs, skip, keep)
        if not self.changes:
            return self.plan
        yield Phase("preview", "asking the engine what it does with what the callbacks returned")
        return self._replanned()

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
        message = self._redactor()(str(error))
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
        callback, sha256 = call.callback, undo.hooks.sha256
        journal = self.session.journal
        entry = journal.read()
        known = {(item.urn, item.kind, item.function): item for item in entry.undo} if entry else {}
        before = known.get((call.urn, callback.kind, callback.function))
        if before is not None and before.sha256 == sha256 and before.result not in {"", "recreate"}:
            text = f"{callback.function} returned {before.result} before; it is not called again"
            yield Diagnostic(text, "info", call.urn)
            self._ended(callback, call.urn, before.result, before.id or before.reason)
            return {"result": before.result, "id": before.id, "reason": before.reason}
        record = UndoRecord(call.urn, callback.kind, callback.function, sha256)
        journal.note(record)
        key = hashlib.sha256(
            "\n".join((entry.key if entry else "", call.urn, callback.kind, callback.function)).encode()
        ).hexdigest()[:32]

        def context(again: bool) -> dict[str, Any]:
            return call_context(
                call,
                stack=self.plan.stack,
                target=self.plan.target.label,
                update=update,
                key=key,
                dry_run=False,
                again=again,
            )

        try:
            result = yield from self._call(
                undo, callback, context(before is not None), urn=call.urn, once_more=context(True)
            )
        except CallbackError as err:
            raise self._stopped() or IncompleteError(f"{err}; {UNCHANGED}", hint=RESUME, changed=False) from None
        outcome, _ = told_result(result)
        redact = self._worker().redact
        given = result or {}
        journal.note(
            UndoRecord(
                call.urn,
                callback.kind,
                callback.function,
                sha256,
                outcome,
                given.get("id", ""),
                redact(given.get("reason", "")),
            )
        )
        return result

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
        worker = self._worker()
        again = bool(context.get("again"))
        for attempt in range(callback.retries + 1):
            started = time.monotonic()
            yield HookStarted(callback.function, callback.kind, urn, undo.hooks.label, again or attempt > 0)
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

    def _worker(self) -> UndoProcess:
        if self._process is None:
            self._process = self._new_worker()
        return self._process

    def _new_worker(self) -> UndoProcess:
        undo = self.plan.undo
        assert undo is not None
        return UndoProcess(undo.hooks, Path(undo.python), self.session.workspace.environ, self._redactor())

    def _redactor(self) -> Redactor:
        prepared = self.plan.prepared
        return redactor(self.session, prepared.live_plain, prepared.target_plain)

    def _told(self, update: Update | None) -> dict[str, Any]:
        """What a callback hears of the update that it undoes; why that failed is known here, or from its evidence."""
        from pulumi_rewind.evidence import error_of

        error = self.cause or ("" if update is None else error_of(self.session, update.number))
        return update_context(update, error)

    def _stopped(self) -> RewindError | None:
        return self._interrupted() if self._stops else None

    def _interrupted(self) -> InterruptedRun:
        return InterruptedRun(
            f"stopped while callbacks were called; {UNCHANGED}",
            hint="Run `pulumi-rewind resume` to go on: what has returned is not called again.",
        )

    def _replanned(self) -> Plan:
        reviewed, prepared = self.plan, self.plan.prepared
        hint = "`pulumi-rewind resume` plans again and shows it; " + UNCHANGED + "."
        try:
            now = prepare.build_plan(
                self.session,
                reviewed.target,
                strategy=reviewed.strategy,
                only=prepared.only,
                refresh=prepared.refresh,
                recorded_credentials=prepared.recorded_credentials,
                use_todays_config=prepared.todays_config,
                control=self._control,
                adopt={**prepared.adopt, **self.changes.adopt},
                changes=self.changes,
            )
        except InterruptedRun:
            raise self._interrupted() from None
        except RewindError as err:
            raise IncompleteError(
                f"with what the callbacks returned: {err}", hint=f"{err.hint} {hint}".strip()
            ) from None
        problem = self._problem(reviewed, now)
        if problem:
            now.close()
            raise IncompleteError(problem, hint=hint)
        reviewed.close()
        self.plan = dataclasses.replace(now, undo=reviewed.undo, revisions=reviewed.revisions)
        return self.plan

    def _problem(self, reviewed: Plan, now: Plan) -> str:
        if now.prepared.live.digest != reviewed.prepared.live.digest:
            return "the stack's state has moved while the callbacks ran"
        lost = needing_skipped(self.changes, now.prepared.goal)
        if lost:
            names = "; ".join(f"{urn_name(urn)} is needed by {', '.join(users)}" for urn, users in lost.items())
            return f"what a callback skipped can't be left out: {names}"
        more = deviations(reviewed, now, self.changes)
        if more:
            return f"what the callbacks returned would change more than was reviewed: {'; '.join(more)}"
        return ""
