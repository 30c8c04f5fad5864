"""The ids that the objects of a goal have had, as the checkpoints of a stack's history know them."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from pulumi_rewind.errors import RewindError
from pulumi_rewind.goal.model import Goal, Registration
from pulumi_rewind.history.timeline import Timeline
from pulumi_rewind.plan.adoption import adoptable, adopting, importing, wants_found
from pulumi_rewind.state.identity import birth, is_constant_id, objects_of
from pulumi_rewind.state.model import Checkpoint, Resource, parse_urn

READ: Final = 64
"""How many of the newest checkpoints are read at most."""


def taken_back(goal: Goal, live: Checkpoint, history: Iterable[Checkpoint] = ()) -> Goal:
    """The goal with those objects imported by their recorded id that left this stack's care without being deleted.

    A stack that once made an object and only reads it since has handed it over: a second one beside it would be wrong.
    `history` is looked at where live doesn't know the object at all.
    """
    managed = objects_of(live.resources)
    waiting = {
        (item.source.type, item.source.id): item.urn
        for item in adoptable(goal)
        if (item.source.type, item.source.id) not in managed and not is_constant_id(item.source.id)
    }
    read = _read_here(waiting, live.resources)
    for side in history if len(read) < len(waiting) else ():
        read |= _read_here(waiting, side.resources)
        if len(read) == len(waiting):
            break
    return importing(goal, read)


def knowing(timeline: Timeline, goal: Goal, live: Checkpoint, target: int, wanted: Mapping[str, str]) -> Goal:
    """The goal with the objects imported that are known to exist, and those that the operator wants (`adopting`)."""
    new = adoptable(goal)
    if not new:
        return adopting(goal, wanted)
    ids = {item.source.id for item in new if item.live_source is None}
    goal = taken_back(goal, live, checkpoints_since(timeline, target, ids) if ids else ())
    known = ids_since(new, live, checkpoints_since(timeline, target)) if wants_found(wanted) else {}
    return adopting(goal, wanted, known)


def _read_here(waiting: Mapping[tuple[str, str], str], resources: Iterable[Resource]) -> dict[str, tuple[str, ...]]:
    return {waiting[res.type, res.id]: (res.id,) for res in resources if res.external and (res.type, res.id) in waiting}


def ids_since(items: Collection[Registration], live: Checkpoint, history: Iterable[Checkpoint]) -> dict[str, list[str]]:
    """URN of the goal → the ids that the object has had in `history` (newest first), those aside that live manages.

    Rollbacks and replacements make new objects under the same name. Where an update renamed one, its births tell.
    """
    names: dict[tuple[str, str], str] = {}
    births: dict[object, str] = {}
    for item in items:
        names[_name(item.source)] = item.urn
        if (born := birth(item.source)) is not None:
            births[born] = item.urn
    managed = objects_of(live.resources)
    found: dict[str, list[str]] = {item.urn: [] for item in items}
    for side in reversed(list(history)):  # oldest first: a rename is known from then on
        for res in side.resources:
            born = birth(res)
            urn = names.get(_name(res)) or (births.get(born) if born is not None else None)
            if urn is None or res.delete or not res.id:
                continue
            names.setdefault(_name(res), urn)
            if born is not None:
                births.setdefault(born, urn)
            if (res.type, res.id) not in managed:
                found[urn] = [res.id, *(known for known in found[urn] if known != res.id)]
    return found


def _name(res: Resource) -> tuple[str, str]:
    parsed = parse_urn(res.urn)
    return parsed.qualified_type, parsed.name


def checkpoints_since(timeline: Timeline, target: int, holding: Collection[str] = ()) -> Iterator[Checkpoint]:
    """The checkpoints of the updates since the target, newest first; unreadable ones are passed over.

    With `holding` only those are decoded whose bytes hold one of the texts.
    """
    newest = len(timeline)
    needles = [text.encode() for text in holding]
    for number in timeline.ahead(range(newest, max(target, newest - READ, 0), -1)):
        with contextlib.suppress(RewindError):
            if needles:
                raw = timeline.history.raw(number)
                if b'"external"' not in raw or not any(needle in raw for needle in needles):
                    continue
            yield timeline.checkpoint(number)
