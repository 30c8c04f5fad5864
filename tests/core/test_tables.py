"""The tables of docs/: every line is backed by tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.support.fidelity_programs import PROGRAMS

ROOT = Path(__file__).resolve().parents[2]


def table(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def known_tests() -> set[str]:
    return {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def assert_tested(line: str, known: set[str]) -> None:
    """The last column names a test, and each that it names exists; a file of tests counts as well."""
    cell = line.rsplit("|", 2)[1]
    named = re.findall(r"`(test_\w+)(?:\[([^\]]+)\])?`", cell)
    files = re.findall(r"`(tests/[\w/]+\.py)`", cell)
    assert named or files, line
    for test, case in named:
        assert test in known, test
        assert not case or case in PROGRAMS, case
    for file in files:
        assert (ROOT / file).is_file(), file


@pytest.mark.parametrize(("name", "least"), [("fidelity.md", 40), ("faults.md", 40)])
def test_every_line_names_tests_that_exist(name: str, least: int) -> None:
    known = known_tests()
    written = table(name).partition("<!-- the table of")[0]  # what follows has figures of a run
    lines = [line for line in written.splitlines() if re.match(r"\| (?!field |fault )", line)]
    assert len(lines) > least
    for line in lines:
        assert_tested(line, known)


@pytest.mark.parametrize(("name", "least"), [("threat-model.md", 40), ("reliability.md", 14)])
def test_every_line_with_a_column_of_tests_names_some(name: str, least: int) -> None:
    known, checked, tested = known_tests(), 0, False
    for line in table(name).splitlines():
        if not line.startswith("|"):
            tested = False
        elif re.search(r"\| tests? \|$", line):
            tested = True
        elif tested and not line.startswith("|--"):
            assert_tested(line, known)
            checked += 1
    assert checked >= least


def test_every_attack_has_a_line() -> None:
    text = table("reliability.md")
    assert [number for number in range(1, 15) if f"| S{number} |" not in text] == []


def test_every_field_of_a_resource_has_a_line() -> None:
    from pulumi_rewind.state.model import Resource

    fields = set(Resource.__struct_encode_fields__)
    text = table("fidelity.md")
    assert {name for name in fields if f"`{name}`" not in text and f"`{name}:" not in text} == set()
