"""Plays back what `run_recording.py` recorded, in place of the engine: its preview, and a run.

Only these two are played: everything around them (goal, steps, risks, screens, files) is the real thing.
"""

from __future__ import annotations

import dataclasses
import json
import queue
import shutil
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest

from pulumi_rewind import errors
from pulumi_rewind.engine.events import EngineEvent, Phase, ResourceDone, ResourcePre
from pulumi_rewind.goal.model import Goal
from pulumi_rewind.goal.replay_report import ReplayReport
from pulumi_rewind.plan.model import Plan
from pulumi_rewind.risk import SKIPPED
from pulumi_rewind.rollback import planning
from pulumi_rewind.rollback import run as rollback
from pulumi_rewind.rollback.result import RollbackResult
from pulumi_rewind.session import Session
from pulumi_rewind.strategies.checkpoint import previews
from pulumi_rewind.strategies.preview import Begun
from tests.support.tui.run_recording import RUNS, TARGET, from_lines
from tests.support.tui.shop import NOON


def recorded(name: str) -> list[EngineEvent]:
    """The events of ``review``, ``success`` or ``failure``."""
    return from_lines((RUNS / name / "events.jsonl").read_text())


class ReplayedRun:
    """Stands in for `RollbackRun`; class attributes say what is played, `made` holds the newest one."""

    name = "success"
    stop_after: int | None = None
    """Plays that many events, then waits for `go` (or for being stopped)."""
    events_to_play: Sequence[EngineEvent] | None = None
    made: ReplayedRun

    def __init__(
        self, session: Session, plan: Plan, *, allow_data_loss: bool = False, check_again: bool = True
    ) -> None:
        self.session = session
        self.plan = plan
        self.allow_data_loss = allow_data_loss
        self.result: RollbackResult | None = None
        self.calls: list[str] = []
        self.closed = False
        self._gate: queue.SimpleQueue[str] = queue.SimpleQueue()
        type(self).made = self

    def go(self) -> None:
        """Lets a waiting run go on to its end."""
        self._gate.put("go")

    def interrupt(self) -> None:
        """As the real one: the first ends it after the running steps."""
        self.calls.append("interrupt")
        self._gate.put("stop")

    def kill(self) -> None:
        """At once."""
        self.calls.append("kill")
        self._gate.put("stop")

    def events(self) -> Iterator[EngineEvent]:
        """Plays the recording, and its end."""
        target = self.plan.target.update.number
        self.session.journal.begin(target=target, label=self.plan.target.label, digest=self._digest, start=8)
        played = recorded(self.name) if self.events_to_play is None else self.events_to_play
        for number, event in enumerate(played):
            if number == self.stop_after and self._gate.get() == "stop":
                yield Phase("stopping")
                raise errors.InterruptedRun("stopped half-way; running steps were finished and saved")
            yield event
        if self.events_to_play is not None:
            self.session.journal.end()
            self.result = RollbackResult("succeeded", 9, {"update": len(self.plan.steps)}, (), 1.0)
            return
        files = RUNS / self.name / "backend"
        shutil.copytree(files, self.session.workspace.root.parent / "backend" / ".pulumi", dirs_exist_ok=True)
        end = json.loads((RUNS / self.name / "end.json").read_text())
        if "error" in end:
            raise getattr(errors, end["error"])(end["message"], hint=end["hint"])
        self.session.journal.end()
        self.result = msgspec.convert(end["result"], RollbackResult)

    @property
    def _digest(self) -> str:
        return self.plan.prepared.target.digest


def staying(goal: Goal) -> frozenset[str]:
    """What a goal leaves as it is: what it registers as live has it, and what it leaves away."""
    kept = {item.urn for item in goal.registrations if item.from_live}
    return frozenset(kept | {note.urn for note in goal.notes if note.code == SKIPPED})


def touches(event: EngineEvent, urns: frozenset[str]) -> bool:
    """Whether an event is a step of one of these: the engine finds nothing to do in what stays as it is."""
    return isinstance(event, ResourcePre | ResourceDone) and event.step.urn in urns


def play(monkeypatch: pytest.MonkeyPatch, run: str = "success", **attributes: Any) -> type[ReplayedRun]:
    """Puts the recording in the engine's place; decrypted checkpoints are shared between tests."""

    def preview(*arguments: Any, **__: Any) -> tuple[list[EngineEvent], bytes, ReplayReport]:
        report = msgspec.json.decode((RUNS / "review" / "report.json").read_bytes(), type=ReplayReport)
        still = staying(arguments[1])
        return [event for event in recorded("review") if not touches(event, still)], b"{}", report

    real = planning.build_plan

    def build_plan(*arguments: Any, **options: Any) -> Plan:
        return dataclasses.replace(real(*arguments, **options), created=NOON)

    played = type("Played", (ReplayedRun,), {"name": run, **attributes})
    monkeypatch.setattr(previews, "preview", preview)
    monkeypatch.setattr(previews, "asked_about", lambda *_: ())  # the recording is of a preview of everything
    monkeypatch.setattr(Begun, "early", lambda *_, **__: None)
    monkeypatch.setattr(planning, "build_plan", build_plan)
    monkeypatch.setattr(rollback, "RollbackRun", played)
    return played


__all__ = ["TARGET", "ReplayedRun", "play", "recorded"]
