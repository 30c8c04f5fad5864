"""Why ``last-good`` is the update that it is, where checks of the operator's had a say in it."""

from __future__ import annotations

from pulumi_rewind.history.origins import is_good, verdict_on
from pulumi_rewind.history.timeline import Timeline
from pulumi_rewind.state.model import Update

LOOKED_AT = 5
"""At how many updates that are newer than the chosen one it is told why they were passed over."""


def preference(timeline: Timeline, good: Update) -> tuple[str, list[str]]:
    """How the last good update was found, and what is to be said of newer ones that the engine calls good."""
    history, verdicts = timeline.history, timeline.verdicts
    said = verdict_on(history, good, verdicts)
    kind = "verified" if said is not None and said.verdict.good else "succeeded"
    newer = min(len(history) - good.number, LOOKED_AT) if verdicts.numbers() else 0
    passed: dict[str, list[str]] = {"not verified": [], "found not good": []}
    for update in history.newest(newer):
        if is_good(history, update) and timeline.differs(update.number):
            passed["not verified" if timeline.is_good(update.number) else "found not good"].append(f"#{update.number}")
    warnings = [f"newer, and succeeded, but {why}: {', '.join(numbers)}" for why, numbers in passed.items() if numbers]
    return f"the newest {kind} update that differs from live → #{good.number}", warnings


def none_good(timeline: Timeline) -> str:
    """Why there is no last good update."""
    history = timeline.history
    succeeded = (update for update in history.newest(LOOKED_AT) if is_good(history, update))
    refused = [f"#{update.number}" for update in succeeded if not timeline.is_good(update.number)]
    if refused:
        return f"no good update differs from live; found not good: {', '.join(refused)}"
    return "no succeeded update differs from live"


def doubts(timeline: Timeline, update: Update) -> list[str]:
    """What a check had against a target, if one had anything."""
    said = verdict_on(timeline.history, update, timeline.verdicts)
    if said is None or said.verdict.good:
        return []
    return [f"#{said.number} was found not good: {said.verdict.command}"]
