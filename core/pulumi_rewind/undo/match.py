"""Which undo callback is called for which step of a plan, and what it is told. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pulumi_rewind.called import Call, Callback
from pulumi_rewind.goal import Goal
from pulumi_rewind.model import Checkpoint, Resource, Update
from pulumi_rewind.plan import Step
from pulumi_rewind.undo.declare import UNDO_KINDS
from pulumi_rewind.values import Json

_KINDS: Mapping[str, str] = {
    "create": "undo_delete",
    "update": "undo_update",
    "replace": "undo_update",
    "delete": "undo_create",
}
"""What undoes the step's counterpart."""


Riding = Callable[[str, Resource], Callback | None]
"""Gets a kind of callback and a resource; returns the method for it that rides in the resource's own inputs."""


def no_riding(_kind: str, _res: Resource) -> None:
    """Nothing rides anywhere."""


def calls_for(
    steps: Sequence[Step],
    callbacks: Mapping[str, Sequence[Callback]],
    goal: Goal,
    live: Checkpoint,
    target: Checkpoint,
    riding: Riding = no_riding,
) -> tuple[Call, ...]:
    """The calls of a plan in their order; the first callback of its kind that matches a step is the one.

    Where none does, the method of the resource's own dynamic provider is. What restores goes first, what it depends
    on before it; then what changes and what takes away, each after what depends on it: should a restoration fail,
    nothing that lives has been touched.
    """
    found: list[Call] = []
    for step in steps:
        kind = _KINDS.get(step.op, "")
        if not kind or step.forecast == "kept":
            continue
        item = goal.by_run_urn.get(step.urn)
        old = item.source if item is not None and not item.from_live else None
        new = live.by_urn.get(item.live_urn if item is not None else step.urn)
        call = _call_for(kind, step.urn, old, new, callbacks.get(kind, ()), live, target, riding)
        if call is not None:
            found.append(call)
    return in_order(found, live, target)


def calls_again(
    wanted: Iterable[tuple[str, str]],
    callbacks: Mapping[str, Sequence[Callback]],
    goal: Goal,
    live: Checkpoint,
    target: Checkpoint,
    riding: Riding = no_riding,
) -> tuple[Call, ...]:
    """The calls for some steps (URN and kind of callback) that an interrupted run has carried out already."""
    found: list[Call] = []
    for urn, kind in wanted:
        item = goal.by_run_urn.get(urn)
        new = live.by_urn.get(item.live_urn) if item is not None else None
        if item is not None and not item.from_live and new is not None:
            call = _call_for(kind, urn, item.source, new, callbacks.get(kind, ()), live, target, riding)
            found += [call] if call is not None else []
    return in_order(found, live, target)


def _call_for(
    kind: str,
    urn: str,
    old: Resource | None,
    new: Resource | None,
    callbacks: Sequence[Callback],
    live: Checkpoint,
    target: Checkpoint,
    riding: Riding,
) -> Call | None:
    subject, side = (old, target) if kind == "undo_delete" else (new, live)
    if subject is None or not subject.custom or subject.is_provider:
        return None
    callback = first_match(callbacks, kind, subject, side) or riding(kind, subject)
    if callback is None:
        return None
    return Call(callback, urn, old.urn if old else "", new.urn if new else "", old, new)


def in_order(calls: Iterable[Call], live: Checkpoint, target: Checkpoint) -> tuple[Call, ...]:
    """Calls as they are to be called, see `calls_for`."""
    places = {res.urn: index for side in (target, live) for index, res in enumerate(side.resources)}

    def order(call: Call) -> tuple[int, int]:
        kind = UNDO_KINDS.index(call.callback.kind)
        place = places.get(call.goal_urn if not kind else call.live_urn, 0)
        return kind, place if not kind else -place

    return tuple(sorted(calls, key=order))


def first_match(callbacks: Iterable[Callback], kind: str, res: Resource, side: Checkpoint) -> Callback | None:
    """The callback of a kind that is called for a resource of one of the two sides."""
    around = tuple(components(res, side))
    for callback in callbacks:
        if callback.kind == kind and callback.selector.matches(res.urn, res.type, res.name, around):
            return callback
    return None


def components(res: Resource, side: Checkpoint) -> Iterator[str]:
    """The types of the components that a resource is in, innermost first."""
    seen: set[str] = set()
    parent = side.by_urn.get(res.parent)
    while parent is not None and parent.urn not in seen:
        seen.add(parent.urn)
        if parent.is_component:
            yield parent.type
        parent = side.by_urn.get(parent.parent)


# -- what a callback is told ----------------------------------------------------------------------------------------


def call_context(
    call: Call, *, stack: str, target: str, update: Mapping[str, Any], key: str, dry_run: bool, again: bool
) -> dict[str, Json]:
    """The context of an undo callback, as it travels to the worker."""
    return {
        "stack": stack,
        "target": target,
        "old": resource_context(call.old),
        "new": resource_context(call.new),
        "update": update,
        "dry_run": dry_run,
        "again": again,
        "idempotency_key": key,
    }


def resource_context(res: Resource | None) -> dict[str, Json] | None:
    """One side of a resource, as it travels."""
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
    """What a callback is told of the update that it undoes."""
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
    }


def told_result(result: Mapping[str, Any] | None) -> tuple[str, str]:
    """A result in words: what it is, and its id or reason; inputs by name alone."""
    if result is None:
        return "done", ""
    kind = str(result["result"])
    if kind == "recreate" and result.get("inputs"):
        return kind, "with other " + ", ".join(sorted(result["inputs"]))
    return kind, str(result.get("id") or result.get("reason") or "")
