"""A strategy is a class and a line of the table: a new one goes the whole road, from the plan to the result."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from pulumi_rewind.choices import Choices
from pulumi_rewind.engine.cli import EngineRun
from pulumi_rewind.engine.events import Diagnostic, EngineEvent, Phase, ResourcePre, StepMetadata
from pulumi_rewind.errors import EngineError, IncompleteError, InterruptedRun, UpdateFailed, UsageError
from pulumi_rewind.goal.replay_report import ReplayReport
from pulumi_rewind.history.targets import resolve_target
from pulumi_rewind.plan.model import Plan
from pulumi_rewind.plan.prepared import Prepared
from pulumi_rewind.plan.verify import Difference
from pulumi_rewind.rollback import run as run_module
from pulumi_rewind.rollback.planning import build_plan
from pulumi_rewind.rollback.run import RollbackRun
from pulumi_rewind.session import Session, open_session
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.values import Json
from pulumi_rewind.strategies.choosing import STRATEGIES, Entry
from pulumi_rewind.strategies.parts import PlanRequest, load
from pulumi_rewind.strategies.protocol import Running, Strategy
from pulumi_rewind.up.recovery import Recovery
from pulumi_rewind.up.run import Before
from tests.support.filestack import FileStack
from tests.support.plans import plan_of
from tests.support.pretended import program


class Wishing(Strategy):
    """Changes nothing, and says so."""

    def plan(self, asked: PlanRequest) -> Plan:
        live, now, stored, plain = load(asked.session, asked.target)
        return plan_of(
            stack=str(asked.session.stack),
            target=asked.target,
            strategy="wishing",
            fingerprint="wish",
            changes={},
            state_only=(Difference("", "", "is wished for"),),
            prepared=Prepared(live, now, stored, plain, asked.choices),
            undo=None,
            revisions=None,
        )

    def update(self, run: Running) -> Generator[EngineEvent, None, ReplayReport]:
        yield Phase("wish", run.message)
        return ReplayReport()

    def verify(self, plan: Plan, report: ReplayReport, after: Checkpoint) -> Iterator[Difference]:
        yield Difference("", "", f"still {len(after.resources)} resources")

    def second_plan(
        self, run: Running, after: Checkpoint, differences: list[Difference], *, record: bool
    ) -> Iterator[EngineEvent]:
        differences.append(Difference("", "", "would be wished for again"))
        yield Diagnostic("looked once more", "info")

    def settings(self, plan: Plan) -> Mapping[str, Json]:
        return {"shop:wish": "yes"}

    def closing(self, run: Running) -> tuple[tuple[str, ...], str]:
        return ("wishes cost nothing",), "stop wishing"


class Halting(Wishing):
    """Has made something when the operator stops it between two updates of the engine."""

    def update(self, run: Running) -> Generator[EngineEvent, None, ReplayReport]:
        assert isinstance(run, RollbackRun)
        run.progress.see(ResourcePre(StepMetadata("update", "urn:pulumi:dev::shop::t:m:R::a")))
        run.interrupt()
        yield from run.stream(run.session.engine, ["up"], run.session.workspace.root, {})
        raise AssertionError("it was to stop")


class Failing(Wishing):
    """Has made something when the engine fails."""

    def update(self, run: Running) -> Generator[EngineEvent, None, ReplayReport]:
        assert isinstance(run, RollbackRun)
        run.progress.see(ResourcePre(StepMetadata("update", "urn:pulumi:dev::shop::t:m:R::a")))
        run._changed = run.progress.moved
        ended = SimpleNamespace(interrupted=False, errors=[], heard=True, error=EngineError)
        yield run.ended_early(cast("EngineRun", ended), ReplayReport(), "no")
        return ReplayReport()


@pytest.fixture
def session(tmp_path: Path) -> Session:
    stack = FileStack(tmp_path)
    program(tmp_path / "bin", "v3.276.0")
    stack.update(stack.resource("a", {}))
    stack.update(stack.resource("a", {}), stack.resource("b", {}))
    return open_session(stack.work, "dev", environ=stack.env)


def test_a_new_strategy_goes_the_whole_road(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Entry(Wishing, "wish for it", "wish", frozenset({"refresh"}))
    monkeypatch.setitem(STRATEGIES, "wishing", entry)
    target = resolve_target(session.timeline, "1")
    with pytest.raises(UsageError, match="does not support `--only`"):
        build_plan(session, target, Choices("wishing", only=("a",)))
    made = build_plan(session, target, Choices("wishing", refresh=True))
    assert made.recommendation is not None
    run = RollbackRun(session, made)
    entries: list[bool] = []
    settings: list[Mapping[str, Json]] = []

    def look(*_: object) -> Iterator[EngineEvent]:
        entries.append(session.journal.read() is not None)
        yield from ()

    def read_back(_: Session, config: Mapping[str, Json], *more: object) -> Iterator[EngineEvent]:
        settings.append(config)
        return look()

    monkeypatch.setattr(run.undo, "before", look)
    monkeypatch.setattr(run.revisions, "after", look)
    monkeypatch.setattr(run_module, "read_back", read_back)
    events = list(run.events())
    assert entries == [True, True, True], "whoever kills it at any of these moments can go on"
    assert settings == [{"shop:wish": "yes"}]
    assert Phase("wish", "rollback to #1") in events
    assert Diagnostic("looked once more", "info") in events
    result = run.result
    assert result is not None
    assert [one.message for one in result.differences] == ["still 3 resources", "would be wished for again"]
    assert (result.notes, result.undo) == (("wishes cost nothing",), "stop wishing")
    assert session.journal.read() is None


def test_what_an_update_rolls_back_in_vain_names_the_way_on_once(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(STRATEGIES, "wishing", Entry(Failing, "wish for it", "wish", frozenset()))
    target = resolve_target(session.timeline, "1")
    made = build_plan(session, target, Choices("wishing"))
    with pytest.raises(IncompleteError, match="the rollback to #1 failed") as raised:
        list(RollbackRun(session, made).events())
    assert session.journal.read() is not None
    recovery = Recovery(session, Before(made.prepared.live, 2, target), UpdateFailed("it failed"))
    for told in (raised.value, recovery._failed_too(raised.value)):
        assert told.hint.count("`pulumi-rewind resume dev`") == 1, told.hint


def test_a_run_that_is_stopped_between_two_updates_does_not_say_that_nothing_was_changed(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(STRATEGIES, "wishing", Entry(Halting, "wish for it", "wish", frozenset()))
    made = build_plan(session, resolve_target(session.timeline, "1"), Choices("wishing"))
    with pytest.raises(InterruptedRun, match="stopped half-way") as raised:
        list(RollbackRun(session, made).events())
    assert "nothing" not in str(raised.value)
    assert "`pulumi-rewind resume dev`" in raised.value.hint


def test_without_a_cli_nothing_is_read(tmp_path: Path) -> None:
    stack = FileStack(tmp_path)
    stack.update(stack.resource("a", {}))
    opened = open_session(stack.work, "dev", environ=stack.env)
    heard: list[EngineEvent] = []
    with pytest.raises(EngineError, match="no pulumi CLI"):
        build_plan(opened, resolve_target(opened.timeline, "1"), observe=heard.append)
    assert heard == []


def test_the_table_has_what_can_be_made_and_knows_choices_alone() -> None:
    for entry in STRATEGIES.values():
        assert Strategy in type(entry.load()).__mro__
        assert entry.knows <= set(Choices.__struct_fields__)
