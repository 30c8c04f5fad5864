"""The functions of the library besides its objects: compare two states, and run a plan with an observer.

`import pulumi_rewind` exports both; docs/library.md has an example.
"""

from __future__ import annotations

from collections.abc import Callable

from pulumi_rewind.diff.checkpoints import Diff, diff_checkpoints
from pulumi_rewind.engine.events import EngineEvent
from pulumi_rewind.plan.model import Plan
from pulumi_rewind.rollback.result import RollbackResult
from pulumi_rewind.rollback.resuming import find_target
from pulumi_rewind.rollback.run import RollbackRun
from pulumi_rewind.session import Session
from pulumi_rewind.state.model import Checkpoint

LIVE = "live"


def compare(session: Session, old: str = LIVE, new: str = "last-good") -> Diff:
    """The differences between two states of the stack, each a target (``12``, ``-1``, ``v1.2``, …) or ``live``.

    Secrets are compared decrypted, if the session can decrypt them, and are in plaintext in the result.

    Raises:
        TargetError: there is no such target, or it is ambiguous.
        SecretsError: the secrets can't be decrypted.
    """

    def state(text: str) -> Checkpoint:
        if text == LIVE:
            return session.live()
        target = find_target(session, text)
        return target.checkpoint or session.timeline.checkpoint(target.update.number)

    before, after = state(old), state(new)
    return diff_checkpoints(*session.vault.decrypt_differing(before, after, session.stack))


def run(
    session: Session,
    plan: Plan,
    *,
    allow_data_loss: bool = False,
    observe: Callable[[EngineEvent], object] = lambda event: None,
    hold: bool | None = None,
) -> RollbackResult:
    """Runs a reviewed plan to its end; `observe` gets every event, without any secret, in this thread.

    With `hold` the stack is held afterwards (docs/hold.md); None: as the setting says.

    `RollbackRun` does the same step by step, and can be stopped from another thread.

    Raises:
        RefusedError: a check refused it before anything was changed.
        InterruptedRun, IncompleteError: it ended half-way; a plan to the same target continues it.
    """
    rollback = RollbackRun(session, plan, allow_data_loss=allow_data_loss, hold=hold)
    for event in rollback.events():
        observe(event)
    assert rollback.result is not None  # as nothing was raised
    return rollback.result
