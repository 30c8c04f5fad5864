"""``pulumi-rewind show``: everything recorded about one update."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pulumi_rewind.errors import BackendError, RewindError
from pulumi_rewind_tui.terminal.options import Shared, rewind_command, stack_and_target, to_json
from pulumi_rewind_tui.terminal.writer import Writer
from pulumi_rewind_tui.text.cells import PAGE, Span
from pulumi_rewind_tui.text.evidence import evidence_json, evidence_lines
from pulumi_rewind_tui.text.facts import config_of
from pulumi_rewind_tui.text.failure import cause_lines, read_cause
from pulumi_rewind_tui.text.held import by_update
from pulumi_rewind_tui.text.record import record_json, record_lines
from pulumi_rewind_tui.text.update import resource_rows, resources_title, table_rows, update_json, update_lines
from pulumi_rewind_tui.text.waiting import deadline_json, standing_text

if TYPE_CHECKING:
    from pulumi_rewind.records.evidence import Evidence
    from pulumi_rewind.session import Session
    from pulumi_rewind.state.model import Update
    from pulumi_rewind.window.deadline import Deadline


@rewind_command("[STACK] TARGET")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(shared: Shared, words: tuple[str, ...], as_json: bool) -> None:
    """Show everything recorded about one update: git, config, environment, changes, resources."""
    from pulumi_rewind.history.targets import resolve_target
    from pulumi_rewind.records.evidence import evidence_of
    from pulumi_rewind.records.lookup import known_record
    from pulumi_rewind.rollback.let_go import held_here

    stack, text = stack_and_target(words, "show")
    session = shared.session(stack)
    screen = shared.screen()
    timeline = session.timeline
    target = resolve_target(timeline, text)
    number = target.update.number
    entry = next(iter(timeline.entries(limit=1, before=number + 1)))
    checkpoint = None
    problem = ""
    try:
        checkpoint = timeline.checkpoint(number)
    except BackendError as err:
        problem = session.redactor.said(err)
    known = None
    damage = ""
    try:
        known = known_record(session, number)
    except RewindError as err:
        damage = session.redactor.said(err)
    frozen = evidence_of(session, number)
    held = by_update(held_here(session)).get(number, ())
    waiting, stands = _waiting(session, target.update)
    if as_json:
        kept = None if known is None else record_json(*known)
        found = {"record": kept, "evidence": evidence_json(frozen)}
        found["waiting"] = None if waiting is None else deadline_json(waiting)
        screen.out.raw(to_json({**update_json(entry, target, checkpoint, session.page(entry.update), held), **found}))
        return
    with shared.paged(screen) as page:
        out = page.out
        out.lines(update_lines(entry, target, session.page(entry.update), held, stands))
        _failure(session, out, entry.update, frozen)
        for title, values in (("config", config_of(entry.update)), ("environment", entry.update.environment)):
            if values:
                out.line()
                out.line(Span(title, "title"))
                out.table(table_rows(values), indent=2)
        out.line()
        if known is not None:
            out.lines(record_lines(*known))
            out.line()
        elif damage:
            out.line(Span(f"✗ {damage}", "failed"))
            out.line()
        if checkpoint is None:
            out.line(Span(f"✗ {problem}", "failed"))
            return
        out.line(*resources_title(checkpoint))
        out.table(resource_rows(checkpoint), indent=2)


def _waiting(session: Session, update: Update) -> tuple[Deadline | None, str]:
    """What an update waits for, and what to say of that."""
    from pulumi_rewind.confirming.waiting import waiting_for

    try:
        waiting = waiting_for(session, update)
    except RewindError as err:
        return None, f"not known: {session.redactor.said(err)}"
    return waiting, "" if waiting is None else standing_text(waiting, time.time())


def _failure(session: Session, out: Writer, update: Update, evidence: tuple[Evidence, Path] | None) -> None:
    """Why an update failed, as far as it is known, and what failed after it."""
    from pulumi_rewind.records.evidence import evidence_after

    if evidence is not None:
        out.line()
        out.lines(evidence_lines(*evidence))
    elif update.result == "failed" and (cause := read_cause(session, update)) is not None:
        out.line()
        out.line(Span("why it failed", "title"))
        out.lines(cause_lines(cause, PAGE, failed=True))
    if (after := evidence_after(session, update.number)) is not None:
        out.line()
        out.lines(evidence_lines(*after, title=f"evidence of an update after #{update.number} that left no record"))
