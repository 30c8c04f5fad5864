"""A run in which a replacement could not be made because the old object has its name: the way on.

The plan has said so (`risk.SAME_NAME`). The old object is then deleted first, if nothing else changes.
"""

from __future__ import annotations

from collections.abc import Sequence

from pulumi_rewind.errors import IncompleteError, InterruptedRun, RewindError
from pulumi_rewind.plan.blockers import Blockers
from pulumi_rewind.plan.delete_first import more_than_reviewed
from pulumi_rewind.plan.model import Plan
from pulumi_rewind.risk import SAME_NAME
from pulumi_rewind.rollback.replan import in_place_of, plan_again
from pulumi_rewind.session import Session
from pulumi_rewind.state.model import parse_urn, urn_name
from pulumi_rewind.state.naming import listed
from pulumi_rewind.strategies.preview import PreviewControl
from pulumi_rewind.system.shell import command


def announced_taken(plan: Plan, blockers: Blockers) -> tuple[str, ...]:
    """URNs that failed because their name is taken, where the plan announced that; empty if anything else failed.

    What is held is not deleted for its name.
    """
    held = {step.urn for step in plan.steps if step.holds}
    announced = {risk.urn for risk in plan.all_risks if risk.code == SAME_NAME} - held
    taken = announced.intersection(blockers.taken)
    if not taken or not blockers.failed <= taken:
        return ()
    # The provider will say the same of every other one of that type.
    types = {parse_urn(urn).type for urn in taken}
    return tuple(step.urn for step in plan.steps if step.urn in announced and step.type in types)


def deleting_taken_first(session: Session, reviewed: Plan, urns: Sequence[str], control: PreviewControl) -> Plan:
    """The plan for what is left to do, with those deleted first; the reviewed one is given up.

    Raises:
        IncompleteError: it can't be made, or would do more than was reviewed.
        InterruptedRun: it was asked to stop.
    """
    what = f"{listed([urn_name(urn) for urn in urns])} can't be created while the old object exists"
    words = (word for urn in urns for word in ("--delete-first", urn_name(urn)))
    hint = f"`{command('resume', session.stack.name, *words)}` plans again and shows what it does."
    try:
        choices = reviewed.prepared.choices
        wanted = tuple(dict.fromkeys((*choices.delete_first, *urns)))
        now = plan_again(session, reviewed, choices.but(delete_first=wanted), control)
    except InterruptedRun:
        raise InterruptedRun(f"stopped half-way; {what}", hint=hint) from None
    except RewindError as err:
        raise IncompleteError(f"{what}, and no other plan could be made: {err}", hint=hint) from None
    more = more_than_reviewed(now.steps, reviewed.steps)
    more += [risk.message for risk in now.blocking]
    more += [f"{name}: its data would be lost" for name in now.losers if name not in reviewed.losers]
    problem = f"{what}; deleting it first would do more than was reviewed: {'; '.join(more)}" if more else ""
    return in_place_of(reviewed, now, problem, hint)
