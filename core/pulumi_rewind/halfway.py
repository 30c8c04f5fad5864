"""Whether the stack's newest update failed half-way, whoever ran it, and what to go back to then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pulumi_rewind.model import Update
from pulumi_rewind.timeline import Timeline, is_good

BOOKKEEPING: Final = ": bookkeeping of what was adopted"
"""How the message of a rollback's second update ends, see `bookkeeping`."""


@dataclass(frozen=True)
class HalfWay:
    """A stack between two updates."""

    failed: Update
    """The newest update."""
    good: Update
    """The newest one that succeeded; live differs from it."""


def undo_number(timeline: Timeline, version: int) -> int:
    """The update to go back to for taking back the rollback that became `version`; 0 if there is none.

    A rollback that failed and was resumed is one way: undoing it leads to before its first attempt. So is one that
    put back the bookkeeping of what it adopted.
    """
    number = version - 1
    if 0 < number < len(timeline) and timeline.update(version).message.endswith(BOOKKEEPING):
        number -= 1
    while number > 0 and not (update := timeline.update(number)).succeeded and update.is_rollback:
        number -= 1
    return number


def half_way(timeline: Timeline) -> HalfWay | None:
    """The newest update and the one to go back to, if it failed and left the stack another one than before.

    None for a rollback of ours that failed, which the journal knows, and where somebody has moved live since.
    """
    newest = len(timeline)
    if not newest:
        return None
    failed = timeline.update(newest)
    if failed.result != "failed" or failed.is_rollback or timeline.live_update() not in {newest, None}:
        return None
    before = next((update for update in timeline.history.newest(newest, before=newest) if is_good(update)), None)
    good = timeline.last_good()
    if before is None or good is None or before.number != good.number:
        return None  # live equals the last success: the update failed before it changed anything
    return HalfWay(failed, good)
