"""Files that others may have written are opened in one place, `untrusted`, and taken apart in another, `documents`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = (ROOT / "core" / "pulumi_rewind", ROOT / "tui" / "pulumi_rewind_tui")

OPENED = {"read_bytes", "read_text"}
"""Methods of a path, which open whatever is there."""

PARSERS = {
    "json": {"load"},
    "yaml": {"load", "safe_load", "load_all", "safe_load_all", "compose"},
    "tomllib": {"load", "loads"},
    "gzip": {"open", "decompress", "GzipFile"},
    "zstandard": {"ZstdDecompressor", "decompress", "open"},
    "tarfile": {"open"},
    "zipfile": {"ZipFile"},
    "pickle": {"load", "loads", "Unpickler"},
    "dill": {"load", "loads"},
    "marshal": {"load", "loads"},
}

OURS = "in the user's state directory, which only the user can write"
MADE = "what the engine or git has just written into a private directory of ours"
WRITES = "opened for writing"

ALLOWED = {
    ("system/untrusted.py", "os.open"): "the one place",
    ("system/untrusted.py", "gzip.decompress"): "small enough for any bomb",
    ("system/untrusted.py", "gzip.GzipFile"): "read up to a limit",
    ("system/untrusted.py", "zstandard.ZstdDecompressor"): "step by step up to a limit, with a limit to its window",
    ("system/documents.py", "yaml.load"): "a loader with limits",
    ("system/documents.py", "tomllib.loads"): "within limits",
    ("project/stack_configuration.py", "yaml.compose"): "of text that `load_yaml` has taken already",
    ("assets/hash.py", "zipfile.ZipFile"): "the operator's own assets; regular files alone, streamed",
    ("assets/hash.py", "tarfile.open"): "as above",
    ("records/assets.py", "tarfile.open"): "of a record, in memory, of a size that the record has",
    ("hooks/worker.py", "dill.loads"): "runs code that the operator has agreed to, in a process of its own",
    ("hooks/worker.py", "os.open"): "the null device",
    ("hooks/library/copies.py", "open"): "copies in such a directory, beside a note that was read and checked there",
    ("hooks/library/kubernetes.py", "open"): "as above",
    ("hooks/library/kubernetes.py", "tarfile.open"): "names and sizes alone, from a stream; nothing is unpacked",
    ("strategies/preview.py", "read_bytes"): MADE,
    ("strategies/program/engine.py", "read_bytes"): MADE,
    ("strategies/program/plan.py", "read_text"): MADE,
    ("up/review.py", "read_bytes"): MADE,
    ("up/run.py", "read_bytes"): MADE,
    ("engine/cli.py", "open"): MADE,
    ("plan/planned_secrets.py", "read_bytes"): MADE,
    ("system/state_directory.py", "os.open"): OURS,
    ("records/ledger.py", "os.open"): OURS,
    ("system/private_directory.py", "os.open"): "marks of private directories, which nothing is read from",
    ("system/processes.py", "read_text"): "the kernel's own files",
    ("demo/folder.py", "read_text"): "the demo's own folder",
    ("demo/shop/server.py", "read_text"): "the demo's own folder",
    ("demo/machine.py", "read_text"): "our own package",
    ("demo/control_plane.py", "read_text"): "the control plane's own folder, which only the user can enter",
    ("demo/control_plane.py", "read_bytes"): "as above",
    ("demo/cluster.py", "read_bytes"): "whether the kubeconfig that the operator names can be read",
    ("demo/shop/server.py", "open"): "the demo's own folder",
    ("backends/file_writing.py", "os.open"): WRITES,
    ("records/worktree.py", "open"): WRITES,
    ("assets/git.py", "os.open"): WRITES,
    ("cli.py", "os.open"): "the null device",
    ("terminal/output.py", "os.open"): "the null device",
    ("terminal/shells.py", "os.open"): "the null device",
    ("terminal/output.py", "open"): "a standard stream",
    ("workers/lost_terminal.py", "os.open"): "the null device",
}
"""Where something is opened or taken apart elsewhere, and why it may be."""


def calls(tree: ast.AST) -> Iterator[str]:
    """What opens a file for reading, or takes one apart, under one name each."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Name("open"):
                yield "open"
            case ast.Attribute(ast.Name("os"), "open"):
                yield "os.open"
            case ast.Attribute(ast.Name(module), name) if name in PARSERS.get(module, ()):
                yield f"{module}.{name}"
            case ast.Attribute(_, name) if name in OPENED:
                yield name
            case ast.Attribute(_, "open") if _is_mode(node):
                yield "open"


def _is_mode(call: ast.Call) -> bool:
    """Whether the method of a path is meant: the first argument is a mode."""
    return any(isinstance(arg, ast.Constant) and str(arg.value)[:1] in "rwxa" for arg in call.args[:1])


def found() -> set[tuple[str, str]]:
    return {
        (path.relative_to(package).as_posix(), call)
        for package in PACKAGES
        for path in package.rglob("*.py")
        for call in calls(ast.parse(path.read_text(encoding="utf-8")))
    }


def test_nothing_else_opens_what_others_may_have_written() -> None:
    assert found() - ALLOWED.keys() == set()


def test_every_exception_is_still_needed() -> None:
    assert ALLOWED.keys() - found() == set()


@pytest.mark.parametrize(
    ("code", "call"),
    [
        ("Path('x').read_bytes()", "read_bytes"),
        ("path.open('rb')", "open"),
        ("open(name)", "open"),
        ("yaml.safe_load(text)", "yaml.safe_load"),
        ("gzip.decompress(raw)", "gzip.decompress"),
        ("os.open(path, os.O_RDONLY)", "os.open"),
    ],
)
def test_a_second_way_is_seen(code: str, call: str) -> None:
    assert list(calls(ast.parse(code))) == [call]
