"""An update of the operator's own program: its review, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pulumi_rewind_tui.text.cells import Line, Span
from pulumi_rewind_tui.text.outcome import held_text
from pulumi_rewind_tui.text.plan import move_json, risk_json, risk_lines, step_json, tree_lines
from pulumi_rewind_tui.text.result import result_json
from pulumi_rewind_tui.text.spans import changes_line
from pulumi_rewind_tui.words.words import elapsed, plural

if TYPE_CHECKING:
    from pulumi_rewind.rollback.result import RollbackResult
    from pulumi_rewind.up.review import UpReview
    from pulumi_rewind.up.run import Before, UpResult


def review_lines(review: UpReview) -> Iterator[Line]:
    """What the update would do, as an operator reviews it."""
    yield [Span("update", "title"), f" {review.stack}: live → the program"]
    yield from risk_lines(review.all_risks)
    yield []
    if not review.steps:
        yield [Span("= no changes", "ok"), ": the resources match the program"]
        return
    yield [Span(plural(len(review.steps), "step"), "title"), "   ", *changes_line(review.changes, words=True)]
    yield from tree_lines(review.steps, review.diff)


def review_json(review: UpReview) -> dict[str, Any]:
    """The review for machines."""
    return {
        "stack": review.stack,
        "steps": [step_json(step) for step in review.steps],
        "risks": [risk_json(risk) for risk in review.risks],
        "changes": dict(review.changes),
        "revisions": [move_json(move) for move in review.revisions.moves] if review.revisions is not None else [],
    }


def updated_lines(result: UpResult, before: Before, stack: str, name: str, *, verified: bool) -> Iterator[Line]:
    """A good update."""
    took = Span(f"   took {elapsed(result.seconds)}   recorded as #{result.version}", "dim")
    yield [Span("✓ done", "ok"), f": {stack} is updated{' and verified' if verified else ''}", took]
    yield ["  ", *changes_line(result.changes, words=True)]
    if result.held:
        yield [Span("held:", "commit"), f" {held_text(result.held, name)}"]
    if before.target.checkpoint is None and result.version > before.newest:
        yield [Span("undo:", "commit"), f" pulumi-rewind rollback {name} {before.target.update.number}"]


def rolled_back_lines(before: Before, stack: str, name: str) -> Iterator[Line]:
    """The lines after `text.result.result_lines` if the rollback belongs to a failed update."""
    yield [Span("✗ the update failed", "failed"), f": {stack} is back at {before.target.label}"]
    yield [Span("next:", "commit"), f" fix the program, then run `pulumi-rewind up {name}`"]


def updated_json(result: UpResult, *, verified: bool) -> dict[str, Any]:
    """The last line of ``up --json`` for a good update."""
    return {
        "result": "succeeded",
        "version": result.version,
        "changes": dict(result.changes),
        "differences": [],
        "verified": verified,
        "held": list(result.held),
        "seconds": round(result.seconds, 3),
    }


def rolled_back_json(result: RollbackResult, error: str) -> dict[str, Any]:
    """The last line of ``up --json`` for an update that was rolled back; `error` is why."""
    return result_json(result) | {"result": "rolled-back", "error": error}
