"""The strategy `program`: runs the old program in its worktree, constrained to the reviewed plan."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Generator, Iterator

from pulumi_rewind.engine.cli import EngineRun
from pulumi_rewind.engine.events import EngineEvent
from pulumi_rewind.errors import IncompleteError
from pulumi_rewind.goal.replay_report import ReplayReport
from pulumi_rewind.guard.checks import check_unmoved_under_lock
from pulumi_rewind.history.update_mark import PROGRAM_AGENT
from pulumi_rewind.plan.model import Plan, Step
from pulumi_rewind.plan.verify import Difference
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.strategies.parts import PlanRequest
from pulumi_rewind.strategies.preview import ignore_events
from pulumi_rewind.strategies.program.engine import environment, preview_program
from pulumi_rewind.strategies.program.gate import Gate
from pulumi_rewind.strategies.program.plan import ProgramPlanning, ProgramPrepared
from pulumi_rewind.strategies.program.result import program_steps, unlike_target
from pulumi_rewind.strategies.protocol import Running, Strategy, update_arguments
from pulumi_rewind.strategies.second_plan import left_to_do, provider_differences
from pulumi_rewind.system.shell import command


class ProgramStrategy(Strategy):
    """Runs the program of the target's commit.

    Afterwards the state is what the program registers if a second preview is empty; what it makes otherwise than the
    target's checkpoint is said in any case.
    """

    def plan(self, asked: PlanRequest) -> Plan:
        """See `ProgramPlanning`."""
        return ProgramPlanning(asked).plan()

    def update(self, run: Running) -> Generator[EngineEvent, None, ReplayReport]:
        """The program's own update, behind a gate that holds the engine until the state has been compared."""
        session, prepared = run.session, _prepared(run.plan)
        private = prepared.tree.private
        plan_file = private / "held.json"
        plan_file.touch(mode=0o600)
        plan_file.write_bytes(prepared.update_plan)
        arguments = update_arguments(
            run, prepared.config_path, plan_file, refresh=prepared.refresh, agent=PROGRAM_AGENT
        )
        live, report = run.begun_from, ReplayReport()
        gate = Gate(
            prepared.engine,
            private,
            lambda: check_unmoved_under_lock(session.backend.live(session.stack), live),
            lambda: bool(session.operations()),
        )
        with gate:
            environ = {**environment(session, prepared.live), **gate.environ}
            ended = yield from _guarded(run, run.stream(prepared.engine, arguments, private, environ), gate)
        plan_file.unlink()
        if ended.returncode != 0:
            yield run.ended_early(ended, report, gate.refusal)
        elif gate.refusal:
            raise IncompleteError(
                f"{gate.refusal}, and the program has run on that state",
                hint=f"Look at what it did; `{command('resume', session.stack.name)}` plans from there.",
                resumes=True,
            )
        return report

    def verify(self, plan: Plan, report: ReplayReport, after: Checkpoint) -> Iterator[Difference]:
        """What the program made otherwise than the target has it; announced or not."""
        prepared = _prepared(plan)
        for one in unlike_target(after, prepared.target_plain, *prepared.ref):
            yield dataclasses.replace(one, expected=(one.urn, one.path) in prepared.announced)
        yield from provider_differences(prepared.live, after)

    def second_plan(
        self, run: Running, after: Checkpoint, differences: list[Difference], *, record: bool
    ) -> Iterator[EngineEvent]:
        """The program once more."""
        prepared = _prepared(run.plan)

        def look() -> tuple[Step, ...]:
            events, _ = preview_program(
                run.session,
                prepared.engine,
                prepared.config_path,
                after,
                prepared.tree.private,
                ignore_events,
                run.control,
            )
            return program_steps(events, prepared.target_plain, *prepared.ref)

        yield from left_to_do(look, "a second run of the program", differences)


def _prepared(plan: Plan) -> ProgramPrepared:
    prepared = plan.prepared
    assert isinstance(prepared, ProgramPrepared)
    return prepared


def _guarded(
    run: Running, events: Generator[EngineEvent, None, EngineRun], gate: Gate
) -> Generator[EngineEvent, None, EngineRun]:
    """The events of the update, which is stopped at the first one if the engine went round the gate."""
    with contextlib.closing(events):
        while True:
            try:
                event = next(events)
            except StopIteration as end:
                ended: EngineRun = end.value
                return ended
            refused = bool(gate.refusal)  # by the gate: the engine ends by itself
            if not refused and not gate.compare() and run.engine_run is not None:
                run.engine_run.interrupt()
            if not gate.hides(event):
                yield event
