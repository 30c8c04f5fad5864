"""The submodules of a commit, brought into a worktree from what the local repository has of them.

They are cloned from their repositories under ``.git/modules`` (or in the operator's working tree) into the worktree;
nothing is fetched, so that no URL of an old ``.gitmodules`` is ever used, and neither the operator's submodules nor the
repository's configuration are touched.
"""

from __future__ import annotations

import configparser
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from pulumi_rewind.system.untrusted import read_text

Git = Callable[..., str]
"""Runs git with arguments in the directory ``cwd`` and returns what it prints; raises OSError if it fails."""

_DEEP: Final = 8
"""Levels of submodules in submodules."""


def fill_submodules(git: Git, tree: Path, store: Path, sources: Path, depth: int = _DEEP) -> list[str]:
    """Checks out the submodules of a worktree; the paths of those that can't be had from here, with the reason if odd.

    `store` is where the repository keeps those of its submodules (``.git/modules``), `sources` the operator's own
    working tree of the same repository.
    """
    missing: list[str] = []
    names = _names(tree / ".gitmodules")
    for path, commit in _links(git, tree):
        place = tree / path
        if place.is_symlink() or not place.parent.resolve().is_relative_to(tree.resolve()):
            missing.append(f"{path} (a link stands in its place)")
            continue
        name = names.get(path, path)
        if _leads_out(name):
            missing.append(f"{path} (.gitmodules gives it a name that leads out of the repository: {name!r})")
            continue
        for source in (store / name, sources / path):
            if _clone(git, source, place, commit):
                if depth:
                    deeper = fill_submodules(git, place, store / name / "modules", sources / path, depth - 1)
                    missing += [f"{path}/{inner}" for inner in deeper]
                break
        else:
            missing.append(path)
    return missing


def _links(git: Git, tree: Path) -> Iterator[tuple[str, str]]:
    """Path and commit of every submodule of what is checked out; git's own paths, which never leave the tree."""
    for line in git("ls-tree", "-r", "-z", "HEAD", cwd=tree).split("\0"):
        head, _, path = line.partition("\t")
        if head.startswith("160000 "):
            yield path, head.split(" ")[2]


def _names(file: Path) -> dict[str, str]:
    """Path → name, as ``.gitmodules`` gives it."""
    if file.is_symlink():  # which git doesn't follow either
        return {}
    parser = configparser.RawConfigParser(strict=False)
    try:
        lines = read_text(file).splitlines()
        parser.read_string("\n".join(line.strip() for line in lines))
    except (OSError, UnicodeDecodeError, configparser.Error):
        return {}
    found: dict[str, str] = {}
    for section in parser.sections():
        name = section.removeprefix("submodule ").strip('"')
        path = parser.get(section, "path", fallback="")
        if path:
            found[path] = name
    return found


def _leads_out(name: str) -> bool:
    return ".." in Path(name).parts or Path(name).is_absolute()


def _clone(git: Git, source: Path, place: Path, commit: str) -> bool:
    if not ((source / "HEAD").is_file() or (source / ".git").exists()):
        return False
    try:
        how = ("--quiet", "--shared", "--no-checkout", "--no-tags", "--template=")
        git("clone", *how, os.fspath(source), os.fspath(place))
        git("checkout", "--quiet", "--detach", commit, cwd=place)
    except OSError:  # not a repository, or one without this commit
        shutil.rmtree(place, ignore_errors=True)
        return False
    return True
