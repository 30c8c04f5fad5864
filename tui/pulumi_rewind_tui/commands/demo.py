"""``pulumi-rewind demo``: creates a small project to try everything on."""

from __future__ import annotations

import os
import shlex
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pulumi_rewind.choices import USUAL
from pulumi_rewind.errors import InterruptedRun, RewindError, UsageError
from pulumi_rewind_tui.terminal.demo import BuildDisplay, try_lines, world_lines
from pulumi_rewind_tui.terminal.options import Shared, Terms, rewind_command
from pulumi_rewind_tui.terminal.output import in_terminal, no_screens
from pulumi_rewind_tui.terminal.writer import Screen
from pulumi_rewind_tui.text.cells import Span
from pulumi_rewind_tui.words.words import plural

if TYPE_CHECKING:
    from pulumi_rewind.demo.folder import Demo
    from pulumi_rewind.session import Session

DEFAULT = Path("rewind-demo")
"""The folder where none is named."""

GOOD = "v1.2"
"""The release that ``--run`` goes back to: the last one that works."""


@rewind_command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--run", "run_it", is_flag=True, help=f"Also roll back to {GOOD}, and show what exists before and afterwards."
)
@click.option("--clean", "clean_it", is_flag=True, help="Stop the servers of the demo in DIR and remove DIR.")
@click.option("--open", "open_it", is_flag=True, help="Open the screens at the end (in a terminal).")
def demo(shared: Shared, folder: Path | None, run_it: bool, clean_it: bool, open_it: bool) -> int:
    """Create a small project in DIR (./rewind-demo) and deploy four releases of it; the last one fails half-way.

    DIR contains everything: repository, state, passphrase, a SQLite database and configuration files. The project's
    web servers listen on this machine only, until --clean stops them. The command replaces an earlier demo in DIR
    and refuses any other folder that is not empty. Inside a demo, --clean needs no DIR.
    """
    if clean_it and (run_it or open_it):
        raise UsageError("--clean cannot be combined with other options", hint="Run it without --clean first.")
    named = folder or DEFAULT
    screen = shared.screen()
    if clean_it:
        from pulumi_rewind.demo.folder import find_demo

        if folder is None and find_demo(shared.cwd) is not None:
            named = shared.cwd.resolve()
        return _clean(shared.cwd / named, named, screen)
    code = _make(shared.cwd / named, named, screen, run_it=run_it)
    if code == 0 and open_it and in_terminal() and not no_screens(os.environ):
        return _open(shared, shared.cwd / named)
    return code


def _open(shared: Shared, folder: Path) -> int:
    from pulumi_rewind.demo.content import STACK
    from pulumi_rewind.demo.folder import open_demo

    made = open_demo(folder)
    return shared.open_screens(cwd=made.root, stack=STACK, environ=made.environ(os.environ))


def _clean(folder: Path, named: Path, screen: Screen) -> int:
    from pulumi_rewind.demo.folder import open_demo

    found = open_demo(folder)
    stopped = found.clean(os.environ)
    screen.out.line(Span("✓ clean", "ok"), f": {plural(stopped, 'server')} stopped, {named} removed")
    return 0


def _make(folder: Path, named: Path, screen: Screen, *, run_it: bool) -> int:
    from pulumi_rewind.demo.folder import open_demo
    from pulumi_rewind.demo.look import look
    from pulumi_rewind_tui.commands.history import print_history
    from pulumi_rewind_tui.terminal.going_back import go_back

    out = screen.out
    _build(folder, named, screen)
    made = open_demo(folder)
    session = _session(made)
    out.line()
    out.line(Span("what exists now", "title"))
    out.lines(world_lines(look(made)))
    if run_it:
        out.line()
        out.line(Span(f"$ pulumi-rewind rollback {GOOD} --yes --allow-data-loss", "commit"))
        code = go_back(session, screen, GOOD, USUAL, Terms(yes=True, allow_data_loss=True))
        if code:
            return code
        session = _session(made)
        out.line()
        out.line(Span("what exists afterwards", "title"))
        out.lines(world_lines(look(made)))
    out.line()
    out.line(Span("$ pulumi-rewind history", "commit"))
    print_history(session, screen)
    out.line()
    out.lines(try_lines(made, shlex.quote(str(named)), GOOD, ran=run_it))
    return 0


def _build(folder: Path, named: Path, screen: Screen) -> None:
    from pulumi_rewind.demo.build import build_demo
    from pulumi_rewind.demo.folder import find_demo

    clean = f"pulumi-rewind demo --clean {shlex.quote(str(named))}"
    try:
        with (
            BuildDisplay(screen.out, f"demo in {named}") as display,
            closing(build_demo(folder, os.environ)) as progress,
        ):
            for event in progress:
                display.event(event)
    except KeyboardInterrupt:
        raise InterruptedRun("the demo was stopped before it was finished", hint=f"Remove it: `{clean}`.") from None
    except UsageError:
        raise  # nothing was begun
    except RewindError as err:
        left = find_demo(folder)
        if left is not None and not left.complete:
            err.advise(f"`{clean}` removes what was created so far.")
        raise


def _session(made: Demo) -> Session:
    from pulumi_rewind.demo.content import STACK
    from pulumi_rewind.session import open_session

    return open_session(made.root, STACK, environ=made.environ(os.environ))
