"""What has to stay with what is left out, as far as only a preview can tell. Pure.

A resource that stays as it is is registered as it is live. Should something that it uses be replaced, or change an
output that it was given, the engine would touch it all the same: then that stays as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from pulumi_rewind.engine.events import EngineEvent
from pulumi_rewind.errors import EngineError
from pulumi_rewind.goal.model import Goal, references
from pulumi_rewind.goal.replay_report import Observe, Previewed
from pulumi_rewind.plan.model import OLD_COPY, Step, plan_steps
from pulumi_rewind.risk import Risk
from pulumi_rewind.state.model import Checkpoint

_NEW_ID = frozenset({"replace", "delete"})
_UNTOUCHED = frozenset({"same", "read", "rename", OLD_COPY})


def also_staying(goal: Goal, steps: Iterable[Step], live: Checkpoint) -> dict[str, str]:
    """What else has to stay so that nothing left out is touched: URN of live → URN of what uses it."""
    left = goal.untouched
    if not left:
        return {}
    moving = _moving(goal, steps)
    found: dict[str, str] = {}
    waiting = [urn for urn in left if urn in moving]
    while waiting:
        urn = waiting.pop()
        res = live.by_urn.get(urn)
        if res is None:
            continue
        used = [one for one in references(res) if one in moving and one not in left]
        used += [one for one in res.replace_with or () if moving.get(one) in _NEW_ID and one not in left]
        # What gets a new id is sure to touch its users; an update only may, and only where nothing else explains it.
        certain = [one for one in used if moving[one] in _NEW_ID]
        for one in certain or (used if urn in left else ()):
            if one not in found:
                found[one] = urn
                waiting.append(one)
    return found


Built: TypeAlias = tuple[Goal, tuple[Risk, ...], Previewed]
"""A goal, what is to be said of it, and its preview."""


def undisturbed(
    build: Callable[[Mapping[str, str]], tuple[Goal, tuple[Risk, ...]]],
    ask: Callable[[Goal, Observe], tuple[Goal, Previewed]],
    live: Checkpoint,
    observe: Observe,
    staying: Mapping[str, str] = {},
) -> tuple[Built, dict[str, str]]:
    """The first goal in whose preview nothing left out is touched by what it uses, and what stays for that.

    `build` makes the goal in which some things stay besides what is left out, `ask` previews it; `staying` is what is
    known to stay before the first preview.

    Raises:
        EngineError: a preview failed for another reason than that.
    """
    stays = dict(staying)
    while True:
        goal, notes = build(stays)
        told: list[EngineEvent] = []
        try:
            asked, previewed = ask(goal, _telling(told, observe))
        except EngineError:
            # What failed may be what is left out: touched by what it uses, it meets what it was left out for.
            more = also_staying(goal, plan_steps(told, goal), live)
            if not more:
                raise
        else:
            more = also_staying(asked, plan_steps(previewed[0], asked), live)
            if not more:
                return (asked, notes, previewed), stays
        stays |= more


def _telling(told: list[EngineEvent], observe: Observe) -> Observe:
    def look(event: EngineEvent) -> None:
        told.append(event)
        observe(event)

    return look


def touched_risk(step: Step, goal: Goal) -> tuple[Risk, ...]:
    """Blocks a plan that would touch what was left out although nothing that it uses moves."""
    if step.op in _UNTOUCHED or step.urn not in goal.untouched:
        return ()
    where = f" in {', '.join(step.keys)}" if step.keys else ""
    message = (
        f"is left out, but the engine would {step.op} it{where}: its state differs from what its provider reports. "
        "Include it again, or plan without comparing the state with the real resources"
    )
    return (Risk("left-out-touched", message, step.urn),)


def _moving(goal: Goal, steps: Iterable[Step]) -> dict[str, str]:
    """URN of live → operation, for everything live that a step touches."""
    live_urns = {urn: item.live_urn for urn, item in goal.by_run_urn.items()}
    return {live_urns.get(step.urn) or step.urn: step.op for step in steps if step.op not in _UNTOUCHED}
