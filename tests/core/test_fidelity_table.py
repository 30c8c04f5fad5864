"""docs/fidelity.md: every line of its tables is backed by tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.support.fidelity_programs import PROGRAMS

ROOT = Path(__file__).resolve().parents[2]
TABLE = (ROOT / "docs" / "fidelity.md").read_text()


def test_every_line_names_tests_that_exist() -> None:
    known = {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
    }
    lines = [line for line in TABLE.splitlines() if line.startswith("| ") and not line.startswith("| field")]
    assert len(lines) > 40
    for line in lines:
        named = re.findall(r"`(test_\w+)(?:\[([^\]]+)\])?`", line.rsplit("|", 2)[1])
        assert named, line
        for name, case in named:
            assert name in known, name
            assert not case or case in PROGRAMS, case


def test_every_field_of_a_resource_has_a_line() -> None:
    from pulumi_rewind.model import Resource

    fields = set(Resource.__struct_encode_fields__)
    assert {name for name in fields if f"`{name}`" not in TABLE and f"`{name}:" not in TABLE} == set()
