"""``pulumi-rewind resolve``: decides on creates that a killed update left pending."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pulumi_rewind.state.model import parse_urn, urn_name
from pulumi_rewind_tui.terminal.options import Shared, offering, passphrase_option, rewind_command, stack_of, to_json
from pulumi_rewind_tui.terminal.planning import working
from pulumi_rewind_tui.terminal.running import json_outcome
from pulumi_rewind_tui.terminal.writer import Screen
from pulumi_rewind_tui.text.cells import Span

if TYPE_CHECKING:
    from pulumi_rewind.upkeep.resolve import Resolved


@rewind_command("[STACK]")
@click.option(
    "--adopt",
    metavar="URN=ID",
    multiple=True,
    help="The object exists and has this id: adopt it into the state; repeatable.",
    shell_complete=offering("pending-id"),
)
@click.option(
    "--clear",
    metavar="URN",
    multiple=True,
    help="The object does not exist: drop it from the state; repeatable.",
    shell_complete=offering("pending"),
)
@click.option("--clear-all", is_flag=True, help="Drop all that are not adopted.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@passphrase_option
def resolve(
    shared: Shared,
    words: tuple[str, ...],
    adopt: tuple[str, ...],
    clear: tuple[str, ...],
    clear_all: bool,
    as_json: bool,
) -> int:
    """Decide on creates that a killed update left pending: adopt what exists, clear what does not.

    Without options, lists them. You can name a resource instead of its URN if the name is unique. Only the state
    changes, after the provider has read the adopted objects; a copy of the previous state is kept.
    """
    from pulumi_rewind.upkeep.resolve import pending_creates
    from pulumi_rewind.upkeep.resolve import resolve as carry_out

    session = shared.session(stack_of(words))
    screen = shared.screen()
    with json_outcome(shared, as_json=as_json):
        if not (adopt or clear or clear_all):
            _list(screen, session.stack.word, pending_creates(session), as_json=as_json)
            return 0
        with working(screen, f"resolving the pending creates of {session.stack}"):
            done = carry_out(session, adopt=adopt, clear=clear, clear_all=clear_all)
        _tell(screen, session.stack.word, done, as_json=as_json)
    return 0


def _list(screen: Screen, stack: str, urns: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        screen.out.raw(to_json({"result": "pending" if urns else "nothing-to-do", "pending": urns}))
        return
    if not urns:
        screen.out.line(f"no creates of {stack} are pending")
        return
    screen.out.line(Span("⚠ left pending by a killed update:", "hazard"))
    for urn in urns:
        screen.out.line("  ", Span(urn_name(urn), "bold"), f"  {parse_urn(urn).type}  {urn}")
    screen.out.line("check whether each one exists, then decide on all of them in one command:")
    screen.out.line(f"  pulumi-rewind resolve {stack} --adopt 'URN=ID'   it exists and has that id")
    screen.out.line(f"  pulumi-rewind resolve {stack} --clear 'URN'      it doesn't exist, or you have removed it")


def _tell(screen: Screen, stack: str, done: Resolved, *, as_json: bool) -> None:
    if as_json:
        kept = str(done.copy) if done.copy else None
        shown = {"adopted": done.adopted, "leftovers": done.leftovers, "cleared": done.cleared, "dropped": done.dropped}
        screen.out.raw(to_json({"result": "resolved" if done.copy else "nothing-to-do", **shown, "copy": kept}))
        return
    if done.copy is None:
        screen.out.line(f"no creates of {stack} are pending")
        return
    for urn in done.adopted:
        screen.out.line(Span("✓ adopted", "ok"), f"  {urn_name(urn)}")
    for urn in done.leftovers:
        text = "  (the state has another object of that name; the next run deletes this one)"
        screen.out.line(Span("✓ added as an old copy", "ok"), f"  {urn_name(urn)}{text}")
    for urn in done.cleared:
        screen.out.line(Span("✓ cleared", "ok"), f"  {urn_name(urn)}")
    for text in done.dropped:
        screen.out.line("also removed, as the next update would do: ", text)
    screen.out.line(f"the previous state is in {done.copy}")
