"""The table of risks: every code that is made is in it, and every code in it is made."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pulumi_rewind.risk import BLOCKING, LOSES_DATA, NOTE, RISKS, SEVERE, Kind, Risk
from scripts.risk_page import PAGE, page

ROOT = Path(__file__).resolve().parents[2]
MAKERS = {"Risk", "LeftAlone"}


def calls() -> Iterator[tuple[str, ast.Call]]:
    """The code of every risk that the source makes, and the call that makes it, or makes it of another risk."""
    for path in sorted((ROOT / "core" / "pulumi_rewind").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT / "core").with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or (code := code_of(node)) is None:
                continue
            if isinstance(code, ast.Constant):
                yield str(code.value), node
            else:
                assert isinstance(code, ast.Name), f"{path}:{code.lineno}: the code of a risk is a word or a constant"
                yield getattr(importlib.import_module(module), code.id), node


def code_of(call: ast.Call) -> ast.expr | None:
    match call:
        case ast.Call(func=ast.Name(name) | ast.Attribute(ast.Name(name), "usual")) if name in MAKERS:
            return call.args[0]
        case ast.Call(func=ast.Name("replace") | ast.Attribute(_, "replace"), args=[ast.Name("risk")]):
            return next((word.value for word in call.keywords if word.arg == "code"), None)
    return None


def test_every_code_that_is_made_is_in_the_table_and_the_other_way_round() -> None:
    assert {code for code, _ in calls()} == set(RISKS)


def test_a_code_that_is_not_in_the_table_is_refused() -> None:
    with pytest.raises(KeyError, match="no-such-risk"):
        Risk("no-such-risk", "is told")
    with pytest.raises(KeyError):
        replace(Risk("locked", "is locked"), code="no-such-risk")


def test_a_risk_is_as_severe_as_the_table_says_unless_it_says_otherwise() -> None:
    locked = Risk("locked", "is locked")
    assert (locked.severity, locked.blocking, locked.loses_data) == (BLOCKING, True, False)
    assert not replace(locked, unusual=NOTE).blocking
    assert Risk("leftover", "has a copy").severity == NOTE
    assert Risk("data-loss", "holds data").loses_data


def test_nothing_stops_blocking_by_the_way() -> None:
    """Said once more, as a row of the table that changes lets a plan run that was refused."""
    assert {code for code, kind in RISKS.items() if kind.severity == BLOCKING} == {
        *("adoption-replaces", "asset-missing", "asset-unsafe", "damaged-target", "default-provider-lost"),
        *("dirty-commit", "left-out-touched", "locked", "pending-create", "protected", "renamed-stack"),
        "shared-object",
    }
    assert {code for code, kind in RISKS.items() if kind.severity == LOSES_DATA} == {"data-loss"}
    unusual = {(code, ast.unparse(said)) for code, call in calls() if (said := severity_of(call)) is not None}
    assert unusual == {
        ("crossed-names", "BLOCKING"),
        ("leftover", "LOSES_DATA if holds else None"),
        ("made-by-update", "None"),
        ("pending-create", "None if creates_block else NOTE"),
        ("revision", "BLOCKING"),
        ("revision", "LOSES_DATA if lost else None"),
        ("target-damaged", "BLOCKING"),
        ("would-vanish", "BLOCKING if blocking else None"),
    }


def severity_of(call: ast.Call) -> ast.expr | None:
    """What a call says of the severity, by place or by word."""
    named = next((word.value for word in call.keywords if word.arg == "unusual"), None)
    return named if len(call.args) < 4 else call.args[3]


def test_only_what_has_a_wording_is_made_without_one() -> None:
    assert Risk.usual("data-not-restored", "urn:x").message == "held data when it was recorded; it is re-created empty"
    for code, call in calls():
        assert bool(RISKS[code].wording) == isinstance(call.func, ast.Attribute) or code == "made-by-update", code


def test_every_row_says_something() -> None:
    assert all(isinstance(kind, Kind) and kind.meaning.endswith(".") for kind in RISKS.values())
    assert next(code for code, kind in RISKS.items() if kind.severity == SEVERE) == "would-vanish"


def test_the_page_is_that_of_the_table() -> None:
    assert PAGE.read_text() == page(), "write it anew: python -m scripts.risk_page"


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("playbook.md", r"\*\*`([a-z]+(?:-[a-z]+)*)`\*\*"),
        ("strategies.md", r"^- \*\*.+?\*\*.*? \(`([a-z]+(?:-[a-z]+)+)`\)"),
        ("fidelity.md", r"risk `([a-z-]+)`"),
        ("up.md", r"\(`([a-z]+-[a-z-]+)`\)"),
        ("../README.md", r"\(`([a-z]+-[a-z]+)`(?:,\s+`([a-z]+-[a-z]+)`)?\)"),
    ],
)
def test_the_other_pages_speak_of_codes_that_there_are(name: str, pattern: str) -> None:
    found = [code for hit in re.finditer(pattern, (ROOT / "docs" / name).read_text(), re.M) for code in hit.groups()]
    codes = {code for code in found if code}
    assert codes
    assert codes <= set(RISKS)
