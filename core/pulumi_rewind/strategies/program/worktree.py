"""A private git worktree of one commit, gone again when it is no longer needed.

The operator's working tree, branch and index stay as they are. What a killed process has left behind is removed by
the next one that makes a worktree of the same repository.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pulumi_rewind.errors import RewindError, UsageError
from pulumi_rewind.project.places import PROJECT_FILES
from pulumi_rewind.project.repository import is_commit_id
from pulumi_rewind.records.worktree import put_uncommitted
from pulumi_rewind.strategies.program.source import INSTEAD
from pulumi_rewind.strategies.program.submodules import fill_submodules
from pulumi_rewind.system.git import GitFailed
from pulumi_rewind.system.private_directory import is_abandoned, make_private, remove_private

if TYPE_CHECKING:
    from pulumi_rewind.project.repository import Repository
    from pulumi_rewind.project.workspace import Workspace
    from pulumi_rewind.records.store import Record

_PREFIX: Final = "rewind-program-"


@dataclass
class ProgramTree:
    """A worktree under a directory that only we can enter, which has room for more files."""

    private: Path
    """0700; holds the worktree and whatever else the run needs."""
    top: Path
    """The top of the worktree."""
    project: Path
    """The project's directory in it."""
    repository: Repository
    missing_submodules: tuple[str, ...] = field(default=())
    unfiltered: tuple[str, ...] = ()
    """Filters of the repository's own configuration that files of the commit would have gone through, and didn't."""

    def close(self) -> None:
        """Removes it, also from what git knows of worktrees."""
        _remove(self.repository, self.top, self.private)


def make_tree(
    repository: Repository,
    commit: str,
    relative: Path,
    project: str,
    uncommitted: Record | None = None,
    *,
    instead: str = INSTEAD,
) -> ProgramTree:
    """Checks a commit out, with its submodules, and applies the changes that were not committed.

    `relative` is where the project is looked for first, from the top; if it isn't there, anywhere. `instead` is a
    sentence for the hints of errors: what works without.

    Raises:
        UsageError: the commit can't be checked out, has no such project, or the changes don't apply.
    """
    if not is_commit_id(commit):
        raise UsageError(f"{commit!r} is no commit id", hint=instead)
    sweep(repository)
    private = make_private(_PREFIX)  # 0700
    top = private / f"rewind-{commit[:7]}"
    try:
        try:
            # Apart, because the new worktree may have settings of its own (`includeIf`, `extensions.worktreeConfig`).
            run_git(repository, "worktree", "add", "--no-checkout", "--detach", "--force", str(top), commit)
            run_git(repository, "reset", "--quiet", "--hard", cwd=top)
            common = Path(run_git(repository, "rev-parse", "--path-format=absolute", "--git-common-dir").strip())
            missing = fill_submodules(
                lambda *args, cwd=None: run_git(repository, *args, cwd=cwd), top, common / "modules", repository.root
            )
        except OSError as err:
            raise UsageError(
                f"commit {commit[:7]} can't be checked out: {err}",
                hint=f"If objects are missing, `git fetch --refetch` gets them. {instead}",
            ) from None
        if uncommitted is not None:
            put_uncommitted(uncommitted, top)
        place = _find_project(top, relative, project, instead)
        return ProgramTree(private, top, place, repository, tuple(missing), _unfiltered(repository, top))
    except BaseException:
        _remove(repository, top, private)
        raise


def sweep(repository: Repository) -> None:
    """Removes worktrees of ours whose process is gone."""
    try:
        listing = run_git(repository, "worktree", "list", "--porcelain", "-z")
    except OSError:
        return
    for line in listing.split("\0"):
        path = Path(line.removeprefix("worktree ")) if line.startswith("worktree ") else None
        if path is not None and path.parent.name.startswith(_PREFIX) and is_abandoned(path.parent):
            _remove(repository, path, path.parent)


def share_installed(tree: ProgramTree, then: Workspace) -> None:
    """Links what is installed for today's program into the worktree, where the commit's own isn't to be installed.

    Node.js looks for ``node_modules`` beside the program and in each directory above it.
    """
    project = then.root.resolve().relative_to(tree.top.resolve())
    places = [place / "node_modules" for place in (project, *project.parents)] if then.runtime == "nodejs" else []
    if then.runtime == "python" and (environment := then.runtime_options.get("virtualenv")):
        places.append(Path(os.path.normpath(project / str(environment))))
    for place in places:
        here, there = tree.top / place, tree.repository.root / place
        if there.is_dir() and here.parent.is_dir() and not os.path.lexists(here):
            here.symlink_to(there.resolve(), target_is_directory=True)


def run_git(repository: Repository, *arguments: str, cwd: Path | None = None) -> str:
    """Runs git and returns what it prints.

    Raises:
        OSError: git failed; the message is what it said.
    """
    git = repository.command if cwd is None else repository.command.at(cwd)
    try:
        return os.fsdecode(git.write(*arguments))
    except GitFailed as err:
        raise OSError(" ".join(str(err).split())) from None


def _unfiltered(repository: Repository, top: Path) -> tuple[str, ...]:
    git = repository.command.at(top)
    off = git.filters_off()
    if not off:
        return ()
    with tempfile.TemporaryFile() as names:
        git.read("ls-files", "-z", output=names)
        names.seek(0)
        found = os.fsdecode(git.read("check-attr", "-z", "--stdin", "filter", stdin=names)).split("\0")
    used = set(found[2::3])  # path, attribute, value; and again
    return tuple(name for name in off if name in used)


def project_in(workspace: Workspace, repository: Repository) -> Path:
    """Where the project is in its repository, from the top; the top itself if it lies elsewhere."""
    root, top = workspace.root.resolve(), repository.root.resolve()
    return root.relative_to(top) if root.is_relative_to(top) else Path()


def _find_project(top: Path, relative: Path, project: str, instead: str) -> Path:
    """The directory of the project file, `relative` first."""
    from pulumi_rewind.project.workspace import find_workspace

    places = [top / relative]
    for name in PROJECT_FILES:
        places += sorted(path.parent for path in top.rglob(name) if "node_modules" not in path.parts)
    found: list[str] = []
    for place in dict.fromkeys(places):
        if not place.resolve().is_relative_to(top.resolve()) or not any((place / n).is_file() for n in PROJECT_FILES):
            continue
        try:
            name = find_workspace(place, backend="file:///", environ={}).project
        except RewindError as err:
            found.append(f"{place.relative_to(top)} ({err})")
            continue
        if name == project:
            return place
        found.append(f"{name} in {place.relative_to(top)}")
    there = f"it has {', '.join(found[:5])}" if found else "it has no Pulumi project at all"
    raise UsageError(
        f"the commit has no project {project}: {there}", hint=f"The project may have been renamed since. {instead}"
    )


def _remove(repository: Repository, top: Path, private: Path) -> None:
    try:
        run_git(repository, "worktree", "remove", "--force", "--force", str(top))
    except OSError:  # half made, or the repository is gone
        shutil.rmtree(top, ignore_errors=True)
        with contextlib.suppress(OSError):
            run_git(repository, "worktree", "remove", "--force", "--force", str(top))
    remove_private(private)
