"""The manual page is the program's own help, and renders."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from pulumi_rewind_tui.cli import COMMANDS
from scripts.man_page import ENVIRONMENT, PAGE, page

ROOT = Path(__file__).resolve().parents[2]


def test_it_says_what_the_program_says() -> None:
    assert PAGE.read_text() == page(), "write it anew: python -m scripts.man_page"


def test_it_has_every_command_option_and_exit_code() -> None:
    text = page().replace("\\-", "-")
    assert [name for name in COMMANDS if f".SS {name}" not in text] == []
    for word in ("--no-pager", "-h, --help", "--exit-code", "--allow-data-loss", "PULUMI_REWIND_PAGER"):
        assert word in text
    assert [code for code in (0, 1, 2, 3, 4, 5, 6, 7, 130) if f".TP\n\\fB{code}\\fR" not in text] == []


def test_it_has_every_variable_that_is_read() -> None:
    """But the one that a command of `up --verify` is given."""
    sources = [path.read_text() for part in ("core", "tui") for path in (ROOT / part).rglob("*.py")]
    read = {name for text in sources for name in re.findall(r'"(PULUMI_REWIND_[A-Z_]+|XDG_[A-Z_]+|NO_COLOR)"', text)}
    assert {"PULUMI_REWIND_ENGINE", "XDG_STATE_HOME"} < read
    assert read - {"PULUMI_REWIND_UPDATE"} - set(", ".join(ENVIRONMENT).split(", ")) == set()


def test_the_wheel_has_it() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["shared-data"] == {str(PAGE.relative_to(ROOT)): "share/man/man1/pulumi-rewind.1"}


@pytest.mark.skipif(not (shutil.which("man") and shutil.which("groff")), reason="there is no man here")
def test_it_renders_without_warnings() -> None:
    environ = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "MANWIDTH": "80", "MANPAGER": "cat"}
    done = subprocess.run(["man", "--warnings", "-l", PAGE], env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "pulumi-rewind - see what a Pulumi stack was" in done.stdout
