"""What looks at a stack runs nothing of the project: a pull request may have written all of it."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.filestack import FileStack

COMMAND = Path(sys.executable).parent / "pulumi-rewind"

COMMANDS = (
    ("history",),
    ("history", "--json"),
    ("show", "1"),
    ("diff", "1", "live"),
    ("blame", "api"),
    ("record", "--verify"),
    ("doctor",),
)

MODULES = ("secrets", "fnmatch", "json", "msgspec", "pulumi_rewind", "sitecustomize", "rewind_hooks", "__main__")
"""What somebody would name a file so that something imports it."""


@pytest.fixture
def hostile(tmp_path: Path) -> FileStack:
    """A project that would leave a canary wherever something of it runs."""
    stack = FileStack(tmp_path)
    stack.git("init", "-q")
    stack.git("commit", "-q", "--allow-empty", "-m", "first")
    head = stack.git("rev-parse", "HEAD")
    for size in ("s", "m"):
        stack.update(stack.resource("api", {"size": size}), environment={"git.head": head})
    canary = canary_of(stack)
    shell = stack.root / "evil.sh"
    shell.write_text(f"#!/bin/sh\necho shell >> {canary}\n")
    shell.chmod(stat.S_IRWXU)
    for name in MODULES:
        (stack.work / f"{name}.py").write_text(f"open({str(canary)!r}, 'a').write({name!r})\n")
    (stack.work / ".pth").write_text(f"import os; os.system({str(shell)!r})\n")
    (stack.work / "rewind.toml").write_text('hooks_file = "rewind_hooks.py"\nproduction = []\n')
    for key in ("core.fsmonitor", "core.pager", "diff.external", "core.sshCommand", "core.editor", "gpg.program"):
        stack.git("config", key, str(shell))
    hooks = stack.work / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-index-change", "reference-transaction", "post-checkout", "pre-auto-gc"):
        (hooks / name).write_text(shell.read_text())
        (hooks / name).chmod(stat.S_IRWXU)
    return stack


def canary_of(stack: FileStack) -> Path:
    return stack.root / "canary"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_looking_runs_nothing_of_the_project(hostile: FileStack, command: tuple[str, ...]) -> None:
    done = subprocess.run(
        [str(COMMAND), *command],
        cwd=hostile.work,
        env=hostile.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "this is a bug" not in done.stderr
    assert done.stdout, done.stderr
    assert not canary_of(hostile).exists(), canary_of(hostile).read_text()


def test_the_trap_is_one(hostile: FileStack) -> None:
    hostile.git("status")
    assert canary_of(hostile).exists()
