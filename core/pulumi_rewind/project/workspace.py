"""Where a project is: its Pulumi.yaml, its backend and its current stack, without asking the pulumi CLI.

Source of the places: observed with the pulumi CLI 3.259 and 3.276.

- The project file is ``Pulumi.json``, ``.yaml`` or ``.yml``, in this order, here or above; stack configuration has
  the same suffix.
- A relative ``file://`` URL, also one in the project file, is relative to the directory that the CLI runs in.
- ``~`` and ``~/.pulumi`` are the home directory of the user database; ``HOME`` does not change them.
- The selected stack is in ``<home>/workspaces/<project>-<sha1 of the project file's path>-workspace.json`` under the
  backend's URL *as it was given*. In the path, symbolic links are resolved since 3.268; before that (and for notes that
  such a CLI left) they are as in the shell's ``PWD``.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pulumi_rewind.backends.urls import absolute_url, user_home
from pulumi_rewind.errors import EngineError, ProjectNotFound, UsageError
from pulumi_rewind.project.places import as_the_shell_shows_it, project_file
from pulumi_rewind.system.documents import load_json, load_yaml
from pulumi_rewind.system.path_variables import rooted
from pulumi_rewind.system.untrusted import read_bytes, read_text

ONE_NOTE = (3, 268, 0)
"""The first CLI that keeps one note for all paths to a project."""

CLOUD = "https://api.pulumi.com"
"""The CLI's default backend."""


@dataclass(frozen=True)
class Workspace:
    """One Pulumi project on this machine and the backend that its stacks are on."""

    root: Path
    """The directory that holds the project file; absolute, symbolic links kept."""
    project: str
    runtime: str
    """``python``, ``nodejs`` …; empty if the project names none."""
    runtime_options: Mapping[str, Any]
    config_dir: Path
    """Where the ``Pulumi.<stack>.yaml`` files are."""
    backend_url: str
    """``file://`` URLs are absolute."""
    backend_source: str
    """Where the URL came from, for messages: ``--backend``, ``PULUMI_BACKEND_URL`` …"""
    home: Path
    """PULUMI_HOME."""
    environ: Mapping[str, str] = field(repr=False)
    """The operator's, with relative paths made absolute, see `system.path_variables`."""
    project_file: Path = Path()
    cwd: Path = Path()
    """The directory that relative URLs start from."""
    refresh_always: bool = False
    """Whether the project has the engine compare the state with the real resources in every preview and update."""
    given_url: str = ""
    """The backend's URL as it was written, which is how the CLI remembers it."""

    def config_file(self, stack_name: str) -> Path:
        """The configuration file of a stack, named short or fully; it need not exist."""
        short = stack_name.rsplit("/", 1)[-1]
        return self.config_dir / f"Pulumi.{short}{self.project_file.suffix or '.yaml'}"

    def current_stack(self) -> str | None:
        """The stack that is selected: PULUMI_STACK, else what the pulumi CLI remembers for this backend.

        As the CLI names it: ``dev`` or ``organization/shop/dev``. None if none is, or the CLI's note is damaged.
        """
        if chosen := self.environ.get("PULUMI_STACK"):
            return chosen
        for path in self._notes():
            try:
                note = load_json(read_bytes(path))
            except (OSError, ValueError):
                continue
            if isinstance(note, dict) and (stack := self._noted(note)):
                return stack
        return None

    def _notes(self) -> list[Path]:
        """The CLI's notes on this project, the one that counts first."""
        real, shown = self._note(self.project_file.resolve()), self._note(self.project_file)
        if real == shown:
            return [real]
        both = real.is_file() and shown.is_file()
        return [shown, real] if both and self._tells_links_apart() else [real, shown]

    def _note(self, project_file: Path) -> Path:
        name = str(project_file).encode(errors="surrogateescape")
        digest = hashlib.sha1(name, usedforsecurity=False).hexdigest()
        return self.home / "workspaces" / f"{self.project}-{digest}-workspace.json"

    def _tells_links_apart(self) -> bool:
        """Whether the CLI in use is one that remembers a stack for each path to the project."""
        from pulumi_rewind.system.toolchain import find_engine, parse_version

        try:
            return (parse_version(find_engine(self.environ).version) or ONE_NOTE) < ONE_NOTE
        except EngineError:
            return False

    def _noted(self, note: Mapping[str, Any]) -> str | None:
        stacks = note.get("stacks")
        if isinstance(stacks, dict):
            same = [stacks.get(self.given_url), stacks.get(self.backend_url)]
            same += [stack for url, stack in stacks.items() if absolute_url(url, self.cwd) == self.backend_url]
            return next((stack for stack in same if isinstance(stack, str) and stack), None)
        stack = note.get("stack")  # written by CLIs that knew only one backend
        return stack if isinstance(stack, str) and stack else None


def find_workspace(cwd: Path, *, backend: str | None = None, environ: Mapping[str, str] = os.environ) -> Workspace:
    """Finds the project at `cwd` or above it, and its backend.

    The backend's URL is `backend`, else PULUMI_BACKEND_URL, else the project's ``backend.url``, else what ``pulumi
    login`` left, else PULUMI_API.

    Raises:
        ProjectNotFound: no project file up to the root of the file system.
        UsageError: the project file can't be read, or is not one.
    """
    start = as_the_shell_shows_it(cwd, environ)
    if not start.is_dir():
        raise ProjectNotFound(f"there is no directory {start}", hint="Name an existing one with `--cwd DIR`.")
    if (path := project_file(start)) is not None:
        return _open(path, start, backend, environ)
    raise ProjectNotFound(
        f"no Pulumi.yaml in {start} or above it",
        hint="Go into a Pulumi project, or name its directory with `--cwd DIR`. `pulumi-rewind demo` makes one to try.",
    )


def _open(path: Path, cwd: Path, backend: str | None, environ: Mapping[str, str]) -> Workspace:
    document = project_document(path)
    root = path.parent
    runtime = document.get("runtime")
    options: Any = None
    if isinstance(runtime, dict):
        options = runtime.get("options")
        runtime = runtime.get("name")
    project_options = document.get("options")
    environ = rooted(environ, cwd, root)
    home = Path(environ.get("PULUMI_HOME") or user_home() / ".pulumi")
    url, source = _backend_url(document, backend, environ, home)
    return Workspace(
        root=root,
        project=document["name"],
        runtime=runtime if isinstance(runtime, str) else "",
        runtime_options=options if isinstance(options, dict) else {},
        config_dir=root / _config_dir(path, document),
        backend_url=absolute_url(url, cwd),
        backend_source=source,
        home=home,
        environ=environ,
        project_file=path,
        cwd=cwd,
        refresh_always=isinstance(project_options, dict) and project_options.get("refresh") == "always",
        given_url=url,
    )


def project_document(path: Path) -> dict[str, Any]:
    """What a project file says.

    Raises:
        UsageError: it can't be read, or is not one.
    """
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as err:
        raise UsageError(f"{path} can't be read: {err}", hint="Check its permissions; it must be UTF-8 text.") from None
    document: Any = None
    try:
        document = load_json(text) if path.suffix == ".json" else load_yaml(text)
    except ValueError as err:
        raise UsageError(f"{path} is not valid: {err}", hint="Fix the project file.") from None
    name = document.get("name") if isinstance(document, dict) else None
    if not isinstance(name, str) or not name:
        raise UsageError(f"{path} has no `name`", hint="A project file needs at least a name and a runtime.")
    result: dict[str, Any] = document
    return result


def _config_dir(path: Path, document: Mapping[str, Any]) -> str:
    old, new = document.get("config"), document.get("stackConfigDir")
    old = old if isinstance(old, str) else ""  # a mapping declares configuration, only a string names a directory
    if old and new:
        raise UsageError(
            f"{path} has both `config` and `stackConfigDir` for the directory of the stacks' configuration",
            hint="Keep `stackConfigDir` only; the pulumi CLI refuses both, too.",
        )
    return old or (new if isinstance(new, str) else "")


def _backend_url(
    document: Mapping[str, Any], backend: str | None, environ: Mapping[str, str], home: Path
) -> tuple[str, str]:
    if backend:
        return backend, "--backend"
    if url := environ.get("PULUMI_BACKEND_URL"):
        return url, "PULUMI_BACKEND_URL"
    declared = document.get("backend")
    if isinstance(declared, dict) and isinstance(declared.get("url"), str) and declared["url"]:
        return declared["url"], "Pulumi.yaml"
    folder = environ.get("PULUMI_CREDENTIALS_PATH")
    try:
        current = load_json(read_bytes((Path(folder) if folder else home) / "credentials.json"))["current"]
    except (OSError, ValueError, TypeError, KeyError):
        current = None
    if isinstance(current, str) and current:
        return current, "pulumi login"
    if url := environ.get("PULUMI_API"):  # which the CLI asks last
        return url, "PULUMI_API"
    return CLOUD, "the default"
