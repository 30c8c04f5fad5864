"""Running a reviewed plan: guard, journal, update, verification."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Literal

import msgspec

from pulumi_rewind.backends.room import shortage
from pulumi_rewind.doubts import Doubts, doubt, lost_sight_of
from pulumi_rewind.engine import EngineRun
from pulumi_rewind.errors import CheckpointError, IncompleteError, InterruptedRun, RefusedError, RewindError
from pulumi_rewind.events import Diagnostic, EngineEvent, Phase, ResourcePre
from pulumi_rewind.goal import Registration
from pulumi_rewind.host import ReplayHost
from pulumi_rewind.model import Checkpoint, Manifest
from pulumi_rewind.plan import Plan, plan_steps
from pulumi_rewind.prepare import PreviewControl, build_plan, make_goal, preview, private_directory
from pulumi_rewind.replay import ReplayReport
from pulumi_rewind.session import Session
from pulumi_rewind.stackconfig import config_file
from pulumi_rewind.verify import Difference, verify

__all__ = ["Difference", "PreviewControl", "RollbackResult", "RollbackRun", "build_plan"]


@dataclass(frozen=True)
class RollbackResult:
    """How a rollback ended."""

    result: Literal["succeeded", "nothing-to-do"]
    version: int
    """Number of the update that the rollback itself became; the newest one where nothing was to do."""
    changes: dict[str, int]
    """Steps by operation, as the engine counted them."""
    differences: tuple[Difference, ...]
    """What is not as in the target; empty where the state equals it exactly."""
    seconds: float

    @property
    def exact(self) -> bool:
        """Whether nothing differs that was not announced."""
        return all(difference.expected for difference in self.differences)


_MOVES = frozenset({"same", "read", "refresh", ""})


class RollbackRun:
    """One run of a reviewed plan. Iterate `events`, then read `result`.

    The iteration raises RefusedError before anything was changed, InterruptedRun when stopped, and IncompleteError
    when it failed half-way; in the latter two the journal stays and `resume` goes on.
    """

    def __init__(
        self,
        session: Session,
        plan: Plan,
        *,
        allow_data_loss: bool = False,
        check_again: bool = True,
    ) -> None:
        self.session = session
        self.plan = plan
        self.allow_data_loss = allow_data_loss
        self.check_again = check_again
        """Whether a second preview must come out empty at the end."""
        self.result: RollbackResult | None = None
        self._run: EngineRun | None = None
        self._stops = 0
        self._lock = threading.RLock()  # a signal handler may interrupt the thread that holds it
        self._control = PreviewControl()
        self._changed = False
        self._doubts = Doubts()

    # -- stopping -----------------------------------------------------------------------------------------------

    def interrupt(self) -> None:
        """First call: stop after the running steps. Second call: stop now (pending operations may stay)."""
        with self._lock:
            self._stops += 1
            if self._run is not None:
                self._run.interrupt()
        self._control.stop()

    def kill(self) -> None:
        """Ends the engine at once; the journal stays."""
        with self._lock:
            self._stops += 1
            if self._run is not None:
                self._run.kill()
        self._control.stop()

    def _asked_to_stop(self) -> bool:
        return self._stops > 0

    # -- the road -----------------------------------------------------------------------------------------------

    def events(self) -> Iterator[EngineEvent]:
        """Guards, runs and verifies; yields what the engine reports and our own phases."""
        started = time.monotonic()
        try:
            yield from self._events(started)
        finally:
            self.plan.close()

    def _events(self, started: float) -> Iterator[EngineEvent]:
        yield Phase("guard", "checking that nothing moved since the review")
        self._guard()
        if self.plan.nothing_to_do:
            self.session.journal.end()
            newest = len(self.session.backend.history(self.session.stack))
            self.result = RollbackResult("nothing-to-do", newest, dict(self.plan.changes), (), 0.0)
            return
        prepared = self.plan.prepared
        target = self.plan.target
        newest = len(self.session.backend.history(self.session.stack))
        self.session.journal.begin(
            target=target.update.number,
            label=target.label,
            digest=prepared.target.digest,
            start=newest,
            only=prepared.only,
            recorded_credentials=prepared.recorded_credentials,
            todays_config=prepared.todays_config,
            refresh=prepared.refresh,
        )
        yield Phase("run", f"rolling back to {target.label}")
        report = yield from self._update()
        yield Phase("verify", "comparing the state with the target")
        after, differences = self._verify(report)
        yield from self._second_plan(after, differences)
        self.session.reload()
        number = len(self.session.backend.history(self.session.stack))
        changes = self._run.summary.changes if self._run and self._run.summary else dict(self.plan.changes)
        self.session.journal.end()
        self.result = RollbackResult("succeeded", number, changes, tuple(differences), time.monotonic() - started)

    def _guard(self) -> None:
        plan, session = self.plan, self.session
        if plan.blocking:
            reasons = "; ".join(risk.message for risk in plan.blocking)
            raise RefusedError(f"not safe to run: {reasons}", hint="Resolve this and plan again; nothing was changed.")
        if plan.loses_data and not self.allow_data_loss:
            names = ", ".join(step.name for step in plan.steps if any(risk.loses_data for risk in step.risks))
            raise RefusedError(
                f"data would be lost in: {names}",
                hint="Back it up, then say so with `--allow-data-loss`; nothing was changed.",
            )
        locks = session.backend.locks(session.stack)
        if locks:
            raise RefusedError(
                f"the stack is locked by {locks[0]}",
                hint="Wait for it; if that process is dead, `pulumi cancel` removes the lock. Nothing was changed.",
            )
        live = session.backend.live(session.stack)
        self._check_live(live)
        short = shortage(session.backend.url, len(live.raw))
        if short and not plan.nothing_to_do:
            raise RefusedError(short, hint="Make room there; a full disk cuts off the state. Nothing was changed.")

    def _check_live(self, live: Checkpoint) -> None:
        if live.digest != self.plan.prepared.live.digest:
            raise RefusedError(
                "the stack's state has moved since the plan was reviewed",
                hint="Plan again and review what it does now; nothing was changed.",
            )

    def _check_locked(self) -> None:
        """Called when the engine holds the stack's lock and nothing has been registered yet."""
        if self.plan.prepared.refresh:
            return  # the engine has just refreshed the state; the plan it is held to speaks of that
        live = self.session.backend.live(self.session.stack)
        if _content(live) != _content(self.plan.prepared.live):
            raise RefusedError(
                "the stack's state has moved since the plan was reviewed",
                hint="Plan again and review what it does now; nothing was changed.",
            )

    def _update(self) -> Generator[EngineEvent, None, ReplayReport]:
        session, prepared = self.session, self.plan.prepared
        root = session.workspace.root
        with private_directory() as private, ReplayHost(prepared.goal, private, root, self._check_locked) as host:
            plan_file = private / "plan.json"
            plan_file.write_bytes(prepared.update_plan)
            own_config = session.workspace.config_file(session.stack.name)
            arguments = [
                *("up", "--yes", "--skip-preview"),
                *("--client", host.address),
                *("-s", session.stack.fqn),
                *("--config-file", str(config_file(own_config, prepared.live, private, prepared.config))),
                *("--plan", str(plan_file)),
                *(("--refresh",) if prepared.refresh else ()),
                *("-m", f"rollback to {self.plan.target.label}"),
            ]
            with self._lock:
                if self._asked_to_stop():
                    session.journal.end()
                    raise InterruptedRun("stopped before it began; nothing was changed")
                self._run = session.engine.start(
                    arguments, private=private, extra_env=session.vault.environment(prepared.live)
                )
                if self._asked_to_stop():  # while it was being started
                    self._run.interrupt()
            run = self._run
            try:
                for event in run.events():
                    if isinstance(event, ResourcePre) and event.step.op not in _MOVES:
                        self._changed = True
                    self._doubts.see(event)
                    yield event
            finally:
                if run.returncode is None:  # nobody listens any more: stop gently, never leave it running unseen
                    run.interrupt()
                    run.process.wait()
            for name in host.report.skipped_hooks:
                yield Diagnostic(f"hook {name} was not run: its code is not in the checkpoint", "warning")
            if run.returncode != 0:
                raise self._failure(run, host)
            return host.report

    def _failure(self, run: EngineRun, host: ReplayHost) -> RewindError:
        resume = "Run `pulumi-rewind resume` to go on to the target, or roll back to the update before."
        if host.refusal and not self._changed:
            self.session.journal.end()
            return RefusedError(host.refusal, hint="Plan again and review what it does now; nothing was changed.")
        if run.interrupted and not _unsaved(run):
            if not self._changed:
                self.session.journal.end()
                return InterruptedRun("stopped before anything was changed")
            return InterruptedRun("stopped half-way; what was begun has been finished and saved", hint=resume)
        error = run.error(f"the rollback to {self.plan.target.label} failed")
        if not self._changed:
            self.session.journal.end()
            error.hint = f"{error.hint} Nothing was changed.".strip()
            return error
        doubtful = self._doubts.urns
        self.session.journal.doubt(doubtful)
        try:
            self.session.backend.live(self.session.stack)
        except CheckpointError as err:
            lost = lost_sight_of(self._doubts.made)
            told = "\n".join(filter(None, (str(error), str(err), lost, doubt(doubtful))))
            return IncompleteError(told, hint=f"{err.hint} Then `pulumi-rewind resume` goes on.")
        return IncompleteError("\n".join(filter(None, (str(error), doubt(doubtful)))), hint=resume)

    def _verify(self, report: ReplayReport) -> tuple[Checkpoint, list[Difference]]:
        prepared = self.plan.prepared
        live = self.session.backend.live(self.session.stack)
        after = self.session.vault.decrypt(live, self.session.stack)
        return after, list(verify(prepared.goal, report, prepared.live_plain, after))

    def _second_plan(self, after: Checkpoint, differences: list[Difference]) -> Iterator[EngineEvent]:
        """A second preview must have nothing left to do; what it would do is a difference."""
        if not self.check_again or self._stops:
            return
        session = self.session
        prepared = self.plan.prepared
        goal = make_goal(
            session,
            prepared.target_plain,
            after,
            only=prepared.only,
            recorded_credentials=prepared.recorded_credentials,
        )
        goal = dataclasses.replace(goal, registrations=_same_assets(goal.registrations, prepared.goal.registrations))
        try:
            events, _, _ = preview(session, session.engine, goal, after, _ignore, self._control, config=prepared.config)
        except InterruptedRun:
            yield Diagnostic("the check by a second plan was stopped", "warning")
            return
        except RewindError as err:
            differences.append(Difference("", "", f"the check by a second plan failed: {err}"))
            return
        for step in plan_steps(events, goal):
            if step.op not in {"same", "read"}:
                where = f" in {', '.join(step.keys)}" if step.keys else ""
                differences.append(Difference(step.urn, "", f"a second plan would still {step.op} it{where}"))


def _same_assets(fresh: tuple[Registration, ...], resolved: tuple[Registration, ...]) -> tuple[Registration, ...]:
    """The fresh registrations with the inputs whose assets were already found."""
    inputs = {item.urn: item.inputs for item in resolved}
    return tuple(dataclasses.replace(item, inputs=inputs.get(item.urn, item.inputs)) for item in fresh)


def _unsaved(run: EngineRun) -> bool:
    """Whether the backend could not be written: then what was finished may not have been saved."""
    return any("failed to save snapshot" in error.message for error in run.errors)


def _ignore(_: EngineEvent) -> None:
    return


def _content(checkpoint: Checkpoint) -> bytes:
    """The state without when and by which version it was written."""
    return msgspec.json.encode(msgspec.structs.replace(checkpoint.deployment, manifest=Manifest()))
