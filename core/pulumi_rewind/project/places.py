"""Where a project and the settings are, found without reading anything: all that is asked before the first paint."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

PROJECT_FILES = ("Pulumi.json", "Pulumi.yaml", "Pulumi.yml")
"""In the order that the CLI prefers them."""

FILE: Final = "rewind.toml"
"""The settings of a user, and of a project."""


def project_root(cwd: Path, environ: Mapping[str, str]) -> Path | None:
    """The directory of the project at `cwd` or above it, found without reading anything; None if there is none."""
    path = project_file(as_the_shell_shows_it(cwd, environ))
    return path.parent if path is not None else None


def project_file(start: Path) -> Path | None:
    """The project file in a directory or above it; None if there is none."""
    places = (folder / name for folder in (start, *start.parents) for name in PROJECT_FILES)
    return next((path for path in places if path.is_file()), None)


def as_the_shell_shows_it(cwd: Path, environ: Mapping[str, str]) -> Path:
    """`cwd` made absolute; if it is the shell's directory, with the symbolic links that led there."""
    start = Path(os.path.abspath(cwd))  # noqa: PTH100 - links are kept
    shell = environ.get("PWD", "")
    try:
        if Path(shell).is_absolute() and start.samefile(shell):
            return Path(shell)
    except (OSError, ValueError):
        pass
    return start


def settings_files(root: Path | None, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The files of settings that are there, the one that counts most last."""
    places = [user_file(environ, FILE), *([root / FILE] if root is not None else ())]
    return tuple(path for path in places if os.path.lexists(path))


def user_file(environ: Mapping[str, str], name: str) -> Path:
    """Where a file of the user's own is: in ``$XDG_CONFIG_HOME/pulumi-rewind``, by default below ``~/.config``.

    A relative XDG_CONFIG_HOME doesn't count, as the XDG specification says: it could name a directory of the project.
    """
    base = Path(environ.get("XDG_CONFIG_HOME") or "")
    if not base.is_absolute():
        base = home(environ) / ".config"
    return base / "pulumi-rewind" / name


def home(environ: Mapping[str, str]) -> Path:
    """The user's home directory."""
    return Path(environ.get("HOME") or Path.home())
