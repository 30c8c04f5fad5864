"""The strategy `checkpoint`: the recorded resources are registered again, by a replay host instead of a program."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence

from pulumi_rewind.engine.events import Diagnostic, EngineEvent
from pulumi_rewind.goal.default_values import as_recorded
from pulumi_rewind.goal.model import Goal, Registration
from pulumi_rewind.goal.replay_report import Previewed, ReplayReport
from pulumi_rewind.goal.unmanaged import temporary_urns
from pulumi_rewind.guard.checks import check_unmoved_under_lock
from pulumi_rewind.history.failed_update import BOOKKEEPING
from pulumi_rewind.plan.asking import narrowed, target_flags, unsettled
from pulumi_rewind.plan.blockers import left_alone
from pulumi_rewind.plan.model import Plan, Step, plan_steps
from pulumi_rewind.plan.prepared import ReplayPrepared
from pulumi_rewind.plan.verify import Difference, verify
from pulumi_rewind.replay.host import ReplayHost
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.values import Json
from pulumi_rewind.strategies.checkpoint.plan import ReplayPlanning, make_goal
from pulumi_rewind.strategies.checkpoint.repair import repair
from pulumi_rewind.strategies.parts import PlanRequest
from pulumi_rewind.strategies.preview import enough, ignore_events, preview
from pulumi_rewind.strategies.protocol import Running, Strategy, update_arguments
from pulumi_rewind.strategies.second_plan import left_to_do
from pulumi_rewind.system.private_directory import private_directory


class CheckpointStrategy(Strategy):
    """Replays the target's checkpoint, constrained to the reviewed plan."""

    def plan(self, asked: PlanRequest) -> Plan:
        """See `strategies.checkpoint.plan.ReplayPlanning`."""
        return ReplayPlanning(asked).plan()

    def update(self, run: Running) -> Generator[EngineEvent, None, ReplayReport]:
        """The replay of the plan's goal."""
        prepared = ReplayPrepared.of(run.plan.prepared)
        return (
            yield from _replay(
                run,
                prepared.goal,
                run.begun_from,
                prepared.update_plan,
                run.message,
                refresh=prepared.refresh,
                asked=prepared.asked,
            )
        )

    def repair_state(self, run: Running, report: ReplayReport) -> Generator[EngineEvent, None, list[str]]:
        """The recorded bookkeeping of imported objects, and the outputs of stashes."""
        return (yield from repair(run.session, ReplayPrepared.of(run.plan.prepared).goal, report))

    def settings(self, plan: Plan) -> Mapping[str, Json]:
        """Those of the target."""
        return ReplayPrepared.of(plan.prepared).config

    def verify(self, plan: Plan, report: ReplayReport, after: Checkpoint) -> list[Difference]:
        """Everything that is not as the goal asked for."""
        prepared = ReplayPrepared.of(plan.prepared)
        return [*left_alone(prepared.notes), *verify(prepared.goal, report, prepared.live_plain, after)]

    def second_plan(
        self, run: Running, after: Checkpoint, differences: list[Difference], *, record: bool
    ) -> Iterator[EngineEvent]:
        """The same goal once more, where it can have moved; what was read for the passage may still be forgotten."""
        session, prepared = run.session, ReplayPrepared.of(run.plan.prepared)
        goal = make_goal(
            session,
            prepared.target_plain,
            after,
            prepared.choices,
            stays=prepared.stays,
            changes=prepared.changes,
        )
        goal = dataclasses.replace(goal, registrations=_same_assets(goal.registrations, prepared.goal.registrations))
        temporary = temporary_urns(prepared.goal)
        targets = () if record else _moved(run.plan, goal, after)
        update_plan = b""

        def look() -> list[Step]:
            nonlocal update_plan
            events, update_plan, _ = enough(ask, goal, after, targets) or ask(())
            return [step for step in plan_steps(events, goal) if step.op != "discard" or step.urn not in temporary]

        def ask(targets: Collection[str]) -> Previewed:
            return preview(session, goal, after, ignore_events, run.control, config=prepared.config, targets=targets)

        more = yield from left_to_do(look, "a second plan", differences)
        if record and not more:
            live = session.backend.live(session.stack)
            yield from _replay(run, goal, live, update_plan, f"{run.message}{BOOKKEEPING}")


def _moved(plan: Plan, goal: Goal, after: Checkpoint) -> Sequence[str]:
    """What a second plan is to ask about: what the run moved, what is not as the goal has it, and what refers to these.

    Empty: ask about everything.
    """
    moved = {step.urn for step in plan.steps}
    if any(res.urn in moved for res in after.resources if res.is_default_provider):
        return ()
    found = narrowed(moved | unsettled(goal, after), ReplayPrepared.of(plan.prepared).live_plain, after)
    return [urn for urn in found if urn in after.by_urn or urn in goal.by_run_urn]


def _replay(
    run: Running,
    goal: Goal,
    live: Checkpoint,
    update_plan: bytes,
    message: str,
    *,
    refresh: bool = False,
    asked: Sequence[str] = (),
) -> Generator[EngineEvent, None, ReplayReport]:
    """One update that registers a goal; returns the report of the replay."""
    session = run.session
    workspace = session.workspace

    def guard() -> None:
        check_unmoved_under_lock(session.backend.live(session.stack), live)

    with (
        private_directory() as private,
        ReplayHost(goal, private, workspace.root, guard, refresh=refresh, asked=asked) as host,
    ):
        run.attach(host)
        plan_file = private / "plan.json"
        plan_file.write_bytes(update_plan)
        config = session.config_file(live, private, ReplayPrepared.of(run.plan.prepared).config)
        arguments = update_arguments(run, config, plan_file, message=message, refresh=refresh)
        arguments += ["--client", host.address, *target_flags(asked)]
        ended = yield from run.stream(session.engine, arguments, private, session.vault.environment(live))
        for name in host.report.skipped_hooks:
            yield Diagnostic(f"hook {name} was not run: its code is not in the checkpoint", "warning")
        if ended.returncode != 0:
            yield run.ended_early(ended, host.report, host.refusal)
        return host.report


def _same_assets(fresh: tuple[Registration, ...], resolved: tuple[Registration, ...]) -> tuple[Registration, ...]:
    """The fresh registrations with the inputs whose assets were already found; credentials are those of now."""
    known = {item.urn: item for item in resolved}

    def inputs(item: Registration) -> Mapping[str, Json]:
        before = known.get(item.urn)
        if before is None:
            return item.inputs
        now = {key: item.inputs[key] for key in before.live_keys | item.live_keys if key in item.inputs}
        return {**as_recorded(before, before.inputs), **now}

    return tuple(dataclasses.replace(item, inputs=inputs(item)) for item in fresh)
