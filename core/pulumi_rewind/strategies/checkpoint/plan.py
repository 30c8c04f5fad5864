"""The plan of a replay: load, build the goal, preview it with the real engine, read off steps and risks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from pulumi_rewind.choices import CHECKPOINT, HOLD_NOTHING, Choices
from pulumi_rewind.engine.events import EngineEvent, Phase
from pulumi_rewind.goal.build import build_goal, choose
from pulumi_rewind.goal.credentials import from_live_too, todays_credentials
from pulumi_rewind.goal.default_values import with_pinned
from pulumi_rewind.goal.model import Goal, GoalChanges, Selection
from pulumi_rewind.goal.replay_report import Observe, Previewed, ReplayReport
from pulumi_rewind.goal.unmanaged import with_temporary_reads, without_temporary
from pulumi_rewind.guard.consent import consented
from pulumi_rewind.guard.state_editing import Rewritten, rewritten, with_replaced_entries
from pulumi_rewind.plan.adoption import adoption_risks, agreeable, offer
from pulumi_rewind.plan.arrangement import NOTHING, Arrangement
from pulumi_rewind.plan.delete_first import deleting_first, marked, order_risks
from pulumi_rewind.plan.former_ids import knowing
from pulumi_rewind.plan.hold_deletes import holding, holding_risks, is_held, tells_first
from pulumi_rewind.plan.kept_values import kept_value_risks
from pulumi_rewind.plan.lost_values import vanishing_risks
from pulumi_rewind.plan.model import Plan, Step, counts, plan_steps
from pulumi_rewind.plan.planned_state import planned_state, refreshed_state
from pulumi_rewind.plan.prepared import ReplayPrepared
from pulumi_rewind.plan.replacement_orders import deleted_first_before
from pulumi_rewind.plan.risks import read_elsewhere, step_risks
from pulumi_rewind.plan.stale_values import stale_risks
from pulumi_rewind.plan.state_edit_risks import arrangement_risks
from pulumi_rewind.plan.staying_along import Built, touched_risk, undisturbed
from pulumi_rewind.plan.step_order import in_order
from pulumi_rewind.plan.verify import verify
from pulumi_rewind.project.stack_configuration import (
    ConfigChanges,
    config_changes,
    of_another_time,
    recorded_config,
    todays_config,
    without,
)
from pulumi_rewind.risk import PATH_CONTENT, SKIPPED, TARGET_CONFIG, Risk
from pulumi_rewind.session import Session
from pulumi_rewind.state.identity import rehomed
from pulumi_rewind.state.integrity import check_target, damage
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.values import ARCHIVE, ASSET
from pulumi_rewind.strategies.checkpoint.previews import Previews
from pulumi_rewind.strategies.checkpoint.still_there import StillThere
from pulumi_rewind.strategies.parts import PlanRequest, around, digest, load, warned, with_risks
from pulumi_rewind.system.private_directory import make_private, remove_if_unused, remove_private
from pulumi_rewind.window.ledger import until

_ALWAYS_SHOWN = frozenset({"snippet", "left-out", "live-credentials", TARGET_CONFIG, SKIPPED, PATH_CONTENT})
"""Codes of notes that are shown even if no step is about them."""


class ReplayPlanning:
    """The making of one plan: what it begins with, and what every preview asks for.

    Raises:
        UsageError: a selection that isn't available.
        EngineError: there is no pulumi CLI, or it is too old.
        CheckpointError, SecretsError: live or target can't be read or decrypted.
        UntrustedTarget: the target requires a confirmation first.
    """

    def __init__(self, asked: PlanRequest) -> None:
        session, target, choices = self.session, self.target, self.choices = asked.session, asked.target, asked.choices
        self.changes, self.observe, self.control = asked.changes, asked.observe, asked.control
        self.stays = asked.stays
        self.number, self.commit = target.update.number, target.update.commit
        self.refresh = choices.refresh or session.workspace.refresh_always
        self.engine = session.engine  # its error comes before any work, and before a confirmation is asked for
        subjects = self.changes.subjects() if self.changes else ()
        self.previews = Previews(session, self.control, self.commit, refresh=self.refresh, subjects=subjects)
        try:
            self._load()
        except BaseException:
            self.previews.close()
            raise

    def _load(self) -> None:
        session, target, choices = self.session, self.target, self.choices
        self.observe(Phase("load", f"reading live and {target.label}"))
        self.locks = session.operations()  # before live is read: who holds one now is changing it
        self.live, self.now, self.stored, self.plain = load(
            session, target, lambda live, side: self.previews.begin(live, live, side)
        )
        self.previews.begin(self.live, self.now, self.plain)
        check_target(self.stored)
        self.own_config = session.workspace.config_file(session.stack.name)
        today = todays_config(self.own_config)
        self.settings = ConfigChanges()
        if not (choices.only or self.stays or choices.todays_config):
            self.settings = config_changes(self.plain, self.now, recorded_config(target.update), today)
        self.unlike = consented(
            session, target, self.now, self.plain, choices, settings=self.settings.values, today=today
        )
        self.before = Rewritten(Arrangement(), self.live, self.now)
        self.until = until(choices)
        self.holding = NOTHING
        self.held = StillThere(session, self.control)
        self.private = make_private("rewind-assets-")

    # -- the goal and its preview -------------------------------------------------------------------------------

    def _goal(self, stays: Mapping[str, str]) -> tuple[Goal, tuple[Risk, ...]]:
        session, number, choices = self.session, self.number, self.choices
        chosen = _selection(self.plain, self.now, choices.only, stays, self.changes)

        def look() -> Rewritten:
            hold, gone = self.holding.objects, self.held.gone
            return rewritten(session, self.plain, self.live, self.now, number, chosen, choices, hold, gone)

        before = look()
        while self.held.asks(before.stored, [one for one in before.arrangement.returned if one.entry in before.held]):
            before = look()
        self.before = before
        goal = make_goal(session, self.plain, before.plain, choices, number=number, stays=stays, changes=self.changes)
        goal = with_replaced_entries(goal, before.arrangement, self.now)
        goal = with_temporary_reads(knowing(session.timeline, goal, before.plain, number, choices.adopt), before.plain)
        goal = deleting_first(goal, choices.delete_first, session.settings.delete_first)
        return with_assets(session, goal, before.plain, self.commit, self.private)

    def _ask(self, goal: Goal, observe: Observe) -> tuple[Goal, Previewed]:
        observe(Phase("preview", "previewing with the engine"))

        def look(goal: Goal) -> Previewed:
            return self.previews.look(goal, self.live, self.before, self.settings.values, observe)

        goal, previewed = agreeable(goal, look, self.choices.adopt)
        if learned := deleted_first_before(self.session, self.number, goal, previewed):
            goal, previewed = agreeable(marked(goal, learned), look, self.choices.adopt)
        return goal, previewed

    # -- the plan -----------------------------------------------------------------------------------------------

    def plan(self) -> Plan:
        """Previews until nothing that is left out is touched, and reads off the plan; changes nothing.

        Raises:
            RefusedError: a protected resource is in the way.
            EngineError: the preview failed.
        """
        try:
            built, stays = undisturbed(self._goal, self._ask, self.now, self.observe, self.stays)
            if self._would_hold(built):
                built, stays = undisturbed(self._goal, self._ask, self.now, self.observe, stays)
        except BaseException:
            self.previews.close()
            remove_private(self.private)
            raise
        remove_if_unused(self.private)
        return self._read_off(built, stays)

    def _would_hold(self, built: Built) -> bool:
        """Finds out what is to be held of what the goal's preview deletes; whether that is anything."""
        goal, _, (events, _, _) = built
        choices, settings = self.choices, self.session.settings
        if choices.hold_deletes != HOLD_NOTHING:
            self.holding = holding(
                plan_steps(events, goal),
                self.now,
                choices.hold_deletes,
                stateful=settings.stateful_types,
                excluded=settings.hold_excluded,
                until=self.until,
                dying=self.before.arrangement.dying,
            )
        return bool(self.holding.objects)

    def _read_off(self, built: Built, stays: Mapping[str, str]) -> Plan:
        from pulumi_rewind.diff.checkpoints import diff_checkpoints

        goal, asset_notes, (events, update_plan, report) = built
        session, choices, settings = self.session, self.choices, self.settings.values
        live_plain, arrangement = self.before.plain, self.before.arrangement
        found = refreshed_state(events, live_plain)
        asked = in_order(plan_steps(events, goal), goal.by_run_urn, live_plain)
        goal = replace(goal, notes=(*goal.notes, *changed_paths(session, goal, self.commit, asked)))
        notes = [*goal.notes, *asset_notes, *self.settings.notes]
        stale, kept = stale_risks(goal, report), kept_value_risks(events, goal)
        values = {urn: (*stale.get(urn, ()), *kept.get(urn, ())) for urn in {**stale, **kept}}
        risks_of = self._step_risks(goal, events, report, asked, values, notes)
        steps, moving = with_risks(asked, risks_of, arrangement, session.settings.stateful_types)
        moved = {step.urn for step in moving}
        # What a step changes and what an alias renames is shown there.
        shown_elsewhere = moved | set(goal.pairs.values()) - set(report.urns.values())
        chosen = msgspec.json.encode([choices.recorded_credentials, sorted(settings.items()), repr(arrangement)])
        reviewed = (self.live.digest, self.stored.digest, goal.fingerprint(), self.engine.version, chosen.decode())
        return Plan(
            stack=str(session.stack),
            target=self.target,
            strategy=CHECKPOINT,
            fingerprint=digest(*reviewed),
            steps=moving,
            risks=(
                *(risk for urn, several in values.items() if urn not in moved for risk in several),
                *_noted(goal, notes, moving),
                *arrangement_risks(arrangement, moving),
                *self.before.risks,
                *self.held.risks(),
                *self._around(),
                *offer(goal, moving, choices.adopt),
                *self._warned(),
            ),
            changes=counts(steps, list(map(goal.run_urn, report.kept))),
            diff=diff_checkpoints(
                refreshed_state(events, self.now) if arrangement else found,
                planned_state(without_temporary(goal), report, found, {step.urn: step.op for step in steps}),
            ),
            created=time.time(),
            state_only=tuple(
                difference
                for difference in verify(goal, report, live_plain, live_plain)
                if not difference.expected and difference.urn not in shown_elsewhere
            ),
            prepared=ReplayPrepared(
                self.live, live_plain, self.stored, self.plain, choices, self.refresh, self.before.state,
                goal=goal, update_plan=update_plan, report=report, asked=self.previews.asked,
                stays=stays, config=settings,
                private=self.private if self.private.exists() else None, changes=self.changes,
                holding=self.holding,
            ),
        )  # fmt: skip

    def _step_risks(
        self,
        goal: Goal,
        events: list[EngineEvent],
        report: ReplayReport,
        asked: Sequence[Step],
        values: Mapping[str, Sequence[Risk]],
        notes: Sequence[Risk],
    ) -> Callable[[Step], Iterator[Risk]]:
        live, stateful = self.before.plain, self.session.settings.stateful_types
        items = {rehomed(item.urn, goal.stack, goal.project): item for item in goal.registrations}
        elsewhere = read_elsewhere(asked, events, live)
        vanishing = vanishing_risks(events, goal, report, stateful)

        def risks(step: Step) -> Iterator[Risk]:
            item = items.get(step.urn)
            yield from holding_risks(step, self.holding)
            yield from step_risks(step, live, stateful, stack=goal.stack, kept=goal.pairs.values())
            yield from values.get(step.urn, ())
            yield from order_risks(step, item, held=is_held(step, self.holding), told=tells_first(step, self.holding))
            yield from filter(None, (elsewhere.get(step.urn),))
            yield from adoption_risks(step, item)
            yield from touched_risk(step, goal)
            yield from vanishing.get(step.urn, ())
            if step.urn in report.left_open:
                yield Risk.usual("untried", step.urn)
            yield from _notes_for(step.urn, goal, notes)

        return risks

    def _around(self) -> list[Risk]:
        session, changed = self.session, self.settings.values
        newest = session.timeline.update(len(session.timeline)) if len(session.timeline) else None
        return around(
            session,
            self.before.plain,
            locks=self.locks,
            target_config=without(recorded_config(self.target.update), changed),
            live_config=without(recorded_config(newest) if newest else None, changed),
            refreshed=self.refresh,
            arrangement=self.before.arrangement,
        )

    def _warned(self) -> Iterator[Risk]:
        yield from warned(self.target, self.unlike)
        if wrong := damage(self.stored):
            yield Risk("target-damaged", f"the target's checkpoint is damaged: {wrong}")
        if other := of_another_time(self.own_config, self.live):
            yield Risk(
                "old-config", f"{other}; the run uses a copy that matches the state, and the file stays as it is"
            )


def _noted(goal: Goal, notes: Sequence[Risk], moving: Iterable[Step]) -> Iterator[Risk]:
    """The notes that no step shows, and that are shown all the same."""
    moved = {step.urn for step in moving}
    for note in notes:
        if rehomed(note.urn, goal.stack, goal.project) not in moved and (note.blocking or note.code in _ALWAYS_SHOWN):
            yield note


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
    goal = build_goal(
        target,
        live,
        project=session.workspace.project,
        stack=session.stack.name,
        only=choices.only,
        stays=stays,
        history=session.timeline.around(number) if number else (),
        changes=changes,
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
    return choose(target, live, only=only, stays=stays, changes=changes)[1]


def _notes_for(urn: str, goal: Goal, notes: Sequence[Risk]) -> tuple[Risk, ...]:
    return tuple(
        replace(note, urn=urn) for note in notes if note.urn and rehomed(note.urn, goal.stack, goal.project) == urn
    )


def with_assets(
    session: Session, goal: Goal, live: Checkpoint, commit: str, private: Path
) -> tuple[Goal, tuple[Risk, ...]]:
    """The goal with the contents of its assets found; `commit` is where the program was when they were recorded."""
    inputs = msgspec.json.encode([dict(item.inputs) for item in goal.registrations])
    if ASSET.encode() not in live.raw + inputs and ARCHIVE.encode() not in inputs:
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
