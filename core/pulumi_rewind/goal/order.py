"""Things that need each other, in an order in which each follows what it needs. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)


def in_dependency_order(keys: Iterable[Key], needs: Callable[[Key], Iterable[Key]]) -> tuple[list[Key], bool]:
    """All keys, each after what it needs, and whether some need each other in turn, so that one comes too early.

    The given order wherever that leaves a choice.
    """
    done: dict[Key, None] = {}
    in_turn = False
    for first in keys:
        waiting, entered = [first], set[Key]()
        while waiting:
            key = waiting[-1]
            open_ = [needed for needed in needs(key) if needed not in done] if key not in done else []
            missing = [needed for needed in open_ if needed not in entered]
            entered.add(key)
            if missing:
                waiting.extend(reversed(missing))
            else:
                in_turn = in_turn or bool(open_)
                done.setdefault(key)
                waiting.pop()
    return list(done), in_turn
