"""Who may import whom, and what must not be loaded before it is needed."""

from __future__ import annotations

import ast
import json
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import pulumi_rewind

ROOT = Path(__file__).resolve().parents[2]
USER_INTERFACE = frozenset({"textual", "rich", "click", "pulumi_rewind_tui"})
HEAVY = frozenset({"pulumi", "grpc", "google", "yaml", "textual", "rich"})

QUICK = (
    "pulumi_rewind",
    "pulumi_rewind.state.model",
    "pulumi_rewind.backends",
    "pulumi_rewind.backends.files",
    "pulumi_rewind.project.workspace",
    "pulumi_rewind.project.settings",
    "pulumi_rewind.history.timeline",
    "pulumi_rewind.history.targets",
    "pulumi_rewind.diff.checkpoints",
    "pulumi_rewind.system.toolchain",
    "pulumi_rewind.session",
)
"""What opening a stack's history and choosing two updates to compare needs."""


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh Python holds after a statement."""
    code = f"import sys, json\n{statement}\nprint(json.dumps(list(sys.modules)))"
    paths = [str(ROOT / "core"), str(ROOT / "tui")]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}\n{code}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return set(json.loads(done.stdout))


def core_modules() -> list[str]:
    return [info.name for info in pkgutil.walk_packages(pulumi_rewind.__path__, "pulumi_rewind.")]


@pytest.mark.parametrize("config", ["pyproject.toml", "layers.toml"])
def test_the_contracts_between_layers_hold(config: str) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--config", config],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("module", QUICK)
def test_what_the_first_screen_needs_loads_nothing_heavy(module: str) -> None:
    assert loaded_by(f"import {module}") & (HEAVY | USER_INTERFACE) == set()


def test_no_module_of_the_core_loads_a_user_interface() -> None:
    before = loaded_by("import pulumi, grpc")  # whatever others bring along is not ours
    after = loaded_by("import " + ", ".join(["pulumi", "grpc", *core_modules()]))
    assert (after - before) & USER_INTERFACE == set()


def test_the_command_line_starts_without_the_engine_and_the_screens() -> None:
    unwanted = HEAVY - {"rich"} | {"pulumi_rewind.replay.host", "pulumi_rewind.engine.cli", "pulumi_rewind_tui.app"}
    assert loaded_by("import pulumi_rewind_tui.cli") & unwanted == set()


def imported_by(path: Path) -> Iterator[str]:
    """The dotted names that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
            module = ".".join([*package, *filter(None, [node.module])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def test_nothing_is_imported_from_a_test_module() -> None:
    """What several tests use is in tests/support, or a fixture of a conftest.py."""
    found = [
        f"{path.relative_to(ROOT)} imports {name}"
        for directory in ("tests", "scripts")
        for path in sorted((ROOT / directory).rglob("*.py"))
        for name in imported_by(path)
        if any(part.startswith("test_") for part in name.split("."))
    ]
    assert found == []


@pytest.mark.parametrize("directory", ["core", "engine", "tui"])
def test_beside_the_tests_lie_no_helpers(directory: str) -> None:
    names = {path.name for path in (ROOT / "tests" / directory).glob("*.py")}
    assert {name for name in names if not name.startswith("test_")} <= {"__init__.py", "conftest.py"}


def test_every_dependency_is_imported_by_the_product() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[^\w.-]", text)[0].lower() for text in project["dependencies"]}
    modules = {
        name: {module for module, owners in packages_distributions().items() if name in map(str.lower, owners)}
        for name in wanted
    }
    imported = {
        name.split(".")[0]
        for folder in ("core", "tui")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in _imports(node)
    }
    assert {name for name, its in modules.items() if not its & imported} == set()


def _imports(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module)):
            return [module]
    return []
