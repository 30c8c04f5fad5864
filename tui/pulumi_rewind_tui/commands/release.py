"""``pulumi-rewind release``: ends a hold."""

from __future__ import annotations

import time

import click

from pulumi_rewind_tui.terminal.options import Shared, rewind_command, stack_of, to_json
from pulumi_rewind_tui.text.cells import Span
from pulumi_rewind_tui.text.holds import hold_json, hold_text


@rewind_command("[STACK]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def release(shared: Shared, words: tuple[str, ...], as_json: bool) -> None:
    """End the hold of the stack, whoever placed it: updates run again."""
    from pulumi_rewind.holding.holds import release_hold

    session, screen = shared.session(stack_of(words)), shared.screen()
    ended = release_hold(session)
    if as_json:
        screen.out.raw(to_json({"released": hold_json(ended) if ended is not None else None}))
    elif ended is None:
        screen.out.line(f"{session.stack} is not held")
    else:
        screen.out.line(Span("released", "ok"), f" {session.stack}: it was held {hold_text(ended, time.time())}")
