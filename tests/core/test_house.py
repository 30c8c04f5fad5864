"""The house: rooms that say what they are for, files that one can take in, documents that name every room."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = (ROOT / "core/pulumi_rewind", ROOT / "tui/pulumi_rewind_tui")

LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 60

NO_ROOM = ("utils", "util", "helpers", "common", "misc")
"""Names under which nobody finds anything."""


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from package.rglob("*.py")


def rooms(package: Path) -> set[str]:
    """The packages and modules that lie directly in one of the two packages."""
    return {path.stem for path in package.iterdir() if path.stem[:1] != "_" and (path / "__init__.py").exists()} | {
        path.stem for path in package.glob("*.py") if path.stem[:1] != "_"
    }


def test_every_file_can_be_taken_in() -> None:
    long = {str(path): lines for path in sources() if (lines := path.read_text().count("\n")) > LINES_OF_A_FILE}
    assert not long


def test_a_long_function_says_why() -> None:
    """By a comment that begins with ``# Long:``, in the line above it."""
    unexplained = []
    for path in sources():
        lines = path.read_text().splitlines()
        for node in ast.walk(ast.parse("\n".join(lines))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.end_lineno is None:
                continue
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if node.end_lineno - node.lineno >= LINES_OF_A_FUNCTION and "# Long:" not in lines[first - 2]:
                unexplained.append(f"{path.relative_to(ROOT)}: {node.name}")
    assert not unexplained


def test_no_room_is_for_everything() -> None:
    assert not [path for path in sources() if path.stem in NO_ROOM or path.parent.name in NO_ROOM]


def test_every_file_says_what_it_is_for() -> None:
    assert not [path for path in sources() if not ast.get_docstring(ast.parse(path.read_text()))]


def test_the_map_of_the_house_names_every_room_and_no_other() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    for package, heading in zip(PACKAGES, ("core", "UI"), strict=True):
        section = re.split(r"^## ", text, flags=re.M)
        table = next(part for part in section if part.startswith(f"The rooms of the {heading}"))
        rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
        named = {name.removesuffix("/").removesuffix(".py") for row in rows for name in re.findall(r"`([^`]+)`", row)}
        assert named == rooms(package)


def test_the_rooms_that_documents_and_docstrings_name_are_there() -> None:
    """Modules written as ``room.module`` in backticks, and source paths."""
    packages = [(package, package.rglob("*.py")) for package in PACKAGES]
    known = {path.relative_to(package).with_suffix("").as_posix() for package, paths in packages for path in paths}
    tops = set().union(*(rooms(package) for package in PACKAGES)) - {"session"}

    def missing(text: str) -> Iterator[str]:
        for path in re.findall(r"(?:core|tui)/pulumi_rewind(?:_tui)?/[\w/]+\.py", text):
            if not (ROOT / path).exists():
                yield path
        for name in re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)(?:\.[A-Z]\w*)?`", text):
            *room, last = name.split(".")
            there = {"/".join(room), "/".join((*room, last))} & known
            if room[0] in tops and last not in {"json", "py", "toml"} and not there:
                yield name

    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *sources()]
    assert not [
        f"{document.relative_to(ROOT)}: {name}"
        for document in documents
        if document.name != "CHANGELOG.md"  # which tells of rooms that were
        for name in missing(document.read_text())
    ]
