"""From a target to a finished rollback: what `rollback` and `resume` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pulumi_rewind.choices import Choices
from pulumi_rewind_tui.options import passphrase_option
from pulumi_rewind_tui.planning import planned
from pulumi_rewind_tui.render.plan import plan_json, plan_lines
from pulumi_rewind_tui.render.run import JsonDisplay
from pulumi_rewind_tui.render.writer import Screen
from pulumi_rewind_tui.running import agree, consent_for, execute

if TYPE_CHECKING:
    from pulumi_rewind.session import Session

F = TypeVar("F", bound=Callable[..., Any])


def run_options(function: F) -> F:
    """The options of everything that changes a stack."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="One JSON object a line, the result last; needs --yes."),
        click.option("--allow-data-loss", is_flag=True, help="Go on even if resources that hold data are lost."),
        click.option("-y", "--yes", is_flag=True, help="Don't ask; a loss of data still needs its own option."),
        passphrase_option,
    ):
        function = option(function)
    return function


def go_back(
    session: Session,
    screen: Screen,
    text: str,
    choices: Choices,
    *,
    yes: bool,
    allow_data_loss: bool,
    trust_target: bool,
    as_json: bool,
) -> int:
    """Plans, shows, asks, runs; returns the exit code.

    A journal that can't be read is refused before anything else: nobody knows what it would take to go on.
    """
    session.journal.read()
    consent = consent_for(session, screen, trust=trust_target, ask=not (yes or as_json))
    with planned(session, screen, text, choices, consent) as plan:
        if as_json:
            JsonDisplay(screen.out).object({"event": "plan", **plan_json(plan)})
        else:
            screen.out.lines(plan_lines(plan))
            screen.out.flush()
        if not plan.nothing_to_do:
            allow_data_loss = agree(session, plan, screen, yes=yes, allow_data_loss=allow_data_loss)
        return execute(session, plan, screen, allow_data_loss=allow_data_loss, as_json=as_json)
