"""The reverts themselves, in a private worktree: the operator's working tree, index, branch and stash are not touched.

Until a branch is made, nothing but objects that no ref names are added to the repository.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pulumi_rewind.errors import RevertError, UsageError
from pulumi_rewind.strategies.program.worktree import ProgramTree, make_tree, project_in, run_git

if TYPE_CHECKING:
    from pulumi_rewind.project.repository import Commit, Repository
    from pulumi_rewind.rollback.reverts import Reverts
    from pulumi_rewind.session import Session

INSTEAD: Final = "`git revert` by hand needs no worktree of ours."

FILES: Final = 20
"""How many files with conflicts are named."""

_PLAIN: Final = ("-c", "revert.reference=false", "-c", "rerere.enabled=false")
"""Messages as `rollback.reverts` reads them, and nothing of earlier conflicts, which all worktrees share."""


@dataclass(frozen=True)
class Reverted:
    """What came of reverting commits."""

    tip: str
    """The new commit, which no ref names yet; HEAD where nothing was reverted."""
    commits: tuple[Commit, ...]
    """Those that were reverted, newest first."""
    idle: tuple[Commit, ...] = ()
    """Those whose changes HEAD no longer has: reverting them changes nothing."""


def revert_commits(session: Session, repository: Repository, reverts: Reverts) -> Reverted:
    """Reverts one commit after the other on top of what was HEAD; nothing is left behind if one can't be.

    Raises:
        RevertError: one is in conflict with what HEAD has, or git can't make commits.
        UsageError: HEAD can't be checked out.
    """
    for who in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"):
        try:
            run_git(repository, "var", who)
        except OSError as err:
            raise RevertError(
                f"git can't make commits: {err}",
                hint="Tell git who you are: `git config user.name NAME` and `git config user.email ADDRESS`.",
                unchanged=True,
            ) from None
    tree = tree_of(session, repository, reverts.head)
    try:
        done = [one for one in reverts.commits if _revert(tree, one, reverts.mainline.get(one.sha, 0))]
        tip = run_git(repository, "rev-parse", "HEAD", cwd=tree.top).strip()
    finally:
        tree.close()
    return Reverted(tip, tuple(done), tuple(one for one in reverts.commits if one not in done))


def tree_of(session: Session, repository: Repository, commit: str) -> ProgramTree:
    """A private worktree of a commit.

    Raises:
        UsageError: it can't be checked out, or doesn't have the project.
    """
    place = project_in(session.workspace, repository)
    return make_tree(repository, commit, place, session.workspace.project, instead=INSTEAD)


def _revert(tree: ProgramTree, commit: Commit, mainline: int) -> bool:
    """Reverts one commit; False if that changes nothing."""
    git, top = tree.repository, tree.top
    side = ("-m", str(mainline)) if mainline else ()
    try:
        run_git(git, *_PLAIN, "revert", "--no-edit", *side, commit.sha, cwd=top)
    except OSError as err:
        listed = run_git(git, "diff", "--name-only", "--diff-filter=U", "-z", cwd=top)
        if files := [name for name in listed.split("\0") if name]:
            raise _conflict(commit, side, files) from None
        if run_git(git, "status", "--porcelain", "--untracked-files=no", cwd=top):
            raise RevertError(
                f"commit {commit.sha[:7]} ({commit.title}) can't be reverted: {err}",
                hint="Fix what git names and try again. No branch was made.",
                unchanged=True,
            ) from None
        return False
    return True


def _conflict(commit: Commit, side: tuple[str, ...], files: list[str]) -> RevertError:
    more = f" and {len(files) - FILES:,} more" if len(files) > FILES else ""
    return RevertError(
        f"commit {commit.sha[:7]} ({commit.title}) can't be reverted: later commits changed the same lines, in "
        f"{', '.join(files[:FILES])}{more}",
        hint=f"`{' '.join(('git revert', *side, commit.sha[:12]))}` on a branch of your own shows the conflicts; "
        "resolve them there. No branch was made.",
        unchanged=True,
    )


# -- the branch -------------------------------------------------------------------------------------------------------


def check_branch(repository: Repository, name: str) -> None:
    """Whether a branch of that name can be made.

    Raises:
        UsageError: git takes no such name, or there is one.
    """
    try:
        taken = run_git(repository, "check-ref-format", "--branch", name).strip()
    except OSError:
        taken = ""
    if taken != name:  # `@{-1}` is a name for git, of another branch
        raise UsageError(f"{name!r} is no name for a branch", hint="Give another one with `--branch NAME`.")
    if name in repository.branches():
        raise UsageError(
            f"branch {name} already exists",
            hint=f"Give another one with `--branch NAME`, or delete it: `git branch -D {name}`.",
        )


def make_branch(repository: Repository, name: str, tip: str) -> None:
    """Makes a branch, without an upstream.

    Raises:
        RevertError: git can't make it.
    """
    try:
        run_git(repository, "branch", "--no-track", name, tip)
    except OSError as err:
        raise RevertError(
            f"branch {name} can't be made: {err}", hint="Give another one with `--branch NAME`.", unchanged=True
        ) from None
