"""Where a git repository lies, as the file system tells without git: a project in none pays nothing for git."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from pulumi_rewind.system.untrusted import read_text


class Place(NamedTuple):
    """Where a repository lies, as the file system tells without git."""

    top: Path
    """What has the ``.git``; a bare repository itself."""
    directory: Path
    """Its git directory."""
    common_directory: Path
    """The git directory with the refs and objects, which all its worktrees share."""


def find_repository(root: Path) -> Place | None:
    """The repository at or above `root`, found as git does (gitrepository-layout(5)); None if there is none.

    ``GIT_DIR`` and ``GIT_CEILING_DIRECTORIES`` say nothing here, as they say nothing to Pulumi.
    """
    real = Path(os.path.realpath(root))
    for top in (real, *real.parents):
        directory = top / ".git"
        linked = found = False
        common = directory
        try:
            if linked := directory.is_file():  # of a worktree or submodule: `gitdir: PATH`
                directory = top / read_text(directory).removeprefix("gitdir:").strip()
            elif not directory.is_dir():
                directory = top  # if anything, a bare repository
            shared = directory / "commondir"
            common = directory / read_text(shared).strip() if shared.is_file() else directory
            found = (directory / "HEAD").is_file() and (common / "objects").is_dir() and (common / "refs").is_dir()
        except (OSError, UnicodeDecodeError):
            pass
        if found or linked:  # a `.git` file that leads nowhere ends the search: git says what is wrong with it
            return Place(top, directory, common)
    return None
