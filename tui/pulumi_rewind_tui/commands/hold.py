"""``pulumi-rewind hold``: nobody's pipeline updates the stack until the hold ends; `hold check` asks for CI."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from pulumi_rewind.errors import RefusedError, UsageError
from pulumi_rewind.system.durations import seconds_of
from pulumi_rewind_tui.terminal.options import Shared, passphrase_option, rewind_command, stack_of, to_json
from pulumi_rewind_tui.terminal.planning import working
from pulumi_rewind_tui.text.cells import Span
from pulumi_rewind_tui.text.holds import hold_json, hold_lines, seen_json, seen_lines

if TYPE_CHECKING:
    from pulumi_rewind.holding.holds import Seen
    from pulumi_rewind.session import Session
    from pulumi_rewind_tui.terminal.writer import Screen


def _seconds(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int:
    return 0 if value is None else int(seconds_of(value, "--for"))


@rewind_command("[check] [STACK]")
@click.option("--for", "span", metavar="TIME", callback=_seconds, help="End the hold by itself after 30m, 48h, 2d …")
@click.option("--reason", metavar="TEXT", default="", help="Why, for everybody who is stopped by it.")
@click.option("--preview", is_flag=True, help="For `check`: end the hold if a preview of HEAD would change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@passphrase_option
def hold(shared: Shared, words: tuple[str, ...], span: int, reason: str, preview: bool, as_json: bool) -> int:
    """Hold the stack: updates are refused until `release`, the end of --for, or a revert of the bad commits.

    In a directory, a bucket or a database a lock file stops every `pulumi up`, which prints who holds the stack and
    why. On Pulumi Cloud pipelines ask `hold check` first. Rollbacks and `resume` pass the hold.

    `hold check` exits with 0 if the stack is free and with 3 if it is held.
    """
    if words[:1] == ("check",):
        if span or reason:
            raise UsageError("--for and --reason are for placing a hold", hint="`hold check` only looks.")
        return _check(shared, stack_of(words[1:]), preview=preview, as_json=as_json)
    if preview:
        raise UsageError("--preview is for `hold check`", hint="For example: `pulumi-rewind hold check --preview`.")
    from pulumi_rewind.rollback.hold import held_words, hold_now

    session, screen = shared.session(stack_of(words)), shared.screen()
    placed = hold_now(session, why=reason, until=int(time.time()) + span if span else 0)
    if as_json:
        screen.out.raw(to_json({"held": True, "hold": hold_json(placed.hold), "lockFile": placed.by_lock}))
        return 0
    screen.out.lines(hold_lines(placed.hold, time.time()))
    if not placed.by_lock:
        screen.err.line(Span("! note", "warn"), f": {held_words(placed)}")
    return 0


def _check(shared: Shared, stack: str | None, *, preview: bool, as_json: bool) -> int:
    from pulumi_rewind.holding.holds import see_hold

    session, screen = shared.session(stack), shared.screen()
    seen = see_hold(session)
    if preview and seen.hold is not None:
        seen = _previewed(session, screen, seen)
    if as_json:
        screen.out.raw(to_json({"stack": str(session.stack), **seen_json(seen)}))
    else:
        screen.out.line(Span(str(session.stack), "title"))
        screen.out.lines(seen_lines(seen, time.time()))
    return RefusedError.exit_code if seen.hold is not None else 0


def _previewed(session: Session, screen: Screen, seen: Seen) -> Seen:
    """Ends the hold if the program that is checked out would change nothing."""
    from pulumi_rewind.holding.holds import Seen, release_hold
    from pulumi_rewind.up.review import review_up

    with working(screen, f"previewing {session.stack}") as observe:
        review = review_up(session, session.live(), observe=observe)
    if any(step.op not in {"same", "read"} for step in review.steps):
        return seen
    return Seen(ended=release_hold(session) or seen.hold, why="a preview of HEAD would change nothing")
