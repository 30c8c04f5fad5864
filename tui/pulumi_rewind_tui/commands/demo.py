"""``pulumi-rewind demo``: creates a small project to try everything on."""

from __future__ import annotations

import os
import shlex
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pulumi_rewind.choices import USUAL
from pulumi_rewind.demo.content import GOOD
from pulumi_rewind.errors import InterruptedRun, RefusedError, RewindError, UsageError
from pulumi_rewind_tui.terminal.consent import can_ask
from pulumi_rewind_tui.terminal.demo import BuildDisplay, try_lines, world_lines
from pulumi_rewind_tui.terminal.options import Shared, Terms, rewind_command
from pulumi_rewind_tui.terminal.output import in_terminal, no_screens
from pulumi_rewind_tui.terminal.writer import Screen
from pulumi_rewind_tui.text.cells import Span

if TYPE_CHECKING:
    from collections.abc import Callable

    from pulumi_rewind.demo.folder import Demo
    from pulumi_rewind.demo.site import Site
    from pulumi_rewind.session import Session

    SiteIn = Callable[[Path], Site]

DEFAULT = Path("rewind-demo")
"""The folder where none is named."""


@rewind_command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--run", "run_it", is_flag=True, help=f"Also roll back to {GOOD}, and show what exists before and afterwards."
)
@click.option("--clean", "clean_it", is_flag=True, help="Stop or delete what the demo in DIR has made, and remove DIR.")
@click.option("--open", "open_it", is_flag=True, help="Open the screens at the end (in a terminal).")
@click.option("--kubernetes", is_flag=True, help="Deploy to Kubernetes: to a control plane that runs on this machine.")
@click.option(
    "--kubeconfig", metavar="FILE", default="", help="Deploy to the cluster of this file, in a new namespace."
)
@click.option("--context", metavar="NAME", default="", help="Deploy to the cluster of this context of the kubeconfig.")
@click.option("--yes", is_flag=True, help="Do not ask before a namespace is made on your cluster.")
def demo(
    shared: Shared,
    folder: Path | None,
    run_it: bool,
    clean_it: bool,
    open_it: bool,
    yes: bool,
    **where: Any,
) -> int:
    """Create a small project in DIR (./rewind-demo) and deploy four releases of it; the last one fails half-way.

    DIR contains everything: repository, state, passphrase, a SQLite database and configuration files. The project's
    web servers listen on this machine only, until --clean stops them. The command replaces an earlier demo in DIR
    and refuses any other folder that is not empty. Inside a demo, --clean needs no DIR.

    With --kubernetes the shop's resources are on Kubernetes: on a control plane that `make kubernetes` built and that
    runs, with its data, in DIR; or with --kubeconfig or --context on a cluster of yours, in a namespace that the
    demo makes, after it has asked, and that --clean deletes; DIR then has a copy of that context with its
    credentials. --kubeconfig and --context imply --kubernetes.
    """
    if clean_it and (run_it or open_it or yes or any(where.values())):
        raise UsageError("--clean cannot be combined with other options", hint="Run it without --clean first.")
    named = folder or DEFAULT
    screen = shared.screen()
    if clean_it:
        from pulumi_rewind.demo.folder import find_demo

        if folder is None and find_demo(shared.cwd) is not None:
            named = shared.cwd.resolve()
        return _clean(shared.cwd / named, named, screen)
    site_in = _site(shared, screen, yes=yes, **where)
    code = _make(shared.cwd / named, named, screen, site_in, run_it=run_it)
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
    removed = found.clean(os.environ)
    screen.out.line(Span("✓ clean", "ok"), f": {removed}, {named} removed")
    return 0


def _site(shared: Shared, screen: Screen, *, kubernetes: bool, kubeconfig: str, context: str, yes: bool) -> SiteIn:
    """Where the demo's resources will be.

    Raises:
        UsageError: a confirmation is required, and there is no terminal for it.
        RefusedError: the operator declined.
        RewindError: the cluster can't be reached.
    """
    from pulumi_rewind.demo.cluster import Access, own_plane, reach
    from pulumi_rewind.demo.machine import Machine

    if not (kubeconfig or context):
        return own_plane if kubernetes else Machine.fresh
    reached = reach(Access(str(shared.cwd / kubeconfig) if kubeconfig else "", context), os.environ)
    question = f"Make the namespace {reached.namespace} in {reached.context} ({reached.server}), and deploy to it"
    if not yes:
        if not can_ask():
            raise UsageError(f"there is no terminal for a question: {question}?", hint="Add --yes to agree.")
        if not click.confirm(screen.err.clean(f"{question}?"), default=False, err=True):
            raise RefusedError("not confirmed; nothing was changed")
    return reached.site_in


def _make(folder: Path, named: Path, screen: Screen, site_in: SiteIn, *, run_it: bool) -> int:
    from pulumi_rewind.demo.folder import open_demo
    from pulumi_rewind_tui.commands.history import print_history
    from pulumi_rewind_tui.terminal.going_back import go_back

    out = screen.out
    _build(folder, named, screen, site_in)
    made = open_demo(folder)
    session = _session(made)
    out.line()
    out.line(Span("what exists now", "title"))
    out.lines(world_lines(made.site.look()))
    if run_it:
        out.line()
        out.line(Span(f"$ pulumi-rewind rollback {GOOD} --yes --allow-data-loss", "commit"))
        code = go_back(session, screen, GOOD, USUAL, Terms(yes=True, allow_data_loss=True))
        if code:
            return code
        session = _session(made)
        out.line()
        out.line(Span("what exists afterwards", "title"))
        out.lines(world_lines(made.site.look()))
    out.line()
    out.line(Span("$ pulumi-rewind history", "commit"))
    print_history(session, screen)
    out.line()
    out.lines(try_lines(made, shlex.quote(str(named)), GOOD, ran=run_it))
    return 0


def _build(folder: Path, named: Path, screen: Screen, site_in: SiteIn) -> None:
    from pulumi_rewind.demo.build import build_demo
    from pulumi_rewind.demo.folder import find_demo

    clean = f"pulumi-rewind demo --clean {shlex.quote(str(named))}"
    try:
        with (
            BuildDisplay(screen.out, f"demo in {named}") as display,
            closing(build_demo(folder, os.environ, site_in)) as progress,
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
