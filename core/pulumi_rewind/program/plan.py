"""The strategy `program`: the old commit's program, run today with the configuration that it had."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from pulumi_rewind.arrangement_risks import arranged_steps, arrangement_risks
from pulumi_rewind.choices import Choices
from pulumi_rewind.consent import consented
from pulumi_rewind.engine import Engine
from pulumi_rewind.events import Phase
from pulumi_rewind.held import hold_to, reading_plan
from pulumi_rewind.model import Checkpoint
from pulumi_rewind.plan import STILL, Plan, counts
from pulumi_rewind.planned import refreshed_state
from pulumi_rewind.prepare import Prepared, load
from pulumi_rewind.previewing import Observe, PreviewControl
from pulumi_rewind.program.config import RecordedConfig, todays_engine, write_config
from pulumi_rewind.program.engine import install, preview_program
from pulumi_rewind.program.project_file import installation_risks, needs_installation, project_file_risks
from pulumi_rewind.program.result import declared, no_goal, program_state, program_steps, unlike_target
from pulumi_rewind.program.risks import config_risks, program_risks
from pulumi_rewind.program.source import program_problem, program_update
from pulumi_rewind.program.worktree import ProgramTree, make_tree
from pulumi_rewind.recommend import PROGRAM
from pulumi_rewind.records.uncommitted import uncommitted_record
from pulumi_rewind.replay import ReplayReport
from pulumi_rewind.rewriting import rewritten
from pulumi_rewind.risk_codes import NOT_RESTORED, Risk
from pulumi_rewind.risks import read_elsewhere, stack_risks, step_risks
from pulumi_rewind.session import Session
from pulumi_rewind.stackconfig import config_document, config_file, recorded_config, todays_config
from pulumi_rewind.targets import Target
from pulumi_rewind.verify import Difference


@dataclass(frozen=True, kw_only=True)
class ProgramPrepared(Prepared):
    """What a reviewed plan of the program is run with."""

    tree: ProgramTree
    """The program and its dependencies; removed with the plan."""
    engine: Engine
    """The CLI in the program's directory."""
    config_path: Path
    announced: frozenset[tuple[str, str]]
    """URN and path of what the program makes otherwise than the target, as the plan said."""

    def close(self) -> None:
        """Removes the worktree."""
        self.tree.close()


def plan_program(
    session: Session,
    target: Target,
    choices: Choices,
    *,
    observe: Observe,
    control: PreviewControl,
) -> Plan:
    """Plans the way from live to what the target's program makes; changes nothing.

    Raises:
        UsageError: the program can't be had; the hint says how it could.
        SecretsError: its configuration can't be decrypted.
        UntrustedTarget: what it would use needs a yes first.
        EngineError: its dependencies can't be installed, or the preview failed.
    """
    problem = program_problem(session, target.update)
    if problem is not None:
        raise problem.error()
    update = program_update(session.timeline, target.update)
    repository = session.repository
    assert update is not None
    assert repository is not None
    observe(Phase("load", f"reading live and {target.label}"))
    live, now, stored, plain = load(session, target)
    before = rewritten(session, plain, live, now, target.update.number, None, choices.delete_imported)
    live_plain = before.plain
    own = session.workspace.config_file(session.stack.name)
    today, recorded = todays_config(own), None if choices.todays_config else recorded_config(update)
    unlike = consented(session, target, now, plain, choices, settings=recorded or {}, today=today, commit=update.commit)
    then = stored if update.number == target.update.number else session.timeline.checkpoint(update.number)
    observe(Phase("checkout", f"checking out {update.commit[:7]}"))
    relative = Path(os.path.relpath(session.workspace.root.resolve(), repository.root.resolve()))
    if not session.workspace.root.resolve().is_relative_to(repository.root.resolve()):
        relative = Path()
    tree = make_tree(
        repository, update.commit, relative, session.workspace.project, uncommitted_record(session, update)
    )
    try:
        engine = todays_engine(session.engine, tree.project)
        if recorded is None:
            config = RecordedConfig(config_file(own, live, tree.private, reseal=session.vault.resealer))
        else:
            config = write_config(
                engine, session.vault, session.stack, recorded,
                then=then, live=live, today=config_document(own), private=tree.private,
            )  # fmt: skip
        if needs_installation(engine.workspace, tree.private) and not choices.no_install:
            observe(Phase("install", "installing the program's dependencies, whose install scripts run"))
            install(engine, control)
        refresh = choices.refresh or engine.workspace.refresh_always
        observe(Phase("preview", "asking the engine what the program would do"))
        events, engine_plan = preview_program(
            session, engine, config.path, live, tree.private, observe, control,
            refresh=refresh, state=before.state, readers=(*live_plain.resources, *plain.resources),
        )  # fmt: skip
    except BaseException:
        tree.close()
        raise
    said = declared(engine_plan)
    ref = (session.stack.name, session.workspace.project)
    steps = program_steps(events, plain, *ref)
    after = program_state(events, steps, said, live_plain)
    differing = unlike_target(after, plain, *ref)
    goal, report = no_goal(session.workspace.project, session.stack.name), ReplayReport()
    known = {step.urn for step in steps if step.forecast != "created"}
    stateful = session.settings.stateful_types
    elsewhere = read_elsewhere(steps, events, live_plain)
    told = (
        step
        if step.op in STILL
        else replace(
            step,
            risks=tuple(filter(None, (elsewhere.get(step.urn),)))
            + tuple(
                risk
                for risk in step_risks(step, goal, live_plain, stateful)
                if risk.code != NOT_RESTORED or step.urn in known
            ),
        )
        for step in steps
    )
    steps = arranged_steps(told, before.arrangement, stateful)
    moving = tuple(step for step in steps if step.op not in STILL)
    risks = [
        *program_risks(session, target, update, tree, config, differing),
        *installation_risks(engine.workspace, tree.private, update.commit, skipped=choices.no_install),
        *project_file_risks(session.workspace, engine.workspace, update.commit),
        *config_risks(update, recorded, today, use_todays_config=choices.todays_config),
        *stack_risks(
            live=live_plain,
            locks=session.backend.locks(session.stack),
            live_known=session.timeline.live_update() is not None,
            target_config=None,
            live_config=None,
            refreshed=refresh,
            told=before.arrangement.told,
            stateful=stateful,
        ),
        *arrangement_risks(before.arrangement, moving),
        *unlike,
        *(Risk("target", text) for text in target.warnings),
    ]
    from pulumi_rewind.diff.checkpoints import diff_checkpoints

    parts = [live.digest, stored.digest, PROGRAM, update.commit, engine.version, config.path.read_text("utf-8")]
    parts.append(repr(before.arrangement))
    held = hold_to(engine_plan, said.report())
    digest = hashlib.sha256("\n".join(parts).encode() + _essence(engine_plan)).hexdigest()
    return Plan(
        stack=str(session.stack),
        target=target,
        strategy=PROGRAM,
        fingerprint=digest[:16],
        steps=moving,
        risks=tuple(risks),
        changes=counts(steps),
        diff=diff_checkpoints(refreshed_state(events, now if before.arrangement else live_plain), after),
        created=time.time(),
        state_only=_outputs_alone(live_plain, after, {step.urn for step in moving}),
        prepared=ProgramPrepared(
            goal, live, live_plain, stored, plain, held, report,
            choices=choices, private=tree.private, refresh=refresh,
            rewritten=before.state, tree=tree, engine=engine, config_path=config.path,
            announced=frozenset((one.urn, one.path) for one in differing),
        ),
    )  # fmt: skip


@reading_plan()
def _essence(plan: bytes) -> bytes:
    """What of the engine's plan is reviewed: no times, no seeds, no ciphertexts."""
    document = msgspec.json.decode(plan)
    steps = {urn: entry.get("steps") for urn, entry in (document.get("resourcePlans") or {}).items()}
    return msgspec.json.encode(steps, order="sorted")


def _outputs_alone(live: Checkpoint, after: Checkpoint, moving: set[str]) -> tuple[Difference, ...]:
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
