"""A revert: its commits, whether the result matches the stack, and the text of its pull request. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from pulumi_rewind.state.show import inert
from pulumi_rewind.system.shell import quoted
from pulumi_rewind_tui.text.cells import Line, Span
from pulumi_rewind_tui.text.incident import code, incident_summary
from pulumi_rewind_tui.text.plan import step_json, tree_lines
from pulumi_rewind_tui.text.spans import changes_line
from pulumi_rewind_tui.words.words import plural, resource_name

if TYPE_CHECKING:
    from pulumi_rewind.project.repository import Commit
    from pulumi_rewind.reverting.preview import Preview
    from pulumi_rewind.reverting.revert import RevertResult
    from pulumi_rewind.rollback.incident import Incident


def outcomes(result: RevertResult) -> Iterator[tuple[Commit, str, str]]:
    """Every commit that was gone back over, its outcome in a word, and why it was left."""
    idle, reverts = set(result.reverted.idle), result.standing.reverts
    for one in reverts.commits:
        if one in idle:
            yield one, "idle", "HEAD no longer has its changes"
        else:
            yield one, "reverted", ""
    for one in reverts.elsewhere:
        yield one, "elsewhere", "changes nothing of the project; --all reverts it, too"
    for one in reverts.reverted:
        yield one, "earlier", "HEAD has reverted it already"


def notes(result: RevertResult) -> Iterator[str]:
    """What git can't take back, or may take back too much."""
    standing = result.standing
    if standing.dirty:
        names = ", ".join(f"#{number}" for number in standing.dirty)
        yield f"{names} came from uncommitted changes: git has nothing of these to revert; a working tree may have them"
    if standing.partial:
        yield f"#{standing.live.number} went back with chosen resources alone: a revert takes back whole commits"
    if result.branch and result.preview is None:
        yield "not previewed: it is not proved that the branch matches the stack"


def revert_lines(result: RevertResult, stack: str) -> Iterator[Line]:
    """What was reverted, and whether that matches the stack."""
    standing = result.standing
    over = ", ".join(f"#{one.number}" for one in standing.gone_over)
    back = f", went back over {over}" if over else ""
    yield [Span("revert", "title"), f" {stack}: at #{standing.target.number}{back}"]
    for one, outcome, why in outcomes(result):
        mark = Span("- ", "delete") if outcome == "reverted" else Span("= ", "dim")
        yield ["  ", mark, Span(one.sha[:7], "commit"), f"  {one.title}", Span(f"  {why}" if why else "", "dim")]
    for note in notes(result):
        yield [Span("! note", "warn"), f": {note}"]
    yield from _verdict(result, stack)


def _verdict(result: RevertResult, stack: str) -> Iterator[Line]:
    what = "the reverts" if result.reverted.commits else "HEAD"
    if result.differs:
        assert result.preview is not None
        yield [Span("✗ differs", "failed"), f": with {what}, the next deploy still changes {stack}"]
        yield from _preview_lines(result.preview)
        if not result.branch:
            yield [Span("no branch was made", "bold"), ": ", _way_on(result)]
    elif result.branch and result.preview is not None:
        yield [Span("✓ done", "ok"), f": HEAD again matches the stack: the preview of {result.branch} is empty"]
    elif not result.branch:
        matches = ": HEAD matches the stack, its preview is empty" if result.preview is not None else ""
        yield [Span("= nothing to revert", "ok"), matches]
    if result.branch:
        count = plural(len(result.reverted.commits), "commit")
        yield [
            Span("branch:", "commit"),
            f" {result.branch}, {count} reverted on {result.standing.reverts.head[:7]}",
        ]


def _way_on(result: RevertResult) -> str:
    ways = ["--all reverts the other commits, too"] if result.standing.reverts.elsewhere else []
    ways += ["--keep makes the branch all the same"] if result.reverted.commits else []
    return ", ".join(ways) or "what differs is in no commit that was gone back over"


def _preview_lines(preview: Preview) -> Iterator[Line]:
    if preview.steps:
        yield [Span(plural(len(preview.steps), "step"), "title"), "   ", *changes_line(preview.changes, words=True)]
        yield from tree_lines(preview.steps, preview.diff)
    for one in preview.outputs:
        yield ["  ", Span(resource_name(one.urn), "bold"), f" {one.path} {one.message}"]


def next_lines(result: RevertResult, pushed: str, pull_request: str) -> Iterator[Line]:
    """What is left to do with the branch."""
    if not result.branch:
        return
    if pull_request:
        yield [Span("pull request:", "commit"), f" {pull_request}"]
    if pushed:
        yield [Span("next:", "commit"), f" {result.branch} is on {pushed}: merge it, and deploy only after that"]
    else:
        push = quoted("git", "push", "origin", result.branch)
        yield [Span("next:", "commit"), f" {push}, and merge it before the next deploy"]


def revert_json(result: RevertResult, stack: str, pushed: str, pull_request: str) -> dict[str, Any]:
    """The same for machines."""
    standing, preview = result.standing, result.preview
    return {
        "result": result.word,
        "stack": stack,
        "target": standing.target.number,
        "over": [one.number for one in standing.gone_over],
        "head": standing.reverts.head,
        "branch": result.branch or None,
        "tip": result.reverted.tip,
        "commits": [
            {"sha": one.sha, "title": one.title, "outcome": outcome} for one, outcome, _ in outcomes(result)
        ],
        "preview": {
            "empty": preview.empty,
            "steps": [step_json(step) for step in preview.steps],
            "outputs": msgspec.to_builtins(preview.outputs),
            "changes": dict(preview.changes),
        }
        if preview is not None
        else None,
        "notes": list(notes(result)),
        "pushed": pushed or None,
        "pullRequest": pull_request or None,
    }  # fmt: skip


def pull_request_title(result: RevertResult, stack: str) -> str:
    """As of a revert of one commit, or with their number."""
    commits = result.reverted.commits
    if len(commits) == 1:
        return f'Revert "{inert(commits[0].title)}"'
    return f"Revert {plural(len(commits), 'commit')} that {stack} went back over"


def pull_request_body(result: RevertResult, stack: str, incident: Incident | None) -> str:
    """Which commits are reverted and why, in Markdown; what others wrote is in code spans."""
    back = f"{code(stack)} went back to `#{result.standing.target.number}`"
    proof = ["", "The preview of this branch is empty: it matches the stack."] if result.preview is not None else []
    lines = [
        f"{back}. Without this, the next deploy applies again what it went back over:",
        "",
        *(f"- {code(one.sha[:12])} {code(one.title)}" for one in result.reverted.commits),
        *proof,
        *(line for note in notes(result) for line in ("", f"{note[:1].upper()}{note[1:]}.")),
        *(incident_summary(incident) if incident is not None else ()),
    ]
    return "\n".join(lines) + "\n"
