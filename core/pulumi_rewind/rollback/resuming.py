"""Targets that the journal knows: where an interrupted rollback was going to, and the state just before an update.

Nearly always that is an update's checkpoint. Where the state was edited outside updates it is nobody's: then the
journal keeps it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import msgspec

from pulumi_rewind.errors import RefusedError, RewindError, TargetError
from pulumi_rewind.history.targets import Target, resolve_target
from pulumi_rewind.history.timeline import Timeline
from pulumi_rewind.project.journal import JournalEntry
from pulumi_rewind.session import Session
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.model import Checkpoint, Update

RESUME: Final = "@resume"
"""The target that stands for the one of the rollback in flight."""

LIVE: Final = "@live"
"""The target that stands for the state as it is now: nothing goes back, what is held can be deleted."""


def find_target(session: Session, text: str) -> Target:
    """What a target's text means, `RESUME` and `LIVE` included; raises as `resolve_target` and `resumed_target` do."""
    if text == LIVE:
        timeline = session.timeline
        return replace(state_target(timeline, session.live(), len(timeline), "the state as it is"), text=LIVE)
    if text != RESUME:
        return resolve_target(session.timeline, text)
    entry = session.journal.read()
    if entry is None:
        raise TargetError(
            f"no rollback of {session.stack} was interrupted, so there is nothing to resume",
            hint="Choose a target with `pulumi-rewind history`.",
        )
    return resumed_target(session, entry)


def resumed_target(session: Session, entry: JournalEntry) -> Target:
    """The target of a rollback in flight.

    Raises:
        RefusedError: its checkpoint is not the one that the rollback began with.
        BackendError, CheckpointError, StateDirectoryError: it can't be read.
    """
    if not entry.kept:
        number = _number_now(session.timeline, entry)
        if not number:
            raise _another(entry)
        target = resolve_target(session.timeline, f"#{number}")
        return replace(target, known=session.timeline.checkpoint(number)) if entry.update else target
    raw = session.journal.kept_checkpoint()
    if raw is None:
        raise _another(entry)
    checkpoint = decode_checkpoint(raw, source=f"the kept checkpoint of {entry.label}")
    if checkpoint.digest != entry.digest:
        raise _another(entry)
    return state_target(session.timeline, checkpoint, entry.target, entry.label)


def _number_now(timeline: Timeline, entry: JournalEntry) -> int:
    """The number that the target has now, 0 where it isn't there any more.

    Numbers count by time. Where a clock was set back, updates that came later have stepped in before it.
    """
    since = max(len(timeline) - entry.start, 0)
    for number in timeline.ahead(range(entry.target, min(entry.target + since, len(timeline)) + 1)):
        try:
            if timeline.checkpoint(number).digest == entry.digest:
                return number
        except RewindError:
            if number == entry.target and not since:
                raise
    return 0


def _another(entry: JournalEntry) -> RefusedError:
    return RefusedError(
        f"the checkpoint of {entry.label} is not the one that the rollback started with",
        hint="Choose a target again with `pulumi-rewind rollback`.",
        unchanged=True,
    )


def state_target(timeline: Timeline, checkpoint: Checkpoint, newest: int, title: str) -> Target:
    """A state that no update left as a target; `newest` is the update after which it was found, 0 if there was none.

    Its configuration and commit are those of that update: nothing else says what they were.
    """
    update = Update(number=0, kind="update", result="succeeded")
    if newest:
        update = msgspec.structs.replace(timeline.update(newest), result="succeeded", problem="", has_checkpoint=True)
    return Target(
        update=update,
        text=RESUME,
        reason="the state just before the update",
        checkpoint=checkpoint,
        title=title,
        known=checkpoint,
    )
