"""The order in which a goal's registrations are sent. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pulumi_rewind.goal import Registration


def in_order(registrations: Sequence[Registration]) -> list[Registration]:
    """The stack first, then everything after what it refers to; the given order wherever that leaves a choice."""
    by_urn = {item.urn: item for item in registrations}
    done: dict[str, Registration] = {}
    for first in sorted(registrations, key=lambda item: item.kind != "stack"):
        waiting = [first]
        entered: set[str] = set()
        while waiting:
            item = waiting[-1]
            missing = [urn for urn in item.awaited() if urn not in done and urn not in entered]
            entered.add(item.urn)
            if missing:
                waiting.extend(by_urn[urn] for urn in reversed(missing))
            else:
                done.setdefault(item.urn, item)
                waiting.pop()
    return list(done.values())
