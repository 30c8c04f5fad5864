"""``pulumi-rewind held``: lists what updates and rollbacks let go of alive."""

from __future__ import annotations

import time

import click

from pulumi_rewind_tui.terminal.options import Shared, passphrase_option, rewind_command, stack_of, to_json
from pulumi_rewind_tui.terminal.running import json_outcome
from pulumi_rewind_tui.text.held import held_json, held_lines


@rewind_command("[STACK]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@passphrase_option
def held(shared: Shared, words: tuple[str, ...], as_json: bool) -> None:
    """List the objects that are held: since when, by which update, and when to decide about them.

    They are alive, but not in the state. `rollback` returns them where the target has them, with the same id and all
    their data; `confirm` deletes them. Nothing is deleted by itself, also not after the time that --for set.
    """
    from pulumi_rewind.window.ledger import Window

    session = shared.session(stack_of(words))
    screen = shared.screen()
    with json_outcome(shared, as_json=as_json):
        found = Window(session).now(session.live())
        stateful, now = session.settings.stateful_types, time.time()
        if as_json:
            screen.out.raw(to_json({"stack": str(session.stack), "held": held_json(found, stateful, now)}))
            return
        screen.out.lines(held_lines(found, session.stack.word, stateful, now))
