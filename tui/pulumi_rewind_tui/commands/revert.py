"""``pulumi-rewind revert``: a branch that reverts what the stack went back over, proved by a preview."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from pulumi_rewind_tui.terminal.options import Shared, passphrase_option, rewind_command, stack_of, to_json
from pulumi_rewind_tui.terminal.planning import working

if TYPE_CHECKING:
    from pulumi_rewind.reverting.standing import Standing
    from pulumi_rewind.rollback.incident import Incident
    from pulumi_rewind.session import Session


@rewind_command("[STACK]")
@click.option("--branch", metavar="NAME", default="", help="Name of the branch; by default revert-STACK-NUMBER.")
@click.option("--all", "every", is_flag=True, help="Also revert commits that change nothing of the project.")
@click.option("--no-preview", is_flag=True, help="Don't preview the result: it is not proved to match the stack.")
@click.option("--keep", is_flag=True, help="Make the branch even if its preview shows changes.")
@click.option("--push", is_flag=True, help="Push the branch to the upstream's remote, or origin.")
@click.option("--remote", metavar="NAME", default="", help="Push the branch to this remote.")
@click.option("--pr", is_flag=True, help="Push the branch and open a pull request with gh.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@passphrase_option
def revert(
    shared: Shared,
    words: tuple[str, ...],
    branch: str,
    every: bool,
    no_preview: bool,
    keep: bool,
    push: bool,
    remote: str,
    pr: bool,
    as_json: bool,
) -> int:
    """Revert in git what a rollback went back over, on a new branch; the stack and your working tree stay as they are.

    The next deploy of HEAD would apply these commits again. The branch is made only if the preview of its program
    shows no changes: then HEAD again matches the stack. Exit codes: 0 done or nothing to revert, 1 a conflict, or the
    result differs from the stack.
    """
    from pulumi_rewind.reverting.publishing import find_remote, open_pull_request, push_branch
    from pulumi_rewind.reverting.revert import RevertOptions, make_revert
    from pulumi_rewind.reverting.standing import read_standing, usable_repository
    from pulumi_rewind_tui.text.revert import (
        next_lines,
        pull_request_body,
        pull_request_title,
        revert_json,
        revert_lines,
    )

    session = shared.session(stack_of(words))
    screen, stack = shared.screen(), str(session.stack)
    repository = usable_repository(session)
    to = find_remote(repository, remote) if push or remote or pr else None
    with working(screen, f"reverting what {stack} went back over") as observe:
        standing = read_standing(session, every=every)
        options = RevertOptions(branch, preview=not no_preview, keep=keep)
        result = make_revert(session, standing, options, observe)
    if not as_json:
        for line in revert_lines(result, stack):
            screen.out.line(*line)
    pushed = pull_request = ""
    try:
        if result.branch and to is not None and not result.differs:
            push_branch(repository, to, result.branch)
            pushed = to.name
            if pr:
                body = pull_request_body(result, stack, _incident(session, standing))
                pull_request = open_pull_request(session, to, result.branch, pull_request_title(result, stack), body)
    finally:  # the branch is there, whatever became of the rest
        if as_json:
            screen.out.raw(to_json(revert_json(result, stack, pushed, pull_request)))
    if not as_json:
        screen.out.lines(next_lines(result, pushed, pull_request))
    return 1 if result.differs else 0


def _incident(session: Session, standing: Standing) -> Incident | None:
    """The rollback that the stack is at, as far as it is known."""
    from pulumi_rewind.errors import RewindError
    from pulumi_rewind.history.update_mark import read_stamp
    from pulumi_rewind.rollback.incident import read_incident

    own = [one.number for one in standing.over if read_stamp(one) is not None]
    with contextlib.suppress(RewindError):
        return read_incident(session, own[-1] if own else None)
    return None
