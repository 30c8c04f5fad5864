"""``pulumi-rewind status``: what stands in the way of the stack's next update."""

from __future__ import annotations

import time

import click

from pulumi_rewind_tui.terminal.options import Shared, rewind_command, stack_of, to_json
from pulumi_rewind_tui.text.holds import status_json, status_lines


@rewind_command("[STACK]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(shared: Shared, words: tuple[str, ...], as_json: bool) -> None:
    """Show who holds the stack and until when, which update runs, and whether a rollback was interrupted.

    A hold that is over ends with this look.
    """
    from pulumi_rewind.upkeep.status import read_status

    session, screen = shared.session(stack_of(words)), shared.screen()
    found = read_status(session)
    if as_json:
        screen.out.raw(to_json(status_json(found, str(session.stack))))
    else:
        screen.out.lines(status_lines(found, str(session.stack), session.stack.word, time.time()))
