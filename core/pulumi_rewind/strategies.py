"""The ways of going back, and which of them suits a target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pulumi_rewind.choices import Choices, option, refused
from pulumi_rewind.errors import UsageError
from pulumi_rewind.recommend import CHECKPOINT, PROGRAM, STATE, recommend
from pulumi_rewind.risk_codes import Risk

if TYPE_CHECKING:
    from pulumi_rewind.plan import Plan
    from pulumi_rewind.previewing import Observe, PreviewControl
    from pulumi_rewind.rollback import RollbackRun
    from pulumi_rewind.session import Session
    from pulumi_rewind.targets import Target

STRATEGIES: Final[Mapping[str, str]] = {
    CHECKPOINT: "register the recorded resources again; needs no program",
    PROGRAM: "run the program of the old commit with the recorded configuration",
    STATE: "put the old state file back; touches no resource",
}
"""Every strategy, and what it does in a few words."""


def other_plan(
    session: Session,
    target: Target,
    choices: Choices,
    observe: Observe,
    control: PreviewControl,
) -> Plan:
    """A plan that is no replay; see `prepare.build_plan`.

    Raises:
        UsageError: there is no such strategy, or it can't do what is asked for.
    """
    strategy = choices.strategy
    if strategy not in STRATEGIES:
        names = ", ".join(STRATEGIES)
        raise UsageError(f"there is no strategy {strategy!r}", hint=f"There are {names}.")
    unknown = [f"`{option(field)}`" for field in refused(choices)]
    if unknown:
        raise UsageError(
            f"the strategy {strategy!r} doesn't know {' and '.join(unknown)}",
            hint="Leave it out, or use `--strategy checkpoint`.",
        )
    if strategy == STATE:
        from pulumi_rewind.state_strategy import plan_state

        return recommended(session, plan_state(session, target, choices, observe=observe))
    from pulumi_rewind.program.plan import plan_program

    return recommended(session, plan_program(session, target, choices, observe=observe, control=control))


def recommended(session: Session, plan: Plan) -> Plan:
    """The plan with the strategy that suits its target best."""
    from pulumi_rewind.program.source import dirty_without_record, program_problem, program_update

    problem = program_problem(session, plan.target.update)
    reason = problem.message if problem is not None else ""
    if problem is None:
        update = program_update(session.timeline, plan.target.update)
        if update is not None and dirty_without_record(session, update):
            reason = f"#{update.number} was deployed with uncommitted changes that nobody kept"
    risks = (*_origin_risks(session, plan.target), *plan.risks)
    return replace(plan, risks=risks, recommendation=recommend(plan.all_risks, reason))


def _origin_risks(session: Session, target: Target) -> tuple[Risk, ...]:
    """Says where the target's checkpoint comes from, if not from the backend."""
    from pulumi_rewind.records.provenance import origin_of

    origin = origin_of(session, target)
    if not origin:
        return ()
    return (Risk("from-record", f"the checkpoint of {target.label} is from {origin}, not from the backend"),)


def make_run(session: Session, plan: Plan, *, allow_data_loss: bool = False, check_again: bool = True) -> RollbackRun:
    """The run of a reviewed plan, of its strategy."""
    from pulumi_rewind import rollback

    kind: type[RollbackRun] = rollback.RollbackRun
    if plan.strategy == PROGRAM:
        from pulumi_rewind.program.run import ProgramRun

        kind = ProgramRun
    elif plan.strategy == STATE:
        from pulumi_rewind.state_strategy import StateRun

        kind = StateRun
    return kind(session, plan, allow_data_loss=allow_data_loss, check_again=check_again)
