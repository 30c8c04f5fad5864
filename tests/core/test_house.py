"""The house: rooms that say what they are for, files that one can take in, documents that name every room."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

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


def floors(package: Path) -> list[str]:
    """The rooms of a package from the ground up, as the contract has them."""
    contracts = tomllib.loads((ROOT / "layers.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract.get("containers") == [package.name])
    return list(reversed(layers))


@pytest.mark.parametrize(("package", "heading"), [(PACKAGES[0], "core"), (PACKAGES[1], "UI")])
def test_the_map_of_the_house_has_the_floors_in_their_order(package: Path, heading: str) -> None:
    section = (ROOT / "docs/architecture.md").read_text().split(f"## The rooms of the {heading}")[1].split("\n## ")[0]
    assert [name.removesuffix(".py") for name in re.findall(r"^\| `([\w.]+)/?` \|", section, re.M)] == floors(package)


def imports(package: Path) -> set[tuple[str, str]]:
    """Which room another one imports: the imported one first."""
    return {
        (f"{node.module}.{alias.name}".split(".")[1], path.relative_to(package).parts[0].removesuffix(".py"))
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(f"{package.name}.")
        for alias in node.names
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_the_picture_of_the_house_shows_every_room_and_imports_that_there_are(package: Path) -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    picture = text.split(f"[{package.name}]\n")[1].split("\n  end")[0]
    nodes = {name: inside.split(", ") for name, inside in re.findall(r"(\w+)\[([\w, ]+)\]", picture)}
    chains = [re.sub(r"\[.*?\]", "", line).split(" --> ") for line in picture.splitlines() if "-->" in line]
    arrows = {(lower.strip(), upper) for chain in chains for lower, upper in pairwise(chain)}
    shown = [room for node in {node for arrow in arrows for node in arrow} for room in nodes.get(node, [node])]
    assert sorted(shown) == sorted(floors(package))
    real = imports(package)
    for lower, upper in arrows:
        between = {(low, high) for low in nodes.get(lower, [lower]) for high in nodes.get(upper, [upper])}
        assert between & real, f"{lower} --> {upper}"


def test_the_rooms_that_documents_name_are_there() -> None:
    """Modules written as ``room.module`` in backticks, in documents and in docstrings, and source paths."""
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
