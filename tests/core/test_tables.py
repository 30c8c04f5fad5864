"""docs/fidelity.md and docs/faults.md: every line of their tables is backed by tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.support.fidelity_programs import PROGRAMS

ROOT = Path(__file__).resolve().parents[2]


def table(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


@pytest.mark.parametrize(("name", "least"), [("fidelity.md", 40), ("faults.md", 40)])
def test_every_line_names_tests_that_exist(name: str, least: int) -> None:
    known = {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    lines = [line for line in table(name).splitlines() if re.match(r"\| (?!field |fault )", line)]
    assert len(lines) > least
    for line in lines:
        named = re.findall(r"`(test_\w+)(?:\[([^\]]+)\])?`", line.rsplit("|", 2)[1])
        assert named, line
        for test, case in named:
            assert test in known, test
            assert not case or case in PROGRAMS, case


def test_every_field_of_a_resource_has_a_line() -> None:
    from pulumi_rewind.model import Resource

    fields = set(Resource.__struct_encode_fields__)
    text = table("fidelity.md")
    assert {name for name in fields if f"`{name}`" not in text and f"`{name}:" not in text} == set()
