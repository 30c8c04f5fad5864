"""Constrains a run to the engine's own plan, loosened where the plan can't know values of the update. Pure."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from pulumi_rewind.errors import EngineError
from pulumi_rewind.goal.model import Goal, Registration
from pulumi_rewind.goal.replay_report import ReplayReport
from pulumi_rewind.state.sent_inputs import provider_made_keys
from pulumi_rewind.state.values import (
    RESOURCE_REF,
    SPECIAL_FLOAT,
    UNKNOWN,
    Json,
    contains_unknown,
    is_unknown,
    kind_of,
    reveal,
    walk,
)


@contextlib.contextmanager
def readable_plan() -> Iterator[None]:
    """Around what takes the engine's own plan apart.

    Raises:
        EngineError: it is none.
    """
    try:
        yield
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, AttributeError, TypeError) as err:
        raise EngineError(
            f"the engine's plan can't be read: {err}",
            hint="Plan again. If the error persists, this release does not support the engine's version.",
        ) from None


@readable_plan()
def constrain_plan(plan: bytes, report: ReplayReport, goal: Goal | None = None) -> bytes:
    """The engine's plan with every value that a preview can't know set to unknown; steps and all else stay held.

    These are the inputs that we did not send (a provider that ignores the plan's seed makes other auto-names in the
    update than in the preview and would violate its own plan), references to resources that are yet to be made (the
    engine compares the unknown id inside as if it were known), and NaN, which never equals itself. With a `goal`, the
    inputs that a provider will fill in which could not be asked yet count as well.
    """
    document = msgspec.json.decode(plan)
    unasked = _unasked(goal, report) if goal is not None else {}
    for urn, entry in (document.get("resourcePlans") or {}).items():
        planned = entry.get("goal") or {}
        sent = report.sent.get(urn, {})
        for name, known in (("inputDiff", sent), ("outputDiff", report.outputs.get(urn, {}))):
            for slot in ("adds", "updates"):
                values = (planned.get(name) or {}).get(slot) or {}
                for key, value in values.items():
                    # The plan's own secrets are encrypted; what was sent tells what is in them.
                    hidden = _incomparable(reveal(known.get(key)))
                    if (name == "inputDiff" and key not in sent) or hidden or _incomparable(value):
                        values[key] = UNKNOWN
        if urn in unasked:
            _let_fill(planned, unasked[urn], sent)
    return msgspec.json.encode(document)


def _unasked(goal: Goal, report: ReplayReport) -> dict[str, Registration]:
    """By URN in this run, what has a provider whose configuration is known in the run alone.

    The engine's preview then asks that provider nothing: inputs stay as sent, without what the provider fills in.
    """
    waiting = set()
    for item in goal.registrations:
        sent = report.sent.get(report.urns.get(item.urn, ""), {})
        if item.kind == "provider" and contains_unknown(reveal(dict(sent))):
            waiting.add(item.urn)
    return {report.urns[item.urn]: item for item in goal.registrations if item.provider in waiting}


def _let_fill(planned: dict[str, Any], item: Registration, sent: Mapping[str, Json]) -> None:
    """Lets the provider fill in, in the run, what it has filled in before."""
    changes = planned.setdefault("inputDiff", {})
    today = item.live_source.decoded_inputs() if item.live_source is not None else {}
    if deletes := [key for key in changes.get("deletes") or () if key in sent]:
        changes["deletes"] = deletes
    else:
        changes.pop("deletes", None)
    for key in (provider_made_keys(item.source) | today.keys()) - sent.keys():
        changes.setdefault("updates" if key in today else "adds", {})[key] = UNKNOWN


def _incomparable(value: Json) -> bool:
    for inner in walk(value):
        kind = kind_of(inner)
        if kind == SPECIAL_FLOAT or (kind == RESOURCE_REF and (is_unknown(inner.get("id")) or inner.get("id") == "")):
            return True
    return False
