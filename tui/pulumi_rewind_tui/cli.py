"""``pulumi-rewind``: the command line.

Commands are imported when they are asked for, so that ``history`` costs what history needs.
"""

import gc
import os
import sys

from pulumi_rewind_tui.terminal.search_path import is_own_process, secure_search_path

if is_own_process(__name__):
    secure_search_path()  # first, so that no module of the project is imported by mistake; not in a library
    gc.disable()  # what is made at the start stays; `main` enables it again

import atexit
import contextlib
import importlib
import signal
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

_OURS = threading.current_thread() is threading.main_thread() and (
    signal.getsignal(signal.SIGINT) is signal.default_int_handler
)
if _OURS:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a Ctrl-C while all of this is imported prints nothing

import click  # noqa: E402

from pulumi_rewind import __version__  # noqa: E402
from pulumi_rewind.errors import EXIT_CODES  # noqa: E402
from pulumi_rewind.system.core_dumps import limit_core_files  # noqa: E402
from pulumi_rewind_tui.terminal.failures import directory_is_gone, report  # noqa: E402
from pulumi_rewind_tui.terminal.options import AsciiHelp, Shared, common_options  # noqa: E402
from pulumi_rewind_tui.terminal.output import in_terminal, no_screens, open_streams, report_lost_output  # noqa: E402

if _OURS:
    signal.signal(signal.SIGINT, signal.default_int_handler)

COMMANDS: Final[Mapping[str, str]] = {
    "history": "List the updates of a stack, newest first.",
    "show": "Show everything recorded about one update.",
    "diff": "Show what differs between two states.",
    "blame": "Show which update set each property of a resource last.",
    "plan": "Show what a rollback would do; change nothing.",
    "rollback": "Roll back to a target, after review.",
    "up": "Run `pulumi up` with a review; roll back if it fails.",
    "held": "List the objects that updates let go of alive.",
    "confirm": "Keep an update that waits, and delete what is held.",
    "extend": "Give an update that waits more time.",
    "abort": "Take back an update that waits.",
    "due": "Take back updates that nobody confirmed in time.",
    "check": "Check before a deploy whether it can be undone.",
    "resume": "Continue an interrupted rollback.",
    "hold": "Hold a stack, so that no pipeline updates it; ask for CI.",
    "release": "End the hold of a stack.",
    "status": "Show holds, running updates and interrupted rollbacks.",
    "revert": "Revert in git what a rollback went back over, on a branch.",
    "report": "Write the incident note of a rollback or failed update.",
    "hooks": "List undo callbacks and what they match; test them.",
    "revision": "List the revisions of components: applied, missing, next.",
    "record": "Record updates in git, so that they survive pruned histories.",
    "resolve": "Decide on creates that a killed update left pending.",
    "keys": "List the actions of the screens and their keys.",
    "doctor": "Check what a rollback needs, and what is missing.",
    "completion": "Print the completion script for bash, zsh or fish.",
    "demo": "Create a small project to try everything on.",
}
"""Every command, in the order of the help; each is the function of that name in ``commands/<name>.py``."""

_HELP: Final = f"""See what a Pulumi stack was, see what a rollback would change, and roll back.

    Without a command, opens the screens; without a terminal, prints the history. A TARGET is an update
    (12, '#12'), -1 (the one before live), a git tag, branch or commit, @TIME (@2026-11-23T14:00) or
    last-good. Exit codes: {"; ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items())}.
    """


class LazyGroup(AsciiHelp, click.Group):
    """Knows its commands by name and loads one when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All command names."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Loads one command, None if there is no such."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"pulumi_rewind_tui.commands.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Like click's, with a suggestion for a mistyped name."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, 1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise click.UsageError(f"there is no command {args[0]!r}{meant}", ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Commands and options that fit, without importing the commands."""
        from click.shell_completion import CompletionItem

        named = [CompletionItem(name, help=about) for name, about in COMMANDS.items() if name.startswith(incomplete)]
        return [*named, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup, help=_HELP, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, "--version", message="pulumi-rewind %(version)s")
@click.option(
    "--theme", metavar="NAME", help="Theme of the screens: dark, light or colour-blind; by default the last one."
)
@common_options
@click.pass_context
def cli(ctx: click.Context, theme: str | None) -> int | None:
    """The command line itself; its help is `_HELP`."""
    shared = ctx.ensure_object(Shared)
    shared.opener = open_screens
    if theme:
        from pulumi_rewind_tui.theme import theme_name

        theme_name(theme)  # refuses an unknown name even where nothing is coloured
        shared.theme = theme
    if ctx.invoked_subcommand is not None:
        return None
    plain = in_terminal() and no_screens(os.environ)
    if in_terminal() and not plain:
        gc.disable()  # `RewindApp.on_mount` enables it again
        return shared.open_screens(cwd=shared.cwd, stack=shared.stack, backend=shared.backend)
    from pulumi_rewind_tui.commands.history import print_history, read_history

    session = shared.session()
    screen = shared.screen()
    read_history(session, screen)
    if plain:
        screen.err.line(f"note: {plain}: pulumi-rewind prints the history instead of opening the screens")
    with shared.paged(screen) as page:
        print_history(session, page)
    return None


def open_screens(shared: Shared, **where: Any) -> int:
    """Runs the UI until it is left; returns the exit code."""
    from pulumi_rewind_tui.app import RewindApp
    from pulumi_rewind_tui.workers.appearance import appearance

    if shared.no_color:
        os.environ["NO_COLOR"] = "1"
    found = appearance(where["cwd"], where.get("environ", os.environ), shared.theme, shared.ascii)
    app = RewindApp(theme=found.theme, ascii_only=found.ascii, **where)
    result = app.run()
    return app.return_code or result or 0


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code; every error becomes a message."""
    ours = arguments[: arguments.index("--")] if "--" in arguments else arguments
    shared = Shared(no_color="--no-color" in ours, ascii="--ascii" in ours)  # for what is said before they are parsed
    command = None
    if directory_is_gone() and any(word.startswith("--cwd") for word in arguments):
        os.chdir("/")  # nothing is relative to where we stand
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        with cli.make_context("pulumi-rewind", list(arguments), obj=shared) as ctx:
            result: Any = cli.invoke(ctx)
            command = ctx.invoked_subcommand
        sys.stdout.flush()
    except click.exceptions.Exit as done:
        return done.exit_code
    except BrokenPipeError:
        # The reader (head, less) has seen enough. Nothing may be written at exit either.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Exception, KeyboardInterrupt) as err:  # noqa: BLE001 - the one place that reports what is left
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        return report(err, shared.known, no_color=shared.no_color, ascii_only=shared.ascii)
    code = result if isinstance(result, int) else 0
    return report_lost_output(code, command, no_color=shared.no_color, ascii_only=shared.ascii)


def main() -> None:
    """The entry point of ``pulumi-rewind`` and ``pulumi-tool-rewind``."""
    gc.freeze()
    gc.enable()
    open_streams()
    limit_core_files()
    if instruction := os.environ.get("_PULUMI_REWIND_COMPLETE"):
        from pulumi_rewind_tui.terminal.completions import completions
        from pulumi_rewind_tui.terminal.shells import answer

        leave(answer(cli, instruction, Shared(completions=completions)))
    code = run(sys.argv[1:])
    # The work is finished: a signal while exiting prints nothing and does not change the exit code.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL if code == 130 else signal.SIG_IGN)
    leave(code)


def leave(code: int) -> NoReturn:
    """Ends the process: at once where it is our own, for tearing down Python takes longer than many a command.

    So it ends, too, where threads still wait for a server: Python can't end those in an orderly way, and may abort.
    """
    _flush()
    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    if (others or is_own_process(__name__)) and all(thread.daemon for thread in others):
        atexit._run_exitfuncs()
        _flush()
        os._exit(code)
    sys.exit(code)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()


if __name__ == "__main__":
    main()
