"""A goal whose links are applied as a run does, without an engine."""

from __future__ import annotations

from typing import Any

from pulumi_rewind.goal.model import Goal
from pulumi_rewind.goal.replay_report import ReplayReport
from pulumi_rewind.replay.linking import Linking, Response
from pulumi_rewind.state.values import Json
from tests.support.checkpoints import res, urn


def replay(
    goal: Goal, ids: dict[str, str], outputs: dict[str, dict[str, Json]], *, preview: bool = False
) -> ReplayReport:
    """Applies the links of a goal as a run does whose resources get these ids and outputs by name."""
    report, responses = ReplayReport(), dict[str, Response]()
    linking = Linking(goal, report, responses, preview=preview)
    for item in goal.registrations:
        known = {
            one: linking.link(one, from_live=item.from_live)
            for urns in item.property_dependencies.values()
            for one in urns
        }
        report.sent[item.urn] = linking.inputs(item, known)
        report.urns[item.urn] = item.urn
        old = item.source.decoded_outputs()
        responses[item.urn] = Response(item.urn, ids.get(item.name, item.source.id), outputs.get(item.name, old))
    return report


def depending(name: str, on: str = "db", recorded: bool = True, **inputs: Json) -> dict[str, Any]:
    listed = {key: [urn(on)] for key in inputs} if recorded else None
    return res(name, inputs=inputs, dependencies=[urn(on)], outputs=inputs, propertyDependencies=listed)
