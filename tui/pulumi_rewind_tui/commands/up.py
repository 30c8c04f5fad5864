"""``pulumi-rewind up``: runs the project's `pulumi up` with a review; rolls back if it fails."""

from __future__ import annotations

from functools import partial
from typing import Final

import click

from pulumi_rewind_tui.terminal.confirmation import WaitOptions, waiting_options
from pulumi_rewind_tui.terminal.consent import check_can_ask
from pulumi_rewind_tui.terminal.options import RewindCommand, Shared, Terms, rewind_command, run_options, stack_of
from pulumi_rewind_tui.terminal.planning import choice_option
from pulumi_rewind_tui.terminal.running import json_outcome

FLAGS: Final = "pulumi_rewind.flags"
"""Key under which click keeps the flags after ``--``."""

VERIFY_SECONDS: Final = 300.0


class UpCommand(RewindCommand):
    """Keeps the flags after ``--`` for `pulumi up`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parses the arguments before ``--``."""
        own = args[: args.index("--")] if "--" in args else args
        ctx.meta[FLAGS] = tuple(args[len(own) + 1 :])
        return super().parse_args(ctx, own)


@rewind_command("[STACK] [-- FLAGS OF PULUMI UP]", UpCommand)
@click.option("--rollback-on-failure", is_flag=True, help="Roll back to the state before the update if it fails.")
@click.option(
    "--verify",
    metavar="COMMAND",
    help="Shell command that verifies the update; exit code 0 means good. The verdict is kept with the update.",
)
@click.option(
    "--verify-timeout",
    metavar="SECONDS",
    type=float,
    default=VERIFY_SECONDS,
    show_default=True,
    help="Time limit of the --verify command.",
)
@choice_option("delete_first")
@choice_option("hold_deletes")
@choice_option("hold_for")
@waiting_options
@partial(
    run_options,
    yes="Don't ask for confirmation, even if the update loses data.",
    allow_data_loss="With --rollback-on-failure: roll back even if that loses data.",
)
def up(
    shared: Shared,
    words: tuple[str, ...],
    rollback_on_failure: bool,
    verify: str | None,
    verify_timeout: float,
    delete_first: tuple[str, ...],
    hold_deletes: str,
    hold_for: str,
    waiting: WaitOptions,
    terms: Terms,
) -> int:
    """Run `pulumi up` of the project's program: preview, review, confirm, run, verify.

    With --rollback-on-failure, pulumi-rewind rolls back an update that fails or whose --verify command fails: it
    deletes what the update created, restores what it changed, and re-creates what it deleted, without its data. Exit
    codes: 0 done, 1 failed, 3 refused, 5 failed and rolled back, 6 update and rollback failed (`resume` continues),
    130 interrupted.

    With --hold-deletes, nothing that holds data dies with the update: the objects that it would delete or replace stay
    alive outside the state. Going back returns them, `held` lists them, and `confirm` deletes them.

    With --confirm-within, the update is taken back unless somebody confirms it in time, on any machine.
    """
    from pulumi_rewind_tui.terminal.deploying import Deployment, UpOptions

    flags = click.get_current_context().meta[FLAGS]
    options = UpOptions(
        terms, flags, rollback_on_failure, verify, verify_timeout, delete_first, hold_deletes, hold_for, waiting
    )
    with json_outcome(shared, as_json=terms.as_json):
        options.check()
        check_can_ask(terms, instead="pulumi preview")
        session = shared.session(stack_of(words))
        return Deployment(session, shared.screen(), options).run()
