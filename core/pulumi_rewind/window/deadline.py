"""An update that waits for a confirmation: until when, what takes it back, and who has begun to.

It stands in a note beside the stack, so that any machine can confirm it or take it back; of two only one does, because
the note changes hands before anything is run.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from pulumi_rewind.backends.rewriting import rewrite
from pulumi_rewind.errors import RefusedError, RewindError
from pulumi_rewind.session import Session
from pulumi_rewind.state.model import Checkpoint, Manifest
from pulumi_rewind.system.who import me

NOTE: Final = "deadline"
"""What the note is called."""

Kind = Literal["update", "rollback"]
"""What waits."""

How = Literal["confirmed", "gone-back", "aborted", "moved", "failed"]
"""How the waiting ended."""


class WatchCommand(msgspec.Struct, frozen=True):
    """What is asked again and again whether an update is good."""

    command: str
    """Shell text; exit code 0 means good."""
    every: float = 30
    """Seconds between the beginnings of two runs."""
    fail_after: int = 3
    """How many failures in a row take the update back."""
    timeout: float = 60
    """Seconds that a run may take."""


class Deadline(msgspec.Struct, frozen=True, kw_only=True):
    """An update that waits."""

    run: str
    """Random; tells it from all others."""
    kind: Kind
    update: int
    key: str
    """Tells the update from all others whatever its number becomes, see `records.content.update_key`."""
    before: int
    """The update that is gone back to."""
    digest: str
    """SHA-256 of its checkpoint."""
    label: str
    """How that is shown: ``#6 (v1.2)``."""
    content: str
    """What live must still hold, see `content_of`."""
    since: float
    """Unix seconds, as all times."""
    until: float
    by: str
    """Who waits: ``ann@host``."""
    watch: WatchCommand | None = None
    failures: int = 0
    """Failures of the watch command in a row."""
    allow_data_loss: bool = False
    delete_first: tuple[str, ...] = ()
    taken_by: str = ""
    """Who has begun to take it back; empty while nobody has."""
    taken_at: float = 0

    def left(self, now: float) -> float:
        """Seconds until it is due; below zero where it is overdue."""
        return self.until - now

    @property
    def failed(self) -> bool:
        """Whether the watch command has failed often enough."""
        return self.watch is not None and self.failures >= self.watch.fail_after


def timed(deadline: Deadline, noted: Deadline) -> Deadline:
    """A deadline as it is known, with the time that is noted, and whether somebody takes it back."""
    return msgspec.structs.replace(
        deadline,
        until=noted.until,
        failures=noted.failures,
        taken_by=noted.taken_by,
        taken_at=noted.taken_at,
    )


class Ended(msgspec.Struct, frozen=True):
    """How the last waiting ended."""

    run: str
    update: int
    how: How
    by: str
    at: float
    about: str = ""


class Waiting(msgspec.Struct, frozen=True):
    """The note."""

    deadline: Deadline | None = None
    ended: Ended | None = None


NOTHING_WAITS: Final = Waiting()


class Deadlines:
    """The update of one stack that waits."""

    def __init__(self, session: Session, clock: Callable[[], float] = time.time) -> None:
        self.session = session
        self.clock = clock
        self._mark: str | None = None

    def read(self, *, quick: bool = False) -> Waiting:
        """What waits, and how the last waiting ended; `quick` as for backends.

        Raises:
            BackendError: it can't be read.
            RewindError: it is damaged.
        """
        note = self.session.backend.note(self.session.stack, NOTE, quick=quick)
        self._mark = note.mark if note is not None else None
        try:
            return Waiting() if note is None else msgspec.json.decode(note.content, type=Waiting)
        except (UnicodeDecodeError, RecursionError, msgspec.DecodeError) as err:
            raise RewindError(
                f"which update of {self.session.stack} waits for a confirmation can't be read: {err}",
                hint="Another release may have written it: upgrade pulumi-rewind on all machines.",
                unchanged=True,
            ) from None

    def arm(self, deadline: Deadline) -> None:
        """Lets an update wait; what waited before was judged by it.

        Raises:
            BackendError: it can't be noted.
        """

        def armed(now: Waiting) -> Waiting:
            if now.deadline is not None and now.deadline.taken_by:
                raise _taken(now.deadline)
            return Waiting(deadline, now.ended)

        self._change(armed)

    def end(self, run: str, how: How, about: str = "") -> Deadline:
        """The waiting is over; returns what waited.

        Raises:
            RefusedError: it doesn't wait any more, or is being taken back by somebody else.
        """
        found: list[Deadline] = []

        def ended(now: Waiting) -> Waiting:
            deadline = self._same(now, run)
            if how == "confirmed" and deadline.taken_by:
                raise _taken(deadline)
            found.append(deadline)
            return Waiting(None, Ended(run, deadline.update, how, me(), self.clock(), about))

        self._change(ended)
        return found[-1]

    def extend(self, run: str, seconds: float) -> Deadline:
        """Lets it wait longer, counted from when it was due, or from now where that is over; raises as `end`."""

        def extended(now: Waiting) -> Waiting:
            deadline = self._same(now, run)
            if deadline.taken_by:
                raise _taken(deadline)
            until = max(deadline.until, self.clock()) + seconds
            return msgspec.structs.replace(now, deadline=msgspec.structs.replace(deadline, until=until))

        found = self._change(extended).deadline
        assert found is not None
        return found

    def watched(self, run: str, *, good: bool) -> Deadline:
        """Counts a run of the watch command; raises as `end`."""

        def counted(now: Waiting) -> Waiting:
            deadline = self._same(now, run)
            failures = 0 if good else deadline.failures + 1
            return msgspec.structs.replace(now, deadline=msgspec.structs.replace(deadline, failures=failures))

        found = self._change(counted).deadline
        assert found is not None
        return found

    def take(self, run: str, *, over: bool = False) -> Deadline:
        """Begins to take it back, in the place of all others.

        `over`: also where somebody else has begun and, as the operator says, will not end it.

        Raises:
            RefusedError: somebody else was faster, or it doesn't wait any more.
        """

        def taken(now: Waiting) -> Waiting:
            deadline = self._same(now, run)
            if deadline.taken_by and not over:
                raise _taken(deadline)
            mine = msgspec.structs.replace(deadline, taken_by=me(), taken_at=self.clock())
            return msgspec.structs.replace(now, deadline=mine)

        found = self._change(taken).deadline
        assert found is not None
        return found

    def _same(self, now: Waiting, run: str) -> Deadline:
        if now.deadline is None or now.deadline.run != run:
            how = f": {told(now.ended)}" if now.ended is not None and now.ended.run == run else ""
            raise RefusedError(
                f"the update no longer waits for a confirmation{how}",
                hint="`pulumi-rewind status` tells what does.",
                unchanged=True,
            )
        return now.deadline

    def _change(self, change: Callable[[Waiting], Waiting]) -> Waiting:
        def attempt() -> Waiting:
            after = change(self.read())
            content = msgspec.json.encode(after)
            self.session.backend.write_note(self.session.stack, NOTE, content, instead_of=self._mark)
            return after

        return rewrite(attempt)


def _taken(deadline: Deadline) -> RefusedError:
    return RefusedError(
        f"{deadline.taken_by} has begun to take #{deadline.update} back",
        hint="Wait for it. If that process is dead, `pulumi-rewind resume` there or `pulumi-rewind due --take-over` "
        "continues.",
        unchanged=True,
    )


def told(ended: Ended) -> str:
    """How a waiting ended, in words."""
    words = {
        "confirmed": f"{ended.by} confirmed #{ended.update}",
        "gone-back": f"{ended.by} took #{ended.update} back",
        "aborted": f"{ended.by} took #{ended.update} back before its time",
        "moved": f"#{ended.update} stays, because the stack has changed since",
        "failed": f"taking #{ended.update} back failed",
    }
    return words[ended.how] + (f" ({ended.about})" if ended.about else "")


def new_run() -> str:
    """Tells one waiting from all others."""
    return secrets.token_hex(8)


def content_of(live: Checkpoint) -> str:
    """What a state holds, without when and by which engine it was written."""
    deployment = msgspec.structs.replace(live.deployment, manifest=Manifest())
    return hashlib.sha256(msgspec.json.encode(deployment)).hexdigest()
