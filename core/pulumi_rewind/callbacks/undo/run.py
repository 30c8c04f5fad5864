"""Callbacks and hooks in a rollback: called in order, their results taken into the goal, their outcomes reported.

`rollback.run.RollbackRun` calls this at four points: before anything, before the engine's run, after a success, after a
failure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

import msgspec

from pulumi_rewind.callbacks.callback_context import (
    call_context,
    resource_context,
    result_words,
    rollback_context,
    update_context,
)
from pulumi_rewind.callbacks.calling import RESUME, Caller
from pulumi_rewind.callbacks.code import check_trusted, todays_code
from pulumi_rewind.callbacks.engine_hooks import Afterwards, HookRunner
from pulumi_rewind.callbacks.undo.plan import undone_updates
from pulumi_rewind.engine.events import Diagnostic, EngineEvent, Phase
from pulumi_rewind.errors import CallbackError, IncompleteError, InterruptedRun, RefusedError, RewindError
from pulumi_rewind.goal.model import GoalChanges
from pulumi_rewind.plan.called import Call, CallbackOutcome, UndoPlan
from pulumi_rewind.plan.model import Plan
from pulumi_rewind.project.journal import UndoRecord
from pulumi_rewind.session import Session
from pulumi_rewind.state.model import Update, urn_name

UNCHANGED = "this run has changed nothing in the stack yet"


class UndoRun(Caller):
    """The callbacks of one run of a plan.

    `replan` makes the plan with what callbacks returned; it raises IncompleteError where that is not what was reviewed.
    """

    def __init__(self, session: Session, plan: Plan, replan: Callable[[GoalChanges], Plan]) -> None:
        undo = plan.undo
        super().__init__(session, undo.codes if undo else None, undo.python if undo else "")
        self.plan = plan
        self.cause = ""
        """Why the update that is undone failed, where the caller knows."""
        self.changed = False
        """Whether an undo callback was called, now or before: something may have changed outside the stack."""
        self.changes = GoalChanges()
        self.hooks = HookRunner(self, undo.hooks if undo else ())
        """The code of Pulumi's own resource hooks."""
        self.afterwards = Afterwards(self, self.hooks.events, self._went_on)
        """What callbacks do when the thing is there again."""
        self._replan = replan
        self._begun = False

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
                yield from self.call(callback, rollback_context(self.plan))
            except CallbackError as err:
                raise self._stopped() or RefusedError(
                    f"refused by {err}", hint="A hook of the project refused the rollback. The stack was not changed."
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
            result = yield from self._undo(call, self._told(updates.get(call.urn)))
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
        yield Phase("preview", "previewing the plan with the callbacks' results")
        try:
            self.plan = self._replan(self.changes)
        except InterruptedRun:
            raise self._interrupted() from None
        return self.plan

    def _finish(self) -> Iterator[EngineEvent]:
        """Lets the callbacks continue that had not when an interrupted run had restored their resources already.

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
            if self.stops:
                raise self._interrupted()
            context = self._context(call, self._told(updates.get(call.urn)), continued=True)
            try:
                yield from self.continue_call(call, context, resource_context(call.new) or {}, self._went_on)
            except CallbackError as err:
                raise self._failed(err) from None

    def after(self, result: Any) -> Iterator[EngineEvent]:
        """Calls `after_rollback`; a failure is reported and changes nothing."""
        undo = self.plan.undo
        if undo is not None:
            told = rollback_context(
                self.plan,
                result=result.result,
                version=result.version,
                changes=dict(result.changes),
                differences=[f"{urn_name(one.urn)} {one.path}: {one.message}".strip() for one in result.differences],
            )
            yield from self._tell(undo, "after_rollback", told)

    def failed(self, error: RewindError) -> Iterator[EngineEvent]:
        """Calls `on_failure`, unless nothing was begun or the operator wants out at once."""
        undo = self.plan.undo
        if undo is None or not self._begun or self.stops > 1:
            return
        resumable = self.session.journal.read() is not None
        message = self.session.redactor_of_callbacks(str(error))
        told = rollback_context(self.plan, result="failed", error=message, resumable=resumable)
        yield from self._tell(undo, "on_failure", told)

    def unable(self, error: RewindError) -> Iterator[EngineEvent]:
        """Calls `on_failure` of a rollback that should run by itself and can't begin."""
        if self.plan.undo is not None:
            message = self.session.redactor_of_callbacks(str(error))
            told = rollback_context(self.plan, result="failed", error=message, resumable=False)
            yield from self._tell(self.plan.undo, "on_failure", told)

    # -- inside -------------------------------------------------------------------------------------------------

    def _tell(self, undo: UndoPlan, kind: str, context: dict[str, Any]) -> Iterator[EngineEvent]:
        for callback in undo.around(kind):
            try:
                yield from self.call(callback, context)
            except CallbackError as err:
                yield Diagnostic(f"{kind}: {err}", "warning")

    def _undo(self, call: Call, update: Mapping[str, Any]) -> Generator[EngineEvent, None, Any]:
        """What a callback returned, now or before this rollback was interrupted."""
        if self.stops:
            raise self._interrupted()
        self.changed = True
        callback, sha256 = call.callback, call.callback.code
        before = self._noted(call)
        if before is not None and before.sha256 == sha256 and before.result not in {"", "recreate"}:
            text = f"{callback.function} returned {before.result} before; it is not called again"
            yield Diagnostic(text, "info", call.urn)
            words = (before.result, before.id or before.reason)
            self.outcomes.append(CallbackOutcome(callback.function, callback.kind, call.urn, *words))
            if before.more:
                self.afterwards.add(call, self._context(call, update, continued=True))
            return {"result": before.result, "id": before.id, "reason": before.reason}
        record = UndoRecord(call.urn, callback.kind, callback.function, sha256)
        self.session.journal.note(record)
        context = self._context(call, update, again=before is not None)
        try:
            result = yield from self.call(callback, context, call.urn)
        except CallbackError as err:
            raise self._failed(err) from None
        given = result or {}
        self.session.redactor.note_within(given.get("inputs"))
        more = bool(given.get("more"))
        if more:
            self.afterwards.add(call, self._context(call, update, continued=True))
        self.session.journal.note(
            msgspec.structs.replace(
                record,
                result=result_words(result)[0],
                id=given.get("id", ""),
                reason=self.session.redactor_of_callbacks(given.get("reason", "")),
                more=more,
            )
        )
        return result

    def _context(
        self, call: Call, update: Mapping[str, Any], *, again: bool = False, continued: bool = False
    ) -> dict[str, Any]:
        entry = self.session.journal.read()
        whole = "\n".join((entry.key if entry else "", call.urn, call.callback.kind, call.callback.function))
        return call_context(
            call,
            stack=self.plan.stack,
            target=self.plan.target.label,
            update=update,
            key=hashlib.sha256(whole.encode()).hexdigest()[:32],
            again=again or continued,
            continued=continued,
        )

    def _went_on(self, call: Call) -> None:
        """Nothing is left to do for it, also if the rest of the run fails; from any thread."""
        if (noted := self._noted(call)) is not None:
            self.session.journal.note(msgspec.structs.replace(noted, more=False))

    def _noted(self, call: Call) -> UndoRecord | None:
        """What the journal has of a call, None if it wasn't begun."""
        entry = self.session.journal.read()
        mine = (call.urn, call.callback.kind, call.callback.function)
        known = {(item.urn, item.kind, item.function): item for item in entry.undo} if entry else {}
        return known.get(mine)

    def _told(self, update: Update | None) -> dict[str, Any]:
        """What a callback hears of the update that it undoes; why that failed is known here, or from its evidence."""
        from pulumi_rewind.records.evidence import error_of

        error = self.cause or ("" if update is None else error_of(self.session, update.number))
        return update_context(update, error)

    def _stopped(self) -> RewindError | None:
        return self._interrupted() if self.stops else None

    def _failed(self, error: CallbackError) -> RewindError:
        return self._stopped() or IncompleteError(f"{error}; {UNCHANGED}", hint=RESUME, changed=False)

    def _interrupted(self) -> InterruptedRun:
        return InterruptedRun(
            f"stopped while callbacks were called; {UNCHANGED}",
            hint="Run `pulumi-rewind resume` to continue. It does not call again what has returned.",
        )
