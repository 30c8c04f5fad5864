"""Holds beside a stack: placed, seen, ended. Two machines may do so at the same time."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import msgspec

from pulumi_rewind.backends.rewriting import rewrite
from pulumi_rewind.errors import BackendError, RefusedError, RewindError
from pulumi_rewind.session import Session
from pulumi_rewind.state.holds import COMMITS, NOTE, TOKEN, Hold, decode_hold, one_line
from pulumi_rewind.state.locks import Lock, running
from pulumi_rewind.system.who import user


@dataclass(frozen=True)
class Kept:
    """A hold as it stands beside its stack."""

    hold: Hold
    mark: str
    """See `backends.protocol.Note`."""


@dataclass(frozen=True)
class Seen:
    """What a look at a stack's hold has found and done."""

    hold: Hold | None = None
    """The one that stands."""
    ended: Hold | None = None
    """The one that has just ended by itself."""
    why: str = ""
    """Why it has ended."""
    problem: str = ""
    """What could not be done: its lock file is missing, or it has ended and still stands."""


def read_hold(session: Session) -> Kept | None:
    """The stack's hold, whether or not it is over; one round trip.

    Raises:
        BackendError: it is damaged, or the backend can't be read.
    """
    note = session.backend.note(session.stack, NOTE)
    if note is None:
        return None
    try:
        return Kept(decode_hold(note.content), note.mark)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as err:
        raise BackendError(
            f"the hold of {session.stack} can't be read: {err}",
            hint="A newer pulumi-rewind may have placed it: upgrade. `pulumi-rewind release` ends it all the same.",
        ) from None


@dataclass(frozen=True)
class Placed:
    """A hold that was placed."""

    hold: Hold
    by_lock: bool
    """Whether a lock file stops a plain `pulumi up`; else pipelines have to ask `hold check`."""


def place_hold(
    session: Session, *, why: str = "", until: int = 0, commits: Sequence[str] = (), update: int = 0
) -> Placed:
    """Holds the stack; a hold that stands already stays as old as it is, and keeps the commits that it names.

    Raises:
        BackendError: the backend can't be written.
    """

    def attempt() -> Placed:
        there = read_hold(session)
        before = there.hold if there is not None else None
        hold = Hold(
            one_line(user()),
            one_line(socket.gethostname()),
            before.since if before else int(time.time()),
            one_line(why) or (before.why if before else ""),
            until,
            tuple(dict.fromkeys((*(before.commits if before else ()), *commits)))[:COMMITS],
            update or (before.update if before else 0),
            before.token if before and before.token else str(uuid.uuid4()),
        )
        mark = there.mark if there is not None else None
        session.backend.write_note(session.stack, NOTE, msgspec.json.encode(hold), instead_of=mark)
        return Placed(hold, session.backend.place_lock(session.stack, hold.token, hold.lock))

    return rewrite(attempt)


def release_hold(session: Session) -> Hold | None:
    """Ends the stack's hold, even a damaged one; the hold that stood, None where there was none.

    The lock file goes first: a process that is killed in between leaves a hold that is still seen.

    Raises:
        BackendError: the backend can't be written.
    """

    def attempt() -> Hold | None:
        note = session.backend.note(session.stack, NOTE)
        try:
            hold = decode_hold(note.content) if note is not None else None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            hold = Hold("someone", "", 0, "it could not be read")
        locks = (lock for lock in session.backend.locks(session.stack) if lock.hold)
        tokens = {PurePath(lock.path).stem for lock in locks} | ({hold.token} if hold is not None else set())
        for token in sorted(filter(TOKEN.fullmatch, tokens)):
            session.backend.remove_lock(session.stack, token)
        if note is not None:
            session.backend.remove_note(session.stack, NOTE, instead_of=note.mark)
        return hold

    return rewrite(attempt)


def see_hold(session: Session) -> Seen:
    """The hold that stands; one that is over ends here, and one whose lock file is missing gets it back.

    Raises:
        BackendError: it can't be read.
    """
    kept = read_hold(session)
    if kept is None:
        return Seen()
    hold = kept.hold
    try:
        if why := ended(session, hold):
            end_hold(session, kept)
            return Seen(ended=hold, why=why)
        restore_lock(session, hold)
    except BackendError as err:
        return Seen(hold, why=why, problem=f"{err}. {err.hint}".rstrip())
    return Seen(hold)


def seen_locks(session: Session, locks: Iterable[Lock]) -> tuple[Lock, ...]:
    """The locks of a stack as they are shown: where a hold is among them it is looked at, and one that is over ends."""
    found = tuple(locks)
    if any(lock.hold for lock in found):
        try:
            if see_hold(session).ended is not None:
                return tuple(running(found))
        except BackendError:
            pass  # it can't be read, and stands in the way all the same
    return found


def end_hold(session: Session, kept: Kept) -> None:
    """Ends the very hold that was read; raises NoteMoved where it is another one by now, and BackendError."""
    if kept.hold.token:
        session.backend.remove_lock(session.stack, kept.hold.token)
    session.backend.remove_note(session.stack, NOTE, instead_of=kept.mark)


def ended(session: Session, hold: Hold) -> str:
    """Why a hold is over; empty if it isn't."""
    if hold.over(time.time()):
        return "its time is over"
    if hold.commits and reverted(session, hold.commits):
        return "HEAD contains a revert of every commit that was gone back over"
    return ""


def reverted(session: Session, commits: Sequence[str]) -> bool:
    """Whether HEAD has reverted all of some commits, each by itself or with the merge that brought it in."""
    repository = session.repository
    if repository is None:
        return False
    undone = repository.reverted()
    left = [sha for sha in commits if sha not in undone]
    if not left:
        return True
    brought = {one.sha for merge in repository.merges(undone) for one in repository.log(f"{merge}^1", merge, COMMITS)}
    return brought.issuperset(left)


def restore_lock(session: Session, hold: Hold) -> None:
    """Makes the hold's lock file where there is none (any more), unless a run of ours on this machine passes it.

    Raises:
        BackendError: it can't be made.
    """
    locks = session.backend.locks(session.stack)
    if not hold.token or any(lock.hold for lock in locks):
        return
    try:
        entry = session.journal.peek()
        if entry is not None and session.journal.running(entry):
            return
    except RewindError:
        pass  # a journal that can't be read says of nobody that he runs
    session.backend.place_lock(session.stack, hold.token, hold.lock)


def check_not_held(session: Session) -> None:
    """Raises RefusedError where the stack is held: for an update that is no way back; BackendError: nobody can say."""
    hold = see_hold(session).hold
    if hold is not None:
        raise RefusedError(
            f"the stack is {hold.lock.said}", hint=f"Wait, or end the hold: {hold.lock.advice}.", unchanged=True
        )
