"""From a target to a plan that can be reviewed: what the engine would do, the project's callbacks, revisions."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Unpack

from pulumi_rewind.callbacks.calling import Caller
from pulumi_rewind.callbacks.code import Chosen, chosen_code
from pulumi_rewind.callbacks.revisions.plan import revised
from pulumi_rewind.callbacks.undo.plan import announced, undo_plan
from pulumi_rewind.choices import USUAL, ChoiceArguments, Choices, chosen_by
from pulumi_rewind.engine.system_errors import refused_by_system
from pulumi_rewind.goal.replay_report import Observe
from pulumi_rewind.guard.checks import check_readable
from pulumi_rewind.history.targets import Target
from pulumi_rewind.plan.keeping_data import keeping_data
from pulumi_rewind.plan.model import Plan
from pulumi_rewind.session import Session
from pulumi_rewind.strategies.choosing import plan_by_strategy
from pulumi_rewind.strategies.preview import PreviewControl


@refused_by_system()
def build_plan(
    session: Session,
    target: Target,
    choices: Choices | None = None,
    *,
    observe: Observe | None = None,
    control: PreviewControl | None = None,
    **chosen: Unpack[ChoiceArguments],
) -> Plan:
    """Plans the way from live to `target`, previewed by the engine; changes nothing. Choices may be given by keyword.

    With a refresh, and where the project says ``refresh: always``, the engine first compares the state with the real
    resources, here and again in the run. Explicit providers get today's credentials unless the recorded ones are
    chosen; default providers get the target's settings unless today's are (or there is a selection: what stays as it
    is uses them as well). With `keep_data` it plans again, without what would lose data, until no step does.
    With `recorded_hooks` the code of callbacks is that of the records, see `callbacks.code.chosen_code`.

    Raises:
        UsageError: a strategy or selection that isn't available.
        CheckpointError, SecretsError: live or target can't be read or decrypted.
        RefusedError: a protected resource is in the way, or the pulumi CLI can't read the state; `UntrustedTarget`: the
            target requires a confirmation first; `UntrustedCode`: the operator has not agreed to code of a record.
        CallbackError: code of callbacks can't be loaded, or the revisions that it declares are no line.
        RewindError: what is noted of revisions can't be read.
        EngineError: the preview failed.
    """
    check_readable(session)
    choices = chosen_by(choices or USUAL, **chosen)
    # An error of it comes before any work.
    code = chosen_code(session, target.update.number, recorded=choices.recorded_hooks)

    def make(stays: Mapping[str, str]) -> Plan:
        plan = plan_by_strategy(session, target, choices, observe=observe, control=control, stays=stays)
        return _with_callbacks(session, plan, code, recorded=choices.recorded_hooks)

    return keeping_data(make) if choices.keep_data else make({})


def _with_callbacks(session: Session, plan: Plan, code: Chosen, *, recorded: bool) -> Plan:
    """The plan with what the project's code adds to it; given up where that fails."""
    try:
        with Caller(session) as caller:
            undo = undo_plan(caller, plan, code, recorded=recorded)
            plan = dataclasses.replace(plan, undo=undo)
            for_live, for_target = (caller.load(one) if one else None for one in (code.for_live, code.for_target))
            return announced(session, revised(session, plan, for_live, for_target), code.notes)
    except BaseException:
        plan.close()
        raise
