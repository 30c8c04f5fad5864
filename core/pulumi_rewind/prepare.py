"""From a target to a plan: load, build the goal, preview it with the real engine, read off steps and risks."""

from __future__ import annotations

import functools
import hashlib
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypedDict

import msgspec

from pulumi_rewind.adoption import adopting, adoption_risks, agreeable, offer
from pulumi_rewind.bookkeeping import with_pinned
from pulumi_rewind.credentials import todays_credentials
from pulumi_rewind.events import EngineEvent, Phase
from pulumi_rewind.goal import Goal, GoalNote
from pulumi_rewind.goal_build import build_goal
from pulumi_rewind.identity import rehomed
from pulumi_rewind.integrity import check_sound, check_target, damage
from pulumi_rewind.known_secrets import explained
from pulumi_rewind.model import Checkpoint
from pulumi_rewind.plan import Plan, Risk, counts, plan_steps
from pulumi_rewind.planned import planned_state
from pulumi_rewind.previewing import Observe, PreviewControl, preview
from pulumi_rewind.recommend import CHECKPOINT
from pulumi_rewind.replay import ReplayReport
from pulumi_rewind.risks import stack_risks, step_risks
from pulumi_rewind.session import Session
from pulumi_rewind.stackconfig import ConfigChanges, config_changes, of_another_time, todays_config, without
from pulumi_rewind.targets import Target
from pulumi_rewind.undo.goal import GoalChanges, changed_goal
from pulumi_rewind.values import Json
from pulumi_rewind.verify import verify

_ALWAYS_SHOWN = frozenset({"snippet", "left-out", "live-credentials", "target-config", "skipped"})
"""Codes of notes that are shown even if no step is about them."""


@dataclass(frozen=True)
class Prepared:
    """What a reviewed plan is run with; lives in memory alone because the goal holds secrets."""

    goal: Goal
    live: Checkpoint
    """As stored when the plan was made."""
    live_plain: Checkpoint
    target: Checkpoint
    target_plain: Checkpoint
    update_plan: bytes
    """The engine's own plan (``--save-plan``), held to during the run."""
    report: ReplayReport
    only: tuple[str, ...] = ()
    """The selection of a partial rollback, empty for the whole stack."""
    refresh: bool = False
    """Whether the engine compares the state with the real resources first."""
    recorded_credentials: bool = False
    """Whether explicit providers get the credentials of the target instead of today's."""
    todays_config: bool = False
    """Whether the target's settings of default providers were declined."""
    config: Mapping[str, Json] = field(default_factory=dict)
    """Settings of the target that the run has instead of today's, see `stackconfig`."""
    private: Path | None = field(default=None)
    """Where materialised assets lie until the run is over."""
    adopt: Mapping[str, str] = field(default_factory=dict)
    """What is imported instead of created, as asked for."""
    changes: GoalChanges | None = None
    """What undo callbacks returned."""

    def close(self) -> None:
        """Removes what was materialised."""
        if self.private is not None:
            shutil.rmtree(self.private, ignore_errors=True)


def load(session: Session, target: Target) -> tuple[Checkpoint, Checkpoint, Checkpoint, Checkpoint]:
    """Live and target, each as stored and decrypted; the two are decrypted side by side.

    Raises:
        RefusedError: live is damaged.
    """
    live = session.live()
    check_sound(live)
    goal_side = target.checkpoint or session.timeline.checkpoint(target.update.number)
    with ThreadPoolExecutor(2) as pool:
        plains = list(pool.map(lambda item: session.vault.decrypt(item, session.stack), (live, goal_side)))
    return live, plains[0], goal_side, plains[1]


class PlanOptions(TypedDict, total=False):
    """What `build_plan` takes beside session and target."""

    strategy: str
    only: Sequence[str]
    refresh: bool
    recorded_credentials: bool
    use_todays_config: bool
    adopt: Mapping[str, str]
    changes: GoalChanges | None
    observe: Observe | None
    control: PreviewControl | None


def build_plan(
    session: Session,
    target: Target,
    *,
    strategy: str = "checkpoint",
    only: Sequence[str] = (),
    refresh: bool = False,
    recorded_credentials: bool = False,
    use_todays_config: bool = False,
    adopt: Mapping[str, str] = {},
    changes: GoalChanges | None = None,
    observe: Observe | None = None,
    control: PreviewControl | None = None,
) -> Plan:
    """Plans the way from live to `target`, previewed by the engine; changes nothing.

    With `refresh` the engine first compares the state with the real resources, here and again in the run. Explicit
    providers get today's credentials unless `recorded_credentials`; default providers get the target's settings
    unless `use_todays_config` (or a selection: what stays as it is uses them as well). `adopt` names objects that are
    imported instead of created, see `adoption.adopting`.

    Raises:
        UsageError: a strategy or selection that isn't available.
        CheckpointError, SecretsError: live or target can't be read or decrypted.
        RefusedError: a protected resource is in the way.
        EngineError: the preview failed.
    """
    from pulumi_rewind.diff.checkpoints import diff_checkpoints
    from pulumi_rewind.strategies import other_plan, recommended

    observe = observe or _ignore
    control = control or PreviewControl()
    if strategy != CHECKPOINT:
        return other_plan(
            session, target, strategy, only, refresh, recorded_credentials, use_todays_config, adopt, observe, control
        )
    engine = session.engine
    observe(Phase("load", f"reading live and {target.label}"))
    locks = session.backend.locks(session.stack)  # before live is read: who holds one now is changing it
    live, live_plain, stored, plain = load(session, target)
    check_target(stored)
    goal = make_goal(
        session,
        plain,
        live_plain,
        number=target.update.number,
        only=only,
        recorded_credentials=recorded_credentials,
        changes=changes,
    )
    goal = adopting(goal, adopt)
    today = todays_config(session.workspace.config_file(session.stack.name))
    settings = ConfigChanges()
    if not only and not use_todays_config:
        settings = config_changes(plain, live_plain, _config(target.update.config), today)
    private = Path(tempfile.mkdtemp(prefix="rewind-assets-"))
    try:
        goal, asset_notes = with_assets(session, goal, live_plain, target.update.commit, private)
        observe(Phase("preview", "asking the engine what it would do"))
        with explained(session, goal, target.update.commit, live_plain, plain):
            goal, (events, update_plan, report) = agreeable(
                goal,
                lambda goal: preview(
                    session, engine, goal, live, observe, control, refresh=refresh, config=settings.values
                ),
                adopt,
            )
    except BaseException:
        shutil.rmtree(private, ignore_errors=True)
        raise
    if not any(private.iterdir()):
        private.rmdir()
    steps = plan_steps(events, goal)
    notes = [*goal.notes, *asset_notes, *settings.notes]
    stateful = session.settings.stateful_types
    moving = tuple(
        replace(
            step,
            risks=(
                *step_risks(step, goal, live_plain, report, stateful),
                *adoption_risks(step, goal),
                *_notes_for(step.urn, goal, notes),
            ),
        )
        for step in steps
        if step.op not in {"same", "read"}
    )
    shown = {note for step in moving for note in notes if rehomed(note.urn, goal.stack, goal.project) == step.urn}
    rest = tuple(
        Risk(note.code, note.message, blocking=note.blocking, urn=note.urn)
        for note in notes
        if note not in shown and (note.blocking or note.code in _ALWAYS_SHOWN)
    )
    newest = session.timeline.update(len(session.timeline)) if len(session.timeline) else None
    risks = tuple(
        stack_risks(
            live=live_plain,
            locks=locks or session.backend.locks(session.stack),
            live_known=session.timeline.live_update() is not None,
            target_config=without(_config(target.update.config), settings.values),
            live_config=without(_config(newest.config) if newest else None, settings.values),
            refreshed=refresh,
        )
    )
    warned = tuple(Risk("target", text) for text in target.warnings)
    if wrong := damage(stored):
        warned = (*warned, Risk("target-damaged", f"the target's checkpoint is damaged: {wrong}"))
    if other := of_another_time(session.workspace.config_file(session.stack.name), live):
        warned = (*warned, Risk("old-config", f"{other}; a copy is used that fits the state, the file stays as it is"))
    # What a step changes and what an alias renames is shown there.
    shown_elsewhere = {step.urn for step in moving} | set(goal.pairs.values()) - set(report.urns.values())
    plan = Plan(
        stack=str(session.stack),
        target=target,
        strategy=strategy,
        fingerprint=fingerprint(
            goal, live, stored, engine.version, [recorded_credentials, sorted(settings.values.items())]
        ),
        steps=moving,
        risks=(*rest, *risks, *offer(goal, moving, adopt), *warned),
        changes=counts(steps),
        diff=diff_checkpoints(
            live_plain, planned_state(goal, report, live_plain, {step.urn: step.op for step in steps})
        ),
        created=time.time(),
        state_only=tuple(
            difference
            for difference in verify(goal, report, live_plain, live_plain)
            if not difference.expected and difference.urn not in shown_elsewhere
        ),
        prepared=Prepared(
            goal,
            live,
            live_plain,
            stored,
            plain,
            update_plan,
            report,
            tuple(only),
            refresh,
            recorded_credentials,
            use_todays_config,
            settings.values,
            private if private.exists() else None,
            dict(adopt),
            changes,
        ),
    )
    return recommended(session, plan)


def make_goal(
    session: Session,
    target: Checkpoint,
    live: Checkpoint,
    *,
    number: int = 0,
    only: Sequence[str] = (),
    recorded_credentials: bool,
    changes: GoalChanges | None = None,
) -> Goal:
    """The goal of a rollback of this stack, both checkpoints decrypted; the same again for the check after a run.

    With the `number` of the target's update, the history is asked for renames where something has no partner.
    """
    notes: tuple[GoalNote, ...] = ()
    if not recorded_credentials:
        made = todays_credentials(target, live)
        target, notes = made.target, made.notes
    build = functools.partial(changed_goal, changes) if changes else build_goal
    goal = build(
        target,
        live,
        project=session.workspace.project,
        stack=session.stack.name,
        only=only,
        history=session.timeline.around(number) if number else (),
    )
    chosen = {item.urn for item in goal.registrations if not item.from_live}
    return with_pinned(replace(goal, notes=(*goal.notes, *(note for note in notes if note.urn in chosen))))


def _ignore(_: EngineEvent) -> None:
    return


def _notes_for(urn: str, goal: Goal, notes: Sequence[GoalNote]) -> tuple[Risk, ...]:
    return tuple(
        Risk(note.code, note.message, blocking=note.blocking, urn=urn)
        for note in notes
        if note.urn and rehomed(note.urn, goal.stack, goal.project) == urn
    )


def with_assets(
    session: Session, goal: Goal, live: Checkpoint, commit: str, private: Path
) -> tuple[Goal, tuple[GoalNote, ...]]:
    """The goal with the contents of its assets found; `commit` is where the program was when they were recorded."""
    if b"c44067f5952c0a294b673a41bacd8c17" not in live.raw + msgspec.json.encode(
        [dict(item.inputs) for item in goal.registrations]
    ) and not any(_has_archive(item.inputs) for item in goal.registrations):
        return goal, ()
    from pulumi_rewind.assets.find import AssetFinder, resolve_assets

    finder = AssetFinder(session.workspace.root, commit, session.repository, session.asset_store(private), private)
    return resolve_assets(goal, live, finder)


def _has_archive(inputs: Mapping[str, Any]) -> bool:
    return b"0def7320c3a5731c473e5ecbe6d01bc7" in msgspec.json.encode(dict(inputs))


def _config(raw: msgspec.Raw) -> dict[str, object] | None:
    value = msgspec.json.decode(raw)
    return value if isinstance(value, dict) else None


def fingerprint(goal: Goal, live: Checkpoint, target: Checkpoint, engine_version: str, choices: Json) -> str:
    """A digest of what is reviewed: both checkpoints as stored (secrets encrypted), the goal, the engine, the choices
    made.
    """
    parts = [live.digest, target.digest, goal.fingerprint(), engine_version, msgspec.json.encode(choices).decode()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
