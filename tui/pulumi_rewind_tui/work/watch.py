"""Watching a stack: a cheap look at its backend every two seconds, in a thread; only what is new is read."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from textual.message import Message

from pulumi_rewind_tui.work.background import CancelCheck, in_thread

if TYPE_CHECKING:
    from textual.dom import DOMNode
    from textual.timer import Timer
    from textual.worker import Worker

    from pulumi_rewind.backends.protocol import Glance
    from pulumi_rewind.session import Session

EVERY = 2.0
"""Seconds between two looks."""

OVERDUE = 5.0
"""Seconds after which a look that hasn't ended counts as one that failed: the drive or the network hangs."""

Follow: TypeAlias = "Callable[[Glance | None, Glance], None]"
"""Reads what is new and posts it, with the glance; given the glance of before (None: unknown) and that of now."""


@dataclass
class Reached(Message):
    """The backend answered."""


@dataclass
class Unreached(Message):
    """The backend did not answer, or what is new could not be read; the next look tries again."""

    error: BaseException | None


class Watch:
    """Looks at a session's backend for a screen, which gets `Reached`, `Unreached` and what its `Follow` posts."""

    def __init__(self, node: DOMNode, following: Callable[[], tuple[Session, Follow] | None]) -> None:
        """`following` says, before each look, what to look at and what to do with news; None: nothing to watch now."""
        self._node = node
        self._following = following
        self._timer: Timer | None = None
        self._worker: Worker[None] | None = None
        self._begun = 0.0
        self.seen: Glance | None = None
        """The glance that goes with what is on the screen; the screen sets it when it shows news."""

    def begin(self) -> None:
        """Looks every two seconds from now on."""
        self._timer = self._node.set_interval(EVERY, self.look)

    def pause(self) -> None:
        """Stops looking."""
        if self._timer is not None:
            self._timer.pause()

    def resume(self) -> None:
        """Looks at once, and every two seconds again."""
        if self._timer is not None:
            self._timer.reset()
            self._timer.resume()
            self.look()

    @property
    def since_last(self) -> float:
        """Seconds since the last look began."""
        return time.monotonic() - self._begun

    def look(self) -> None:
        """Looks, unless the last look hasn't come back."""
        if self._worker is not None and not self._worker.is_finished:
            if self.since_last > OVERDUE:
                self._node.post_message(Unreached(None))
            return
        wanted = self._following()
        if wanted is None:
            return
        session, follow = wanted
        seen, self._begun = self.seen, time.monotonic()

        def work(_: CancelCheck) -> None:
            now = session.backend.glance(session.stack)
            self._node.post_message(Reached())
            if now != seen:
                follow(seen, now)

        self._worker = in_thread(self._node, "watch", work, Unreached)
