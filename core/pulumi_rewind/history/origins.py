"""Where the state of an update comes from, and whether it may be called good.

A rollback makes no state of its own: it brings back its target's, and with it the verdict on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from pulumi_rewind.backends.protocol import History
from pulumi_rewind.history.update_mark import Mark, Stamp, read_stamp
from pulumi_rewind.history.verdict import NO_VERDICTS, Said, Verdicts
from pulumi_rewind.state.model import Update

NEAR = 200
"""How far from its number an update is looked for."""

PREFERRED = 100
"""Among how many of the newest updates a verified one is looked for: it is preferred, but not to a hundred others."""


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


def is_good(history: History, update: Update, verdicts: Verdicts = NO_VERDICTS) -> bool:
    """Whether an update may be called good: it succeeded, left something to go back to, and so did what it stands on.

    A rollback is as good as its target. A refresh or an import deploys nothing: it is as good as the update before. A
    verdict decides for the update and for what stands on it.
    """
    if not (update.succeeded and update.has_checkpoint and update.kind != "destroy"):
        return False
    seen = {update.number}
    while True:
        verdict = verdicts.of(update)
        if verdict is not None:
            return verdict.good
        below = rolled_back_to(history, update)
        if below is None and update.kind != "update":
            below = next((one for one in history.newest(NEAR, before=update.number) if _deploys(one)), None)
        if below is None or below.number in seen:
            return True
        if _deploys(below) and not (below.succeeded and below.kind != "destroy"):
            return False
        seen.add(below.number)
        update = below


def verdict_on(history: History, update: Update, verdicts: Verdicts) -> Said | None:
    """What was said of an update, or of the one whose state it brought back; None if nothing was.

    A rollback with chosen resources alone made a state that nobody judged; it inherits only that its target is not
    good.
    """
    if not verdicts.numbers():
        return None
    seen, whole = set[int](), True
    while update.number not in seen:
        seen.add(update.number)
        verdict = verdicts.of(update)
        if verdict is not None:
            return Said(verdict, update.number) if whole or not verdict.good else None
        stamp, target = read_stamp(update), rolled_back_to(history, update)
        if stamp is None or target is None:
            return None
        whole = whole and update.succeeded and not stamp.partial
        update = target
    return None


def verified(history: History, verdicts: Verdicts) -> Iterator[int]:
    """The verified ones among the newest updates, newest first; reads no update that is older than all verdicts."""
    total = len(history)
    judged = [number for number in verdicts.numbers() if number <= total]
    if not judged:
        return
    for update in history.newest(min(PREFERRED, total - min(judged) + 1)):
        said = verdict_on(history, update, verdicts)
        if said is not None and said.verdict.good:
            yield update.number


def _deploys(update: Update) -> bool:
    """Whether an update says what the stack is to be, rather than what is there."""
    return update.kind in {"update", "destroy"} or update.result == "unreadable"
