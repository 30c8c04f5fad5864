"""What a plan says about the project's callbacks: which are called for which step, and what a dry call returned."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import ParamSpec

from pulumi_rewind import prepare
from pulumi_rewind.errors import CallbackError, RewindError
from pulumi_rewind.journal import UndoRecord
from pulumi_rewind.model import Checkpoint, Update
from pulumi_rewind.plan import Plan, Risk, Step
from pulumi_rewind.recommend import CHECKPOINT
from pulumi_rewind.redaction import Redactor
from pulumi_rewind.revision_plan import revised
from pulumi_rewind.session import Session
from pulumi_rewind.undo_match import Call, UndoPlan, call_context, calls_for, told_result, update_context
from pulumi_rewind.undo_process import Callback, HooksFile, UndoProcess, find_hooks, interpreter
from pulumi_rewind.values import Json

P = ParamSpec("P")

READ = 64
"""How many checkpoints are read to find the update that removed or changed something."""


def _announcing(build: Callable[P, Plan]) -> Callable[P, Plan]:
    @functools.wraps(build)
    def planned(*args: P.args, **kwargs: P.kwargs) -> Plan:
        session = args[0]
        assert isinstance(session, Session)
        hooks = find_hooks(session.workspace.root, session.settings)  # an error of it comes before any work
        plan = build(*args, **kwargs)
        try:
            if hooks is None:
                return revised(session, plan)
            return announced(session, plan, hooks)
        except BaseException:
            plan.close()
            raise

    return planned


build_plan = _announcing(prepare.build_plan)
"""As `prepare.build_plan`, with the project's callbacks announced on the steps that they are called for."""


def announced(session: Session, plan: Plan, hooks: HooksFile) -> Plan:
    """The plan with its callbacks.

    Raises:
        CallbackError: the hooks file can't be loaded, or a dry call failed.
    """
    prepared = plan.prepared
    redact = redactor(session, prepared.live_plain, prepared.target_plain)
    process = UndoProcess(hooks, interpreter(session.workspace), session.workspace.environ, redact)
    try:
        callbacks = process.load()
        calls = calls_for(plan.steps, callbacks, prepared.goal, prepared.live_plain, prepared.target_plain)
        uncalled = bool(calls) and plan.strategy != CHECKPOINT
        if uncalled:  # their results could not be carried out
            calls = ()
        dry = dict(_dry_calls(session, plan, process, calls))
    finally:
        process.close()
    undo = UndoPlan(hooks, str(process.python), callbacks, calls, dry)
    plan = revised(session, dataclasses.replace(plan, undo=undo), process)
    returned = _returned(session, plan, hooks)
    by_urn = {call.urn: call for call in calls}
    names = {item.hook for item in callbacks if item.kind == "resource_hook"}
    steps = tuple(_with_risk(step, by_urn.get(step.urn), undo, returned, names) for step in plan.steps)
    around = [
        Risk("callback", f"will call {item.function} ({hooks.label}) {_WHEN[item.kind]}")
        for item in callbacks
        if item.kind in _WHEN
    ]
    if uncalled:
        message = f"callbacks for single resources ({hooks.label}) are not called by the strategy {plan.strategy!r}"
        around.append(Risk("callback", message))
    moves = not plan.nothing_to_do
    digest = hashlib.sha256(f"{plan.fingerprint}\n{hooks.sha256}".encode()).hexdigest()[:16]
    return dataclasses.replace(
        plan,
        steps=steps,
        risks=(*plan.risks, *around) if moves else plan.risks,
        fingerprint=digest,
        undo=undo,
    )


_WHEN = {
    "before_rollback": "before anything else",
    "after_rollback": "when it has succeeded",
    "on_failure": "if it fails",
}


def redactor(session: Session, *checkpoints: Checkpoint) -> Redactor:
    """Takes the secrets of some decrypted checkpoints, and the passphrases at hand, out of what callbacks say."""
    environ = session.workspace.environ
    names = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_ACCESS_TOKEN", *session.settings.passphrase_env)
    more = [environ[name] for name in names if environ.get(name)]
    return Redactor(checkpoints, more)


def _with_risk(
    step: Step, call: Call | None, undo: UndoPlan, returned: dict[tuple[str, str], UndoRecord], hooks: set[str]
) -> Step:
    risks = tuple(_hook_note(risk, hooks) for risk in step.risks)
    if call is not None:
        function = call.callback.function
        message = f"will call {function} ({undo.hooks.label})"
        before = returned.get((step.urn, function))
        if before is not None and before.result and before.result != "recreate":
            message = f"{function} has returned {_told(before.result, before.id or before.reason)} already"
        elif before is not None:
            message += " again: it was begun before"
        if dry := undo.dry.get((step.urn, function)):
            message += f"; a dry call returned {dry}"
        if call.callback.kind == "undo_delete":
            risks = tuple(risk for risk in risks if risk.code != "data-not-restored")
        risks = (*risks, Risk("callback", message, urn=step.urn))
    return dataclasses.replace(step, risks=risks)


def _hook_note(risk: Risk, known: set[str]) -> Risk:
    """The note that the code of Pulumi's own hooks isn't there, where it is."""
    if risk.code != "hook-code":
        return risk
    names = risk.message.partition(": ")[2].partition(";")[0].split(", ")
    if not set(names) <= known:
        return risk
    return dataclasses.replace(risk, message=f"runs the code of its hooks from the hooks file: {', '.join(names)}")


def _told(result: str, more: str) -> str:
    return f"{result} ({more})" if more else result


def _dry_calls(
    session: Session, plan: Plan, process: UndoProcess, calls: Sequence[Call]
) -> Iterator[tuple[tuple[str, str], str]]:
    updates = undone_updates(session, plan, [call for call in calls if call.callback.dry_run_safe])
    for call in calls:
        if call.callback.dry_run_safe:
            context = call_context(
                call,
                stack=plan.stack,
                target=plan.target.label,
                update=update_context(updates.get(call.urn)),
                key="dry-run",
                dry_run=True,
                again=False,
            )
            yield (call.urn, call.callback.function), process.redact(dry_call(process, call.callback, context))


def dry_call(process: UndoProcess, callback: Callback, context: dict[str, Json]) -> str:
    """What a callback that is safe to call says that it would return, or why it failed."""
    talk = process.call(callback, context)
    try:
        while True:
            next(talk)
    except StopIteration as end:
        return _told(*told_result(end.value))
    except CallbackError as err:
        return f"an error: {err}"


def _returned(session: Session, plan: Plan, hooks: HooksFile) -> dict[tuple[str, str], UndoRecord]:
    """What callbacks returned in a rollback to this target that was interrupted."""
    entry = session.journal.read()
    if entry is None or (entry.target, entry.digest) != (plan.target.update.number, plan.prepared.target.digest):
        return {}
    return {(item.urn, item.function): item for item in entry.undo if item.sha256 == hooks.sha256}


def undone_updates(session: Session, plan: Plan, calls: Sequence[Call]) -> dict[str, Update]:
    """URN of the step → the update that did what its call undoes: the first after the target that shows it."""
    timeline = session.timeline
    newest = len(timeline)
    waiting = {call.urn: call for call in calls}
    found: dict[str, Update] = {}
    first = plan.target.update.number + 1
    for number in range(first, min(newest, first + READ - 1) + 1):
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
        return call.goal_urn not in side.by_urn
    there = side.by_urn.get(call.live_urn) or side.by_urn.get(call.goal_urn)
    if call.callback.kind == "undo_create":
        return there is not None
    before = target.by_urn.get(call.goal_urn)
    return there is not None and before is not None and bytes(there.inputs) != bytes(before.inputs)
