"""Records a review and two runs on the recorded shop; from the root of the clone:
``python -m tests.support.tui.run_recording``.

Kept are the engine's events (one JSON object a line, with our own phases between them), what the replay reported, and
the files of the backend that each run made: what `replay.py` plays back. Secrets in it are those of
`shop_recording.py`.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from pulumi_rewind.engine.events import (
    Diagnostic,
    EngineEvent,
    Phase,
    Progress,
    ResourceDone,
    ResourceFailed,
    ResourcePre,
    Summary,
)
from pulumi_rewind.errors import RewindError
from pulumi_rewind.history.targets import resolve_target
from pulumi_rewind.plan.model import Plan
from pulumi_rewind.rollback.planning import build_plan
from pulumi_rewind.rollback.run import RollbackRun
from pulumi_rewind.strategies.checkpoint import previews
from tests.support.tui.engine_shop import EngineShop
from tests.support.tui.shop_recording import RECORDINGS, without_machine

RUNS = RECORDINGS / "runs"
TARGET = 5
KINDS: dict[str, Any] = {
    kind.__name__: kind for kind in (ResourcePre, ResourceDone, ResourceFailed, Diagnostic, Summary, Progress, Phase)
}


def to_lines(events: Iterable[EngineEvent]) -> str:
    """Events as JSON lines, without what a provider's own traceback says about the machine."""
    events = [event for event in events if not (isinstance(event, Diagnostic) and event.severity == "debug")]
    lines = [{"kind": type(event).__name__, "event": msgspec.to_builtins(event)} for event in events]
    return "".join(json.dumps(line, sort_keys=True, ensure_ascii=False) + "\n" for line in lines)


def from_lines(text: str) -> list[EngineEvent]:
    """Events from JSON lines."""
    lines = [json.loads(line) for line in text.splitlines()]
    return [msgspec.convert(line["event"], KINDS[line["kind"]]) for line in lines]


def record_plan(shop: EngineShop, target: Path) -> Plan:
    """Plans with the real engine and keeps what its preview said."""
    module: Any = previews
    real = module.preview
    kept: dict[str, Any] = {}

    def preview(*arguments: Any, **options: Any) -> Any:
        events, update_plan, report = real(*arguments, **options)
        kept.update(events=events, report=report)
        return events, update_plan, report

    module.preview = preview
    try:
        session = shop.session()
        plan = build_plan(session, resolve_target(session.timeline, f"#{TARGET}"))
    finally:
        module.preview = real
    target.mkdir(parents=True, exist_ok=True)
    (target / "events.jsonl").write_text(to_lines(kept["events"]))
    (target / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(kept["report"], order="sorted")))
    return plan


def record_run(shop: EngineShop, target: Path) -> None:
    """Rolls back with the real engine; keeps its events, its end and the files it made."""
    before = {path: path.read_bytes() for path in shop.backend.rglob("*.json")}
    session = shop.session()
    plan = build_plan(session, resolve_target(session.timeline, f"#{TARGET}"))
    run = RollbackRun(session, plan, allow_data_loss=True)
    events: list[EngineEvent] = []
    end: dict[str, Any] = {}
    try:
        events.extend(run.events())
    except RewindError as err:
        end = {"error": type(err).__name__, "message": str(err), "hint": err.hint}
    else:
        assert run.result is not None
        end = {"result": msgspec.to_builtins(run.result)}
    target.mkdir(parents=True, exist_ok=True)
    (target / "events.jsonl").write_text(to_lines(events))
    (target / "end.json").write_text(json.dumps(end, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    for path in shop.backend.rglob("*.json"):
        place = path.relative_to(shop.backend / ".pulumi")
        if before.get(path) != path.read_bytes() and "backups" not in place.parts:
            kept = target / "backend" / place
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(without_machine(json.loads(path.read_text())), indent=4))


def main() -> None:
    """Records anew."""
    shutil.rmtree(RUNS, ignore_errors=True)
    with tempfile.TemporaryDirectory() as directory:
        shop = EngineShop(Path(directory) / "success", protected=False)
        record_plan(shop, RUNS / "review").close()
        record_run(shop, RUNS / "success")
        shop = EngineShop(Path(directory) / "failure", protected=False)
        message = "InvalidParameterValue: image shop/api:1.2.0 is not in this region"
        shop.trouble({"name": "api", "operation": "update", "action": "fail", "message": message})
        record_run(shop, RUNS / "failure")
    sys.stdout.write(f"recorded into {RUNS}\n")


if __name__ == "__main__":
    main()
