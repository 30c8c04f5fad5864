"""What a waiting says of its update, kept with it: ★ and ``last-good`` never choose one that was taken back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Final

import msgspec

from pulumi_rewind.errors import RewindError, UpdateFailed
from pulumi_rewind.history.verdict import Verdict
from pulumi_rewind.records.verdicts import keep_verdict
from pulumi_rewind.session import Session
from pulumi_rewind.system.who import me
from pulumi_rewind.up.verify_command import VerifyCommand
from pulumi_rewind.window.deadline import Deadline, Deadlines

WATCH: Final = "watch"
CONFIRM: Final = "confirm"
"""Sources of verdicts; with the second one, the command says who judged and how."""


def watched(
    session: Session, command: str, timeout: float, update: int, keep: Callable[[VerifyCommand], None] = lambda _: None
) -> Verdict:
    """Runs the watch command once; what it says. `keep` gets it before, so that it can be stopped."""
    judge = VerifyCommand(session, command, timeout, update=update)
    keep(judge)
    with contextlib.suppress(UpdateFailed):
        judge.run()
    return msgspec.structs.replace(judge.verdict(), source=WATCH)


def confirm(deadlines: Deadlines, run: str) -> Deadline:
    """Keeps the update that waits, and that somebody confirmed it; returns what waited.

    Raises:
        RefusedError: it doesn't wait any more, or is being taken back by somebody else.
    """
    deadline = deadlines.end(run, "confirmed")
    now = int(deadlines.clock())
    verdict = Verdict(good=True, command=f"confirmed by {me()}", at=now, code=0, source=CONFIRM)
    keep(deadlines.session, deadline, verdict)
    return deadline


def keep_unconfirmed(session: Session, deadline: Deadline, now: float, why: str) -> None:
    """Keeps that the update is taken back; where the watch command failed, its verdict says it already."""
    if not deadline.failed:
        keep(session, deadline, Verdict(good=False, command=why, at=int(now), source=CONFIRM))


def keep(session: Session, deadline: Deadline, verdict: Verdict) -> None:
    """Keeps a verdict; what can't be written must not stand in the way."""
    with contextlib.suppress(RewindError):
        keep_verdict(session, deadline.update, verdict)
