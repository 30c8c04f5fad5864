"""``pulumi-rewind rollback``: rolls a stack back, after review and confirmation."""

from __future__ import annotations

import click

from pulumi_rewind.choices import Choices
from pulumi_rewind_tui.terminal.confirmation import Confirmation, WaitOptions, waiting_options
from pulumi_rewind_tui.terminal.consent import check_can_ask
from pulumi_rewind_tui.terminal.going_back import go_back
from pulumi_rewind_tui.terminal.notices import interrupted_notice, overdue_notice
from pulumi_rewind_tui.terminal.options import Shared, Terms, rewind_command, run_options, stack_and_target
from pulumi_rewind_tui.terminal.planning import as_asked, goal_options, trust_option
from pulumi_rewind_tui.terminal.running import json_outcome


@rewind_command("[STACK] TARGET")
@waiting_options
@trust_option
@run_options
@goal_options
@click.option(
    "--hold/--no-hold",
    default=None,
    help="Hold the stack afterwards, so that no pipeline applies the bad commit again (default: rewind.toml).",
)
def rollback(
    shared: Shared,
    words: tuple[str, ...],
    choices: Choices,
    terms: Terms,
    waiting: WaitOptions,
    hold: bool | None,
) -> int:
    """Roll back to TARGET: plan, review, confirm, run with the real engine, verify.

    Asks before anything is changed. For production stacks (rewind.toml) you type the stack's name; a loss of data
    requires a separate confirmation. Ctrl-C stops after the running steps, a second Ctrl-C stops now; `resume`
    continues. With --confirm-within, the rollback is taken back unless somebody confirms it in time.
    """
    stack, text = stack_and_target(words, "rollback")
    with json_outcome(shared, as_json=terms.as_json):
        waiting.check()
        check_can_ask(terms)
        session = shared.session(stack)
        screen = shared.screen()
        interrupted_notice(session, screen)
        overdue_notice(session, screen)
        choices = as_asked(session, choices, allow_data_loss=terms.allow_data_loss)
        if not waiting.within:
            return go_back(session, screen, text, choices, terms, hold=hold)
        confirmation = Confirmation(session, screen, as_json=terms.as_json)
        before = confirmation.before(waiting)
        code = go_back(session, screen, text, choices, terms, hold=hold)
        return confirmation.after(before, waiting, terms, choices.delete_first) if code == 0 else code
