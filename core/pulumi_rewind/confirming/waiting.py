"""Waiting beside an update for its confirmation: by whichever machine it comes, the watch command run meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from pulumi_rewind.backends.urls import pace
from pulumi_rewind.confirming.verdicts import keep, watched
from pulumi_rewind.errors import BackendError, InterruptedRun, RefusedError
from pulumi_rewind.records.parts import update_key
from pulumi_rewind.session import Session
from pulumi_rewind.state.model import Update
from pulumi_rewind.up.verify_command import VerifyCommand
from pulumi_rewind.window.deadline import Deadline, Deadlines, Ended, timed

LOOK: Final = 2.0
"""Seconds between two looks at least."""


def waiting_for(session: Session, update: Update) -> Deadline | None:
    """The waiting of this very update, if it is the one that waits; one question.

    Raises:
        RewindError: nobody can say.
    """
    deadline = Deadlines(session).read().deadline
    return deadline if deadline is not None and deadline.key == update_key(update) else None


class Wait:
    """Iterate `ticks`; afterwards `ended` says how it ended elsewhere, or `due` that it is to be taken back."""

    def __init__(
        self,
        session: Session,
        deadline: Deadline,
        *,
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        self.session = session
        self.deadline = deadline
        self.ended: Ended | None = None
        self.problem = ""
        """Why the note can't be read at the moment."""
        self._deadlines = Deadlines(session, clock)
        self._clock = clock
        self._stop = threading.Event()
        self._pause = pause or self._stop.wait
        self._judge: VerifyCommand | None = None
        self._look = max(LOOK, pace(session.backend.url))

    @property
    def due(self) -> bool:
        """Whether its time is over, or the watch command has failed often enough."""
        return self.deadline.failed or self.deadline.left(self._clock()) <= 0

    def ticks(self) -> Iterator[Deadline]:
        """What waits, about once a second; ends when it is decided, due, or `stop` was called.

        Raises:
            RefusedError: it no longer waits, and nobody knows why.
        """
        looked = asked = self._clock()
        while not self._stop.is_set():
            now = self._clock()
            watch = self.deadline.watch
            if watch is not None and now - asked >= watch.every:
                asked = now
                self._watch(watch.command, watch.timeout)
            if now - looked >= self._look or self.due:
                looked = now
                self._read()
            if self.ended is not None or self.deadline.taken_by or self.due:
                return
            yield self.deadline
            self._pause(min(1.0, max(self.deadline.left(self._clock()), 0.01)))

    def stop(self) -> None:
        """Ends the waiting here; the update waits on."""
        self._stop.set()
        if self._judge is not None:
            self._judge.interrupt()

    def _read(self) -> None:
        try:
            now = self._deadlines.read()
        except BackendError as err:
            self.problem = str(err)
            return
        self.problem = ""
        if now.deadline is not None and now.deadline.run == self.deadline.run:
            self.deadline = timed(self.deadline, now.deadline)
        else:
            mine = now.ended is not None and now.ended.run == self.deadline.run
            self.ended = (
                now.ended if mine and now.ended else Ended(self.deadline.run, self.deadline.update, "moved", "", 0)
            )

    def _watch(self, command: str, timeout: float) -> None:
        try:
            verdict = watched(self.session, command, timeout, self.deadline.update, self._keep)
        except InterruptedRun:
            return
        try:
            self.deadline = timed(self.deadline, self._deadlines.watched(self.deadline.run, good=verdict.good))
        except RefusedError:  # decided meanwhile
            self._read()
            return
        except BackendError as err:  # counted here alone
            self.problem = str(err)
            failures = 0 if verdict.good else self.deadline.failures + 1
            self.deadline = msgspec.structs.replace(self.deadline, failures=failures)
        if self.deadline.failed:
            keep(self.session, self.deadline, verdict)

    def _keep(self, judge: VerifyCommand) -> None:
        self._judge = judge
