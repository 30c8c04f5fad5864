"""Where a live object comes from: whether the stack made it, or it existed before and was imported or taken over.

The state says it of an object whose program still imports it. Of others the history does: the first update that has the
object. It is found by bisection, so that few checkpoints are read.
"""

from __future__ import annotations

from typing import Final

from pulumi_rewind.errors import RewindError
from pulumi_rewind.history.timeline import Timeline
from pulumi_rewind.state.identity import objects_of
from pulumi_rewind.state.model import Resource, Update

READS: Final = 200
"""How many checkpoints are read at most for all objects of a plan."""

OLDER: Final = 32
"""How many updates before the target are looked through for an object that a rollback took over."""


class Origins:
    """The origins of the objects of one stack that its update `target` lacks."""

    def __init__(self, timeline: Timeline, target: int) -> None:
        self._timeline = timeline
        self._target = target
        self._read: dict[int, dict[tuple[str, str], Resource] | None] = {}

    def __call__(self, res: Resource) -> str:
        """How an object that existed before came into the stack; empty if the stack made it, or nobody knows."""
        if res.import_id and res.import_id == res.id:
            return "was imported"
        number = self._first(res)
        if number is None:
            return ""
        entry, update = self._objects(number), self._timeline.update(number)
        found = entry.get((res.type, res.id)) if entry else None
        if found is None:
            return ""
        if found.import_id == res.id or update.kind == "resource-import":
            return f"was imported by #{number}"
        return f"was adopted by #{number}" if self._taken_over(res, update) else ""

    def _first(self, res: Resource) -> int | None:
        """The first update after the target that has the object; None where none does, or it isn't found out."""
        low, high = self._target + 1, len(self._timeline)
        if low > high or not self._has(high, res):
            return None
        while low < high:
            middle = (low + high) // 2
            if self._has(middle, res):
                high = middle
            else:
                low = middle + 1
        return high

    def _taken_over(self, res: Resource, update: Update) -> bool:
        """Whether an update that imported something took over an object that the stack had known before."""
        if not update.changes.get("import") and not update.changes.get("import-replacement"):
            return False
        if not any(update.changes.get(op) for op in ("create", "create-replacement", "replace")):
            return True
        return any(self._has(number, res) for number in range(self._target, max(self._target - OLDER, 0), -1))

    def _has(self, number: int, res: Resource) -> bool:
        objects = self._objects(number)
        return objects is not None and (res.type, res.id) in objects

    def _objects(self, number: int) -> dict[tuple[str, str], Resource] | None:
        if number not in self._read:
            if len(self._read) >= READS:
                return None
            try:
                self._read[number] = objects_of(self._timeline.checkpoint(number).resources)
            except RewindError:
                self._read[number] = None
        return self._read[number]
