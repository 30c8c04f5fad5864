"""What differs between two states beside their resources: how often, and in which order, entries stand in them. Pure.

A comparison by URN sees each URN once. The strategy `state` puts a whole file back, and a damaged state often differs
from a sound one in nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator

from pulumi_rewind.state.model import Checkpoint, Resource

ORDER = "the entries of the state have their earlier order again"


def entry_differences(old: Checkpoint, new: Checkpoint, told: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """URN (empty: the state) and what becomes of it on the way from `old` to `new`; `told` are left out."""
    before, after = _entries(old), _entries(new)
    for key in dict.fromkeys([*before, *after]):
        if before[key] == after[key] or key[0] in told:
            continue
        urn, id_, waits = key
        if waits:
            what = "is in the state again" if after[key] else "is no longer in the state; the object itself stays"
            yield urn, f"the old copy {id_}, which is pending deletion, {what}"
        elif before[key] and after[key]:
            yield urn, f"is in the state {_times(after[key])}, no longer {_times(before[key])}"
        else:
            yield urn, "is in the state again" if after[key] else "is no longer in the state; the object itself stays"
    common = before.keys() & after.keys()
    if _order(old, common) != _order(new, common):
        yield "", ORDER


def _times(count: int) -> str:
    return "once" if count == 1 else "twice" if count == 2 else f"{count} times"


def _key(res: Resource) -> tuple[str, str, bool]:
    return res.urn, res.id, res.delete


def _entries(checkpoint: Checkpoint) -> Counter[tuple[str, str, bool]]:
    return Counter(map(_key, checkpoint.resources))


def _order(checkpoint: Checkpoint, keys: Collection[tuple[str, str, bool]]) -> list[tuple[str, str, bool]]:
    return list(dict.fromkeys(key for key in map(_key, checkpoint.resources) if key in keys))
