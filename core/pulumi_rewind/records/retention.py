"""How long records are kept: the newest `keep`, none older than `keep_days`, never without a good one to go back to."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from pulumi_rewind.errors import RewindError
from pulumi_rewind.records.lookup import OpenedStack
from pulumi_rewind.records.store import Records

DAY = 86_400


def to_keep(
    times: Mapping[int, int], *, keep: int, keep_days: int, now: float, always: Iterable[int] = ()
) -> frozenset[int]:
    """Which numbers stay: `times` has when each update ended, Unix seconds; 0 means no limit. Pure.

    The newest one and those in `always` stay in any case.
    """
    newest_first = sorted(times, reverse=True)
    kept = newest_first[:keep] if keep else newest_first
    if keep_days:
        kept = [number for number in kept if times[number] >= now - keep_days * DAY]
    return frozenset({*kept, *newest_first[:1], *(number for number in always if number in times)})


def kept_numbers(opened: OpenedStack, numbers: Iterable[int]) -> frozenset[int]:
    """Which of these updates the settings of the project keep."""
    settings = opened.settings
    numbers = sorted(numbers)
    times = dict.fromkeys(numbers, 0)
    if settings.keep_days:
        times = {number: _ended(opened, number) for number in numbers}
    return to_keep(
        times, keep=settings.keep, keep_days=settings.keep_days, now=time.time(), always=_good(opened, numbers)
    )


def prune(opened: OpenedStack, records: Records) -> tuple[int, ...]:
    """Drops the records that aren't to be kept and returns their numbers.

    Foreign ones are left alone, and count for nothing: many of them would push out all others. Only refs go;
    git removes the objects in its own time, so that `git fsck --lost-found` still finds them.

    Raises:
        RecordError: git can't write, or a record was changed meanwhile.
    """
    refs = records.trusted()
    dropped = sorted(refs.keys() - kept_numbers(opened, refs))
    if dropped:
        records.store.remove({records.ref(number): refs[number] for number in dropped})
        opened.reload()
    return tuple(dropped)


def _ended(opened: OpenedStack, number: int) -> int:
    """When an update ended; one that nobody can tell of counts as new, so that it isn't dropped for its age."""
    try:
        update = opened.timeline.update(number)
    except RewindError:
        return int(time.time())
    return update.end_time or update.start_time or int(time.time())


def _good(opened: OpenedStack, numbers: list[int]) -> set[int]:
    """The last good update of the timeline, and the newest good one among these that has all it takes."""
    found: set[int] = set()
    try:
        good = opened.timeline.last_good()
        if good is not None:
            found.add(good.number)
        for number in reversed(numbers):
            if opened.timeline.is_good(number):
                found.add(number)
                break
    except RewindError:
        pass
    return found
