"""The last checks before anything is changed: what was reviewed still stands, and nothing is in the way."""

from __future__ import annotations

import msgspec

from pulumi_rewind.errors import BackendError, EngineError, RefusedError, RewindError
from pulumi_rewind.holding.holds import check_not_held
from pulumi_rewind.plan.model import Plan
from pulumi_rewind.risk import BlockedError, DataLossError
from pulumi_rewind.session import Session
from pulumi_rewind.state.locks import running
from pulumi_rewind.state.model import Checkpoint, Manifest
from pulumi_rewind.system.toolchain import engine_at


def check_agreed(plan: Plan, *, allow_data_loss: bool) -> None:
    """Raises RefusedError where a risk blocks the plan, or data goes without a separate confirmation."""
    if plan.blocking:
        raise BlockedError("not safe to run", plan.blocking)
    if plan.loses_data and not allow_data_loss:
        raise DataLossError(plan.losers)


def check_readable(session: Session) -> None:
    """Raises RefusedError where the pulumi CLI can't read the backend, although we can."""
    if left := session.backend.obstacle():
        raise RefusedError("the pulumi CLI can't read the state", hint=left, unchanged=True)


def check_free(session: Session) -> None:
    """Raises RefusedError where `check_readable` or `check_unlocked` does."""
    check_readable(session)
    check_unlocked(session)


def check_unlocked(session: Session) -> None:
    """Raises RefusedError where somebody changes the stack; a hold is passed, see `holding.passing`."""
    locks = running(session.backend.locks(session.stack))
    if locks:
        raise RefusedError(
            f"the stack is {locks[0].said}",
            hint=f"{locks[0].advice[:1].upper()}{locks[0].advice[1:]}.",
            unchanged=True,
        )


def lock_refusal(session: Session, error: EngineError) -> RefusedError:
    """What a run says that the CLI did not begin because somebody else holds the stack: who, where that can be seen."""
    try:
        check_unlocked(session)
        check_not_held(session)
    except RefusedError as refusal:
        return refusal
    except BackendError:
        pass
    return RefusedError(str(error), hint=error.advice, unchanged=True)


def lock_left(session: Session) -> str:
    """What there is to say of what a run that didn't end well has left: files in the way, a lock; empty if nothing."""
    try:
        locks = running(session.backend.locks(session.stack))
    except BackendError:
        return ""
    lock = f"The stack is {locks[0].said}: {locks[0].advice}. " if locks else ""
    return f"{left} {lock}" if (left := session.backend.obstacle()) else lock


def check_unmoved(live: Checkpoint, reviewed: Checkpoint) -> None:
    """Raises RefusedError where live is not, byte for byte, what was reviewed."""
    if live.digest != reviewed.digest:
        raise _moved()


def check_unmoved_under_lock(live: Checkpoint, reviewed: Checkpoint) -> None:
    """The same once the engine holds the lock, and has written who it is into the state."""
    if _content(live) != _content(reviewed):
        raise _moved()


def has_moved(session: Session, before: Checkpoint) -> bool:
    """Whether the state is another one than `before` by now; one that can't be read is."""
    try:
        check_unmoved_under_lock(session.backend.live(session.stack), before)
    except RewindError:
        return True
    return False


def check_room(session: Session, live: Checkpoint) -> None:
    """Raises RefusedError where the backend has no room for another state."""
    short = session.backend.shortage(len(live.raw))
    if short:
        raise RefusedError(short, hint="Free some space there: a full disk truncates the state.", unchanged=True)


def check_able(session: Session, live: Checkpoint) -> None:
    """Both: `check_room` and `check_engine`."""
    check_room(session, live)
    check_engine(session)


def check_engine(session: Session) -> None:
    """Raises RefusedError where the pulumi CLI has become another version since the plan was made; EngineError: gone.

    A plan that one version made may mean something else to the next, and so may the review. The new version is taken
    for the next plan.
    """
    reviewed, environ = session.engine, session.workspace.environ
    version = engine_at(reviewed.path, environ).version
    if version != reviewed.version:
        session.forget_engine()
        raise RefusedError(
            f"{reviewed.path} is pulumi {version} now; the plan was made with {reviewed.version}",
            hint="Plan again and review what the new version would do.",
            unchanged=True,
        )


def _moved() -> RefusedError:
    return RefusedError(
        "the stack's state has changed since the plan was reviewed",
        hint="Plan again and review the new plan.",
        unchanged=True,
    )


def _content(checkpoint: Checkpoint) -> bytes:
    """The state without when and by which version it was written."""
    return msgspec.json.encode(msgspec.structs.replace(checkpoint.deployment, manifest=Manifest()))
