"""The one way to run git.

A repository's own code must not run as the operator: hooks, fsmonitor, filters, textconv, transports and helpers that
its own configuration (``.git/config`` and its includes) names are off, whoever owns it. Those of the system's and the
operator's configuration stay, such as the filter of a globally installed git-lfs. The operator's
environment counts where it configures git, not where it leads to another repository, index or program.

Git finds the repository from the directory that it runs in. It is never named (``--git-dir``): for a named one git
doesn't check who owns it, and the repository of another user that isn't in ``safe.directory`` would be read and obeyed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

_KEPT: Final = re.compile(
    r"GIT_(?:CONFIG_(?:COUNT|PARAMETERS|GLOBAL|SYSTEM|NOSYSTEM|KEY_\d+|VALUE_\d+)|EXEC_PATH|ASKPASS|SSH|SSH_COMMAND"
    r"|SSH_VARIANT|(?:SSL|HTTP|PROXY|LFS|TEST|AUTHOR|COMMITTER)_\w+|CEILING_DIRECTORIES|DISCOVERY_ACROSS_FILESYSTEM)"
)
"""What of ``GIT_…`` is handed on: how git is configured and reaches servers."""

_ALWAYS: Final = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.untrackedCache": "false",
    "gc.auto": "0",
    "log.showSignature": "false",
    "maintenance.auto": "false",
    "submodule.recurse": "false",
}

_RUNS: Final = re.compile(
    r"(?P<driver>filter\..*)\.(?:clean|smudge|process)|diff\.external|diff\..*\.(?:command|textconv)"
    r"|merge\..*\.driver|(?P<hook>hook\..*)\.(?:command|event|enabled)"
    r"|core\.(?:sshcommand|gitproxy|askpass|alternaterefscommand)|credential\.(?:.*\.)?helper"
    r"|remote\..*\.(?:uploadpack|receivepack)|gpg\.(?:.*\.)?program"
    r"|lfs\.(?:.*\.)?standalonetransferagent|lfs\.customtransfer\..*\.(?:path|args)|lfs\.extension\..*\.(?:clean|smudge)",
    re.DOTALL,
)
"""Settings, as git lists them, that name a program which one of our commands may run."""

_NEUTRAL: Final = {
    "driver": "false",  # a merge that would use it is a conflict, and not silently one side
    "enabled": "false",
    "gitproxy": "none",
    "receivepack": "git-receive-pack",
    "required": "false",
    "sshcommand": "ssh",
    "uploadpack": "git-upload-pack",
}
"""What switches a setting off, by its last part; all others: empty."""

_PROTOCOLS: Final = "file:git:http:https:ssh"
"""Transports for objects that a partial clone lacks; ``ext::`` runs commands."""


class GitFailed(OSError):
    """Git failed, or there is none; the message is what it said."""


@dataclass(frozen=True)
class _Setting:
    key: str
    value: str
    own: bool
    """Of the repository's own configuration."""


class GitCommand:
    """Runs git in one directory; safe to use from several threads."""

    def __init__(self, place: Path, environ: Mapping[str, str] | None = None) -> None:
        """`environ` is this process's unless given."""
        self.place = place
        self._environ = environ
        self._off: dict[bool, Mapping[str, tuple[str, ...]]] = {}

    def read(
        self,
        *arguments: str,
        stdin: IO[bytes] | bytes | None = None,
        output: IO[bytes] | None = None,
        fetch: bool = False,
        submodules: bool = False,
    ) -> bytes:
        """What a command prints that changes nothing; it goes to `output` if there is one.

        Objects that a partial clone lacks are fetched only with `fetch`. With `submodules` the command looks into
        those that are checked out, whose configuration counts for that.

        Raises:
            GitFailed: it failed, or git refuses the repository.
        """
        environ = {"GIT_OPTIONAL_LOCKS": "0"}
        if not fetch:
            environ |= {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none"}
        return self._run(arguments, environ, stdin, output, self._settings(submodules))

    def write(self, *arguments: str, stdin: IO[bytes] | bytes | None = None) -> bytes:
        """What a command prints that may change the repository.

        Raises:
            GitFailed: it failed, or git refuses the repository.
        """
        return self._run(arguments, {}, stdin, None, self._settings(submodules=False))

    def at(self, place: Path) -> GitCommand:
        """The same in another directory."""
        return GitCommand(place, self._environ)

    def filters_off(self) -> tuple[str, ...]:
        """Names of filters that only the repository's own configuration has, which don't run."""
        own = self._own_programs(submodules=False).items()
        off = (key.rpartition(".")[0] for key, values in own if key.startswith("filter.") and not any(values))
        return tuple(dict.fromkeys(name.removeprefix("filter.") for name in off))

    # -- inside -------------------------------------------------------------------------------------------------

    def _settings(self, submodules: bool) -> Iterator[tuple[str, str]]:
        yield from _ALWAYS.items()
        for key, values in self._own_programs(submodules).items():
            yield from ((key, value) for value in values)

    def _own_programs(self, submodules: bool) -> Mapping[str, tuple[str, ...]]:
        """Settings of the repository's own configuration that name programs → what they are set to instead."""
        if submodules not in self._off:
            listing = self._run(("config", "--list", "--show-scope", "-z"), {}, None, None, _ALWAYS.items())
            settings = list(_listed(listing))
            found = _overridden(settings)
            if not any(one.own for one in settings):
                # There is no repository yet, or git refuses it, as it does for the command itself: nothing to remember.
                return found
            if submodules:
                for place in self._checked_out():
                    found = {**self.at(place)._own_programs(submodules=True), **found}
            self._off[submodules] = found
        return self._off[submodules]

    def _checked_out(self) -> Iterator[Path]:
        listing = self.read("ls-files", "--stage", "-z", "--full-name", "--", ":/").split(b"\0")
        links = [os.fsdecode(line.partition(b"\t")[2]) for line in listing if line.startswith(b"160000 ")]
        top = Path(os.fsdecode(self.read("rev-parse", "--show-toplevel")[:-1])) if links else self.place
        yield from (top / name for name in links if (top / name / ".git").exists())

    def _run(
        self,
        arguments: tuple[str, ...],
        more: Mapping[str, str],
        stdin: IO[bytes] | bytes | None,
        output: IO[bytes] | None,
        settings: Iterable[tuple[str, str]],
    ) -> bytes:
        import subprocess

        environ = dict(os.environ if self._environ is None else self._environ)
        program = _program(environ.get("PATH", os.defpath))
        options: list[str] = []
        values: dict[str, str] = {}
        for number, (key, value) in enumerate(settings):
            # By way of a variable, because a name may hold a `=`.
            values[f"REWIND_GIT_{number}"] = value
            options.append(f"--config-env={key}=REWIND_GIT_{number}")
        text = stdin if isinstance(stdin, bytes) else None
        clean = {name: value for name, value in environ.items() if not name.startswith("GIT_") or _KEPT.fullmatch(name)}
        fixed = {
            "GIT_ALLOW_PROTOCOL": _PROTOCOLS,
            "GIT_LFS_SKIP_SMUDGE": "0",
            # Objects are what their ids say: a ref below refs/replace, fetched like any, puts others in their place.
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "LANGUAGE": "C",
            "LC_ALL": "C",
        }
        try:
            done = subprocess.run(
                [program, "--no-pager", *options, *arguments],
                cwd=self.place,
                env={**clean, **values, **fixed, **more},
                input=text,
                stdin=None if isinstance(stdin, bytes) else stdin or subprocess.DEVNULL,
                stdout=subprocess.PIPE if output is None else output,
                stderr=subprocess.PIPE,
                check=False,
            )
        except (OSError, ValueError) as err:
            raise GitFailed(str(err)) from None
        if done.returncode != 0:
            raise GitFailed(_said(done.stderr) or f"git {arguments[0]} failed")
        return done.stdout or b""


def git_is_there() -> bool:
    """Whether there is a git on PATH."""
    try:
        return bool(_program(os.environ.get("PATH", os.defpath)))
    except GitFailed:
        return False


def _program(path: str) -> str:
    """Git on PATH; never one in the directory that we happen to work in.

    Raises:
        GitFailed: there is none.
    """
    import shutil

    folders = os.pathsep.join(folder for folder in path.split(os.pathsep) if Path(folder).is_absolute())
    found = shutil.which("git", path=folders)
    if found is None:
        raise GitFailed("there is no git on PATH")
    return found


def _listed(listing: bytes) -> Iterator[_Setting]:
    """What ``git config --list --show-scope -z`` printed, in the order in which settings count."""
    parts = iter(os.fsdecode(listing).split("\0"))
    for scope, setting in zip(parts, parts, strict=False):
        key, _, value = setting.partition("\n")
        yield _Setting(key, value, scope in {"local", "worktree", "submodule", "unknown"})


def _overridden(settings: list[_Setting]) -> dict[str, tuple[str, ...]]:
    """What programs of the repository's own configuration are to be replaced by: those of the operator, or none."""
    found: dict[str, tuple[str, ...]] = {}
    for one in settings:
        match = _RUNS.fullmatch(one.key) if one.own else None
        if match is None:
            continue
        key = f"{match['hook']}.enabled" if match["hook"] else one.key
        others = [other.value for other in settings if other.key == key and not other.own]
        last = key.rpartition(".")[2]
        if last == "helper":  # a list, which an empty one begins again
            found[key] = ("", *others)
        else:
            found[key] = (others[-1] if others and not match["hook"] else _NEUTRAL.get(last, ""),)
        if match["driver"] and found[key] == ("",):
            found.setdefault(f"{match['driver']}.required", ("false",))
    return found


def _said(stderr: bytes) -> str:
    return stderr.decode(errors="replace").removeprefix("fatal: ").strip()
