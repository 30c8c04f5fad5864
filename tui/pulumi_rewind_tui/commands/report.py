"""``pulumi-rewind report``: the incident note of a rollback or failed update."""

from __future__ import annotations

import re
import time

import click

from pulumi_rewind.errors import UsageError
from pulumi_rewind_tui.terminal.options import Shared, rewind_command, to_json

_NUMBER = re.compile(r"#?([0-9]{1,18})")


@rewind_command("[STACK] [N]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object that contains the note.")
def report(shared: Shared, words: tuple[str, ...], as_json: bool) -> None:
    """Write the incident note of rollback N, or of failed update N, as Markdown.

    Without N, reports the newest one. The note comes from the history, the evidence of failures and the records; it
    says what is no longer known.
    """
    from pulumi_rewind import __version__
    from pulumi_rewind.rollback.incident import read_incident
    from pulumi_rewind_tui.text.incident import incident_json, incident_note

    stack, number = stack_and_number(words)
    session = shared.session(stack)
    screen = shared.screen()
    incident = read_incident(session, number)
    note = session.redactor(incident_note(incident, __version__, time.time()))
    if as_json:
        screen.out.raw(to_json(incident_json(incident, note)))
        return
    for line in note.splitlines():
        screen.out.line(line)


def stack_and_number(words: tuple[str, ...]) -> tuple[str | None, int | None]:
    """``[STACK] [N]``: one word that is a number is N.

    Raises:
        UsageError: there are too many words, or the second is no number.
    """
    if len(words) > 2:
        raise UsageError(f"too many arguments: {' '.join(words[2:])}", hint="At most STACK and N are expected.")
    match = _NUMBER.fullmatch(words[-1]) if words else None
    if match is not None:
        return (words[0] if len(words) == 2 else None), int(match[1])
    if len(words) == 2:
        raise UsageError(
            f"{words[1]!r} is not the number of an update",
            hint="Name a rollback or a failed update by its number, for example `pulumi-rewind report 5`.",
        )
    return (words[0] if words else None), None
