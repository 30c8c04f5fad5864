"""No module of the project, of the current directory or of PYTHONPATH takes the place of one of Python's or ours."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pulumi_rewind.callbacks.process import UndoProcess
from pulumi_rewind.plan.called import Code
from pulumi_rewind.system.own_python import own_python

CODE = Path(__file__).resolve().parents[2]

NAMES = (
    "asyncio", "base64", "click", "dataclasses", "dill", "fnmatch", "gc", "inspect", "json", "msgspec", "pulumi_rewind",
    "queue", "random", "rich", "runpy", "secrets", "tempfile", "textwrap", "threading", "traceback", "typing", "yaml",
)  # fmt: skip
"""Modules that processes of ours import at one time or another."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory whose modules say so when they are run."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in NAMES:
        text = f"open({str(folder / 'ran')!r}, 'a').write('{name} ')\nraise ImportError('of the project')\n"
        (folder / f"{name}.py").write_text(text)
    return folder


def ran(folder: Path) -> str:
    file = folder / "ran"
    return file.read_text() if file.exists() else ""


@pytest.mark.parametrize("pythonpath", ["", ".", "FOLDER"])
def test_a_process_of_ours_is_isolated(folder: Path, pythonpath: str) -> None:
    env = {"PATH": os.defpath, "PYTHONPATH": pythonpath.replace("FOLDER", str(folder)) + os.pathsep}
    command = own_python("pulumi_rewind_tui.cli", "run", "--version")
    command[-1] = command[-1].replace("run(*('--version',))", "run(['--version']); import json, secrets, fnmatch, yaml")
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert (done.returncode, ran(folder)) == (0, ""), done.stderr
    assert done.stdout.startswith("pulumi-rewind ")


@pytest.mark.parametrize("pythonpath", ["", ".", "FOLDER"])
def test_the_command_itself_imports_nothing_of_the_directory(folder: Path, pythonpath: str) -> None:
    script = folder.parent / "bin" / "pulumi-rewind"
    script.parent.mkdir()
    script.write_text("from pulumi_rewind_tui.cli import main\nmain()\n")
    env = {"PATH": os.defpath, "PYTHONPATH": pythonpath.replace("FOLDER", str(folder)) + os.pathsep}
    command = [sys.executable, str(script), "doctor"]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert ran(folder) == "", done.stderr
    assert "no Pulumi.yaml" in done.stdout


def test_the_current_directory_is_off_the_path_also_with_m(folder: Path) -> None:
    for name in ("runpy", "pulumi_rewind", "typing"):  # what Python needs for -m itself
        (folder / f"{name}.py").unlink()
    command = [sys.executable, "-m", "pulumi_rewind_tui.cli", "doctor"]
    done = subprocess.run(command, cwd=folder, env={"PATH": os.defpath}, capture_output=True, text=True)
    assert ran(folder) == "", done.stderr
    assert "no Pulumi.yaml" in done.stdout


HOOKS = """
import json, secrets, fnmatch, queue, sys, yaml
import helper, installed
from pulumi_rewind import before_rollback

assert (helper.NAME, installed.NAME) == ("helper", "installed")
assert sys.path.index(FIRST) < sys.path.index(FOLDER)

@before_rollback
def begin(ctx):
    import subprocess
    print(subprocess.check_output([sys.executable, "-c", "import installed; print(installed.NAME)"]).decode())
"""


@pytest.mark.parametrize("relative", ["", os.pathsep, f"{os.pathsep}."])
def test_the_projects_code_comes_after_ours_and_finds_its_neighbours(folder: Path, relative: str) -> None:
    other = folder / "others"
    other.mkdir()
    for path in (folder / "helper.py", other / "installed.py"):
        path.write_text(f"NAME = {path.stem!r}\n")
    (other / "json.py").write_text((folder / "json.py").read_text())
    source = HOOKS.replace("FIRST", repr(str(other))).replace("FOLDER", repr(str(folder)))
    (folder / "rewind_hooks.py").write_text(source)
    environ = {"PATH": os.defpath, "PYTHONPATH": f"{other}{relative}"}
    (folder / "dill.py").unlink()
    process = UndoProcess(Code(folder / "rewind_hooks.py", source, "0" * 64), Path(sys.executable), environ)
    try:
        assert [callback.function for callback in process.load()] == ["begin"]
        assert ran(folder) == ""
    finally:
        process.close()


# -- the ways to start a process --------------------------------------------------------------------------------------

PYTHON = {
    "pulumi_rewind/system/own_python.py": "the one place",
    "pulumi_rewind/callbacks/code.py": "the project's interpreter, where it has no virtual environment",
    "pulumi_rewind/demo/machine.py": "the same of the demo's project",
    "pulumi_rewind/demo/shop/server.py": "the demo's project is a program of its own; it uses -I",
}
"""Who may name our interpreter, and why."""

PROCESSES = {
    "pulumi_rewind/engine/cli.py": "the pulumi CLI",
    "pulumi_rewind/system/toolchain.py": "the pulumi CLI, for its version",
    "pulumi_rewind/strategies/program/engine.py": "the pulumi CLI",
    "pulumi_rewind/system/git.py": "git",
    "pulumi_rewind/records/signatures.py": "ssh-keygen",
    "pulumi_rewind/reverting/publishing.py": "gh",
    "pulumi_rewind/demo/build.py": "the pulumi CLI",
    "pulumi_rewind/demo/shop/server.py": "a server of the demo",
    "pulumi_rewind/demo/control_plane.py": "the parts of a control plane",
    "pulumi_rewind/demo/kubectl.py": "kubectl",
    "pulumi_rewind/callbacks/process.py": "the project's interpreter, with the worker",
    "pulumi_rewind/hooks/library/programs.py": "pg_dump, kubectl and the like, beside the worker",
    "pulumi_rewind/up/verify_command.py": "the operator's command",
    "pulumi_rewind_tui/workers/diff_process.py": "own_python",
    "pulumi_rewind_tui/terminal/pager.py": "the operator's pager",
}
"""Who may start processes, and which."""

STARTS = frozenset({"multiprocessing", "subprocess", "pty", "runpy", "concurrent.futures.process"})
"""Modules that start processes, or run files."""

CALLS = frozenset({"system", "popen", "fork", "forkpty", "posix_spawn", "posix_spawnp", "startfile"})
"""The same of `os`, besides ``exec…`` and ``spawn…``."""


def sources() -> dict[str, ast.Module]:
    return {
        str(path.relative_to(CODE / folder)): ast.parse(path.read_text())
        for folder in ("core", "tui")
        for path in sorted((CODE / folder).rglob("*.py"))
    }


def is_start(node: ast.AST) -> bool:
    """Whether something is said that starts a process."""
    match node:
        case ast.Import(names):
            return any(alias.name in STARTS for alias in names)
        case ast.ImportFrom(module=module):
            return module in STARTS and module != "multiprocessing.connection"
        case ast.Attribute(value=ast.Name("os"), attr=name):
            return name in CALLS or name.startswith(("exec", "spawn"))
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name in {"create_subprocess_exec", "create_subprocess_shell", "ProcessPoolExecutor"}
    return False


def test_there_is_one_way_to_start_a_python_process_of_ours() -> None:
    naming = {
        name
        for name, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {"sys.executable", "sys._base_executable"}
    }
    assert naming == PYTHON.keys()


def test_no_other_module_starts_processes() -> None:
    assert {name for name, tree in sources().items() for node in ast.walk(tree) if is_start(node)} == PROCESSES.keys()
