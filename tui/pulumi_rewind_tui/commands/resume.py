"""``pulumi-rewind resume``: continues a rollback that was interrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pulumi_rewind.errors import RefusedError, RewindError, UsageError
from pulumi_rewind.plan.unsure_creates import unsure_creates_text
from pulumi_rewind.state.naming import NOT
from pulumi_rewind.system.shell import command
from pulumi_rewind_tui.terminal.consent import ask_for_confirmation, can_ask, check_can_ask
from pulumi_rewind_tui.terminal.going_back import go_back
from pulumi_rewind_tui.terminal.options import Shared, Terms, offering, rewind_command, run_options, stack_of, to_json
from pulumi_rewind_tui.terminal.planning import choice_option, trust_option
from pulumi_rewind_tui.terminal.running import json_outcome
from pulumi_rewind_tui.text.cells import Span
from pulumi_rewind_tui.words.words import local_time

if TYPE_CHECKING:
    from pulumi_rewind.project.journal import JournalEntry
    from pulumi_rewind.session import Session
    from pulumi_rewind_tui.terminal.writer import Screen


@rewind_command("[STACK]")
@click.option(
    "--skip",
    metavar="URN|NAME",
    multiple=True,
    help="Keep this resource and what it needs as they are; repeatable.",
    shell_complete=offering("selection"),
)
@choice_option("adopt", "Adopt an existing object instead of creating a new one; `found`: all that still exist.")
@choice_option("delete_first")
@click.option("--forget", is_flag=True, help="Drop the interrupted rollback; the stack stays as it is.")
@trust_option
@run_options
def resume(
    shared: Shared,
    words: tuple[str, ...],
    skip: tuple[str, ...],
    adopt: dict[str, str],
    delete_first: tuple[str, ...],
    forget: bool,
    terms: Terms,
) -> int:
    """Continue an interrupted rollback of the stack: plan the remaining steps, review, confirm, run.

    This includes a rollback that `up --rollback-on-failure` could not finish. --skip leaves out a resource that
    blocks it: the plan shows how the stack then differs from the target, and which resources use that one.
    """
    if forget and (skip or adopt or delete_first):
        name = "--skip" if skip else "--adopt" if adopt else "--delete-first"
        raise UsageError(f"--forget and {name} cannot be combined", hint="Drop it or continue it.")
    session = shared.session(stack_of(words))
    screen = shared.screen()
    as_json = terms.as_json
    with json_outcome(shared, as_json=as_json):
        if forget:
            return _nothing(session, screen, _forgotten(session, screen, terms), as_json=as_json)
        entry = session.journal.read()
        if entry is None:
            return _nothing(session, screen, _none(session), as_json=as_json)
        if session.journal.running(entry):
            raise RefusedError(
                _running(session, entry),
                hint="Wait for it, or stop it there with Ctrl-C. If you know that it has ended, "
                f"`{command('resume', session.stack.name, '--forget', '--yes')}` removes its entry.",
                unchanged=True,
            )
        check_can_ask(terms)
        screen.err.line(_what(session, entry))
        if entry.unsure_creates:
            screen.err.line(Span("⚠ unknown outcome", "hazard"), f": {unsure_creates_text(entry.unsure_creates)}")
        from pulumi_rewind.confirming.taking_back import end_resumed
        from pulumi_rewind.rollback.resuming import RESUME

        left = tuple(text for text in (NOT + name for name in skip) if text not in entry.choices.only)
        choices = entry.choices.but(
            only=(*entry.choices.only, *left),
            adopt={**entry.choices.adopt, **adopt},
            delete_first=tuple(dict.fromkeys((*entry.choices.delete_first, *delete_first))),
        )
        code = go_back(session, screen, RESUME, choices, terms)
        if code == 0:
            end_resumed(session)
        return code


def _none(session: Session) -> str:
    return f"no rollback of {session.stack} was interrupted"


def _running(session: Session, entry: JournalEntry) -> str:
    what = "the update" if entry.update else f"the rollback to {entry.label}"
    return f"{what} is still running ({session.journal.who(entry)})"


def _forgotten(session: Session, screen: Screen, terms: Terms) -> str:
    """Removes the journal's entry, even a damaged one; returns the message.

    Raises:
        RefusedError, UsageError: it is damaged or its process still runs, and nobody confirmed.
    """
    journal = session.journal
    danger, label = "", "its target"
    try:
        entry = journal.read()
        if entry is not None:
            label = entry.label
            if journal.running(entry):
                danger = f"{_running(session, entry)}; another rollback could then start at the same time"
    except RewindError as err:
        entry, danger = None, session.redactor.said(err)
    if danger and not terms.yes:
        screen.err.line(Span("! careful", "hazard"), f": {danger}")
        again = command("resume", session.stack.word, "--forget", "--yes")
        if terms.as_json or not can_ask():
            raise RefusedError(f"not dropped: {danger}", hint=f"`{again}` removes {journal.path} anyway.")
        ask_for_confirmation(session, screen, (), f"Remove {journal.path} anyway")
    gone = journal.forget()
    if not gone:
        return _none(session)
    files = " and ".join(map(str, gone))
    return f"the rollback to {label} is dropped; {session.stack} stays as it is (removed: {files})"


def _what(session: Session, entry: JournalEntry) -> str:
    started = local_time(int(entry.started))
    if entry.update:
        number = entry.start + 1
        known = number <= len(session.timeline)
        recorded = f" (#{number}, {session.timeline.update(number).result})" if known else ""
        return f"rolling back to {entry.label} after the update that began {started}{recorded}"
    return f"resuming the rollback to {entry.label} that began {started}, after #{entry.start}"


def _nothing(session: Session, screen: Screen, text: str, *, as_json: bool) -> int:
    """Nothing is done to the stack."""
    if as_json:
        version = len(session.timeline)
        screen.out.raw(to_json({"result": "nothing-to-do", "version": version, "changes": {}, "differences": []}))
    else:
        screen.out.line(text)
    return 0
