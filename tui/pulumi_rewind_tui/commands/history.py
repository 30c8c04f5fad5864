"""``pulumi-rewind history``: what the stack was, newest first."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import click

from pulumi_rewind.backends.urls import shown_url
from pulumi_rewind.errors import BackendError
from pulumi_rewind_tui.terminal.notices import damage_notice, half_way_notice, interrupted_notice, lock_notice
from pulumi_rewind_tui.terminal.options import Shared, rewind_command, stack_of, to_json
from pulumi_rewind_tui.terminal.waiting import waiting
from pulumi_rewind_tui.terminal.writer import Screen
from pulumi_rewind_tui.text.cells import Line, Span
from pulumi_rewind_tui.text.held import by_update
from pulumi_rewind_tui.text.history import commits_json, commits_lines, entry_json, history_row, live_line
from pulumi_rewind_tui.words.words import plural

if TYPE_CHECKING:
    from pulumi_rewind.history.commits import Between
    from pulumi_rewind.history.timeline import Timeline
    from pulumi_rewind.session import Session
    from pulumi_rewind.state.model import Update

SHOWN = 60
"""How many updates are listed for people unless they ask for another number."""

CHUNK = 200
"""Rows that are aligned together, so that a long history starts to print at once."""


@rewind_command("[STACK]")
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=0),
    help=f"List at most N updates; 0 lists all. [{SHOWN}; --json: all]",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.option("--commits", is_flag=True, help="Also list the git commits between each update and the one before.")
def history(shared: Shared, words: tuple[str, ...], limit: int | None, as_json: bool, commits: bool) -> None:
    """List the updates of a stack, newest first.

    Shows number, time, result, changes, git commit, tags and branch. Marks the live update and the last good one
    (★): the newest successful update that differs from live; a verified one is preferred.
    """
    session = shared.session(stack_of(words))
    screen = shared.screen()
    read_history(session, screen, few=_few(limit, as_json=as_json, commits=commits))
    with shared.paged(screen, wanted=not as_json) as page:
        print_history(session, page, limit=limit, as_json=as_json, commits=commits)


def print_history(
    session: Session, screen: Screen, *, limit: int | None = None, as_json: bool = False, commits: bool = False
) -> None:
    """Prints the timeline of a session."""
    from pulumi_rewind.rollback.let_go import held_here

    few = _few(limit, as_json=as_json, commits=commits)
    timeline = read_history(session, screen, few=few)
    total = len(timeline)
    held = by_update(held_here(session))
    if as_json:
        entries = timeline.entries(limit=min(limit or total, total))
        shown_as = (
            entry_json(entry, held.get(entry.update.number, ()))
            | (commits_json(_commits(timeline, entry.update)) if commits else {})
            for entry in entries
        )
        screen.out.raw("[" + ",\n ".join(map(to_json, shown_as)) + "]")
        return
    say_locked = lock_notice(session)
    interrupted_notice(session, screen)
    half_way_notice(session, screen)
    damage_notice(session, screen)
    say_locked(screen)
    if total == 0:
        screen.out.line(f"{session.stack} has no updates yet: deploy it once with `pulumi up`")
        return
    shown = min(total, SHOWN if limit is None else limit or total)
    screen.out.lines(_live(session, timeline))
    rows = timeline.entries(limit=shown)
    while chunk := list(islice(rows, 1 if commits else CHUNK)):
        screen.out.table([history_row(entry, held.get(entry.update.number, ())) for entry in chunk])
        for entry in chunk if commits else ():
            screen.out.lines(commits_lines(_commits(timeline, entry.update)))
    if shown < total:
        screen.err.line(f"… {plural(total - shown, 'older update')}: --limit 0 lists all")


def _commits(timeline: Timeline, update: Update) -> Between:
    from pulumi_rewind.history.commits import commits_between

    return commits_between(timeline, update)


def _few(limit: int | None, *, as_json: bool, commits: bool) -> int:
    """How many updates are shown where it is no more than a screen of them, else 0."""
    wanted = limit if limit is not None else 0 if as_json else SHOWN
    return wanted if not commits and wanted <= SHOWN else 0


def read_history(session: Session, screen: Screen, *, few: int = SHOWN) -> Timeline:
    """The timeline, with what its newest `few` lines take."""
    with waiting(screen, f"reading the history from {shown_url(session.backend.url)}"):
        timeline = session.glimpse() if few else session.timeline
        timeline.ready(few)
    return timeline


def _live(session: Session, timeline: Timeline) -> list[Line]:
    """What is to be said of live before the updates; nothing where it is the newest one."""
    if timeline.live_update() is not None:
        return []
    try:
        timeline.live()
    except BackendError as err:
        return [[Span(f"✗ {session.redactor.said(err)}", "failed")]]
    return [live_line(len(timeline))]
