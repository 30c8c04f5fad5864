"""From a target to a plan: load, build the goal, preview it with the real engine, read off steps and risks."""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Unpack

import msgspec

from pulumi_rewind.adoption import adoption_risks, agreeable, offer
from pulumi_rewind.arrangement import Arrangement
from pulumi_rewind.arrangement_risks import arranged_steps, arrangement_risks
from pulumi_rewind.bookkeeping import with_pinned
from pulumi_rewind.choices import USUAL, ChoiceArguments, Choices, chosen_by
from pulumi_rewind.consent import consented
from pulumi_rewind.credentials import from_live_too, todays_credentials
from pulumi_rewind.delete_first import deleting_first, marked, order_risks
from pulumi_rewind.earlier_orders import deleted_first_before
from pulumi_rewind.events import EngineEvent, Phase
from pulumi_rewind.goal import Goal, Selection
from pulumi_rewind.goal_build import build_goal, choose
from pulumi_rewind.identity import rehomed
from pulumi_rewind.integrity import check_sound, check_target, damage
from pulumi_rewind.known_ids import knowing
from pulumi_rewind.letting_go import lasting, letting_go
from pulumi_rewind.model import Checkpoint
from pulumi_rewind.plan import STILL, Plan, Step, counts, plan_steps
from pulumi_rewind.planned import planned_state, refreshed_state
from pulumi_rewind.previewing import Observe, PreviewControl, Previewed, explained, preview
from pulumi_rewind.private_directory import make_private, remove_if_unused, remove_private
from pulumi_rewind.recommend import CHECKPOINT
from pulumi_rewind.replay import ReplayReport
from pulumi_rewind.rewriting import Rewritten, aware, rewritten
from pulumi_rewind.risk_codes import PATH_CONTENT, SKIPPED, TARGET_CONFIG, Risk
from pulumi_rewind.risks import read_elsewhere, stack_risks, step_risks
from pulumi_rewind.session import Session
from pulumi_rewind.stackconfig import (
    ConfigChanges,
    config_changes,
    of_another_time,
    recorded_config,
    todays_config,
    without,
)
from pulumi_rewind.stale import stale_risks
from pulumi_rewind.staying import touched_risk, undisturbed
from pulumi_rewind.targets import Target
from pulumi_rewind.undo.goal import GoalChanges, adjusted, changed_goal
from pulumi_rewind.values import Json
from pulumi_rewind.vanishing import vanishing_risks
from pulumi_rewind.verify import verify

_ALWAYS_SHOWN = frozenset({"snippet", "left-out", "live-credentials", TARGET_CONFIG, SKIPPED, PATH_CONTENT})
"""Codes of notes that are shown even if no step is about them."""


@dataclass(frozen=True)
class Prepared:
    """What a reviewed plan is run with; lives in memory alone because the goal holds secrets."""

    goal: Goal
    live: Checkpoint
    """As stored when the plan was made."""
    live_plain: Checkpoint
    """Decrypted, as the run begins with it: rewritten, where `rewritten` is given."""
    target: Checkpoint
    target_plain: Checkpoint
    update_plan: bytes
    """The engine's own plan (``--save-plan``), held to during the run."""
    report: ReplayReport
    choices: Choices = USUAL
    """What the operator chose."""
    stays: Mapping[str, str] = field(default_factory=dict)
    """What stays with what was left out: URN of live → URN of what uses it, see `staying`."""
    config: Mapping[str, Json] = field(default_factory=dict)
    """Settings of the target that the run has instead of today's, see `stackconfig`."""
    private: Path | None = field(default=None)
    """Where materialised assets lie until the run is over."""
    changes: GoalChanges | None = None
    """What undo callbacks returned."""
    rewritten: Checkpoint | None = field(default=None, repr=False)
    """The state that is written into the backend before the engine runs, as stored; None where that is live."""
    refresh: bool = False
    """Whether the engine compares the state with the real resources first, as chosen or as the project says."""

    def close(self) -> None:
        """Removes what was materialised."""
        if self.private is not None:
            remove_private(self.private)


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


def build_plan(
    session: Session,
    target: Target,
    choices: Choices | None = None,
    *,
    changes: GoalChanges | None = None,
    observe: Observe | None = None,
    control: PreviewControl | None = None,
    **chosen: Unpack[ChoiceArguments],
) -> Plan:
    """Plans the way from live to `target`, previewed by the engine; changes nothing. Choices may be given by keyword.

    With a refresh, and where the project says ``refresh: always``, the engine first compares the state with the real
    resources, here and again in the run. Explicit providers get today's credentials unless the recorded ones are
    chosen; default providers get the target's settings unless today's are (or there is a selection: what stays as it
    is uses them as well).

    Raises:
        UsageError: a strategy or selection that isn't available.
        CheckpointError, SecretsError: live or target can't be read or decrypted.
        RefusedError: a protected resource is in the way; `UntrustedTarget`: the target needs a yes first.
        EngineError: the preview failed.
    """
    from pulumi_rewind.diff.checkpoints import diff_checkpoints
    from pulumi_rewind.strategies import other_plan, recommended

    choices = chosen_by(choices or USUAL, **chosen)
    observe = observe or _ignore
    control = control or PreviewControl()
    if choices.strategy != CHECKPOINT:
        return other_plan(session, target, choices, observe, control)
    refresh = choices.refresh or session.workspace.refresh_always
    engine = session.engine
    observe(Phase("load", f"reading live and {target.label}"))
    locks = session.backend.locks(session.stack)  # before live is read: who holds one now is changing it
    live, now, stored, plain = load(session, target)
    check_target(stored)
    today = todays_config(session.workspace.config_file(session.stack.name))
    settings = ConfigChanges()
    if not choices.only and not choices.todays_config:
        settings = config_changes(plain, now, recorded_config(target.update), today)
    unlike = consented(session, target, now, plain, choices, settings=settings.values, today=today)
    private = make_private("rewind-assets-")

    number = target.update.number
    before = Rewritten(Arrangement(), live, now)

    def build(stays: Mapping[str, str]) -> tuple[Goal, tuple[Risk, ...]]:
        nonlocal before
        chosen = _selection(plain, now, choices.only, stays, changes)
        before = rewritten(session, plain, live, now, number, chosen, choices.delete_imported)
        goal = make_goal(session, plain, before.plain, choices, number=number, stays=stays, changes=changes)
        goal = aware(goal, before.arrangement, now)
        goal = letting_go(knowing(session, goal, before.plain, number, choices.adopt), before.plain)
        goal = deleting_first(goal, choices.delete_first, session.settings.delete_first)
        return with_assets(session, goal, before.plain, target.update.commit, private)

    def ask(goal: Goal, observe: Observe) -> tuple[Goal, Previewed]:
        observe(Phase("preview", "asking the engine what it would do"))

        def look(goal: Goal) -> Previewed:
            with explained(session, goal, target.update.commit):
                return preview(
                    session,
                    engine,
                    goal,
                    live,
                    observe,
                    control,
                    refresh=refresh,
                    config=settings.values,
                    state=before.state,
                )

        goal, previewed = agreeable(goal, look, choices.adopt)
        if learned := deleted_first_before(session, number, goal, previewed):
            goal, previewed = agreeable(marked(goal, learned), look, choices.adopt)
        return goal, previewed

    try:
        built, stays = undisturbed(build, ask, now, observe)
        goal, asset_notes, (events, update_plan, report) = built
    except BaseException:
        remove_private(private)
        raise
    remove_if_unused(private)
    live_plain = before.plain
    found = refreshed_state(events, live_plain)
    asked = plan_steps(events, goal)
    goal = replace(goal, notes=(*goal.notes, *changed_paths(session, goal, target.update.commit, asked)))
    notes = [*goal.notes, *asset_notes, *settings.notes]
    stateful = session.settings.stateful_types
    items = {rehomed(item.urn, goal.stack, goal.project): item for item in goal.registrations}
    elsewhere = read_elsewhere(asked, events, live_plain)
    stale = stale_risks(goal, report)
    vanishing = vanishing_risks(events, goal, report, stateful)
    told = (
        step
        if step.op in STILL
        else replace(
            step,
            risks=(
                *step_risks(step, goal, live_plain, stateful),
                *stale.get(step.urn, ()),
                *order_risks(step, items.get(step.urn)),
                *filter(None, (elsewhere.get(step.urn),)),
                *adoption_risks(step, items.get(step.urn)),
                *touched_risk(step, goal),
                *vanishing.get(step.urn, ()),
                *_notes_for(step.urn, goal, notes),
            ),
        )
        for step in asked
    )
    steps = arranged_steps(told, before.arrangement, stateful)
    moving = tuple(step for step in steps if step.op not in STILL)
    moved = {step.urn for step in moving}
    untouched = tuple(risk for urn, several in stale.items() if urn not in moved for risk in several)
    shown = {note for step in moving for note in notes if rehomed(note.urn, goal.stack, goal.project) == step.urn}
    rest = tuple(note for note in notes if note not in shown and (note.blocking or note.code in _ALWAYS_SHOWN))
    newest = session.timeline.update(len(session.timeline)) if len(session.timeline) else None
    risks = tuple(
        stack_risks(
            live=live_plain,
            locks=locks or session.backend.locks(session.stack),
            live_known=session.timeline.live_update() is not None,
            target_config=without(recorded_config(target.update), settings.values),
            live_config=without(recorded_config(newest) if newest else None, settings.values),
            refreshed=refresh,
            told=before.arrangement.told,
            stateful=stateful,
        )
    )
    warned = (*unlike, *(Risk("target", text) for text in target.warnings))
    if wrong := damage(stored):
        warned = (*warned, Risk("target-damaged", f"the target's checkpoint is damaged: {wrong}"))
    if other := of_another_time(session.workspace.config_file(session.stack.name), live):
        warned = (*warned, Risk("old-config", f"{other}; a copy is used that fits the state, the file stays as it is"))
    # What a step changes and what an alias renames is shown there.
    shown_elsewhere = moved | set(goal.pairs.values()) - set(report.urns.values())
    plan = Plan(
        stack=str(session.stack),
        target=target,
        strategy=CHECKPOINT,
        fingerprint=fingerprint(
            goal,
            live,
            stored,
            engine.version,
            [choices.recorded_credentials, sorted(settings.values.items()), repr(before.arrangement)],
        ),
        steps=moving,
        risks=(
            *untouched,
            *rest,
            *arrangement_risks(before.arrangement, moving),
            *risks,
            *offer(goal, moving, choices.adopt),
            *warned,
        ),
        changes=counts(steps),
        diff=diff_checkpoints(
            refreshed_state(events, now) if before.arrangement else found,
            planned_state(lasting(goal), report, found, {step.urn: step.op for step in steps}),
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
            choices,
            stays,
            settings.values,
            private if private.exists() else None,
            changes,
            before.state,
            refresh,
        ),
    )
    return recommended(session, plan)


def make_goal(
    session: Session,
    target: Checkpoint,
    live: Checkpoint,
    choices: Choices,
    *,
    number: int = 0,
    stays: Mapping[str, str] = {},
    changes: GoalChanges | None = None,
) -> Goal:
    """The goal of a rollback of this stack, both checkpoints decrypted; the same again for the check after a run.

    With the `number` of the target's update, the history is asked for renames where something has no partner.
    """
    notes: tuple[Risk, ...] = ()
    live_keys: Mapping[str, frozenset[str]] = {}
    if not choices.recorded_credentials:
        made = todays_credentials(target, live)
        target, notes, live_keys = made.target, made.notes, made.live_keys
    build = functools.partial(changed_goal, changes) if changes else build_goal
    goal = build(
        target,
        live,
        project=session.workspace.project,
        stack=session.stack.name,
        only=choices.only,
        stays=stays,
        history=session.timeline.around(number) if number else (),
    )
    goal = from_live_too(goal, live_keys)
    chosen = {item.urn for item in goal.registrations if not item.from_live}
    return with_pinned(replace(goal, notes=(*goal.notes, *(note for note in notes if note.urn in chosen))))


def _selection(
    target: Checkpoint,
    live: Checkpoint,
    only: Sequence[str],
    stays: Mapping[str, str],
    changes: GoalChanges | None,
) -> Selection | None:
    """What is brought back and what stays; None for everything."""
    if not (only or stays or changes):
        return None
    adjust = functools.partial(adjusted, changes) if changes else None
    return choose(target, live, only=only, stays=stays, adjust=adjust)[1]


def _ignore(_: EngineEvent) -> None:
    return


def _notes_for(urn: str, goal: Goal, notes: Sequence[Risk]) -> tuple[Risk, ...]:
    return tuple(
        replace(note, urn=urn) for note in notes if note.urn and rehomed(note.urn, goal.stack, goal.project) == urn
    )


def with_assets(
    session: Session, goal: Goal, live: Checkpoint, commit: str, private: Path
) -> tuple[Goal, tuple[Risk, ...]]:
    """The goal with the contents of its assets found; `commit` is where the program was when they were recorded."""
    if b"c44067f5952c0a294b673a41bacd8c17" not in live.raw + msgspec.json.encode(
        [dict(item.inputs) for item in goal.registrations]
    ) and not any(_has_archive(item.inputs) for item in goal.registrations):
        return goal, ()
    from pulumi_rewind.assets.find import AssetFinder, resolve_assets

    finder = AssetFinder(session.workspace.root, commit, session.repository, session.asset_store(private), private)
    return resolve_assets(goal, live, finder)


def changed_paths(session: Session, goal: Goal, commit: str, steps: Sequence[Step]) -> tuple[Risk, ...]:
    """What a provider reads by a path that the target names, and that isn't as it was at the target's commit."""
    from pulumi_rewind.assets.paths import path_notes

    number = session.timeline.live_update()
    live_commit = session.timeline.update(number).commit if number else ""
    ops = {step.urn: step.op for step in steps}
    return path_notes(goal, session.workspace.root, session.repository, commit, ops, live_commit)


def _has_archive(inputs: Mapping[str, Any]) -> bool:
    return b"0def7320c3a5731c473e5ecbe6d01bc7" in msgspec.json.encode(dict(inputs))


def fingerprint(goal: Goal, live: Checkpoint, target: Checkpoint, engine_version: str, choices: Json) -> str:
    """A digest of what is reviewed: both checkpoints as stored (secrets encrypted), the goal, the engine, the choices
    made.
    """
    parts = [live.digest, target.digest, goal.fingerprint(), engine_version, msgspec.json.encode(choices).decode()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
