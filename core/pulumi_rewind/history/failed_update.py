"""Whether the stack's newest update failed half-way, whoever ran it, and what to go back to then."""

from __future__ import annotations

from typing import Final, NamedTuple

from pulumi_rewind.history.origins import find, is_good
from pulumi_rewind.history.timeline import Timeline
from pulumi_rewind.history.update_mark import read_stamp
from pulumi_rewind.state.model import Update

BOOKKEEPING: Final = ": bookkeeping"
"""How the message of a rollback's second update ends, see `strategies.checkpoint.repair`."""


class HalfWay(NamedTuple):
    """A stack between two updates."""

    failed: Update
    """The newest update."""
    good: Update
    """The last good one; live differs from it."""


def undo_number(timeline: Timeline, version: int) -> int:
    """The update to go back to for taking back the rollback that became `version`; 0 if there is none.

    A rollback that failed and was resumed is one way: undoing it leads to before its first attempt. So is one that
    put back the bookkeeping of what it adopted. What was live before is in the rollback's own record; a number lower
    by one is only a guess where clocks differ.
    """
    history = timeline.history
    number = version
    for _ in range(len(history)):
        update = history.update(number)
        stamp = read_stamp(update)
        before = find(history, stamp.before) if stamp is not None and stamp.before is not None else None
        number = before.number if before is not None else number - (2 if update.message.endswith(BOOKKEEPING) else 1)
        if number < 1 or not _failed_attempt(history.update(number)):
            return max(number, 0)
    return 0


def before_attempts(timeline: Timeline) -> int:
    """The same for a rollback that has not come to its end, whether it became an update or not."""
    newest = timeline.live_update() or len(timeline)
    return undo_number(timeline, newest) if newest and _failed_attempt(timeline.update(newest)) else newest


def _failed_attempt(update: Update) -> bool:
    return not update.succeeded and update.is_rollback


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
    history = timeline.history
    before = next((update for update in history.newest(newest, before=newest) if is_good(history, update)), None)
    good = timeline.last_good()
    if before is None or good is None or not timeline.differs(before.number):
        return None  # live equals the last success: the update failed before it changed anything
    return HalfWay(failed, good)
