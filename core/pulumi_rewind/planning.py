"""From a target to a plan that can be reviewed: what the engine would do, the project's callbacks, revisions."""

from __future__ import annotations

import dataclasses
from typing import Unpack

from pulumi_rewind import prepare
from pulumi_rewind.choices import USUAL, ChoiceArguments, Choices, chosen_by
from pulumi_rewind.guard import check_readable
from pulumi_rewind.plan import Plan
from pulumi_rewind.previewing import Observe, PreviewControl
from pulumi_rewind.revisions.plan import revised
from pulumi_rewind.session import Session
from pulumi_rewind.system_errors import refused_by_system
from pulumi_rewind.targets import Target
from pulumi_rewind.undo.calling import Caller
from pulumi_rewind.undo.code import chosen_code
from pulumi_rewind.undo.plan import announced, undo_plan


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
    """As `prepare.build_plan`, with callbacks announced on the steps that they are called for, and revisions.

    Single choices may be given by keyword. With `recorded_hooks` the code is that of the records, see
    `undo.code.chosen_code`.

    Raises:
        CallbackError: code of callbacks can't be loaded, or the revisions that it declares are no line.
        UntrustedCode: the operator has not agreed to code of a record.
        RefusedError: the pulumi CLI can't read the state.
        RewindError: what is noted of revisions can't be read.
    """
    check_readable(session)
    choices = chosen_by(choices or USUAL, **chosen)
    # An error of it comes before any work.
    code = chosen_code(session, target.update.number, recorded=choices.recorded_hooks)
    plan = prepare.build_plan(session, target, choices, observe=observe, control=control)
    try:
        with Caller(session) as caller:
            undo = undo_plan(caller, plan, code, recorded=choices.recorded_hooks)
            plan = dataclasses.replace(plan, undo=undo)
            living, restoring = (caller.load(one) if one else None for one in (code.living, code.restoring))
            return announced(session, revised(session, plan, living, restoring), code.notes)
    except BaseException:
        plan.close()
        raise
