"""Where the state of an update comes from, and whether it may be called good.

A rollback makes no state of its own: it brings back its target's, and with it the verdict on it.
"""

from __future__ import annotations

from itertools import chain

from pulumi_rewind.backends.protocol import History
from pulumi_rewind.history.update_mark import Mark, Stamp, read_stamp
from pulumi_rewind.state.model import Update

NEAR = 200
"""How far from its number an update is looked for."""


def find(history: History, mark: Mark) -> Update | None:
    """The update that a mark means; other runners' clocks may have moved it to another number since."""
    last = len(history)
    away = chain.from_iterable((mark.number + step, mark.number - step) for step in range(1, NEAR))
    for number in (mark.number, *(away if mark.time else ())):
        if 1 <= number <= last:
            update = history.update(number)
            if update.start_time == mark.time or not mark.time:
                return update
    return None


def own_record(history: History, stamp: Stamp) -> Update | None:
    """The newest update of the rollback that wrote this stamp, wherever clocks have put it."""
    for update in history.newest(NEAR):
        found = read_stamp(update)
        if found is not None and found.run == stamp.run:
            return update
    return None


def rolled_back_to(history: History, update: Update) -> Update | None:
    """The update that a rollback of ours went back to; None for anything else, and where it can't be found."""
    stamp = read_stamp(update)
    target = find(history, stamp.target) if stamp is not None and stamp.target is not None else None
    if stamp is None or target is None or target.number == update.number:
        return None
    if not (stamp.target and stamp.target.time) and target.number > update.number:
        return None  # a bare number can't mean a later one
    return target


def origin(history: History, update: Update, *, whole: bool = False) -> Update:
    """The update whose state a rollback brought back in the end, through all rollbacks to rollbacks.

    With `whole` only as far as all of a state was brought back.
    """
    seen = {update.number}
    while (target := rolled_back_to(history, update)) is not None and target.number not in seen:
        stamp = read_stamp(update)
        if whole and (not update.succeeded or stamp is None or stamp.partial):
            break
        seen.add(target.number)
        update = target
    return update


def is_good(history: History, update: Update) -> bool:
    """Whether an update may be called good: it succeeded, left something to go back to, and so did what it stands on.

    A rollback is as good as its target. A refresh or an import deploys nothing: it is as good as the update before.
    """
    if not (update.succeeded and update.has_checkpoint and update.kind != "destroy"):
        return False
    seen = {update.number}
    while True:
        below = rolled_back_to(history, update)
        if below is None and update.kind != "update":
            below = next((one for one in history.newest(NEAR, before=update.number) if _deploys(one)), None)
        if below is None or below.number in seen:
            return True
        if _deploys(below) and not (below.succeeded and below.kind != "destroy"):
            return False
        seen.add(below.number)
        update = below


def _deploys(update: Update) -> bool:
    """Whether an update says what the stack is to be, rather than what is there."""
    return update.kind in {"update", "destroy"} or update.result == "unreadable"
