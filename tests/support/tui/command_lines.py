"""The command lines that documents and messages show, and what the command line itself makes of them."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click

from pulumi_rewind_tui.cli import cli

ROOT = Path(__file__).resolve().parents[3]

DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").glob("*.md")),
]

START = re.compile(r"(?:^|\$ |&& |\$\(|undo: |or: |\.venv/bin/)pulumi-rewind(?=\s|$)(.*)")
"""Where a line of a block of code calls the program."""

END = re.compile(r"\s#\s.*|\s#$|[;>)]|&&|\s\|\s.*|\\$")
"""What ends it: a comment, a redirection, the next command."""

ANY = frozenset({"COMMAND", "VALUE"})
"""What stands for some command."""


def blocks(text: str) -> Iterator[str]:
    """The lines of the blocks of code; a line that goes on below is one."""
    for block in re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S):
        yield from re.sub(r"\\?\n {4,}(?=[\[-])", " ", block).splitlines()


def inline(text: str) -> list[str]:
    """What stands in backquotes, outside blocks of code; a bar of a table is a bar."""
    return [
        each.replace("\\|", "|")
        for each in re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    ]


def document_lines(text: str) -> Iterator[str]:
    """The arguments of every call of the program that a document shows."""
    for line in blocks(text):
        if found := START.search(line):
            yield END.split(found[1])[0]
    for code in inline(text):
        if code.startswith("pulumi-rewind "):
            yield END.split(code.removeprefix("pulumi-rewind"))[0]


def literals(source: str) -> Iterator[str]:
    """The texts of a module, with a word where a value is put in."""
    tree = ast.parse(source)
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)} - {
        id(node) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "VALUE" for part in node.values)


def message_lines(source: str) -> Iterator[str]:
    """The arguments of every call of the program that a message of a module shows."""
    for text in literals(source):
        for code in re.findall(r"`pulumi-rewind ([^`]+)`", text):
            yield END.split(code)[0]


def words(line: str) -> list[str]:
    """The words of a line; what a synopsis puts in brackets is there."""
    return [word for word in shlex.split(re.sub(r"[\[\]]", " ", line.replace("…", "VALUE"))) if word != "OPTIONS"]


def options_of(name: str) -> set[str]:
    """The flags of a command, in every spelling."""
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    context = click.Context(command, help_option_names=["-h", "--help"])  # click keeps what it first makes of these
    flags = (flag for param in command.get_params(context) for flag in (*param.opts, *param.secondary_opts))
    return {flag for flag in flags if flag[0] == "-"}


def check(line: str) -> None:
    """Parses a line as the program would, without running it.

    Raises:
        click.UsageError: the program would not take it.
    """
    root = click.Context(cli, info_name="pulumi-rewind", help_option_names=["-h", "--help"])
    _, rest, _ = cli.make_parser(root).parse_args(words(line))
    if not rest or rest[0] in ANY:
        return
    command = cli.get_command(root, rest[0])
    if command is None:
        raise click.UsageError(f"there is no command {rest[0]}")
    arguments = rest[1 : rest.index("--")] if "--" in rest else rest[1:]
    context = click.Context(command, info_name=rest[0], parent=root, help_option_names=["-h", "--help"])
    signless = ["MINUS" if re.fullmatch(r"-\d+", each) else each for each in arguments]
    found, extra, _ = command.make_parser(context).parse_args(signless)
    for param in command.params:
        value = found.get(str(param.name))
        if isinstance(param.type, click.Choice) and isinstance(value, str) and not re.search(r"[A-Z|]", value):
            param.type.convert(value, param, context)
    given = found.get("words")
    usage = " ".join(piece for piece in command.collect_usage_pieces(context) if piece != "[OPTIONS]")
    many = isinstance(given, tuple) and "|" not in usage and len(given) > len(usage.split(" [--")[0].split())
    if extra or many:
        raise click.UsageError(f"{rest[0]} takes {usage}")
