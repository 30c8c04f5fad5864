"""The way back from a predicted state to today's, previewed by the engine in a private backend; changes nothing.

The engine asks providers no more than in any preview. Of an object with a made-up id it asks nothing: one that the
update creates is planned to be deleted, which no provider is told in a preview, and one that replaces another is marked
for replacement, so that the engine doesn't ask for a comparison.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pulumi_rewind.checking.predicted import Predicted
from pulumi_rewind.checking.providers import missing_package
from pulumi_rewind.choices import USUAL
from pulumi_rewind.errors import EngineError, InterruptedRun, RewindError
from pulumi_rewind.goal.model import Goal
from pulumi_rewind.goal.replay_report import Observe
from pulumi_rewind.goal.unmanaged import with_temporary_reads
from pulumi_rewind.plan.delete_first import deleting_first, marked
from pulumi_rewind.plan.kept_values import kept_value_risks
from pulumi_rewind.plan.lost_values import vanishing_risks
from pulumi_rewind.plan.model import Step, plan_steps
from pulumi_rewind.plan.risks import step_risks
from pulumi_rewind.plan.stale_values import stale_risks
from pulumi_rewind.project.stack_configuration import ConfigChanges, config_changes, recorded_config, todays_config
from pulumi_rewind.risk import Risk
from pulumi_rewind.session import Session
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.strategies.checkpoint.plan import changed_paths, make_goal, with_assets
from pulumi_rewind.strategies.preview import PreviewControl, preview
from pulumi_rewind.system.private_directory import private_directory


@dataclass(frozen=True)
class WayBack:
    """What going back from the predicted state would do."""

    predicted: Checkpoint
    """The predicted state, decrypted."""
    goal: Goal | None = None
    steps: Mapping[str, Step] = field(default_factory=dict)
    """By URN, those that stay the same included; empty where nothing could be previewed."""
    risks: Mapping[str, tuple[Risk, ...]] = field(default_factory=dict)
    """By URN, also of what stays the same."""
    problem: str = ""
    """Why the engine's preview is missing; empty if it is there."""
    package: str = ""
    """The package whose provider is missing, where that is why."""

    @property
    def previewed(self) -> bool:
        """Whether the engine has said what it would do."""
        return self.goal is not None and not self.problem


def way_back(
    session: Session,
    live: Checkpoint,
    plain: Checkpoint,
    predicted: Predicted,
    delete_first: Iterable[str],
    *,
    observe: Observe,
    control: PreviewControl,
) -> WayBack:
    """Previews the way from a predicted state to `live` (as stored, and `plain`, decrypted).

    `delete_first` are URNs of replacements that delete the old object first. What can't be previewed is no error: the
    result says why.

    Raises:
        InterruptedRun: `control` stopped it.
        SecretsError: the predicted state can't be decrypted.
    """
    after = session.vault.decrypt(predicted.state, session.stack)
    goal: Goal | None = None
    try:
        goal = make_goal(session, plain, after, USUAL)
        goal = with_temporary_reads(goal, after)
        goal = deleting_first(goal, (), session.settings.delete_first)
        firsts = {goal.by_run_urn[urn].urn: _AS_BEFORE for urn in delete_first if urn in goal.by_run_urn}
        return _previewed(session, live, plain, predicted, after, marked(goal, firsts), observe, control)
    except InterruptedRun:
        raise
    except RewindError as err:
        text = f"{err}\n{err.output}" if isinstance(err, EngineError) else str(err)
        return WayBack(after, goal, problem=session.redactor(str(err)), package=missing_package(text))


_AS_BEFORE = "the update deletes it first as well"


def _previewed(
    session: Session,
    live: Checkpoint,
    plain: Checkpoint,
    predicted: Predicted,
    after: Checkpoint,
    goal: Goal,
    observe: Observe,
    control: PreviewControl,
) -> WayBack:
    number = session.timeline.live_update()
    update = session.timeline.update(number) if number else None
    commit, settings = "", ConfigChanges()
    if update is not None:
        commit = update.commit
        today = todays_config(session.workspace.config_file(session.stack.name))
        settings = config_changes(plain, after, recorded_config(update), today)
    with private_directory() as private:
        goal, notes = with_assets(session, goal, after, commit, private)
        events, _, report = preview(
            session, goal, live, observe, control, config=settings.values, state=predicted.state
        )
    steps = plan_steps(events, goal)
    notes = (*notes, *goal.notes, *changed_paths(session, goal, commit, steps))
    found: dict[str, list[Risk]] = {}
    for note in notes:
        if note.urn:
            found.setdefault(goal.run_urn(note.urn), []).append(note)
    stateful = session.settings.stateful_types
    for step in steps:
        found.setdefault(step.urn, []).extend(
            step_risks(step, after, stateful, stack=session.stack.name, kept=goal.pairs.values())
        )
    for several in (
        stale_risks(goal, report),
        vanishing_risks(events, goal, report, stateful),
        kept_value_risks(events, goal),
    ):
        for urn, risks in several.items():
            found.setdefault(urn, []).extend(risks)
    return WayBack(
        after,
        goal,
        {step.urn: step for step in steps},
        {urn: tuple(dict.fromkeys(risks)) for urn, risks in found.items()},
    )
