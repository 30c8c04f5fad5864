"""What a plan says about the project's callbacks: which are called for which step, and what a dry call returned."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence

from pulumi_rewind.callbacks.calling import Caller
from pulumi_rewind.callbacks.code import Chosen, interpreter
from pulumi_rewind.callbacks.state_code import embedded_code
from pulumi_rewind.callbacks.undo.match import FindEmbedded, calls_again, calls_for
from pulumi_rewind.engine.events import HookEnded
from pulumi_rewind.errors import RewindError
from pulumi_rewind.hooks.declare import HOOK_KINDS, UNDO_KINDS
from pulumi_rewind.plan.called import Call, Callback, UndoPlan
from pulumi_rewind.plan.model import Plan, Step
from pulumi_rewind.project.journal import UndoRecord
from pulumi_rewind.risk import HOOK_CODE, NOT_RESTORED, Risk
from pulumi_rewind.session import Session
from pulumi_rewind.state.model import Checkpoint, Resource, Update
from pulumi_rewind.strategies.choosing import STRATEGIES

READ = 64
"""How many checkpoints are read to find the update that removed or changed something."""


def undo_plan(caller: Caller, plan: Plan, chosen: Chosen, *, recorded: bool = False) -> UndoPlan | None:
    """What is called in a plan's run, dry calls made; None where the project has no callbacks.

    Raises:
        CallbackError: code of callbacks can't be loaded.
    """
    session, prepared = caller.session, plan.prepared
    live, target = prepared.live_plain, prepared.target_plain
    declared = {code.sha256: caller.load(code).callbacks for code in chosen.all()}
    today, for_live, for_target = (
        declared[one.sha256] if one else () for one in (chosen.today, chosen.for_live, chosen.for_target)
    )

    embedded = embedded_methods(caller)
    by_kind: dict[str, tuple[Callback, ...]] = {
        kind: for_target if kind == "undo_delete" else for_live for kind in UNDO_KINDS
    }
    calls = calls_for(plan.steps, by_kind, prepared.registered, live, target, embedded)
    uncalled = bool(calls) and not STRATEGIES[plan.strategy].calls
    if uncalled:
        calls = ()
    unfinished = _unfinished(plan, _begun(session, plan))
    finishing = calls_again(unfinished, by_kind, prepared.registered, live, target, embedded)
    if not caller.codes:
        return None
    return UndoPlan(
        today=chosen.today,
        codes=dict(caller.codes),
        python=str(interpreter(session.workspace)),
        callbacks=(
            *(item for item in today if item.kind in _WHEN),
            *(item for item in for_live if item.kind in HOOK_KINDS),
        ),
        calls=calls,
        dry=dict(_dry_calls(caller, plan, calls)),
        recorded=recorded,
        finishing=finishing,
        uncalled=uncalled,
    )


def embedded_methods(caller: Caller) -> FindEmbedded:
    """Finds the undo methods of dynamic providers; their code is loaded when a resource has one."""

    def embedded(kind: str, res: Resource) -> Callback | None:
        code = embedded_code(res, caller.session.workspace.root)
        callbacks = caller.load(code).callbacks if code is not None else ()
        return next((item for item in callbacks if item.kind == kind), None)

    return embedded


def announced(session: Session, plan: Plan, notes: Sequence[str] = ()) -> Plan:
    """The plan with what it says about its callbacks; `notes` are those of the code that was chosen."""
    undo = plan.undo
    if undo is None:
        return plan
    begun = _begun(session, plan)
    by_urn = {call.urn: call for call in undo.calls}
    names = {item.hook for item in undo.hooks}
    steps = tuple(_with_risk(step, by_urn.get(step.urn), undo, begun, names) for step in plan.steps)
    around = [
        f"will call {item.function} ({undo.code(item).label}) {_WHEN[item.kind]}"
        for item in undo.callbacks
        if item.kind in _WHEN
    ]
    if undo.uncalled:
        around.append(f"callbacks for single resources are not called by the strategy {plan.strategy!r}")
    told = [*around, *notes] if not plan.nothing_to_do else []
    told += [
        f"{call.callback.function} ({undo.code(call.callback).label}) continues for the resource that was restored"
        for call in undo.finishing
    ]
    hashes = "\n".join(sorted(undo.codes))
    digest = hashlib.sha256(f"{plan.fingerprint}\n{hashes}".encode()).hexdigest()[:16]
    risks = (*plan.risks, *(Risk("callback", message) for message in told))
    return dataclasses.replace(plan, steps=steps, risks=risks, fingerprint=digest)


_WHEN = {
    "before_rollback": "before anything else",
    "after_rollback": "when it has succeeded",
    "on_failure": "if it fails",
}


def _with_risk(
    step: Step, call: Call | None, undo: UndoPlan, begun: Mapping[tuple[str, str], UndoRecord], hooks: set[str]
) -> Step:
    risks = tuple(_hook_note(risk, hooks) for risk in step.risks)
    if call is not None:
        function = call.callback.function
        message = f"will call {function} ({undo.code(call.callback).label})"
        before = begun.get((step.urn, function))
        if before is not None and before.sha256 != call.callback.code:
            before = None
        if before is not None and before.result and before.result != "recreate":
            message = f"{function} has already returned {_told(before.result, before.id or before.reason)}"
        elif before is not None:
            message += " again: an earlier run started it"
        if dry := undo.dry.get((step.urn, function)):
            message += f"; a dry call returned {dry}"
        if call.callback.kind == "undo_delete":
            risks = tuple(risk for risk in risks if risk.code != NOT_RESTORED)
        risks = (*risks, Risk("callback", message, urn=step.urn))
    return dataclasses.replace(step, risks=risks)


def _hook_note(risk: Risk, known: set[str]) -> Risk:
    """The note that the code of Pulumi's own hooks isn't there, where it is."""
    if risk.code != HOOK_CODE or not set(risk.names) <= known:
        return risk
    return dataclasses.replace(risk, message=f"runs the code of its hooks from the hooks file: {', '.join(risk.names)}")


def _told(result: str, more: str) -> str:
    return f"{result} ({more})" if more else result


def _dry_calls(caller: Caller, plan: Plan, calls: Sequence[Call]) -> Iterator[tuple[tuple[str, str], str]]:
    """URN and function → what a callback that is safe to call says that it would return, or why it failed."""
    safe = [call for call in calls if call.callback.dry_run_safe]
    updates = undone_updates(caller.session, plan, safe)
    for call in safe:
        for event in caller.dry_call(call, plan.target.label, updates.get(call.urn)):
            if isinstance(event, HookEnded):
                outcome = _told(event.outcome, event.message)
                said = f"an error: {event.message}" if event.outcome == "failed" else outcome
                yield (call.urn, call.callback.function), said


def _begun(session: Session, plan: Plan) -> dict[tuple[str, str], UndoRecord]:
    """What callbacks have done in a rollback to this target that was interrupted, by URN and function."""
    entry = session.journal.peek()  # a damaged one is refused where it matters, before the run
    if entry is None or entry.digest != plan.prepared.target.digest:
        return {}
    return {(item.urn, item.function): item for item in entry.undo}


def _unfinished(plan: Plan, begun: Mapping[tuple[str, str], UndoRecord]) -> list[tuple[str, str]]:
    """What was restored before the interruption while its callback had yet to continue afterwards."""
    moving = {step.urn for step in plan.steps}
    return [(item.urn, item.kind) for item in begun.values() if item.more and item.urn not in moving]


def undone_updates(session: Session, plan: Plan, calls: Sequence[Call]) -> dict[str, Update]:
    """URN of the step → the update that did what its call undoes: the first after the target that shows it."""
    timeline = session.timeline
    newest = len(timeline)
    waiting = {call.urn: call for call in calls}
    found: dict[str, Update] = {}
    first = plan.target.update.number + 1
    for number in timeline.ahead(range(first, min(newest, first + READ - 1) + 1)):
        if not waiting:
            break
        try:
            side = timeline.checkpoint(number)
        except RewindError:
            continue
        for urn, call in list(waiting.items()):
            if _done_in(call, side, plan.prepared.target):
                found[urn] = timeline.update(number)
                del waiting[urn]
    return found


def _done_in(call: Call, side: Checkpoint, target: Checkpoint) -> bool:
    if call.callback.kind == "undo_delete":
        there = side.by_urn.get(call.goal_urn)
        return there is None or there.pending_replacement
    there = side.by_urn.get(call.live_urn) or side.by_urn.get(call.goal_urn)
    if call.callback.kind == "undo_create":
        return there is not None
    before = target.by_urn.get(call.goal_urn)
    return there is not None and before is not None and bytes(there.inputs) != bytes(before.inputs)
