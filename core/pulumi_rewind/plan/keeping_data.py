"""Keeping the data: what has to stay as it is so that a plan loses none, found plan by plan. Pure.

A plan tells which of its steps lose data. Their resources stay as they are in the next one, with all that has to stay
for them; that may bring another loss, or another replacement, so it is asked again until no step loses data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from pulumi_rewind.plan.model import Plan
from pulumi_rewind.risk import BLOCKING, LEFTOVER, Risk

_NOT_KEPT: Final = "; `--keep-data` can't prevent it: plan without keeping the data, or resolve it by hand first"


def keeping_data(make: Callable[[Mapping[str, str]], Plan]) -> Plan:
    """The first plan that loses no data; a loss that no selection can prevent blocks it.

    `make` plans with some resources staying as they are (URN of live → its own URN).
    """
    stays: dict[str, str] = {}
    while True:
        plan = make(stays)
        found = _losing(plan) - stays.keys()
        if not found:
            return _without_loss(plan)
        plan.close()
        stays |= {urn: urn for urn in sorted(found)}


def kept_for_data(stays: Mapping[str, str]) -> dict[str, str]:
    """The part of what stays that stays for its own data's sake."""
    return {urn: user for urn, user in stays.items() if urn == user}


def _losing(plan: Plan) -> set[str]:
    """URNs of live whose data the plan loses, as far as leaving them out helps: an old copy goes in every run."""
    registered, live = plan.prepared.registered, plan.prepared.live_plain.by_urn
    renamed = {step.urn: step.renamed_from for step in plan.steps}
    found = set()
    for risk in plan.all_risks:
        if risk.loses_data and risk.code != LEFTOVER:
            item = registered.get(risk.urn)
            found.add(renamed.get(risk.urn) or (item.live_urn if item is not None else "") or risk.urn)
    return {urn for urn in found if urn in live}


def _without_loss(plan: Plan) -> Plan:
    steps = (replace(step, risks=tuple(map(_blocking, step.risks))) for step in plan.steps)
    return replace(plan, steps=tuple(steps), risks=tuple(map(_blocking, plan.risks)))


def _blocking(risk: Risk) -> Risk:
    return replace(risk, message=risk.message + _NOT_KEPT, unusual=BLOCKING) if risk.loses_data else risk
