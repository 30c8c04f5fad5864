"""One revert from the stack's standing to a branch that is proved to match the stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_rewind.reverting.preview import Preview, preview_tree
from pulumi_rewind.reverting.standing import Standing, usable_repository
from pulumi_rewind.reverting.tree import Reverted, check_branch, make_branch, revert_commits, tree_of

if TYPE_CHECKING:
    from pulumi_rewind.goal.replay_report import Observe
    from pulumi_rewind.session import Session


@dataclass(frozen=True)
class RevertOptions:
    """What the operator asked for."""

    branch: str = ""
    """Its name; empty: `branch_name`."""
    preview: bool = True
    """Whether the branch has to be proved."""
    keep: bool = False
    """Whether it is made also if it doesn't match the stack."""


@dataclass(frozen=True)
class RevertResult:
    """What came of it."""

    standing: Standing
    reverted: Reverted
    branch: str = ""
    """The branch that was made; empty: none."""
    preview: Preview | None = None
    """What the program of the branch, or of HEAD where nothing is to be reverted, would change; None: not previewed."""

    @property
    def differs(self) -> bool:
        """Whether the program is known not to match the stack."""
        return self.preview is not None and not self.preview.empty

    @property
    def word(self) -> str:
        """The result in a word: ``reverted``, ``nothing-to-do`` or ``differs``."""
        if self.differs:
            return "differs"
        return "reverted" if self.reverted.commits else "nothing-to-do"


def branch_name(session: Session, standing: Standing) -> str:
    """What a branch is called where nobody says: by the stack, and the newest update that it went back over."""
    newest = max((one.number for one in standing.gone_over), default=standing.target.number)
    return f"revert-{session.stack.name}-{newest}"


def make_revert(session: Session, standing: Standing, options: RevertOptions, observe: Observe) -> RevertResult:
    """Reverts the commits, previews the result against the stack, and makes the branch if nothing is left to do.

    Whatever goes wrong, no branch and no worktree is left, and HEAD, index and working tree are as they were.

    Raises:
        UsageError: there can be no branch of that name, or HEAD can't be checked out.
        RevertError: a commit can't be reverted.
        RewindError: what `preview_tree` raises.
    """
    repository, reverts = usable_repository(session), standing.reverts
    name = options.branch or branch_name(session, standing)
    if reverts.commits:
        check_branch(repository, name)
        reverted = revert_commits(session, repository, reverts)
    else:
        reverted = Reverted(reverts.head, ())
    preview: Preview | None = None
    if options.preview and standing.gone_over:
        tree = tree_of(session, repository, reverted.tip)
        try:
            preview = preview_tree(session, tree, observe)
        finally:
            tree.close()
    result = RevertResult(standing, reverted, preview=preview)
    if not reverted.commits or (result.differs and not options.keep):
        return result
    make_branch(repository, name, reverted.tip)
    return RevertResult(standing, reverted, name, preview)
