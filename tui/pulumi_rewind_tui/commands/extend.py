"""``pulumi-rewind extend``: gives an update that waits more time."""

from __future__ import annotations

import re

import click

from pulumi_rewind.errors import UsageError
from pulumi_rewind.system.durations import length, seconds_of
from pulumi_rewind_tui.terminal.confirmation import the_waiting
from pulumi_rewind_tui.terminal.options import Shared, rewind_command, to_json
from pulumi_rewind_tui.terminal.running import json_outcome
from pulumi_rewind_tui.text.cells import Span
from pulumi_rewind_tui.text.waiting import deadline_json
from pulumi_rewind_tui.words.words import local_time

_TIME = re.compile(r"[0-9].*")


@rewind_command("[STACK] TIME")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def extend(shared: Shared, words: tuple[str, ...], as_json: bool) -> None:
    """Give the update that waits for a confirmation TIME more, for example 1h.

    The time counts from when it would have been taken back; where that is over, from now.
    """
    from pulumi_rewind.window.deadline import Deadlines

    if not 1 <= len(words) <= 2 or not _TIME.fullmatch(words[-1]):
        raise UsageError("no length of time is given", hint="For example: `pulumi-rewind extend 1h`.")
    more = seconds_of(words[-1], "TIME")
    session = shared.session(words[0] if len(words) == 2 else None)
    screen = shared.screen()
    with json_outcome(shared, as_json=as_json):
        deadline = Deadlines(session).extend(the_waiting(session).run, more)
        if as_json:
            screen.out.raw(to_json(deadline_json(deadline)))
            return
        until = f"{local_time(deadline.until)}, {length(more)} later"
        screen.out.line(Span("✓ extended", "ok"), f": #{deadline.update} waits until {until}")
