"""A branch for others: pushed to a remote, and offered as a pull request by `gh`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pulumi_rewind.errors import RevertError, UsageError
from pulumi_rewind.strategies.program.worktree import run_git
from pulumi_rewind.system.git import GitFailed
from pulumi_rewind.system.shell import command, quoted

if TYPE_CHECKING:
    from pulumi_rewind.project.repository import Repository
    from pulumi_rewind.session import Session

PATIENCE: Final = 120.0
"""Seconds that `gh` may take."""

_FORGE: Final = re.compile(
    r"(?:(?:https?|ssh|git)://)?(?:[^@/]*@)?(?P<host>[\w.-]+\.[\w-]+)(?::\d+(?=/))?[:/]+"
    r"(?P<owner>[\w.-]+)/(?P<name>[\w.-]+?)(?:\.git)?/?"
)
"""A repository's URL on a forge; local paths have no host."""


_AS_IT_IS: Final = ("--quiet", "--no-follow-tags", "--no-recurse-submodules")


@dataclass(frozen=True)
class Remote:
    """Where a branch is pushed to."""

    name: str
    url: str
    """As git uses it for fetching; it may contain a password."""
    base: str
    """The branch that the work is for, empty if unknown."""

    @property
    def slug(self) -> str:
        """``HOST/OWNER/NAME`` as `gh` takes it; empty where the URL is none of a forge."""
        match = _FORGE.fullmatch(self.url)
        return f"{match['host']}/{match['owner']}/{match['name']}" if match is not None else ""


def find_remote(repository: Repository, asked: str = "") -> Remote:
    """The remote that was asked for, else the one that the branch of HEAD is pushed to, its upstream's, or ``origin``.

    Raises:
        UsageError: there is no such remote.
    """
    names = _read(repository, "remote").splitlines()
    branch = repository.branch()
    fields = "%(push:remotename)%00%(upstream:remotename)%00%(upstream:lstrip=3)"
    told = _read(repository, "for-each-ref", f"--format={fields}", f"refs/heads/{branch}") if branch else ""
    push, upstream, base = ([*told.split("\0"), "", "", ""])[:3]
    usual = next((name for name in (push, upstream, "origin") if name in names), names[0] if len(names) == 1 else "")
    name = asked or usual
    if name not in names:
        there = f"Remotes are: {', '.join(names)}." if names else "There is none: `git remote add NAME URL` adds one."
        missing = f"there is no remote {name}" if name else "it is not known which remote to push to"
        raise UsageError(missing, hint=f"Name one with `--remote NAME`. {there}")
    return Remote(name, _read(repository, "remote", "get-url", name), base or branch)


def push_branch(repository: Repository, remote: Remote, branch: str) -> None:
    """Pushes a branch under its own name; never by force, and without the repository's hooks.

    Raises:
        RevertError: git can't push it.
    """
    ref = f"refs/heads/{branch}"
    try:
        run_git(repository, "-c", "advice.pushUpdateRejected=false", "push", *_AS_IT_IS, remote.name, f"{ref}:{ref}")
    except OSError as err:
        raise RevertError(
            f"branch {branch} was made, but can't be pushed to {remote.name}: {err}",
            hint=f"By hand: `{quoted('git', 'push', remote.name, branch)}`.",
        ) from None


def open_pull_request(session: Session, remote: Remote, branch: str, title: str, body: str) -> str:
    """Has `gh` open a pull request for a branch that was pushed; returns its address. Secrets are masked in both texts.

    `gh` runs outside the repository, so that nothing that the repository configures runs.

    Raises:
        RevertError: there is no `gh`, it doesn't know the remote, or it failed; the hint says what to do by hand.
    """
    environ = session.workspace.environ
    program = shutil.which("gh", path=environ.get("PATH", os.defpath))
    if program is None or not Path(program).is_absolute():
        raise _by_hand(session, remote, branch, "there is no gh on PATH")
    if not remote.slug:
        raise _by_hand(session, remote, branch, f"{remote.name} is no repository of a forge")
    arguments = ["pr", "create", "--repo", remote.slug, "--head", branch]
    arguments += ["--base", remote.base] if remote.base else []
    arguments += ["--title", session.redactor(title), "--body-file", "-"]
    handed_on = {name: value for name, value in environ.items() if not name.startswith(("PULUMI_", "GIT_"))}
    try:
        done = subprocess.run(
            [program, *arguments],
            input=session.redactor(body).encode(errors="replace"),
            capture_output=True,
            env={**handed_on, "GH_PROMPT_DISABLED": "1", "NO_COLOR": "1"},
            cwd="/",
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        raise _by_hand(session, remote, branch, f"gh failed: {err}") from None
    if done.returncode != 0:
        raise _by_hand(session, remote, branch, f"gh failed: {_last_line(done.stderr) or 'it gave no reason'}")
    return session.redactor(_last_line(done.stdout))


def _by_hand(session: Session, remote: Remote, branch: str, reason: str) -> RevertError:
    into = f" into {remote.base}" if remote.base else ""
    report = command("report", session.stack.word)
    return RevertError(
        f"branch {branch} was made and pushed to {remote.name}, but no pull request was opened: {reason}",
        hint=f"Open it by hand, from {branch}{into}; `{report}` writes its text.",
    )


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else ""


def _read(repository: Repository, *arguments: str) -> str:
    try:
        return os.fsdecode(repository.command.read(*arguments)).strip()
    except GitFailed:
        return ""
