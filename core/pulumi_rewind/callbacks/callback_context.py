"""What a callback gets, as it travels to the worker, and what it returned, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pulumi_rewind.plan.called import Call, Move
from pulumi_rewind.plan.model import Plan
from pulumi_rewind.state.model import Resource, Update
from pulumi_rewind.state.values import Json


def call_context(
    call: Call,
    *,
    stack: str,
    target: str,
    update: Mapping[str, Any],
    key: str,
    dry_run: bool = False,
    again: bool = False,
    continued: bool = False,
) -> dict[str, Json]:
    """The context of an undo callback; `continued`: what it waits for is there, the engine has done its part."""
    return {
        "stack": stack,
        "target": target,
        "old": resource_context(call.old),
        "new": resource_context(call.new),
        "update": update,
        "dry_run": dry_run,
        "again": again,
        "idempotency_key": key,
        "replaces": call.replaces and not continued,
    }


def rollback_context(plan: Plan, **more: Any) -> dict[str, Any]:
    """The context of a hook around a rollback; `more` is what is known afterwards."""
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


def revision_context(
    move: Move, component: Resource, members: Iterable[Resource], *, stack: str, target: str, key: str, again: bool
) -> dict[str, Any]:
    """The context of a revision's up or down."""
    return {
        "stack": stack,
        "target": target,
        "revision": move.revision,
        "direction": move.direction,
        "component": resource_context(component),
        "resources": [resource_context(res) for res in members],
        "again": again,
        "idempotency_key": key,
    }


def resource_context(res: Resource | None) -> dict[str, Json] | None:
    """One side of a resource."""
    if res is None:
        return None
    return {
        "urn": res.urn,
        "type": res.type,
        "name": res.name,
        "id": res.id,
        "inputs": res.decoded_inputs(),
        "outputs": res.decoded_outputs(),
    }


def update_context(update: Update | None, error: str = "") -> dict[str, Any]:
    """What a callback gets to know of the update that it undoes."""
    if update is None:
        return {"error": error}
    return {
        "number": update.number,
        "kind": update.kind,
        "result": update.result,
        "message": update.message,
        "error": error,
        "commit": update.commit,
        "branch": update.branch,
        "author": update.author,
        "time": update.end_time or update.start_time,
        "start": update.start_time,
    }


def result_words(result: Mapping[str, Any] | None) -> tuple[str, str]:
    """A result in words: what it is, and its id or reason; inputs by name alone."""
    if result is None:
        return "done", ""
    kind = str(result["result"])
    words = [str(result.get("id") or result.get("reason") or "")]
    if kind == "recreate" and result.get("inputs"):
        words.append("with other " + ", ".join(sorted(result["inputs"])))
    words.append(str(result.get("note") or ""))
    return kind, "; ".join(filter(None, words))
