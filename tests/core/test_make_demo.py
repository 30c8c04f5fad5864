"""``make demo``: in a terminal it opens the screens, elsewhere it rolls back without asking."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.terminal import run_in_terminal

ROOT = Path(__file__).resolve().parents[2]
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
"""Without what a make that runs the tests hands down."""


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """The target with a program in place of ours that says how it is called; set-up counts as done."""
    program = tmp_path / "pulumi-rewind"
    program.write_text('#!/bin/sh\necho "called: $*"\n')
    program.chmod(0o755)
    return ["make", "--no-print-directory", "-C", str(ROOT), "--old-file=setup", "demo", f"BIN={tmp_path}"]


def test_in_a_terminal_the_screens_open(command: list[str], tmp_path: Path) -> None:
    assert "called: demo --open" in run_in_terminal(command, tmp_path, ENVIRON, {}).out


def test_elsewhere_the_demo_rolls_back(command: list[str]) -> None:
    done = subprocess.run(command, env=ENVIRON, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    assert "called: demo --run" in done.stdout
