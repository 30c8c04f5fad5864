"""Watching a stack: a cheap look at its backend every few seconds, in a thread; only what is new is read.

How often depends on what a look costs there (`backends.urls.pace`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from textual.message import Message

from pulumi_rewind.backends import urls
from pulumi_rewind.state.locks import running
from pulumi_rewind_tui.workers.background import CancelCheck, in_thread

if TYPE_CHECKING:
    from textual.dom import DOMNode
    from textual.timer import Timer
    from textual.worker import Worker

    from pulumi_rewind.backends.protocol import Glance
    from pulumi_rewind.session import Session

EVERY = 2.0
"""Seconds between two looks at a directory, and at any backend while somebody holds the stack."""

OVERDUE = 5.0
"""Seconds after which a look that hasn't ended is told: the drive or the network hangs, or there is much to read."""

Follow: TypeAlias = "Callable[[Glance | None, Glance], None]"
"""Reads what is new and posts it, with the glance; given the glance of before (None: unknown) and that of now."""

Beside: TypeAlias = "Callable[[Session], None]"
"""Reads what no glance shows, and posts it: at most one question more for each look."""


Behind: TypeAlias = Literal["away", "reading", "unread"]
"""Why what is on the screen may be out of date: the backend doesn't answer, what is new takes long to read, or can't be
read at all."""


class CaughtUp(Message):
    """The backend answered, and what was new has been read."""


@dataclass(eq=False, repr=False)
class FellBehind(Message):
    """A look failed or takes long; the next one tries again."""

    why: Behind


class Watch:
    """Looks at a session's backend for a screen, which gets `CaughtUp`, `FellBehind` and what its `Follow` posts."""

    def __init__(
        self, node: DOMNode, following: Callable[[], tuple[Session, Follow] | None], beside: Beside | None = None
    ) -> None:
        """`following` says, before each look, what to look at and what to do with news; None: nothing to watch now."""
        self._node = node
        self._following = following
        self._beside = beside
        self._timer: Timer | None = None
        self._worker: Worker[None] | None = None
        self._begun = 0.0
        self._pace = 0.0
        """Seconds that should lie between two looks while nobody holds the stack."""
        self._failed = False
        """Whether the last look failed."""
        self._answered = False
        """Whether the backend has answered to the look that is under way."""
        self.seen: Glance | None = None
        """The glance that goes with what is on the screen; the screen sets it when it shows news."""

    def begin(self) -> None:
        """Looks again and again from now on."""
        self._timer = self._node.set_interval(EVERY, self._look_if_due)

    def pause(self) -> None:
        """Stops looking."""
        if self._timer is not None:
            self._timer.pause()

    def resume(self) -> None:
        """Looks at once, and again and again."""
        if self._timer is not None:
            self._timer.reset()
            self._timer.resume()
            self.look()

    def forget(self) -> None:
        """Ends the look that is under way, and forgets what it was for: another stack opens."""
        if self._worker is not None:
            self._worker.cancel()
        self._worker = self.seen = None
        self._failed = False

    @property
    def _locked(self) -> bool:
        return self.seen is not None and bool(running(self.seen.locks))

    @property
    def since_last(self) -> float:
        """Seconds since the last look began."""
        return time.monotonic() - self._begun

    def _look_if_due(self) -> None:
        """A look that is under way is asked after; one that failed is soon made again."""
        waiting = self._worker is not None and not self._worker.is_finished
        pace = min(self._pace, OVERDUE) if self._failed else 0.0 if self._locked else self._pace
        if waiting or self.since_last > pace - EVERY / 2:
            self.look()

    def look(self) -> None:
        """Looks, unless the last look hasn't come back."""
        if self._worker is not None and not self._worker.is_finished:
            if self.since_last > OVERDUE:
                self._node.post_message(FellBehind("reading" if self._answered else "away"))
            return
        wanted = self._following()
        if wanted is None:
            return
        session, follow = wanted
        self._pace = urls.pace(session.backend.url)
        seen, self._begun, self._answered = self.seen, time.monotonic(), False

        def work(cancelled: CancelCheck) -> None:
            now = session.backend.glance(session.stack)
            if cancelled():
                return
            self._answered, self._failed = True, False
            if self._beside is not None:
                self._beside(session)
            if now != seen:
                follow(seen, now)
            if not cancelled():
                self._node.post_message(CaughtUp())

        def failed(_: Exception) -> FellBehind:
            self._failed = True
            return FellBehind("unread" if self._answered else "away")

        self._worker = in_thread(self._node, "watch", work, failed)
