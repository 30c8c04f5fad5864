"""Writes docs/commands.md, every command with all its options, from the command line's own help."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from pulumi_rewind.errors import EXIT_CODES
from pulumi_rewind_tui.cli import cli
from scripts.man_page import ENVIRONMENT, NAME, commands, options, root_context

PAGE = Path(__file__).resolve().parents[1] / "docs" / "commands.md"

HEAD = """# Commands

Written by `.venv/bin/python -m scripts.commands_page` from the program's own help; `pulumi-rewind COMMAND -h` and
`man pulumi-rewind` say the same. What `--json` prints: [json.md](json.md). Settings: [settings.md](settings.md).
"""


def prose(text: str) -> Iterator[str]:
    """The paragraphs of a help text; one that begins with a backspace keeps its lines, as click has it."""
    for paragraph in text.split("\n\n"):
        if paragraph.startswith("\b\n"):
            yield "```\n" + paragraph.removeprefix("\b\n") + "\n```\n"
        else:
            yield re.sub(r"([*_<])", r"\\\1", " ".join(paragraph.split())) + "\n"


def table(title: str, rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    """A table of two columns, the first one in code; a bar inside a cell is escaped."""
    cells = [(f"`{term}`".replace("|", "\\|"), text.replace("|", "\\|")) for term, text in rows]
    if cells:
        yield "\n".join((f"| {title} | |", "|---|---|", *(f"| {term} | {text} |" for term, text in cells))) + "\n"


def page() -> str:
    """The whole page."""
    about = inspect.cleandoc(cli.help or "").split(" Exit codes: ")[0]
    out = [HEAD, *prose(about), *table("option of every command", options(root_context()))]
    for usage, text, own in commands():
        name, _, arguments = usage.partition(" ")
        line = f"```\n{NAME} {name}{' [OPTIONS]' if own else ''} {arguments}".rstrip() + "\n```\n"
        out += [f"## {name}\n", line, *prose(text), *table("option", own)]
    out += ["## Exit codes\n", *table("code", ((str(code), meaning) for code, meaning in EXIT_CODES.items()))]
    out += ["## Environment\n", *table("variable", ENVIRONMENT.items())]
    return "\n".join(out)


if __name__ == "__main__":
    PAGE.write_text(page())
