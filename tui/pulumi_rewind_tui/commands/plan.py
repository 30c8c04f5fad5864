"""``pulumi-rewind plan``: shows what a rollback would do, from the preview of the real engine; changes nothing."""

from __future__ import annotations

import click

from pulumi_rewind.choices import CHECKPOINT, PROGRAM, Choices
from pulumi_rewind.errors import DIFFERS
from pulumi_rewind_tui.terminal.consent import consent_for
from pulumi_rewind_tui.terminal.notices import interrupted_notice
from pulumi_rewind_tui.terminal.options import (
    Shared,
    Terms,
    exit_code_option,
    passphrase_option,
    rewind_command,
    stack_and_target,
    to_json,
)
from pulumi_rewind_tui.terminal.planning import as_asked, goal_options, planned, trust_option
from pulumi_rewind_tui.text.plan import plan_json, plan_lines


@rewind_command("[STACK] TARGET")
@goal_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--compare", is_flag=True, help="Also plan with the other strategy and show how the plans differ.")
@exit_code_option("there is something to roll back")
@trust_option
@passphrase_option
def plan(
    shared: Shared,
    words: tuple[str, ...],
    choices: Choices,
    as_json: bool,
    compare: bool,
    exit_code: bool,
    trust_target: bool,
) -> int:
    """Show what a rollback to TARGET would do: steps, forecasts, risks. Changes nothing.

    --compare shows the plan, and below it how that of the other strategy (old program or checkpoint) differs.
    """
    stack, text = stack_and_target(words, "plan")
    session = shared.session(stack)
    screen = shared.screen()
    interrupted_notice(session, screen)
    choices = as_asked(session, choices)
    consent = consent_for(session, screen, Terms(trust_target=trust_target, as_json=as_json))
    with planned(session, screen, text, choices, consent) as made:
        if compare:
            from pulumi_rewind_tui.text.contrast import contrast_json, contrast_lines

            other = PROGRAM if choices.strategy == CHECKPOINT else CHECKPOINT
            others = as_asked(session, choices.but(strategy=other))
            with planned(session, screen, text, others, consent) as second:
                if as_json:
                    screen.out.raw(to_json(contrast_json(made, second)))
                else:
                    with shared.paged(screen) as page:
                        page.out.lines(plan_lines(made))
                        page.out.lines(contrast_lines(made, second))
        elif as_json:
            screen.out.raw(to_json(plan_json(made)))
        else:
            with shared.paged(screen) as page:
                page.out.lines(plan_lines(made))
        return DIFFERS if exit_code and not made.nothing_to_do else 0
