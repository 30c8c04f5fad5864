"""What has to stay with what is left out, as far as only a preview can tell. Pure.

A resource that stays as it is is registered as it is live. Should something that it uses be replaced, or change an
output that it was given, the engine would touch it all the same: then that stays as well.
"""

from __future__ import annotations

from collections.abc import Iterable

from pulumi_rewind.goal import Goal
from pulumi_rewind.identity import rehomed
from pulumi_rewind.model import Checkpoint
from pulumi_rewind.plan import OLD_COPY, Risk, Step
from pulumi_rewind.selection import references
from pulumi_rewind.skipping import SKIPPED

TOUCHED = "left-out-touched"
"""The code of the risk of a resource that was left out and that the engine would touch nevertheless."""

_UNTOUCHED = frozenset({"same", "read", "rename", OLD_COPY})


def also_staying(goal: Goal, steps: Iterable[Step], live: Checkpoint) -> dict[str, str]:
    """What else has to stay so that nothing left out is touched: URN of live → URN of what uses it."""
    left = {note.urn for note in goal.notes if note.code == SKIPPED}
    if not left:
        return {}
    moving = _moving(goal, steps)
    found: dict[str, str] = {}
    waiting = [urn for urn in left if urn in moving]
    while waiting:
        urn = waiting.pop()
        res = live.by_urn.get(urn)
        for used in references(res) if res is not None else ():
            # Behind the first, only what is sure to touch its users: an update may change no output of use.
            certain = urn in left or moving.get(used) in {"replace", "delete"}
            if used in moving and used not in left and used not in found and certain:
                found[used] = urn
                waiting.append(used)
    return found


def touched_risk(step: Step, goal: Goal) -> tuple[Risk, ...]:
    """Blocks a plan that would touch what was left out although nothing that it uses moves."""
    if step.op in _UNTOUCHED or not any(note.code == SKIPPED and note.urn == step.urn for note in goal.notes):
        return ()
    where = f" in {', '.join(step.keys)}" if step.keys else ""
    message = (
        f"is left out, yet the engine would {step.op} it{where}: what the state says of it is not what its provider "
        "says. Take it in again, or plan without comparing the state with the real resources"
    )
    return (Risk(TOUCHED, message, blocking=True, urn=step.urn),)


def _moving(goal: Goal, steps: Iterable[Step]) -> dict[str, str]:
    """URN of live → operation, for everything live that a step touches."""
    live_urns = {rehomed(item.urn, goal.stack, goal.project): item.live_urn for item in goal.registrations}
    return {live_urns.get(step.urn) or step.urn: step.op for step in steps if step.op not in _UNTOUCHED}
