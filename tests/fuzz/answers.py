"""What the engine and the workers of callbacks answer."""

from __future__ import annotations

from pulumi_rewind.callbacks.answers import Lines, message_of
from pulumi_rewind.callbacks.process import _Said
from pulumi_rewind.engine.events import parse_event
from pulumi_rewind.goal.replay_report import ReplayReport
from pulumi_rewind.records.withheld import masked_events, withheld
from pulumi_rewind.replay.plan_constraint import constrain_plan
from pulumi_rewind.state.values import SECRET, SIG
from pulumi_rewind.strategies.program.plan import _essence
from pulumi_rewind.strategies.program.result import declared
from tests.fuzz.seeds import (
    URN,
    Target,
    encoded,
)


def answer_targets() -> dict[str, Target]:
    """By name."""
    step = {"op": "update", "urn": URN, "type": "aws:s3/bucket:Bucket", "old": {"urn": URN, "inputs": {"a": 1}},
            "new": {"urn": URN, "inputs": {"a": 2, "pw": {SIG: SECRET, "plaintext": "[secret]"}}}, "diffs": ["a"],
            "detailedDiff": {"a[0].b": {"diff_kind": "update", "inputDiff": True}}}  # fmt: skip
    events = tuple(
        encoded(event)
        for event in (
            {"sequence": 1, "resourcePreEvent": {"metadata": step, "planning": True}},
            {"resOutputsEvent": {"metadata": {**step, "op": "create"}}},
            {"resOpFailedEvent": {"metadata": step, "status": 0, "steps": 1}},
            {"diagnosticEvent": {"urn": URN, "message": "<{%reset%}>hunter2<{%reset%}>", "severity": "error"}},
            {"summaryEvent": {"resourceChanges": {"update": 1}, "durationSeconds": 3, "result": "succeeded"}},
            {"progressEvent": {"type": "plugin-download", "id": "x", "message": "m", "received": 1, "total": 2}},
        )
    )
    log = b"\n".join(events)
    goal = {"type": "t", "inputDiff": {"adds": {"a": 1}, "updates": {"b": "x"}, "deletes": ["c"]},
            "outputDiff": {}, "propertyDependencies": {"a": [URN]}}  # fmt: skip
    plan = encoded({"manifest": {}, "resourcePlans": {URN: {"goal": goal, "steps": ["update"], "state": {"a": 1}}}})
    report = ReplayReport(sent={URN: {"a": 1}}, outputs={URN: {}})

    def event(raw: bytes) -> None:
        parse_event(raw)
        parse_event(raw.decode(errors="replace"))

    def logged(raw: bytes) -> None:
        withheld(raw).log(raw)
        masked_events(raw, lambda text: text.replace("hunter2", "[secret]"))

    def planned(raw: bytes) -> None:
        constrain_plan(raw, report)
        declared(raw)
        _essence(raw)

    def answer(raw: bytes) -> None:
        said = _Said("restore", URN, str)
        lines = Lines(1 << 16)
        for at in range(0, len(raw), 50):
            for line in lines.feed(raw[at : at + 50]):
                list(said.lines([line]))
        list(said.message(message_of(raw, "restore")))

    ends = (b'{"end": {"result": {"result": "skip", "reason": "x"}}}', b'{"log": "line\\nline"}',
            b'{"progress": [1.0, 2.0, "tables"]}')  # fmt: skip
    return {
        "event of the engine": Target(events, event),
        "event log": Target((log,), logged),
        "plan of the engine": Target((plan,), planned),
        "answer of a worker": Target(ends, answer),
    }
