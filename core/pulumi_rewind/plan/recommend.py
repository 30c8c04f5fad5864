"""Which strategy suits a target, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pulumi_rewind.choices import CHECKPOINT, PROGRAM, STATE
from pulumi_rewind.plan.model import Recommendation
from pulumi_rewind.risk import (
    DIRTY,
    LIVE_DAMAGED,
    LIVE_UNREADABLE,
    NOT_RECORDED,
    OPAQUE,
    PATH_CONTENT,
    PROGRAM_DIFFERS,
    WOULD_VANISH,
    Risk,
)

_FOR_THE_PROGRAM: Final = (
    ("asset-missing", "it has the asset contents that were found nowhere else"),
    ("asset-unsafe", "it rebuilds the archives that can't be replayed as recorded"),
    (WOULD_VANISH, "it sends the values that the record does not show how to send"),
    (NOT_RECORDED, "it sends the values that are not in the record"),
    (PATH_CONTENT, "it has the files of that time"),
    (OPAQUE, "it recomputes the values derived from ids that change"),
    ("default-provider-lost", "it declares the default providers that it needs"),
    ("snippet", "it registers the resources that a replay can't"),
    ("left-out", "it registers the resources that a replay leaves out"),
)
"""Codes of risks of a replay that running the program doesn't have."""


def recommend(risks: Iterable[Risk], program_problem: str = "") -> Recommendation:
    """What to use, by the risks of a plan (of any strategy) and by whether the old program can be had.

    A replay is the rule: it brings back what was recorded and depends on nothing else. The program is better where a
    value has to be recomputed or a content is only to be had from it; the state alone where nothing else works.
    """
    found = {risk.code: risk.message for risk in risks}
    if LIVE_UNREADABLE in found:
        return Recommendation(
            STATE, "the current state can't be read, and every other strategy needs it", program_problem
        )
    if LIVE_DAMAGED in found:
        reason = "the current state is damaged, and the engine refuses to use it"
        return Recommendation(STATE, reason, program_problem)
    wanted = [text for code, text in _FOR_THE_PROGRAM if code in found]
    problem = program_problem or found.get(DIRTY, "")
    if problem and wanted:
        reason = f"the program would be better ({'; '.join(wanted)}), but {problem}"
        return Recommendation(CHECKPOINT, reason, program_problem)
    if problem:
        return Recommendation(CHECKPOINT, f"a replay needs no program, and {problem}", program_problem)
    if wanted:
        return Recommendation(PROGRAM, "; ".join(wanted))
    if PROGRAM_DIFFERS in found:
        return Recommendation(CHECKPOINT, f"a replay restores what was recorded; {found[PROGRAM_DIFFERS]}")
    return Recommendation(
        CHECKPOINT, "a replay restores what was recorded, and needs neither the old program nor its dependencies"
    )
