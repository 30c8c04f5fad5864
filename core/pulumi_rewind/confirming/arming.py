"""Letting an update that succeeded wait for a confirmation: only where the way back is open."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from pulumi_rewind.choices import USUAL
from pulumi_rewind.confirming.trusting import agree
from pulumi_rewind.errors import RefusedError, UpdateFailed
from pulumi_rewind.goal.replay_report import Observe
from pulumi_rewind.records.parts import update_key
from pulumi_rewind.risk import BlockedError, DataLossError
from pulumi_rewind.rollback.planning import build_plan
from pulumi_rewind.session import Session
from pulumi_rewind.strategies.preview import PreviewControl
from pulumi_rewind.system.who import me
from pulumi_rewind.up.recovery import without_own_losses
from pulumi_rewind.up.run import Before
from pulumi_rewind.window.deadline import Deadline, Deadlines, Kind, WatchCommand, content_of, new_run


@dataclass(frozen=True)
class Terms:
    """On what terms an update waits."""

    kind: Kind
    seconds: float
    watch: WatchCommand | None = None
    allow_data_loss: bool = False
    """Whether it is taken back even if that loses data that is older than the update."""
    delete_first: tuple[str, ...] = ()


def check_can_wait(before: Before) -> None:
    """Finds out before the update what would keep it from waiting after it.

    Raises:
        RefusedError: the state before it is no update's, so that other machines could not go back to it.
    """
    if not before.newest:
        raise RefusedError(
            "there is no update yet that could be gone back to",
            hint="Leave out --confirm-within for the first update of a stack.",
            unchanged=True,
        )
    if before.target.checkpoint is not None:
        raise RefusedError(
            "the state was changed outside updates, so that no machine could go back to it later",
            hint="Run `pulumi refresh` or `pulumi up` once, so that the history ends with it, or leave out "
            "--confirm-within.",
            unchanged=True,
        )


def check_nothing_waits(session: Session) -> None:
    """Raises RefusedError where another update waits: a new one would take away its way back."""
    now = Deadlines(session).read().deadline
    if now is not None and content_of(session.live()) == now.content:
        name = session.stack.word
        raise RefusedError(
            f"#{now.update} waits for a confirmation, and would no longer be taken back after another update",
            hint=f"Decide first: `pulumi-rewind confirm {name}` keeps it, `pulumi-rewind abort {name}` takes it back.",
            unchanged=True,
        )


def arm(
    session: Session, before: Before, version: int, terms: Terms, *, observe: Observe, control: PreviewControl
) -> Deadline | None:
    """Lets update number `version` wait; None where going back would change nothing.

    Raises:
        UpdateFailed: nobody could take it back, or it can't be noted; the update stays as it is.
        InterruptedRun: `control` stopped the plan.
    """
    deadlines = Deadlines(session)
    session.reload()
    choices = USUAL.but(delete_first=terms.delete_first)
    with closing(build_plan(session, before.target, choices, observe=observe, control=control)) as made:
        plan = without_own_losses(made, before.checkpoint, made.prepared.live)
        if plan.nothing_to_do:
            return None
        if plan.blocking:
            raise _unarmed(version, str(BlockedError("the plan back can't be run", plan.blocking)))
        if plan.loses_data and not terms.allow_data_loss:
            raise _unarmed(version, f"{DataLossError(plan.losers)}")
        live = made.prepared.live
    now = deadlines.clock()
    deadline = Deadline(
        run=new_run(),
        kind=terms.kind,
        update=version,
        key=update_key(session.timeline.update(version)),
        before=before.target.update.number,
        digest=before.checkpoint.digest,
        label=before.target.label,
        content=content_of(live),
        since=now,
        until=now + terms.seconds,
        by=me(),
        watch=terms.watch,
        allow_data_loss=terms.allow_data_loss,
        delete_first=terms.delete_first,
    )
    agree(session, deadline)
    deadlines.arm(deadline)
    return deadline


def _unarmed(version: int, why: str) -> UpdateFailed:
    return UpdateFailed(
        f"#{version} is not taken back by itself: {why}",
        hint="The update succeeded and stays. With --hold-deletes no data would be lost; --allow-data-loss agrees to "
        "losing it.",
        changed=False,
    )
