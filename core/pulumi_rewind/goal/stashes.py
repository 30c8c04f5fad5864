"""Stashes: resources of the engine itself that keep, as their output, the input of the time when they were made. Pure.

An update changes the input alone, so no registration brings an earlier output back. The object is nothing but its entry
in the state: there the output is put back after the run (see `strategies.checkpoint.repair`), and what was computed
from it is sent as it was. Source: engine behaviour of Pulumi 3.276.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pulumi_rewind.goal.model import Goal
from pulumi_rewind.goal.replay_report import ReplayReport
from pulumi_rewind.state.model import Checkpoint, Resource
from pulumi_rewind.state.values import ARCHIVE, ASSET, Json, contains_unknown, kind_of, reveal, walk

STASH: Final = "pulumi:index:Stash"
_WITH_PATHS: Final = frozenset({ASSET, ARCHIVE})


def stash_outputs(recorded: Resource, sent: Mapping[str, Json]) -> dict[str, Json]:
    """What a stash holds after a rollback; an output that was its input is what is sent now, ids relinked.

    An asset keeps the recorded path: what is sent may be a copy that goes away with the run.
    """
    before = recorded.decoded_outputs()
    same = reveal(before.get("output")) == reveal(recorded.decoded_inputs().get("input"))
    same = same and not any(kind_of(inner) in _WITH_PATHS for inner in walk(reveal(before.get("output"))))
    return {**before, "input": sent.get("input"), "output": sent.get("input") if same else before.get("output")}


def unlike_recorded(goal: Goal, report: ReplayReport, after: Checkpoint) -> dict[str, Json]:
    """URN in this run → the output to put back, of each stash that has another one; `after` is decrypted."""
    found: dict[str, Json] = {}
    for item in goal.registrations:
        urn = report.urns.get(item.urn, "")
        there = after.by_urn.get(urn)
        if item.source.type != STASH or there is None:
            continue
        wanted = stash_outputs(item.source, report.sent.get(urn, {})).get("output")
        if not contains_unknown(wanted) and reveal(wanted) != reveal(there.decoded_outputs().get("output")):
            found[urn] = wanted
    return found


def has_stash(goal: Goal) -> bool:
    """Whether any is registered."""
    return any(item.source.type == STASH for item in goal.registrations)


def put_output_back(resources: list[dict[str, Any]], wanted: Mapping[str, Json]) -> list[str]:
    """Writes outputs into a state's resources, in place; the URNs of those that changed. Secrets go in plaintext."""
    changed = []
    for entry in resources:
        urn = str(entry.get("urn"))
        if urn in wanted and not entry.get("delete"):
            entry["outputs"] = {**(entry.get("outputs") or {}), "output": wanted[urn]}
            changed.append(urn)
    return changed
