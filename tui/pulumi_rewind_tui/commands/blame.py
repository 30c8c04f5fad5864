"""``pulumi-rewind blame``: which update, commit and author set each property of a resource last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pulumi_rewind.errors import UsageError
from pulumi_rewind_tui.terminal.options import Shared, passphrase_option, rewind_command, to_json
from pulumi_rewind_tui.text.cells import Line, Span
from pulumi_rewind_tui.text.values import short_path, value_lines
from pulumi_rewind_tui.words.words import first_line, iso_time, local_time, short_commit
from pulumi_rewind_tui.work.decrypting import decrypter

if TYPE_CHECKING:
    from pulumi_rewind.history.blame import Blamed

VALUE = 48
"""Cells of a value that are shown in the table."""


@rewind_command("[STACK] RESOURCE")
@click.option("--json", "as_json", is_flag=True, help="A JSON array.")
@passphrase_option
def blame(shared: Shared, words: tuple[str, ...], as_json: bool) -> None:
    """Show which update set each property of a resource last.

    RESOURCE is a name, a URN, or a pattern over type::name ('*:Database::orders*'). Secrets are compared
    decrypted if a passphrase or key is at hand, and never shown.
    """
    from pulumi_rewind.history.blame import blame as find_blame
    from pulumi_rewind.history.blame import find_resource

    match words:
        case (resource,):
            stack = None
        case (stack, resource):
            pass
        case _:
            raise UsageError("blame takes [STACK] RESOURCE", hint="For example: `pulumi-rewind blame orders-db`.")
    session = shared.session(stack)
    screen = shared.screen()
    decrypt, problem = decrypter(session)
    urn = find_resource(session.timeline.live(), resource).urn
    found = sorted(find_blame(session.timeline, urn, decrypt=decrypt), key=lambda item: item.path)
    if as_json:
        screen.out.raw("[" + ",\n ".join(to_json(blamed_json(item)) for item in found) + "]")
        return
    screen.out.line(Span(urn, "title"))
    screen.out.table([_row(item) for item in found])
    if any(not item.certain for item in found):
        why = f": {problem()}" if problem() else ""
        screen.err.line(f"note: ? marks what can't be told for certain (unreadable or encrypted states){why}")


def blamed_json(item: Blamed) -> dict[str, Any]:
    """One property for machines; `update` is null for a change made outside updates."""
    update = item.update
    return {
        "path": item.path,
        "value": item.value,
        "secret": item.secret,
        "certain": item.certain,
        "update": None
        if update is None
        else {
            "version": update.number,
            "startTime": iso_time(update.start_time),
            "message": update.message,
            "author": update.author,
            "commit": update.commit,
            "dirty": update.dirty,
        },
    }


def _row(item: Blamed) -> list[Line]:
    update = item.update
    sure = "" if item.certain else "?"
    value = value_lines(item.value)[0]
    shown = value if len(value) <= VALUE else value[: VALUE - 1] + "…"
    if update is None:
        return [[Span("outside", "warn")], ["-"], [""], [""], [Span(item.path, "bold")], [shown], [""]]
    return [
        [Span(f"#{update.number}{sure}", "title")],
        [Span(local_time(update.start_time), "dim")],
        [Span(short_commit(update), "commit")],
        [update.author],
        [Span(short_path(item.path), "bold")],
        [Span(shown, "dim")],
        [Span(first_line(update.message), "dim")],
    ]
