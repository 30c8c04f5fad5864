"""Writes docs/man/pulumi-rewind.1, the manual page, from the command line's own help."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import click

from pulumi_rewind.errors import EXIT_CODES
from pulumi_rewind_tui.cli import COMMANDS, cli

PAGE = Path(__file__).resolve().parents[1] / "docs" / "man" / "pulumi-rewind.1"

NAME = "pulumi-rewind"

ENVIRONMENT: Final[Mapping[str, str]] = {
    "PULUMI_STACK": "The stack where none is named.",
    "PULUMI_BACKEND_URL": "Where the state is kept, unless --backend says it.",
    "PULUMI_CONFIG_PASSPHRASE, PULUMI_CONFIG_PASSPHRASE_FILE": "Open the secrets of a state, as they do for pulumi.",
    "PULUMI_REWIND_ENGINE": "The pulumi CLI to run, or the directory that holds it.",
    "PULUMI_REWIND_PAGER, PAGER": "Shows texts that are longer than the screen, the first that is set; else less. "
    "Empty or cat: no pager. LESS is FRX unless it is set.",
    "NO_COLOR": "No colour, if it is not empty.",
    "TERM": "If it is dumb or not set, the history is printed instead of the screens, without colour and pager.",
    "CI": "If it is set, the history is printed instead of the screens, and without a pager.",
    "XDG_CONFIG_HOME, XDG_STATE_HOME, XDG_CACHE_HOME": "Where your settings, the state directory, and the cache of "
    "histories and engines are; by default ~/.config, ~/.local/state and ~/.cache.",
    "PULUMI_REWIND_CORE_DUMPS": "If it is 1, processes that hold secrets may write core dumps.",
    "PULUMI_REWIND_DEBUG": "If it is 1, an unexpected error prints its traceback.",
}

EXAMPLES: Final[Mapping[str, str]] = {
    "pulumi-rewind": "Open the screens on the stack that is selected.",
    "pulumi-rewind diff --exit-code": "Compare live and the last good update; the exit code says whether they differ.",
    "pulumi-rewind plan v1.2": "Show what going back to the release tagged v1.2 would do.",
    "pulumi-rewind rollback last-good": "Go back, after review.",
    "pulumi-rewind blame orders-db": "Show which update set each property of orders-db last.",
    'eval "$(pulumi-rewind completion bash)"': "Let bash complete commands, targets and resources.",
}

FILES: Final[Mapping[str, str]] = {
    "~/.config/pulumi-rewind/rewind.toml": "Your settings, for all projects.",
    "~/.config/pulumi-rewind/config.toml": "Whose signatures of records you trust.",
    "rewind.toml": "The project's settings, beside Pulumi.yaml.",
    "rewind_hooks.py": "The project's undo callbacks and hooks.",
    "~/.local/state/pulumi-rewind": "Your state directory: journals of unfinished rollbacks, evidence of failures, "
    "what you saved, the theme.",
}

_GLYPHS: Final = str.maketrans(
    {
        "\\": "\\e",
        "-": "\\-",
        "'": "\\(aq",
        "`": "\\(ga",
        "→": "\\(->",
        "…": "...",
        "★": "\\[u2605]",
        "±": "\\(+-",
        "~": "\\(ti",
        "^": "\\(ha",
    }
)


def escaped(text: str) -> str:
    """Text that roff shows as it is; what stands in backquotes is bold."""
    parts = re.split(r"`([^`]+)`", text)
    shown = "".join(f"\\fB{part.translate(_GLYPHS)}\\fR" if at % 2 else part.translate(_GLYPHS)
                    for at, part in enumerate(parts))  # fmt: skip
    return "\\&" + shown if shown.startswith(".") else shown


def paragraphs(text: str) -> Iterator[str]:
    """The paragraphs of a help text; one that begins with a backspace keeps its lines, as click has it."""
    for number, paragraph in enumerate(inspect.cleandoc(text).split("\n\n")):
        if paragraph.startswith("\b\n"):
            yield ".PP\n.nf\n" + "\n".join(map(escaped, paragraph.split("\n")[1:])) + "\n.fi"
        else:
            yield (".PP\n" if number else "") + escaped(" ".join(paragraph.split()))


def root_context() -> click.Context:
    """The command line itself, as click knows it."""
    return click.Context(cli, info_name=NAME, help_option_names=cli.context_settings["help_option_names"])


def options(context: click.Context) -> list[tuple[str, str]]:
    """The options of a command and what they do; those of every command belong to the program alone."""
    common = frozenset(param.name for param in cli.get_params(context)) if context.parent else frozenset[str]()
    params = [param for param in context.command.get_params(context) if isinstance(param, click.Option)]
    records = [param.get_help_record(context) for param in params if param.name not in common]
    return [(term, " ".join(text.split())) for term, text in filter(None, records)]


def commands() -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    """Every command in the order of the help: its usage, its help text, its own options."""
    root = root_context()
    for name, about in COMMANDS.items():
        command = cli.get_command(root, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=root)
        pieces = [piece for piece in command.collect_usage_pieces(context) if piece != "[OPTIONS]"]
        yield " ".join((name, *pieces)), inspect.cleandoc(command.help or about), options(context)


def entry(term: str, text: str) -> Iterator[str]:
    """One of a list, its name in bold."""
    yield f".TP\n\\fB{escaped(term)}\\fR\n{escaped(' '.join(text.split()))}"


def page() -> str:
    """The whole page."""
    text = inspect.cleandoc(cli.help or "")
    out = [
        f'.TH {NAME.upper()} 1 "" "{NAME}" "User Commands"',
        f".SH NAME\n{NAME} \\- see what a Pulumi stack was, review what it takes to go back, and go back",
        f".SH SYNOPSIS\n\\fB{NAME}\\fR [\\fIOPTIONS\\fR] [\\fICOMMAND\\fR [\\fIARGUMENTS\\fR]]",
        ".SH DESCRIPTION",
        *paragraphs(text.split(" Exit codes: ")[0]),
        ".SH OPTIONS\nEvery command takes these as well.",
        *(line for option in options(root_context()) for line in entry(*option)),
        ".SH COMMANDS",
    ]
    for usage, about, own in commands():
        out += [f".SS {escaped(usage)}", *paragraphs(about), *(line for option in own for line in entry(*option))]
    codes = {str(code): meaning for code, meaning in EXIT_CODES.items()}
    for title, entries in (("EXIT STATUS", codes), ("ENVIRONMENT", ENVIRONMENT), ("EXAMPLES", EXAMPLES)):
        out.append(f".SH {title}")
        out += [line for term, what in entries.items() for line in entry(term, what)]
    out += [
        ".SH FILES",
        *(line for term, what in FILES.items() for line in entry(term, what)),
        ".SH SEE ALSO\n\\fBpulumi\\fR(1), \\fBgit\\fR(1)",
    ]
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page())
