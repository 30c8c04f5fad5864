"""The ways of going back, and which of them suits a target.

A new one is a class in a file of its own (see `strategies.protocol.Strategy`) and a line in `STRATEGIES`. This module
is light: the command line reads the table when it starts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pulumi_rewind.choices import CHECKPOINT, HOLD_NOTHING, PROGRAM, STATE, Choices, given, option
from pulumi_rewind.errors import UsageError
from pulumi_rewind.risk import Risk

if TYPE_CHECKING:
    from pulumi_rewind.goal.model import GoalChanges
    from pulumi_rewind.goal.replay_report import Observe
    from pulumi_rewind.history.targets import Target
    from pulumi_rewind.plan.model import Plan
    from pulumi_rewind.project.settings import Settings
    from pulumi_rewind.session import Session
    from pulumi_rewind.strategies.preview import PreviewControl
    from pulumi_rewind.strategies.protocol import Strategy


@dataclass(frozen=True)
class Entry:
    """What is known of a strategy before any of it is loaded."""

    load: Callable[[], Strategy]
    about: str
    """What it does, in a few words."""
    short: str
    """The same in three or four, for a list of all."""
    knows: frozenset[str]
    """The choices that it knows, by their field; others are refused."""
    calls: bool = False
    """Whether undo callbacks of single resources are called: it can carry out what they return."""
    runs: bool = True
    """Whether it runs anything, so that revisions can go up or down with it."""


def _checkpoint() -> Strategy:
    from pulumi_rewind.strategies.checkpoint.run import CheckpointStrategy

    return CheckpointStrategy()


def _program() -> Strategy:
    from pulumi_rewind.strategies.program.run import ProgramStrategy

    return ProgramStrategy()


def _state() -> Strategy:
    from pulumi_rewind.strategies.state import StateStrategy

    return StateStrategy()


STRATEGIES: Final[Mapping[str, Entry]] = {
    CHECKPOINT: Entry(
        _checkpoint,
        "register the recorded resources again; needs no program",
        "replay the checkpoint",
        frozenset(Choices.__struct_fields__),
        calls=True,
    ),
    PROGRAM: Entry(
        _program,
        "run the program of the old commit with the recorded configuration",
        "run the old program",
        frozenset({"refresh", "todays_config", "delete_imported", "no_install", "recorded_hooks"}),
    ),
    STATE: Entry(
        _state,
        "put the old state file back; touches no resource",
        "put the old state back",
        frozenset({"recorded_hooks"}),
        runs=False,
    ),
}
"""Every strategy by its name."""


def refused(choices: Choices) -> tuple[str, ...]:
    """The fields chosen that the strategy doesn't know."""
    knows = STRATEGIES[choices.strategy].knows
    return tuple(name for name in given(choices) if name != "strategy" and name not in knows)


def holding_as_set(choices: Choices, settings: Settings) -> Choices:
    """The choices with what is held as the settings say; nothing where the strategy can't, or the data is kept anyway.

    A rollback that somebody asks for begins with these. What a program asks for, and what is resumed, stays as it is.
    """
    able = "hold_deletes" in STRATEGIES[choices.strategy].knows and not choices.keep_data
    return choices.but(hold_deletes=settings.hold_deletes if able else HOLD_NOTHING)


def plan_by_strategy(
    session: Session,
    target: Target,
    choices: Choices,
    *,
    changes: GoalChanges | None = None,
    observe: Observe | None = None,
    control: PreviewControl | None = None,
    stays: Mapping[str, str] = {},
) -> Plan:
    """The plan of the strategy chosen, with what callbacks returned and what is recommended; no callback is called.

    Raises:
        UsageError: there is no such strategy, or it can't do what is asked for.
        RewindError: see `rollback.planning.build_plan`.
    """
    from pulumi_rewind.strategies.parts import PlanRequest
    from pulumi_rewind.strategies.preview import PreviewControl, ignore_events

    if choices.strategy not in STRATEGIES:
        raise UsageError(f"there is no strategy {choices.strategy!r}", hint=f"There are {', '.join(STRATEGIES)}.")
    unknown = [f"`{option(field)}`" for field in refused(choices)]
    if unknown:
        raise UsageError(
            f"the strategy {choices.strategy!r} does not support {' and '.join(unknown)}",
            hint="Leave it out, or use `--strategy checkpoint`.",
        )
    asked = PlanRequest(session, target, choices, changes, observe or ignore_events, control or PreviewControl(), stays)
    return recommended(session, STRATEGIES[choices.strategy].load().plan(asked))


def recommended(session: Session, plan: Plan) -> Plan:
    """The plan with the strategy that suits its target best."""
    from pulumi_rewind.plan.recommend import recommend
    from pulumi_rewind.strategies.program.source import dirty_without_record, program_problem, program_update

    problem = program_problem(session, plan.target.update)
    reason = problem.message if problem is not None else ""
    if problem is None:
        update = program_update(session.timeline, plan.target.update)
        if update is not None and dirty_without_record(session, update):
            reason = f"#{update.number} was deployed with uncommitted changes that were not recorded"
    risks = (*_origin_risks(session, plan.target), *plan.risks)
    return replace(plan, risks=risks, recommendation=recommend(plan.all_risks, reason))


def _origin_risks(session: Session, target: Target) -> tuple[Risk, ...]:
    """Says where the target's checkpoint comes from, if not from the backend."""
    from pulumi_rewind.records.lookup import origin_of

    origin = origin_of(session, target)
    if not origin:
        return ()
    return (Risk("from-record", f"the checkpoint of {target.label} is from {origin}, not from the backend"),)
