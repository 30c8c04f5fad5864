"""From a target to a finished rollback: what `rollback` and `resume` share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi_rewind_tui.terminal.consent import confirm_plan, consent_for
from pulumi_rewind_tui.terminal.planning import planned
from pulumi_rewind_tui.terminal.running import execute, print_plan
from pulumi_rewind_tui.text.plan import plan_json, plan_lines

if TYPE_CHECKING:
    from pulumi_rewind.choices import Choices
    from pulumi_rewind.session import Session
    from pulumi_rewind_tui.terminal.options import Terms
    from pulumi_rewind_tui.terminal.writer import Screen


def go_back(
    session: Session, screen: Screen, text: str, choices: Choices, terms: Terms, *, hold: bool | None = None
) -> int:
    """Plans, shows, asks, runs; returns the exit code.

    Refuses an unreadable journal first: it may belong to an unfinished rollback.
    """
    session.journal.read()
    as_json = terms.as_json
    with planned(session, screen, text, choices, consent_for(session, screen, terms)) as plan:
        print_plan(screen, plan, plan_json, plan_lines, as_json=as_json)
        lose = terms.allow_data_loss if plan.nothing_to_do else confirm_plan(session, plan, screen, terms)
        return execute(session, plan, screen, allow_data_loss=lose, as_json=as_json, hold=hold)
