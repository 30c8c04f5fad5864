"""What the old commit's project file has the engine do otherwise than today's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pulumi_rewind.project.workspace import Workspace, project_document
from pulumi_rewind.risk import Risk

_DESCRIPTIVE: Final = frozenset({"name", "description", "author", "website", "license", "template", "stackConfigDir"})
"""Fields that change nothing of a run: the configuration file is named to the engine."""

_YAML_PROGRAM: Final = frozenset({"resources", "variables", "outputs", "components", "configuration"})
"""Fields in which a project of the runtime ``yaml`` has its program."""

_BUILT_ANYWAY: Final = frozenset({"go", "dotnet", "java", "yaml"})
"""Runtimes whose own build gets the dependencies, so that `pulumi install` has nothing to do for them."""

_LONGEST: Final = 80
"""Characters of a value that is told."""


def uses_todays_packages(workspace: Workspace, private: Path) -> bool:
    """Whether a Python program's dependencies are outside the worktree: today's, in a place that others use as well.

    No virtual environment is named, or one that doesn't lie in `private`, which holds the worktree.
    """
    if workspace.runtime != "python":
        return False
    place = workspace.runtime_options.get("virtualenv")
    if not isinstance(place, str) or not place:
        return not workspace.runtime_options.get("toolchain")
    return not (workspace.root / place).resolve().is_relative_to(private.resolve())


def needs_installation(workspace: Workspace, private: Path) -> bool:
    """Whether `pulumi install` has something to do for the program; it runs code of that time, and of packages."""
    if uses_todays_packages(workspace, private):
        return False
    return workspace.runtime not in _BUILT_ANYWAY or bool(project_document(workspace.project_file).get("packages"))


def installation_risks(workspace: Workspace, private: Path, commit: str, *, skipped: bool) -> Iterator[Risk]:
    """What was installed for the plan, or not. Reads the project file only."""
    if uses_todays_packages(workspace, private):
        yield Risk.usual("ambient-dependencies")
    if not needs_installation(workspace, private):
        return
    if skipped:
        yield Risk.usual("not-installed")
        return
    message = (
        f"`pulumi install` ran for commit {commit[:7]}, and with it the install scripts of the commit and its "
        "packages, on this machine (`--no-install` skips it)"
    )
    yield Risk("old-program-installs", message)


def project_file_risks(today: Workspace, then: Workspace, commit: str) -> Iterator[Risk]:
    """Fields of the project file that change what the engine does, and differ; programs that it names in the commit."""
    before, now = project_document(then.project_file), project_document(today.project_file)
    program = _YAML_PROGRAM if then.runtime == today.runtime == "yaml" else frozenset()
    keys = sorted((before.keys() | now.keys()) - _DESCRIPTIVE - program)
    differing = [
        f"{key} ({_told(before.get(key))} instead of today's {_told(now.get(key))})"
        for key in keys
        if before.get(key) != now.get(key)
    ]
    if differing:
        message = f"{then.project_file.name} of commit {commit[:7]} differs in {', '.join(differing)}"
        if "backend" in (key for key in keys if before.get(key) != now.get(key)):
            message += "; today's backend is used"
        yield Risk("project-file-differs", message)
    if places := list(_own_plugins(before)):
        message = f"plugins run from the files of commit {commit[:7]}: {', '.join(places)}"
        yield Risk("old-program-plugins", message)


def _own_plugins(document: Mapping[str, Any]) -> Iterator[str]:
    """Plugins and packages that the project file gives a path of the repository."""
    plugins = document.get("plugins")
    for kind, listed in plugins.items() if isinstance(plugins, dict) else ():
        for one in listed if isinstance(listed, list) else ():
            path = one.get("path") if isinstance(one, dict) else None
            if isinstance(path, str) and not Path(path).is_absolute():
                yield f"{_told(one.get('name'))} of {kind} in {_told(path)}"
    packages = document.get("packages")
    for name, source in packages.items() if isinstance(packages, dict) else ():
        place = source.get("source") if isinstance(source, dict) else source
        if isinstance(place, str) and place.startswith("."):
            yield f"{_told(name)} in {_told(place)}"


def _told(value: object) -> str:
    """A value on one line, without characters that a terminal would obey."""
    if value is None:
        return "none"
    text = (
        value if isinstance(value, str) and value.isprintable() and value.isascii() else json.dumps(value, default=str)
    )
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
