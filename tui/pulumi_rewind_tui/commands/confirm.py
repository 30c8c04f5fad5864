"""``pulumi-rewind confirm``: deletes held objects for good."""

from __future__ import annotations

import click

from pulumi_rewind.choices import Choices
from pulumi_rewind_tui.terminal.going_back import go_back
from pulumi_rewind_tui.terminal.notices import interrupted_notice
from pulumi_rewind_tui.terminal.options import Shared, Terms, rewind_command, run_options, stack_of, to_json
from pulumi_rewind_tui.terminal.running import check_can_ask, json_outcome

EVERYTHING = ("*",)


@rewind_command("[STACK]")
@click.option("--only", metavar="URN|NAME|GLOB", multiple=True, help="Delete only this held object; repeatable.")
@run_options
def confirm(shared: Shared, words: tuple[str, ...], only: tuple[str, ...], terms: Terms) -> int:
    """Delete for good what updates and rollbacks let go of alive: plan, review, confirm, run.

    The held objects are entered into the state as copies to delete, and the next update, which changes nothing else,
    deletes them. A rollback can't return them afterwards.
    """
    from pulumi_rewind.rollback.resuming import LIVE
    from pulumi_rewind.window.ledger import Window

    session = shared.session(stack_of(words))
    screen = shared.screen()
    with json_outcome(shared, as_json=terms.as_json):
        if not Window(session).now(session.live()):
            if terms.as_json:
                screen.out.raw(
                    to_json(
                        {"result": "nothing-to-do", "version": len(session.timeline), "changes": {}, "differences": []}
                    )
                )
            else:
                screen.out.line("nothing is held")
            return 0
        check_can_ask(terms)
        interrupted_notice(session, screen)
        return go_back(session, screen, LIVE, Choices(drop_held=only or EVERYTHING), terms)
