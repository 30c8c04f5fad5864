"""``pulumi-rewind due``: takes back what nobody confirmed in time; for cron, CI and timers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from pulumi_rewind.errors import RewindError
from pulumi_rewind_tui.terminal.confirmation import Confirmation
from pulumi_rewind_tui.terminal.failures import report_error
from pulumi_rewind_tui.terminal.options import Shared, passphrase_option, rewind_command, stack_of, to_json
from pulumi_rewind_tui.terminal.running import json_outcome
from pulumi_rewind_tui.text.cells import Span
from pulumi_rewind_tui.text.waiting import deadline_json, left_line

if TYPE_CHECKING:
    from pulumi_rewind.session import Session


@rewind_command("[STACK]")
@click.option("--all", "every", is_flag=True, help="Look at all stacks of the project.")
@click.option("--take-over", is_flag=True, help="Continue where another process has begun and died.")
@click.option("--trust-note", is_flag=True, help="Do all that the note says, although another machine armed it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@passphrase_option
def due(shared: Shared, words: tuple[str, ...], every: bool, take_over: bool, trust_note: bool, as_json: bool) -> int:
    """Take back the update that waits for a confirmation, if its time is over; for cron, CI and timers.

    Its watch command is run once as well. Of several machines that run this, one takes it back. Where another machine
    armed it, its watch command isn't run and no older data is lost, unless you trust the note. Exit codes: 0 nothing is
    due, 5 taken back, 6 that failed (`resume` continues), 3 the stack has changed since, so that nothing was done.
    """
    session = shared.session(stack_of(words))
    code = 0
    for name in _names(session) if every else [""]:
        opened = msgspec.structs.replace(shared, stack=name).session() if name else session
        try:
            with json_outcome(shared, as_json=as_json):
                code = max(code, _look(opened, shared, take_over=take_over, trust=trust_note, as_json=as_json))
        except RewindError as err:
            if not every:
                raise
            opened.redactor.error(err)
            report_error(shared.screen().err, err)
            code = max(code, err.exit_code)
    return code


def _names(session: Session) -> list[str]:
    return [ref.word for ref in session.backend.stacks() if ref.project in {"", session.workspace.project}]


def _look(session: Session, shared: Shared, *, take_over: bool, trust: bool, as_json: bool) -> int:
    from pulumi_rewind.confirming.trusting import trusted
    from pulumi_rewind.confirming.verdicts import keep, watched
    from pulumi_rewind.window.deadline import Deadlines, timed

    screen, deadlines = shared.screen(), Deadlines(session)
    deadline = deadlines.read().deadline
    if deadline is None:
        if as_json:
            screen.out.raw(to_json({"stack": str(session.stack), "result": "nothing-to-do"}))
        else:
            screen.out.line(f"{session.stack}: no update waits for a confirmation")
        return 0
    now = deadlines.clock()
    known = deadline if trust else trusted(session, deadline)
    if deadline.watch is not None and known.watch is None:
        text = f"another machine gave the watch command, which is not run here: {deadline.watch.command}"
        screen.err.line(Span("! not trusted", "warn"), f": {session.redactor(text)} (`--trust-note` runs it)")
    deadline = known
    if deadline.left(now) > 0 and deadline.watch is not None and not deadline.taken_by:
        verdict = watched(session, deadline.watch.command, deadline.watch.timeout, deadline.update)
        deadline = timed(deadline, deadlines.watched(deadline.run, good=verdict.good))
        if deadline.failed:
            keep(session, deadline, verdict)
    if deadline.left(now) > 0 and not deadline.failed:
        if as_json:
            screen.out.raw(to_json({"stack": str(session.stack), "result": "waiting", **deadline_json(deadline)}))
        else:
            screen.out.line(f"{session.stack}: ", *left_line(deadline, "", now)[:1])
        return 0
    return Confirmation(session, screen, as_json=as_json).take_back(deadline, over=take_over, trust=trust)
