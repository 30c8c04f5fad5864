"""``pulumi-rewind confirm``: keeps an update that waits, and deletes held objects for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pulumi_rewind.choices import Choices
from pulumi_rewind_tui.terminal.consent import check_can_ask
from pulumi_rewind_tui.terminal.going_back import go_back
from pulumi_rewind_tui.terminal.notices import interrupted_notice
from pulumi_rewind_tui.terminal.options import Shared, Terms, rewind_command, run_options, stack_of, to_json
from pulumi_rewind_tui.terminal.running import json_outcome
from pulumi_rewind_tui.text.cells import Span

if TYPE_CHECKING:
    from pulumi_rewind.session import Session
    from pulumi_rewind_tui.terminal.writer import Screen

EVERYTHING = ("*",)


@rewind_command("[STACK]")
@click.option("--only", metavar="URN|NAME|GLOB", multiple=True, help="Delete only this held object; repeatable.")
@click.option("--keep-held", is_flag=True, help="Only keep the update that waits; what is held stays held.")
@run_options
def confirm(shared: Shared, words: tuple[str, ...], only: tuple[str, ...], keep_held: bool, terms: Terms) -> int:
    """Keep the update that waits for a confirmation; then delete for good what is held: plan, review, confirm, run.

    The held objects are entered into the state as copies to delete, and the next update, which changes nothing else,
    deletes them. A rollback can't return them afterwards. --keep-held leaves them held.
    """
    from pulumi_rewind.rollback.resuming import LIVE
    from pulumi_rewind.window.ledger import Window

    session = shared.session(stack_of(words))
    screen = shared.screen()
    with json_outcome(shared, as_json=terms.as_json):
        said = _kept(session)
        held = () if keep_held else Window(session).now(session.live())
        if not held:
            _nothing_held(session, screen, said, as_json=terms.as_json)
            return 0
        if said:
            screen.err.line(Span("✓ confirmed", "ok"), f": {said}")
        check_can_ask(terms)
        interrupted_notice(session, screen)
        return go_back(session, screen, LIVE, Choices(drop_held=only or EVERYTHING), terms)


def _kept(session: Session) -> str:
    """Ends the waiting of the update that waits; what to say of it, empty where none does."""
    from pulumi_rewind.confirming.verdicts import confirm
    from pulumi_rewind.window.deadline import Deadlines

    deadlines = Deadlines(session)
    waiting = deadlines.read().deadline
    if waiting is None:
        return ""
    confirm(deadlines, waiting.run)
    return f"#{waiting.update} stays"


def _nothing_held(session: Session, screen: Screen, said: str, *, as_json: bool) -> None:
    if as_json:
        result = {"result": "confirmed" if said else "nothing-to-do", "version": len(session.timeline)}
        screen.out.raw(to_json({**result, "changes": {}, "differences": []}))
    elif said:
        screen.out.line(Span("✓ confirmed", "ok"), f": {said}")
    else:
        screen.out.line("no update waits for a confirmation, and nothing is held")
