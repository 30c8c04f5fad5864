"""What a run is held to: the engine's own plan, loosened where it can't know what the update will bring. Pure."""

from __future__ import annotations

import msgspec

from pulumi_rewind.replay import ReplayReport
from pulumi_rewind.values import RESOURCE_REF, SPECIAL_FLOAT, UNKNOWN, Json, is_unknown, kind_of, reveal, walk


def hold_to(plan: bytes, report: ReplayReport) -> bytes:
    """The engine's plan with every value that a preview can't know set to unknown; steps and all else stay held.

    These are the inputs that we did not send (a provider that ignores the plan's seed makes other auto-names in the
    update than in the preview and would violate its own plan), references to resources that are yet to be made (the
    engine compares the unknown id inside as if it were known), and NaN, which never equals itself.
    """
    document = msgspec.json.decode(plan)
    for urn, entry in (document.get("resourcePlans") or {}).items():
        goal = entry.get("goal") or {}
        sent = report.sent.get(urn, {})
        for name, known in (("inputDiff", sent), ("outputDiff", report.outputs.get(urn, {}))):
            for slot in ("adds", "updates"):
                values = (goal.get(name) or {}).get(slot) or {}
                for key, value in values.items():
                    # The plan's own secrets are encrypted; what was sent tells what is in them.
                    hidden = _incomparable(reveal(known.get(key)))
                    if (name == "inputDiff" and key not in sent) or hidden or _incomparable(value):
                        values[key] = UNKNOWN
    return msgspec.json.encode(document)


def _incomparable(value: Json) -> bool:
    for inner in walk(value):
        kind = kind_of(inner)
        if kind == SPECIAL_FLOAT or (kind == RESOURCE_REF and (is_unknown(inner.get("id")) or inner.get("id") == "")):
            return True
    return False
