"""Our own runs pass a hold: its lock file is away only while the engine runs, and its note stands all the time.

So nobody else gets in between two runs of ours, and after a kill the next command that looks puts the lock file back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from pulumi_rewind.errors import BackendError
from pulumi_rewind.holding.holds import read_hold
from pulumi_rewind.session import Session


@contextlib.contextmanager
def passing(session: Session) -> Iterator[None]:
    """While the engine changes the stack: another update that comes first in this moment is the engine's to refuse.

    Where it can't be put back, the next command that looks does it.

    Raises:
        BackendError: whether the stack is held can't be seen, or the lock file not be taken away.
    """
    held = any(lock.hold for lock in session.backend.locks(session.stack))
    kept = read_hold(session) if held else None
    if kept is None or not kept.hold.token:
        yield
        return
    session.backend.remove_lock(session.stack, kept.hold.token)
    try:
        yield
    finally:
        with contextlib.suppress(BackendError):
            again = read_hold(session)  # somebody may have ended it meanwhile
            if again is not None and again.hold.token:
                session.backend.place_lock(session.stack, again.hold.token, again.hold.lock)
