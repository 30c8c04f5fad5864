"""What every command has in common: its options, how it finds its stack, and where it writes."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from pulumi_rewind.errors import DIFFERS, UsageError
from pulumi_rewind_tui.terminal.writer import Screen, open_screen, open_writer

if TYPE_CHECKING:
    from pulumi_rewind.secrets.known import KnownSecrets
    from pulumi_rewind.session import Session

F = TypeVar("F", bound=Callable[..., Any])

MINUS = "\N{MINUS SIGN}"
_RELATIVE = re.compile(r"-[0-9]+")


class Shared(msgspec.Struct):
    """The options that every command takes, before or after the command's name."""

    cwd: Path = msgspec.field(default_factory=Path)
    stack: str | None = None
    backend: str | None = None
    no_color: bool = False
    ascii: bool = False
    no_pager: bool = False
    theme: str | None = None
    """What ``--theme`` says; for the screens alone."""
    passphrase_file: tuple[Path, ...] = ()
    known: KnownSecrets | None = None
    """What the session knows as secret, once there is one: errors are shown without it."""
    opener: Callable[..., int] | None = None
    """Opens the screens; it is given by the command line, which alone knows them."""
    completions: Callable[[str, click.Context, str], list[Any]] | None = None
    """The completions for a kind of value, while a shell asks."""
    late: bool = False
    """Whether completing was given up because the backend does not answer."""

    def passphrases(self) -> tuple[str, ...]:
        """What the passphrase files hold.

        Raises:
            UsageError: one can't be read.
        """
        if not self.passphrase_file:
            return ()
        from pulumi_rewind.secrets.passphrase import read_passphrase

        return tuple(read_passphrase(path) for path in self.passphrase_file)

    def open_screens(self, **where: Any) -> int:
        """Runs the UI on a project and a stack (arguments of `RewindApp`) until it is left; returns the exit code."""
        assert self.opener is not None
        return self.opener(self, **where)

    def screen(self) -> Screen:
        """Where to write."""
        return open_screen(no_color=self.no_color, ascii_only=self.ascii)

    def paged(self, screen: Screen, *, wanted: bool = True) -> contextlib.AbstractContextManager[Screen]:
        """The screen for a text that may be long: a pager shows it where that is wanted and possible, see `pager`."""
        if not wanted or self.no_pager or not screen.out.terminal:
            return contextlib.nullcontext(screen)
        from pulumi_rewind_tui.terminal.pager import paged

        return paged(screen)

    def named(self, stack: str | None) -> str | None:
        """The stack that the command line names; a positional STACK counts like ``--stack``.

        Raises:
            UsageError: two different ones are named.
        """
        if stack and self.stack and stack != self.stack:
            raise UsageError(
                f"two stacks are named: {stack} and {self.stack}",
                hint="Name the stack once, as STACK or with --stack.",
            )
        return stack or self.stack

    def session(self, stack: str | None = None) -> Session:
        """The project, backend and stack.

        Raises:
            UsageError: two different stacks are named, or none can be found.
        """
        from pulumi_rewind.session import open_session
        from pulumi_rewind_tui.terminal.waiting import waiting

        named, passphrases = self.named(stack), self.passphrases()
        with waiting(self.screen(), "opening the backend"):
            session = open_session(
                self.cwd, stack=named, backend=self.backend, environ=os.environ, passphrases=passphrases
            )
        self.known = session.redactor
        self.ascii = self.ascii or session.settings.ascii
        return session


def offering(kind: str) -> Callable[[click.Context, click.Parameter, str], list[Any]]:
    """Completes a value of a kind, see `completions`."""

    def offered(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
        completions = ctx.ensure_object(Shared).completions
        return [] if completions is None else completions(kind, ctx, incomplete)

    return offered


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value and param.name:
        setattr(ctx.ensure_object(Shared), param.name, value)


_COMMON = (
    click.option(
        "--cwd",
        metavar="DIR",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Work in DIR instead of the current directory.",
        expose_value=False,
        callback=_remember,
    ),
    click.option(
        "-s",
        "--stack",
        metavar="NAME",
        help="The stack; by default STACK, PULUMI_STACK or the selected one.",
        shell_complete=offering("STACK"),
        expose_value=False,
        callback=_remember,
    ),
    click.option(
        "--backend",
        metavar="URL",
        help="The backend; by default the one that pulumi uses.",
        expose_value=False,
        callback=_remember,
    ),
    click.option("--no-color", is_flag=True, help="Print without colour.", expose_value=False, callback=_remember),
    click.option("--ascii", is_flag=True, help="Use ASCII symbols only.", expose_value=False, callback=_remember),
    click.option(
        "--no-pager", is_flag=True, help="Print long texts without a pager.", expose_value=False, callback=_remember
    ),
)


def common_options(function: F) -> F:
    """Adds the options that every command has."""
    for option in reversed(_COMMON):
        function = option(function)
    return function


LIVE = "live"
"""How a command line names the state now, beside the targets."""


def exit_code_option(what: str) -> Callable[[F], F]:
    """The --exit-code option of commands that change nothing; `what` describes exit code 7."""
    return click.option("--exit-code", is_flag=True, help=f"Exit with code {DIFFERS} if {what}, else with 0.")


def passphrase_option(function: F) -> F:
    """The option of commands that decrypt."""
    return click.option(
        "--passphrase-file",
        metavar="FILE",
        type=click.Path(path_type=Path),
        multiple=True,
        help="File with another (older) passphrase to try; repeatable.",
        expose_value=False,
        callback=_remember,
    )(function)


def collected(function: Callable[..., Any], name: str, kind: Callable[..., Any], fields: Iterable[str]) -> Any:
    """Gives a command its options of these names as one value of a kind."""

    @functools.wraps(function)
    def called(*args: Any, **given: Any) -> Any:
        value = kind(**{field: given.pop(field) for field in fields if field in given})
        return function(*args, **{name: value}, **given)

    return called


class Terms(msgspec.Struct, frozen=True):
    """What the operator has confirmed on the command line, and how the result is printed."""

    yes: bool = False
    allow_data_loss: bool = False
    trust_target: bool = False
    as_json: bool = False


def run_options(
    function: Callable[..., Any],
    *,
    yes: str = "Don't ask for confirmation; a loss of data still requires --allow-data-loss.",
    allow_data_loss: str = "Continue even if data is lost.",
) -> Callable[..., Any]:
    """The options of everything that changes a stack; the command gets them as one `Terms`.

    `yes` and `allow_data_loss` are their help, which has to be true of the command.
    """
    function = collected(function, "terms", Terms, Terms.__struct_fields__)
    for option in (
        click.option(
            "--json", "as_json", is_flag=True, help="Print one JSON object a line, the result last; requires --yes."
        ),
        click.option("--allow-data-loss", is_flag=True, help=allow_data_loss),
        click.option("-y", "--yes", is_flag=True, help=yes),
        passphrase_option,
    ):
        function = option(function)
    return function


class AsciiHelp(click.Command):
    """A command whose help has ASCII symbols alone where those are asked for."""

    def get_help(self, ctx: click.Context) -> str:
        """The help, as this output may show it."""
        return open_writer(sys.stdout, ascii_only=ctx.ensure_object(Shared).ascii).ascii(super().get_help(ctx))


class RewindCommand(AsciiHelp):
    """A command that takes ``-1`` as a target instead of an unknown option."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["context_settings"] = {"help_option_names": ["-h", "--help"], **(kwargs.get("context_settings") or {})}
        super().__init__(*args, **kwargs)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Hides the sign of relative targets from the option parser; `_restore` puts it back."""
        if ctx.resilient_parsing and args and self._takes_value(args[-1]):
            args = args[:-1]  # completion stands behind it; without its value click would lose the words before it
        args = [f"{arg}={self._alone[arg]}" if arg in self._alone else arg for arg in args]
        hidden = [
            MINUS + arg[1:] if _RELATIVE.fullmatch(arg) and not self._takes_value(before) else arg
            for before, arg in zip(["", *args], args, strict=False)
        ]
        return super().parse_args(ctx, hidden)

    @property
    def _alone(self) -> dict[str, str]:
        """Options whose value may be left out, with what they mean then: the next word is none of theirs."""
        options = (param for param in self.params if isinstance(param, click.Option) and not param.is_flag)
        return {name: param.flag_value for param in options if isinstance(param.flag_value, str) for name in param.opts}

    def _takes_value(self, word: str) -> bool:
        return any(
            isinstance(param, click.Option) and not param.is_flag and word in param.opts and word not in self._alone
            for param in self.params
        )


def _restore(_ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Puts the sign back that `RewindCommand.parse_args` hid."""
    return tuple("-" + word[1:] if _RELATIVE.fullmatch("-" + word[1:]) and word[0] == MINUS else word for word in value)


def rewind_command(metavar: str = "", cls: type[RewindCommand] = RewindCommand) -> Callable[[F], click.Command]:
    """Makes a command of a function: it gets the `Shared`, then its own options, and as `words` what the metavar shows.

    The words are sorted out by `stack_of` and `stack_and_target`.
    """

    def made(function: F) -> click.Command:
        own = getattr(function, "__click_params__", [])
        bare: Any = click.pass_obj(function)
        bare.__click_params__ = []
        common_options(bare)
        bare.__click_params__ += own
        if metavar:
            click.argument("words", nargs=-1, metavar=metavar, callback=_restore, shell_complete=offering("words"))(
                bare
            )
        return click.command(cls=cls)(bare)

    return made


def stack_of(given: tuple[str, ...]) -> str | None:
    """``[STACK]``."""
    if len(given) > 1:
        raise UsageError(f"too many arguments: {' '.join(given[1:])}", hint="At most one STACK is expected.")
    return given[0] if given else None


def stack_and_target(given: tuple[str, ...], command: str) -> tuple[str | None, str]:
    """``[STACK] TARGET``: one word is the target, two are stack and target."""
    match given:
        case (target,):
            return None, target
        case (stack, target):
            return stack, target
        case ():
            raise UsageError(
                "no target is given",
                hint=f"Name an update, for example `pulumi-rewind {command} last-good`, `{command} -1`, "
                f"`{command} 12` or `{command} v1.2`.",
            )
        case _:
            raise UsageError(
                f"too many arguments: {' '.join(given[2:])}", hint="At most STACK and TARGET are expected."
            )


def to_json(value: Any) -> str:
    """JSON in ASCII on one line, so that nothing in it can act on a terminal."""
    import json

    import msgspec

    try:
        encoded = msgspec.json.encode(value, enc_hook=str)
    except (ValueError, TypeError, RecursionError):  # what JSON doesn't have: lone surrogates, integers beyond 64 bits
        encoded = b"\xff"
    text = encoded.decode("ascii") if encoded.isascii() else json.dumps(value, default=str)
    return text.replace("\x7f", "\\u007f")
