"""Which update live equals, and what is known of live without its state."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

import msgspec

from pulumi_rewind.backends.protocol import History
from pulumi_rewind.errors import BackendError
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.same import same_bytes

LIVE_SEARCH: Final = 1000
"""How far back a state that isn't the newest update's is searched for (`pulumi stack import` puts one back)."""

LIVE_READS: Final = 50
"""How many checkpoints are read for that."""

SIZE_SLACK: Final = 256
"""Bytes by which checkpoints of the same state may differ: when, by which engine and for which stack's name."""


class Standing(msgspec.Struct, frozen=True):
    """How live stands to the updates, for whoever needs the answers and not the state."""

    count: int
    """How many updates there were."""
    digest: str
    """Of live."""
    secrets: bool
    """Whether live holds secrets."""
    damage: str
    """See `Timeline.live_damage`."""
    live: int | None
    """See `Timeline.live_update`."""
    last_good: int | None
    """The number of `Timeline.last_good`."""


def find_live(history: History, live: Checkpoint) -> int | None:
    """The newest update whose checkpoint equals live, None if none of those near does."""
    newest = len(history)
    compared = reliable = False

    def alike() -> Iterator[int]:
        for number in range(newest, max(newest - LIVE_SEARCH, 0), -1):
            size = history.size(number) if compared and reliable else None
            if size is None or abs(size - len(live.raw)) <= SIZE_SLACK:
                yield number

    for number in islice(history.ahead(alike()), LIVE_READS):
        try:
            raw = history.raw(number)
        except BackendError:
            continue
        if same_bytes(raw, live.raw):
            return number
        # Whatever the newest one's size: it may only be written differently.
        compared, reliable = True, history.size(number) in {None, len(raw)}
    return None
