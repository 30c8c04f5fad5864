"""What of a deadline may be done without asking: all of one that was armed here, less of one that only the note tells.

Whoever can write the backend can write the note. On its word alone, no watch command is run, no data is lost, and a
target that uses what the stack does not is asked about like any other.
"""

from __future__ import annotations

import hashlib

import msgspec

from pulumi_rewind.session import Session
from pulumi_rewind.window.deadline import Deadline


def agree(session: Session, deadline: Deadline) -> None:
    """Remembers on this machine that the operator has armed it.

    Raises:
        RewindError: that can't be written.
    """
    session.trust.agree(_digest(session, deadline))


def armed_here(session: Session, deadline: Deadline) -> bool:
    """Whether it is, but for its time, the very one that was armed on this machine."""
    return session.trust.has(_digest(session, deadline))


def trusted(session: Session, deadline: Deadline) -> Deadline:
    """What of it may be done here without asking."""
    if armed_here(session, deadline):
        return deadline
    return msgspec.structs.replace(deadline, watch=None, allow_data_loss=False)


def _digest(session: Session, deadline: Deadline) -> str:
    watch = deadline.watch
    command = (watch.command, float(watch.every), watch.fail_after, float(watch.timeout)) if watch is not None else ()
    what = (
        "deadline", str(session.stack), deadline.run, deadline.before, deadline.digest, deadline.content,
        command, deadline.allow_data_loss, deadline.delete_first,
    )  # fmt: skip
    return hashlib.sha256(msgspec.json.encode(what)).hexdigest()
