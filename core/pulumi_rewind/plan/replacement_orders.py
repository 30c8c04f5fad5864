"""Whether an update of the history deleted an object before it made the replacement, as far as anything kept tells.

A record of the history counts steps and says nothing of their order. What does: the events kept of an update that
failed, and checkpoints that a failed update left while the old object was gone and the new one not yet there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from pulumi_rewind.engine.events import EngineEvent, parse_event
from pulumi_rewind.errors import RewindError
from pulumi_rewind.plan.delete_first import BEFORE, deleted_before, kept_names, left_deleted
from pulumi_rewind.plan.model import plan_steps

if TYPE_CHECKING:
    from pulumi_rewind.goal.model import Goal
    from pulumi_rewind.goal.replay_report import Previewed
    from pulumi_rewind.session import Session

READ: Final = 64
"""How many of the newest updates are looked at."""


def deleted_first_before(session: Session, target: int, goal: Goal, previewed: Previewed) -> dict[str, str]:
    """URN of the goal → why, for what a preview replaces create-first under a name that an update since the target,
    or the one that made it, deleted first. Nothing is read where no replacement keeps a name.
    """
    items = goal.by_run_urn
    open_ = {
        step.urn: items[step.urn].urn
        for step in plan_steps(previewed[0], goal)
        if step.op == "replace" and not step.delete_first and step.urn in items and kept_names(items[step.urn])
    }
    found: dict[str, str] = {}
    newest = len(session.timeline)
    for number in range(newest, max(target - 1, newest - READ, 0), -1):
        if len(found) == len(open_):
            break
        if session.timeline.update(number).result == "failed":
            found |= {open_[urn]: BEFORE for urn in _deleted_first(session, number) & open_.keys()}
    return found


def _deleted_first(session: Session, number: int) -> frozenset[str]:
    from pulumi_rewind.records.evidence import evidence_of

    seen: frozenset[str] = frozenset()
    kept = evidence_of(session, number)
    if kept is not None:
        seen = deleted_before(_events(kept[0].events))
    with contextlib.suppress(RewindError):
        seen |= left_deleted(session.timeline.checkpoint(number))
    return seen


def _events(log: bytes) -> Iterator[EngineEvent]:
    for line in log.splitlines():
        if b"replace" in line and (event := parse_event(line)) is not None:
            yield event
