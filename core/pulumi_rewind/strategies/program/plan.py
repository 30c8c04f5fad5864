"""The strategy `program`: the old commit's program, run today with the configuration that it had."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pulumi_rewind.choices import PROGRAM
from pulumi_rewind.engine.cli import Engine
from pulumi_rewind.engine.events import EngineEvent, Phase
from pulumi_rewind.guard.consent import consented
from pulumi_rewind.guard.state_editing import rewritten
from pulumi_rewind.plan.model import Plan, Step, counts
from pulumi_rewind.plan.planned_state import refreshed_state
from pulumi_rewind.plan.prepared import Prepared
from pulumi_rewind.plan.risks import read_elsewhere, step_risks
from pulumi_rewind.plan.state_edit_risks import arrangement_risks
from pulumi_rewind.plan.step_order import in_order, registration_order
from pulumi_rewind.plan.verify import Difference
from pulumi_rewind.project.stack_configuration import config_document, kept_header, recorded_config, todays_config
from pulumi_rewind.records.lookup import uncommitted_record
from pulumi_rewind.replay.plan_constraint import constrain_plan, readable_plan
from pulumi_rewind.risk import NOT_RESTORED, Risk
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.strategies.parts import PlanRequest, around, digest, load, warned, with_risks
from pulumi_rewind.strategies.program.config import RecordedConfig, todays_engine, write_config
from pulumi_rewind.strategies.program.engine import GONE, NOT_INSTALLED, install, preview_program
from pulumi_rewind.strategies.program.project_file import installation_risks, needs_installation, project_file_risks
from pulumi_rewind.strategies.program.result import declared, program_state, program_steps, unlike_target
from pulumi_rewind.strategies.program.risks import config_risks, program_risks
from pulumi_rewind.strategies.program.source import program_problem, program_update
from pulumi_rewind.strategies.program.worktree import ProgramTree, make_tree, project_in, share_installed


@dataclass(frozen=True, kw_only=True)
class ProgramPrepared(Prepared):
    """What a reviewed plan of the program is run with."""

    tree: ProgramTree
    """The program and its dependencies; removed with the plan."""
    engine: Engine
    """The CLI in the program's directory."""
    config_path: Path
    update_plan: bytes
    """The engine's own plan (``--save-plan``), which constrains the run."""
    ref: tuple[str, str]
    """Names of the stack and the project."""
    announced: frozenset[tuple[str, str]]
    """URN and path of what the program makes otherwise than the target, as the plan said."""

    def close(self) -> None:
        """Removes the worktree."""
        self.tree.close()


class ProgramPlanning:
    """The making of one plan: what it begins with, and what the program's preview has found.

    Raises:
        UsageError: the program can't be had; the hint says how it could.
        UntrustedTarget: what it would use requires a confirmation first.
    """

    def __init__(self, asked: PlanRequest) -> None:
        session, target, choices = self.session, self.target, self.choices = asked.session, asked.target, asked.choices
        self.observe, self.control = asked.observe, asked.control
        problem = program_problem(session, target.update)
        if problem is not None:
            raise problem.error()
        update = program_update(session.timeline, target.update)
        assert update is not None
        self.update = update
        self.observe(Phase("load", f"reading live and {target.label}"))
        self.live, self.now, self.stored, self.plain = load(session, target)
        number = target.update.number
        self.before = rewritten(session, self.plain, self.live, self.now, number, None, choices)
        self.own_config = session.workspace.config_file(session.stack.name)
        self.today = todays_config(self.own_config)
        self.recorded = None if choices.todays_config else recorded_config(update)
        settings = self.recorded or {}
        self.unlike = consented(
            session, target, self.now, self.plain, choices, settings=settings, today=self.today, commit=update.commit
        )
        self.observe(Phase("checkout", f"checking out {update.commit[:7]}"))
        self.tree = self._tree()

    def _tree(self) -> ProgramTree:
        session, repository = self.session, self.session.repository
        assert repository is not None
        relative = project_in(session.workspace, repository)
        uncommitted = uncommitted_record(session, self.update)
        return make_tree(repository, self.update.commit, relative, session.workspace.project, uncommitted)

    def _config(self, engine: Engine) -> RecordedConfig:
        """The configuration that the program gets, in its worktree."""
        session, private = self.session, self.tree.private
        if self.recorded is None:
            return RecordedConfig(session.config_file(self.live, private))
        own = self.update.number == self.target.update.number
        return write_config(
            engine, session.vault, session.stack, self.recorded,
            then=self.stored if own else session.timeline.checkpoint(self.update.number),
            live=self.live, today=config_document(self.own_config) | kept_header(session.kept_config), private=private,
        )  # fmt: skip

    def plan(self) -> Plan:
        """Asks the engine what the program would do, and reads off the plan; the worktree goes if that fails.

        Raises:
            SecretsError: its configuration can't be decrypted.
            EngineError: its dependencies can't be installed, or the preview failed.
        """
        session, choices, tree = self.session, self.choices, self.tree
        try:
            engine = todays_engine(session.engine, tree.project)
            config = self._config(engine)
            self.installation = tuple(
                installation_risks(engine.workspace, tree.private, self.update.commit, skipped=choices.no_install)
            )
            advice = GONE
            if needs_installation(engine.workspace, tree.private) and choices.no_install:
                share_installed(tree, engine.workspace)
                advice = NOT_INSTALLED
            elif needs_installation(engine.workspace, tree.private):
                self.observe(Phase("install", "installing the program's dependencies, whose install scripts run"))
                install(engine, self.control)
            refresh = choices.refresh or engine.workspace.refresh_always
            self.observe(Phase("preview", "previewing the program with the engine"))
            events, engine_plan = preview_program(
                session, engine, config.path, self.live, tree.private, self.observe, self.control, refresh=refresh,
                state=self.before.state, readers=(*self.before.plain.resources, *self.plain.resources),
                advice=advice,
            )  # fmt: skip
        except BaseException:
            tree.close()
            raise
        return self._read_off(engine, config, events, engine_plan, refresh=refresh)

    def _read_off(
        self, engine: Engine, config: RecordedConfig, events: list[EngineEvent], engine_plan: bytes, *, refresh: bool
    ) -> Plan:
        from pulumi_rewind.diff.checkpoints import diff_checkpoints

        session, arrangement, live_plain = self.session, self.before.arrangement, self.before.plain
        said = declared(engine_plan)
        ref = (session.stack.name, session.workspace.project)
        order = registration_order(said.needs, live_plain)
        asked = in_order(program_steps(events, self.plain, *ref), order, live_plain)
        after = program_state(events, asked, said, live_plain)
        differing = unlike_target(after, self.plain, *ref)
        steps, moving = with_risks(asked, self._step_risks(asked, events), arrangement, session.settings.stateful_types)
        parts = [self.live.digest, self.stored.digest, PROGRAM, self.update.commit, engine.version]
        parts += [config.path.read_text("utf-8"), repr(arrangement)]
        return Plan(
            stack=str(session.stack),
            target=self.target,
            strategy=PROGRAM,
            fingerprint=digest(*parts, more=_essence(engine_plan)),
            steps=moving,
            risks=(
                *program_risks(session, self.target, self.update, self.tree, config, differing),
                *self._project_risks(engine),
                *around(session, live_plain, refreshed=refresh, arrangement=arrangement),
                *arrangement_risks(arrangement, moving),
                *warned(self.target, self.unlike),
            ),
            changes=counts(steps),
            diff=diff_checkpoints(refreshed_state(events, self.now if arrangement else live_plain), after),
            created=time.time(),
            state_only=outputs_alone(live_plain, after, {step.urn for step in moving}),
            prepared=ProgramPrepared(
                self.live, live_plain, self.stored, self.plain, self.choices, refresh, self.before.state,
                tree=self.tree, engine=engine, config_path=config.path,
                update_plan=constrain_plan(engine_plan, said.report()), ref=ref,
                announced=frozenset((one.urn, one.path) for one in differing),
            ),
        )  # fmt: skip

    def _step_risks(self, asked: Iterable[Step], events: Iterable[EngineEvent]) -> Callable[[Step], Iterator[Risk]]:
        live, stack, stateful = self.before.plain, self.session.stack.name, self.session.settings.stateful_types
        known = {step.urn for step in asked if step.forecast != "created"}
        elsewhere = read_elsewhere(asked, events, live)

        def risks(step: Step) -> Iterator[Risk]:
            yield from filter(None, (elsewhere.get(step.urn),))
            for risk in step_risks(step, live, stateful, stack=stack):
                if risk.code != NOT_RESTORED or step.urn in known:
                    yield risk

        return risks

    def _project_risks(self, engine: Engine) -> Iterator[Risk]:
        commit, choices = self.update.commit, self.choices
        yield from self.installation
        yield from project_file_risks(self.session.workspace, engine.workspace, commit)
        yield from config_risks(self.update, self.recorded, self.today, use_todays_config=choices.todays_config)


@readable_plan()
def _essence(plan: bytes) -> bytes:
    """What of the engine's plan is reviewed: no times, no seeds, no ciphertexts."""
    document = msgspec.json.decode(plan)
    steps = {urn: entry.get("steps") for urn, entry in (document.get("resourcePlans") or {}).items()}
    return msgspec.json.encode(steps, order="sorted")


def outputs_alone(live: Checkpoint, after: Checkpoint, moving: set[str]) -> tuple[Difference, ...]:
    """Outputs of the stack and of components that change although no step touches them."""
    found = []
    for res in after.resources:
        old = live.by_urn.get(res.urn)
        if old is None or res.urn in moving or res.custom or res.outputs == old.outputs:
            continue
        before, now = old.decoded_outputs(), res.decoded_outputs()
        keys = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
        found += [Difference(res.urn, f"outputs.{key}", "changes") for key in keys]
    return tuple(found)
