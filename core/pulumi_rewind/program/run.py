"""Running a reviewed plan of the strategy `program`."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Generator

from pulumi_rewind.engine import EngineRun
from pulumi_rewind.errors import IncompleteError, InterruptedRun, RewindError
from pulumi_rewind.events import Diagnostic, EngineEvent
from pulumi_rewind.goal import Goal
from pulumi_rewind.guard import check_unmoved_under_lock
from pulumi_rewind.model import Checkpoint
from pulumi_rewind.program.engine import environment, preview_program
from pulumi_rewind.program.gate import Gate
from pulumi_rewind.program.plan import ProgramPrepared
from pulumi_rewind.program.result import program_steps, unlike_target
from pulumi_rewind.replay_report import ReplayReport
from pulumi_rewind.rollback import RollbackRun
from pulumi_rewind.shell import command
from pulumi_rewind.stamp import PROGRAM_AGENT
from pulumi_rewind.verify import Difference


class ProgramRun(RollbackRun):
    """Runs the program in its worktree, held to the reviewed plan.

    Afterwards the state is what the program registers if a second preview is empty; what it makes otherwise than the
    target's checkpoint is said in any case.
    """

    @property
    def _program(self) -> ProgramPrepared:
        prepared = self.plan.prepared
        assert isinstance(prepared, ProgramPrepared)
        return prepared

    def _update(self) -> Generator[EngineEvent, None, ReplayReport]:
        session, prepared = self.session, self._program
        private = prepared.tree.private
        plan_file = private / "held.json"
        plan_file.touch(mode=0o600)
        plan_file.write_bytes(prepared.update_plan)
        arguments = [
            *("up", "--yes", "--skip-preview", "-s", session.stack.fqn),
            *("--config-file", str(prepared.config_path)),
            *("--plan", str(plan_file)),
            *(("--refresh",) if prepared.refresh else ()),
            *("-m", f"rollback to {self.plan.target.label}", "--exec-agent", self.stamp.text(PROGRAM_AGENT)),
        ]
        live = self._begun_from
        gate = Gate(
            prepared.engine,
            private,
            lambda: check_unmoved_under_lock(session.backend.live(session.stack), live),
            lambda: bool(session.backend.locks(session.stack)),
        )
        with gate:
            environ = {**environment(session, prepared.live), **gate.environ}
            events = self._stream(prepared.engine, arguments, private, environ)
            run = yield from self._guarded(events, gate)
        plan_file.unlink()
        if run.returncode != 0:
            yield self._early_end(run, prepared.report, gate.refusal)
        elif gate.refusal:
            raise IncompleteError(
                f"{gate.refusal}, and the program has run on that state",
                hint=f"Look at what it did; `{command('resume', session.stack.name)}` plans from there.",
            )
        return prepared.report

    def _guarded(
        self, events: Generator[EngineEvent, None, EngineRun], gate: Gate
    ) -> Generator[EngineEvent, None, EngineRun]:
        """The events of the run, which is stopped at the first one if the engine went round the gate."""
        with contextlib.closing(events):
            while True:
                try:
                    event = next(events)
                except StopIteration as end:
                    run: EngineRun = end.value
                    return run
                refused = bool(gate.refusal)  # by the gate: the engine ends by itself
                if not refused and not gate.compare() and self._run is not None:
                    self._run.interrupt()
                if not gate.hides(event):
                    yield event

    def _verify(self, report: ReplayReport) -> tuple[Checkpoint, list[Difference]]:
        prepared = self._program
        live = self.session.backend.live(self.session.stack)
        after = self.session.vault.decrypt(live, self.session.stack)
        differences = [
            dataclasses.replace(one, expected=(one.urn, one.path) in prepared.announced)
            for one in unlike_target(after, prepared.target_plain, prepared.goal.stack, prepared.goal.project)
        ]
        old, new = prepared.live_plain.deployment.secrets_providers, after.deployment.secrets_providers
        if old is not None and old != new:
            differences.append(Difference("", "secrets_providers", "the secrets provider of the state changed"))
        return after, differences

    def _second_plan(
        self, after: Checkpoint, differences: list[Difference]
    ) -> Generator[EngineEvent, None, tuple[Goal, bytes] | None]:
        prepared, goal = self._program, self.plan.prepared.goal
        try:
            events, _ = preview_program(
                self.session,
                prepared.engine,
                prepared.config_path,
                after,
                prepared.tree.private,
                _ignore,
                self._control,
            )
        except InterruptedRun:
            yield Diagnostic("the check by a second plan was stopped", "warning")
            return None
        except RewindError as err:
            differences.append(Difference("", "", f"the check by a second plan failed: {err}"))
            return None
        for step in program_steps(events, prepared.target_plain, goal.stack, goal.project):
            if step.op not in {"same", "read"}:
                where = f" in {', '.join(step.keys)}" if step.keys else ""
                differences.append(
                    Difference(step.urn, "", f"a second run of the program would still {step.op} it{where}")
                )
        return None


def _ignore(_: EngineEvent) -> None:
    return
