"""Commands, flags and exit codes: README, docs and messages say what the program says, both ways."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from pulumi_rewind import errors
from pulumi_rewind.errors import EXIT_CODES, RewindError
from pulumi_rewind_tui.cli import COMMANDS, cli
from scripts import commands_page
from tests.support.tui.command_lines import (
    DOCUMENTS,
    ROOT,
    check,
    document_lines,
    inline,
    message_lines,
    options_of,
    words,
)

README = (ROOT / "README.md").read_text()

EVERYWHERE = {flag for param in cli.params for flag in param.opts} | {"-h", "--help"}
"""Flags of every command."""

OURS = EVERYWHERE | {flag for name in COMMANDS for flag in options_of(name)}

FOREIGN = {
    "pulumi": (
        "--client --config-file --event-log --file --force --ignore-protect --override-env --page-size --parallel "
        "--plan --policy-pack --local --preview-only --save-plan --show-secrets --skip-preview --target"
    ),
    "git": "--add --exclude --lost-found --unshallow",
    "kubectl": "--context",
    "tools": "--snapshot-update --strict",
}
"""Flags of other programs that documents speak of."""


def rows() -> list[list[str]]:
    """The usages of each row of README's table of commands."""
    table = README.split("## Commands")[1].split("|---|---|\n")[1].split("\n\n")[0]
    return [inline(line.split(" | ")[0]) for line in table.splitlines()]


def shown() -> Iterator[tuple[str, str]]:
    for path in DOCUMENTS:
        yield from ((path.name, line) for line in document_lines(path.read_text()))


def said() -> Iterator[tuple[str, str]]:
    for path in sorted([*(ROOT / "core").rglob("*.py"), *(ROOT / "tui").rglob("*.py")]):
        yield from ((path.name, line) for line in message_lines(path.read_text()))


def refused(lines: Iterator[tuple[str, str]]) -> list[tuple[str, str, str]]:
    """The lines that the program would not take, and why."""
    found, checked = [], 0
    for where, line in lines:
        checked += 1
        try:
            check(line)
        except click.UsageError as err:
            found.append((where, line, err.format_message()))
    assert checked > 50
    return found


def test_the_page_of_commands_is_the_help() -> None:
    assert commands_page.PAGE.read_text() == commands_page.page(), "write it anew: python -m scripts.commands_page"


def test_the_page_has_every_option() -> None:
    page = commands_page.page()
    parts = dict(zip(COMMANDS, re.split(r"^## .*\n", page, flags=re.M)[1:], strict=False))
    missing = [(name, flag) for name in COMMANDS for flag in options_of(name) - EVERYWHERE if flag not in parts[name]]
    assert missing == []


def test_readme_has_every_command_and_no_other() -> None:
    assert list(dict.fromkeys(words(usage)[0] for row in rows() for usage in row)) == list(COMMANDS)


def test_the_usages_of_readme_are_the_programs() -> None:
    for row in rows():
        for usage in row:
            check(usage)


def test_every_command_line_of_a_document_parses() -> None:
    assert refused(shown()) == []


def test_every_command_line_of_a_message_parses() -> None:
    assert refused(said()) == []


def test_short_forms_parse() -> None:
    """``resume --forget`` in backquotes: a command of ours with its flags."""
    forms = [
        (path.name, code)
        for path in DOCUMENTS
        for code in inline(path.read_text())
        if code.split()[0] in COMMANDS and " --" in code and not code.endswith("--mark")
    ]
    assert forms
    assert refused(iter([*forms, *shown()])) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_flags_of_a_document_exist(path: Path) -> None:
    flags = {flag for code in inline(path.read_text()) for flag in re.findall(r"(?<![\w-])--[a-z][\w-]*", code)}
    assert flags - OURS - {flag for owner in FOREIGN.values() for flag in owner.split()} == set()


def test_readme_names_every_flag_of_every_command() -> None:
    assert {flag for flag in EVERYWHERE if flag.startswith("--")} - set(re.findall(r"--[a-z-]+", README)) == {
        "--help",
        "--version",
    }


def test_a_line_that_the_program_does_not_take_is_found() -> None:
    for line in ("roll-back 3", "plan --onyl web", "plan --strategy chekpoint 3", "show dev 3 4", "demo --clean a b"):
        with pytest.raises(click.UsageError):
            check(line)


def test_the_exit_codes_of_readme_are_the_programs() -> None:
    table = README.split("| exit code | meaning |\n|---|---|\n")[1].split("\n\n")[0]
    listed = [line.strip("| ").split(" | ") for line in table.splitlines()]
    assert {int(code): meaning for code, meaning in listed} == EXIT_CODES
    assert [int(code) for code, _ in listed] == sorted(EXIT_CODES)


def test_every_error_ends_with_a_code_of_the_table() -> None:
    found = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, RewindError)]
    codes = {each.exit_code for each in found} | {0, errors.ROLLED_BACK, errors.DIFFERS}
    assert codes == set(EXIT_CODES)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_exit_codes_of_a_document_exist(path: Path) -> None:
    text = path.read_text()
    named = re.findall(r"[Ee]xit codes? (\d+)", text)
    if "| exit code |" in text:
        named += re.findall(r"^\| (\d+) \|", text.split("| exit code |")[1].split("\n\n")[0], re.M)
    assert {int(code) for code in named} - set(EXIT_CODES) == set()
