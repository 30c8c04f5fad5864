"""Checkpoints and goals of a stack ``p/dev``, written by hand."""

from __future__ import annotations

import json
from typing import Any

from pulumi_rewind.goal.build import build_goal
from pulumi_rewind.goal.model import Goal
from pulumi_rewind.goal.replay_report import ReplayReport
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.identity import rehomed
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.values import SECRET, SIG

STACK = {"urn": "urn:pulumi:dev::p::pulumi:pulumi:Stack::p-dev", "type": "pulumi:pulumi:Stack", "custom": False}


def urn(name: str, type_: str = "t:m:R") -> str:
    return f"urn:pulumi:dev::p::{type_}::{name}"


def res(name: str, type_: str = "t:m:R", **fields: Any) -> dict[str, Any]:
    base = {
        "urn": urn(name, type_),
        "type": type_.split("$")[-1],
        "custom": True,
        "id": f"{name}-id",
        "parent": STACK["urn"],
    }
    return base | fields


def checkpoint(*resources: dict[str, Any], **deployment: Any) -> Checkpoint:
    body = {
        "version": 3,
        "checkpoint": {"stack": "organization/p/dev", "latest": {"resources": [STACK, *resources], **deployment}},
    }
    return decode_checkpoint(json.dumps(body).encode(), source="test")


def goal(target: Checkpoint, live: Checkpoint) -> Goal:
    return build_goal(target, live, project="p", stack="dev")


def replayed(goal: Goal) -> ReplayReport:
    """The report of a replay in which everything went as sent."""
    report = ReplayReport()
    for item in goal.registrations:
        urn = rehomed(item.urn, goal.stack, goal.project)
        report.urns[item.urn] = urn
        report.ids[item.urn] = item.live_source.id if item.live_source else ""
        report.sent[urn] = dict(item.inputs)
        report.relinked[item.urn] = set(item.inputs)
        if item.has_outputs:
            report.outputs[urn] = item.source.decoded_outputs()
    return report


def provider(name: str = "prov", package: str = "cloud", **inputs: Any) -> dict[str, Any]:
    """An explicit provider."""
    return res(name, f"pulumi:providers:{package}", inputs={"version": "1.0.0", **inputs})


def used(name: str = "web", by: str = "prov", package: str = "cloud", **fields: Any) -> dict[str, Any]:
    """A resource of such a provider."""
    reference = f"{urn(by, f'pulumi:providers:{package}')}::{by}-id"
    return res(name, f"{package}:index:Thing", provider=reference, **fields)


def secret(value: object) -> dict[str, str]:
    """A decrypted secret."""
    return {SIG: SECRET, "plaintext": json.dumps(value)}
