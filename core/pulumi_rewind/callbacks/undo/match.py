"""Which undo callback is called for which step of a plan. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from pulumi_rewind.goal.model import Registration
from pulumi_rewind.hooks.declare import UNDO_KINDS
from pulumi_rewind.plan.called import Call, Callback
from pulumi_rewind.plan.model import Step
from pulumi_rewind.state.model import Checkpoint, Resource

_KINDS: Mapping[str, str] = {
    "create": "undo_delete",
    "update": "undo_update",
    "replace": "undo_update",
    "delete": "undo_create",
}
"""What undoes the step's counterpart; what is held stays as it is, so nothing is called for it."""


FindEmbedded = Callable[[str, Resource], Callback | None]
"""Gets a kind of callback and a resource; returns the method for it that the resource's own inputs contain."""


def no_embedded(_kind: str, _res: Resource) -> None:
    """No resource contains a method."""


def calls_for(
    steps: Sequence[Step],
    callbacks: Mapping[str, Sequence[Callback]],
    registered: Mapping[str, Registration],
    live: Checkpoint,
    target: Checkpoint,
    embedded: FindEmbedded = no_embedded,
) -> tuple[Call, ...]:
    """The calls of a plan in their order; the first callback of its kind that matches a step is the one.

    Where none does, the method of the resource's own dynamic provider is. What restores goes first, what it depends
    on before it; then what changes and what removes, each after what depends on it: should a restoration fail,
    nothing that lives has been touched. `registered` is what the run registers, by the URN in the run.
    """
    gone = {res.urn for res in live.resources if res.pending_replacement}
    wanted = [
        (step.urn, "undo_delete" if (step.renamed_from or step.urn) in gone else _KINDS[step.op])
        for step in steps
        if step.op in _KINDS and step.forecast != "kept"
    ]
    replaced = {step.urn for step in steps if step.op == "replace"}
    calls = _calls(wanted, callbacks, registered, live, target, embedded)
    return tuple(dataclasses.replace(call, replaces=call.urn in replaced) for call in calls)


def calls_again(
    wanted: Iterable[tuple[str, str]],
    callbacks: Mapping[str, Sequence[Callback]],
    registered: Mapping[str, Registration],
    live: Checkpoint,
    target: Checkpoint,
    embedded: FindEmbedded = no_embedded,
) -> tuple[Call, ...]:
    """The calls for some steps (URN and kind of callback) that an interrupted run has carried out already."""
    return _calls(wanted, callbacks, registered, live, target, embedded, done=True)


def _calls(
    wanted: Iterable[tuple[str, str]],
    callbacks: Mapping[str, Sequence[Callback]],
    registered: Mapping[str, Registration],
    live: Checkpoint,
    target: Checkpoint,
    embedded: FindEmbedded,
    *,
    done: bool = False,
) -> tuple[Call, ...]:
    """The calls for steps; `done`: for those that were carried out already, so that both sides have the resource."""
    found: list[Call] = []
    for urn, kind in wanted:
        item = registered.get(urn)
        old = item.source if item is not None and not item.from_live else None
        new = live.by_urn.get(item.live_urn if item is not None else urn)
        if new is not None and new.pending_replacement:
            new = None  # a failed update has deleted it, and made no other one
        subject, side = (old, target) if kind == "undo_delete" else (new, live)
        if subject is None or not subject.custom or subject.is_provider or (done and None in (old, new)):
            continue
        callback = first_match(callbacks.get(kind, ()), kind, subject, side) or embedded(kind, subject)
        if callback is not None:
            found.append(Call(callback, urn, old.urn if old else "", new.urn if new else "", old, new))
    return in_order(found, live, target)


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
