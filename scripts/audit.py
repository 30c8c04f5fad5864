"""Compares ``requirements.lock``, ``pyproject.toml`` and what is installed; needs no network (``make audit``).

Whether a pinned version has a known weakness it can't tell: that needs an advisory service (``make audit-online``).
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distributions, requires
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.lockfile import LockError, Pin, needed, pins

ROOT: Final = Path(__file__).resolve().parents[1]
OURS: Final = "pulumi-rewind"
TOOLS: Final = frozenset({"pip", "setuptools", "wheel"})
"""What a new virtual environment may bring along."""


def declared(project: Mapping[str, Any]) -> list[str]:
    """The requirements of ``pyproject.toml``, those for development and building included."""
    extras = project["project"].get("optional-dependencies", {})
    return [
        *project["project"]["dependencies"],
        *(text for group in extras.values() for text in group),
        *project["build-system"]["requires"],
    ]


def problems(lock: str, asked: Iterable[str], installed: Mapping[str, str]) -> Iterator[str]:
    """What is wrong, a sentence each.

    `lock` is the text of the lock file, `asked` the requirements of the project, `installed` canonical name → version.
    """
    try:
        locked = pins(lock)
    except LockError as err:
        yield f"requirements.lock: {err}"
        return
    asked = list(asked)
    yield from _unpinned(locked, asked)
    for name, version in sorted(installed.items()):
        if name in {OURS, *TOOLS}:
            continue
        if name not in locked:
            yield f"{name} {version} is installed and not in requirements.lock"
        elif locked[name].version != version:
            yield f"{name} {version} is installed; requirements.lock has {locked[name].version}"
    for name in sorted(locked.keys() - installed.keys()):
        yield f"{name} {locked[name].version} is in requirements.lock and not installed"
    for name in sorted(locked.keys() - needed(asked, required).keys()):
        yield f"{name} is in requirements.lock, and nothing in pyproject.toml needs it"


def _unpinned(locked: Mapping[str, Pin], asked: Iterable[str]) -> Iterator[str]:
    for pin in locked.values():
        if not pin.hashes:
            yield f"{pin.name} has no hash in requirements.lock"
    for requirement in map(Requirement, asked):
        pinned = locked.get(canonicalize_name(requirement.name))
        if pinned is None:
            yield f"pyproject.toml asks for {requirement}, and requirements.lock hasn't got it"
        elif not requirement.specifier.contains(pinned.version, prereleases=True):
            yield f"pyproject.toml asks for {requirement}; requirements.lock has {pinned.version}"


def required(name: str) -> list[str]:
    """The requirements of an installed distribution; none if it isn't installed, which is told elsewhere."""
    try:
        return requires(name) or []
    except PackageNotFoundError:
        return []


def installed() -> dict[str, str]:
    """The distributions of this virtual environment: canonical name → version."""
    return {canonicalize_name(one.metadata["Name"]): one.version for one in distributions(path=_site())}


def _site() -> list[str]:
    return [path for path in sys.path if Path(path).name == "site-packages" and Path(path).is_relative_to(sys.prefix)]


def main() -> int:
    """Prints each problem and what helps; exit code 1 if there is one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lock = (ROOT / "requirements.lock").read_text()
    there = installed()
    found = list(problems(lock, declared(project), there))
    for problem in found:
        print(f"audit: {problem}")
    if found:
        print("`make clean setup` installs what the lock says; `make lock` makes the lock what pyproject.toml says.")
        return 1
    print(f"audit: {len(there)} distributions are installed as locked; every entry has its hashes and is needed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
