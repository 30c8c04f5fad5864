"""``pulumi-rewind resume``: continues a rollback that was interrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pulumi_rewind.choices import NOT, adoptions
from pulumi_rewind.doubts import doubt
from pulumi_rewind.errors import RefusedError, UsageError
from pulumi_rewind_tui.notices import journal_entry
from pulumi_rewind_tui.options import RewindCommand, Shared, common_options, stack_of, to_json, words
from pulumi_rewind_tui.planning import delete_first_option, trust_option
from pulumi_rewind_tui.render.words import local_time
from pulumi_rewind_tui.render.writer import Span
from pulumi_rewind_tui.roads import go_back, run_options
from pulumi_rewind_tui.running import check_can_ask, json_outcome

if TYPE_CHECKING:
    from pulumi_rewind.journal import JournalEntry
    from pulumi_rewind.session import Session
    from pulumi_rewind_tui.render.writer import Screen


@click.command(cls=RewindCommand)
@words("[STACK]")
@click.option(
    "--skip",
    metavar="URN|NAME",
    multiple=True,
    help="Leave this resource as it is, with what it needs; repeatable.",
)
@click.option(
    "--adopt",
    metavar="NAME=ID|found",
    multiple=True,
    callback=lambda _context, _option, words: adoptions(words),
    help="Take over an object that exists already instead of creating it; `found`: all that still exist.",
)
@delete_first_option
@click.option("--forget", is_flag=True, help="Leave the stack as it is and offer this no more.")
@trust_option
@run_options
@common_options
@click.pass_obj
def resume(
    shared: Shared,
    words: tuple[str, ...],
    skip: tuple[str, ...],
    adopt: dict[str, str],
    delete_first: tuple[str, ...],
    forget: bool,
    yes: bool,
    allow_data_loss: bool,
    trust_target: bool,
    as_json: bool,
) -> int:
    """Continue a rollback of the stack that was interrupted: plan from where it stands, then go on.

    Also one that `up --rollback-on-failure` could not finish. What blocks it can be passed by with --skip: the
    plan says how it then differs from the target, and who uses it.
    """
    if forget and (skip or adopt or delete_first):
        name = "--skip" if skip else "--adopt" if adopt else "--delete-first"
        raise UsageError(f"--forget and {name} don't go together", hint="Forget it, or go on with it.")
    session = shared.session(stack_of(words))
    screen = shared.screen()
    with json_outcome(screen, as_json=as_json):
        entry = journal_entry(session)
        if entry is None:
            return _nothing(session, screen, f"no rollback of {session.stack} was interrupted", as_json=as_json)
        if entry.running:
            what = "the update" if entry.update else f"the rollback to {entry.label}"
            raise RefusedError(
                f"{what} is still running (pid {entry.pid})",
                hint="Wait for it, or stop it there with Ctrl-C; nothing was changed.",
            )
        if forget:
            session.journal.end()
            done = f"the way back to {entry.label} is forgotten; {session.stack} stays as it is"
            return _nothing(session, screen, done, as_json=as_json)
        check_can_ask(yes=yes, as_json=as_json)
        screen.err.line(_what(session, entry))
        if entry.doubtful:
            screen.err.line(Span("⚠ in doubt", "hazard"), f": {doubt(entry.doubtful)}")
        from pulumi_rewind.resuming import RESUME

        left = tuple(text for text in (NOT + name for name in skip) if text not in entry.choices.only)
        return go_back(
            session,
            screen,
            RESUME,
            entry.choices.but(
                only=(*entry.choices.only, *left),
                adopt={**entry.choices.adopt, **adopt},
                delete_first=tuple(dict.fromkeys((*entry.choices.delete_first, *delete_first))),
            ),
            yes=yes,
            allow_data_loss=allow_data_loss,
            trust_target=trust_target,
            as_json=as_json,
        )


def _what(session: Session, entry: JournalEntry) -> str:
    started = local_time(int(entry.started))
    if entry.update:
        number = entry.start + 1
        known = number <= len(session.timeline)
        became = f" and became #{number}, which {session.timeline.update(number).result}" if known else ""
        return f"going back to {entry.label} after the update that began {started}{became}"
    return f"resuming the rollback to {entry.label} that began {started}, after #{entry.start}"


def _nothing(session: Session, screen: Screen, text: str, *, as_json: bool) -> int:
    """Nothing is done to the stack."""
    if as_json:
        version = len(session.timeline)
        screen.out.raw(to_json({"result": "nothing-to-do", "version": version, "changes": {}, "differences": []}))
    else:
        screen.out.line(text)
    return 0
