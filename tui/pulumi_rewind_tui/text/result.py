"""How a rollback ended, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pulumi_rewind.rollback.head_reminder import head_reminder
from pulumi_rewind.rollback.report import undo_command
from pulumi_rewind.rollback.reverts import revert_command
from pulumi_rewind_tui.text.cells import Line, Span
from pulumi_rewind_tui.text.outcome import advice, callbacks, differences, ending, stale_values
from pulumi_rewind_tui.text.spans import changes_line
from pulumi_rewind_tui.words.symbols import UNICODE
from pulumi_rewind_tui.words.words import elapsed

if TYPE_CHECKING:
    from pulumi_rewind.choices import Choices
    from pulumi_rewind.errors import RewindError
    from pulumi_rewind.history.targets import Target
    from pulumi_rewind.rollback.result import RollbackResult
    from pulumi_rewind.session import Session

_ROLES: Final = {"ok": "ok", "same": "ok", "hazard": "warn", "failed": "failed", "waiting": "dim"}


def result_lines(result: RollbackResult, target: Target, stack: str) -> Iterator[Line]:
    """The result, compared again with the target."""
    mark, word, place = ending(result, stack, target.label)
    updated = result.result == "succeeded"
    now = "" if result.undo else f"   recorded as #{result.version}"  # putting a state back is no update
    took = f"   took {elapsed(result.seconds)}{now}" if updated else ""
    yield [Span(f"{UNICODE[mark]} {word}", _ROLES[mark]), ": ", Span(place, "bold"), Span(took, "dim")]
    if updated and not result.undo:
        yield ["  ", *changes_line(result.changes, words=True)]
    for mark, about, text in (*differences(result), *stale_values(result), *callbacks(result)):
        yield [Span(f"  {UNICODE[mark]} ", _ROLES[mark]), Span(about, "bold"), f": {text}" if about else text]


def next_lines(
    session: Session, target: Target, result: RollbackResult, choices: Choices | None = None
) -> Iterator[Line]:
    """What to do next: undo, and keep the next deploy from undoing it by accident."""
    undo = undo_command(session, result, choices)
    reminder = head_reminder(session, target)
    revert = revert_command(session, target.update) if reminder and target.checkpoint is None else ""
    for one in advice(result, undo, reminder, revert, session.stack.word):
        yield [Span(f"{one.about}:", "commit"), f" {one.text}"]


def result_json(result: RollbackResult) -> dict[str, Any]:
    """The last line of ``rollback --json``."""
    return {
        "result": result.result,
        "version": result.version,
        "changes": dict(result.changes),
        "differences": msgspec.to_builtins(result.differences),
        "stale": msgspec.to_builtins(result.stale),
        "seconds": round(result.seconds, 3),
        "notes": list(result.notes),
        "callbacks": msgspec.to_builtins(result.callbacks),
        "held": list(result.held),
    }


def findings_json(error: RewindError) -> dict[str, Any]:
    """What an error lists that needs a yes; nothing for most."""
    from pulumi_rewind.trust.targets import UntrustedTarget

    if not isinstance(error, UntrustedTarget):
        return {}
    listed = ({"code": f.code, "what": f.what, "live": f.live, "target": f.target} for f in error.findings)
    return {"findings": list(listed), "reason": error.reason}


def failure_json(result: str, message: str, hint: str) -> dict[str, Any]:
    """The last line of ``rollback --json`` where it didn't succeed."""
    return {
        "result": result,
        "version": None,
        "changes": {},
        "differences": [],
        "error": message,
        "hint": hint,
    }
