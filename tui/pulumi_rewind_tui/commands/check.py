"""``pulumi-rewind check``: can what is about to be deployed be undone? Changes nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import click

from pulumi_rewind.errors import RefusedError
from pulumi_rewind_tui.commands.up import FLAGS, UpCommand
from pulumi_rewind_tui.terminal.notices import interrupted_notice
from pulumi_rewind_tui.terminal.options import LIVE, Shared, passphrase_option, rewind_command, stack_of, to_json
from pulumi_rewind_tui.terminal.planning import working

if TYPE_CHECKING:
    from pulumi_rewind.session import Session

FORMATS: Final = ("text", "json", "md", "sarif")


@rewind_command("[STACK] [-- FLAGS OF PULUMI PREVIEW]", UpCommand)
@click.option(
    "--base",
    type=click.Choice([LIVE]),
    default=LIVE,
    show_default=True,
    help="The state that must be reachable again after the update.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default=FORMATS[0],
    show_default=True,
    help="Print text, one JSON object, Markdown for a comment, or SARIF 2.1.0.",
)
@passphrase_option
def check(shared: Shared, words: tuple[str, ...], base: str, form: str) -> int:
    """Check before a deploy whether it can be undone: preview the update, and the way back from it.

    Prints a verdict for each step. [check] in rewind.toml says which verdicts fail, and waives some. Changes nothing.
    Exit codes: 0 passed, 1 the preview failed, 3 a step fails the check, 130 interrupted.
    """
    from pulumi_rewind.checking.check import check_update
    from pulumi_rewind.up.flags import check_flags

    del base  # there is one so far
    flags = click.get_current_context().meta[FLAGS]
    check_flags(flags)
    session, screen = shared.session(stack_of(words)), shared.screen()
    interrupted_notice(session, screen)
    with working(screen, f"checking {session.stack}") as observe:
        report = check_update(session, flags, observe=observe)
    match form:
        case "json":
            from pulumi_rewind_tui.text.check import check_json

            screen.out.raw(to_json(check_json(report)))
        case "sarif":
            from pulumi_rewind_tui.text.check_sarif import sarif

            screen.out.raw(to_json(sarif(report, _below_top(session), session.workspace.project_file.name)))
        case "md":
            from pulumi_rewind_tui.text.check_markdown import check_markdown

            screen.out.lines(check_markdown(report))
        case _:
            from pulumi_rewind_tui.text.check import check_lines

            with shared.paged(screen) as page:
                page.out.lines(check_lines(report))
    return 0 if report.passes else RefusedError.exit_code


def _below_top(session: Session) -> str:
    """The project's directory as paths of the repository begin; empty at its top, and outside git."""
    if session.repository is None:
        return ""
    below = os.path.relpath(session.workspace.root.resolve(), session.repository.root.resolve())
    return "" if below == os.curdir or below.startswith(os.pardir) else below
