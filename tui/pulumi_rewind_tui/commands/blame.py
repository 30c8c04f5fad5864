"""``pulumi-rewind blame``: which update, commit and author set each property of a resource last."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from pulumi_rewind.errors import UsageError
from pulumi_rewind.state.model import urn_name
from pulumi_rewind_tui.terminal.failures import INTERRUPTED
from pulumi_rewind_tui.terminal.options import Shared, passphrase_option, rewind_command, to_json
from pulumi_rewind_tui.terminal.planning import counted
from pulumi_rewind_tui.text.cells import Line, Span
from pulumi_rewind_tui.text.values import short_path, value_lines
from pulumi_rewind_tui.words.words import checked, first_line, iso_time, local_time, short_commit
from pulumi_rewind_tui.workers.decrypting import decrypter

if TYPE_CHECKING:
    from pulumi_rewind.history.blame import Blamed
    from pulumi_rewind.history.timeline import Timeline
    from pulumi_rewind.state.model import Checkpoint, Resource

VALUE = 48
"""Cells of a value that are shown in the table."""


@rewind_command("[STACK] RESOURCE")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@passphrase_option
def blame(shared: Shared, words: tuple[str, ...], as_json: bool) -> int:
    """Show which update set each property of a resource last.

    RESOURCE is a name, a URN, or a pattern over type::name ('*:Database::orders*'). Secrets are
    compared decrypted if a passphrase or key is available, and never shown. Ctrl-C stops the search and shows what it
    has found.
    """
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
    search = Search(session.timeline, urn, decrypt)
    with counted(screen, f"blame {urn_name(urn)}") as observe:
        search.run(observe, keep=not as_json)
    found = sorted(search.found, key=lambda item: item.path)
    if as_json:
        screen.out.raw("[" + ",\n ".join(to_json(blamed_json(item)) for item in found) + "]")
        return 0
    with shared.paged(screen) as page:
        page.out.line(Span(urn, "title"))
        page.out.table([_row(item) for item in found])
    if any(not item.certain for item in found):
        why = f": {problem()}" if problem() else ""
        screen.err.line(f"note: ? marks results that are not certain (unreadable or encrypted states){why}")
    if search.stopped:
        screen.err.line(
            Span(f"! interrupted: {search.stopped}; properties that are not listed were set earlier", "warn")
        )
        return INTERRUPTED
    return 0


class Search:
    """The walk through the history, which can be stopped."""

    def __init__(self, timeline: Timeline, urn: str, decrypt: Callable[[Checkpoint, Resource], Resource]) -> None:
        self._arguments = (timeline, urn, decrypt)
        self.found: list[Blamed] = []
        self.stopped = ""
        """How far it got, if it was stopped."""

    def run(self, observe: Callable[[int, int], None], *, keep: bool) -> None:
        """Searches all updates; an interrupt stops the search, and is raised unless `keep` is set."""
        from pulumi_rewind.history.blame import blame as find_blame

        timeline, urn, decrypt = self._arguments
        reached = 0

        def look(done: int, total: int) -> None:
            nonlocal reached
            reached = done
            observe(done, total)

        try:
            for item in find_blame(timeline, urn, decrypt=decrypt, observe=look):
                self.found.append(item)
        except KeyboardInterrupt:
            if not keep:
                raise
            self.stopped = checked(reached, len(timeline))


def blamed_json(item: Blamed) -> dict[str, Any]:
    """One property for machines; `update` is null for a change made outside updates."""
    update, source = item.update, item.source or item.update
    return {
        "path": item.path,
        "value": item.value,
        "secret": item.secret,
        "certain": item.certain,
        "update": None
        if update is None or source is None
        else {
            "version": update.number,
            "startTime": iso_time(update.start_time),
            "message": update.message,
            "author": source.author,
            "commit": source.commit,
            "dirty": source.dirty,
        },
    }


def _row(item: Blamed) -> list[Line]:
    update, source = item.update, item.source or item.update
    sure = "" if item.certain else "?"
    value = value_lines(item.value)[0]
    shown = value if len(value) <= VALUE else value[: VALUE - 1] + "…"
    if update is None or source is None:
        return [[Span("outside", "warn")], ["-"], [""], [""], [Span(item.path, "bold")], [shown], [""]]
    return [
        [Span(f"#{update.number}{sure}", "title")],
        [Span(local_time(update.start_time), "dim")],
        [Span(short_commit(source), "commit")],
        [source.author],
        [Span(short_path(item.path), "bold")],
        [Span(shown, "dim")],
        [Span(first_line(update.message), "dim")],
    ]
