"""How a rollback ended, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pulumi_rewind.choices import flags
from pulumi_rewind.history.failed_update import undo_number
from pulumi_rewind.rollback.head_reminder import head_reminder
from pulumi_rewind.state.show import inert
from pulumi_rewind.system.shell import command
from pulumi_rewind_tui.text.cells import Line, Span
from pulumi_rewind_tui.text.outcome import differences_count, stale_count, standing
from pulumi_rewind_tui.text.spans import changes_line
from pulumi_rewind_tui.words.words import elapsed, listed, plural, resource_name

if TYPE_CHECKING:
    from pulumi_rewind.choices import Choices
    from pulumi_rewind.errors import RewindError
    from pulumi_rewind.history.targets import Target
    from pulumi_rewind.rollback.result import RollbackResult
    from pulumi_rewind.session import Session

NAMED: Final = 12
"""How many values that may be stale are named before the rest is counted."""


def result_lines(result: RollbackResult, target: Target, stack: str) -> Iterator[Line]:
    """What came out, compared afresh with the target."""
    if result.result == "nothing-to-do":
        but = f", but for {plural(len(result.differences), 'resource')} left out" if result.differences else ""
        yield [Span("= nothing to do", "ok"), f": {stack} {standing(result)} {target.label}{but}"]
        if result.stale:
            yield [Span("⚠ ", "warn"), stale_text(result)]
        yield from _difference_lines(result)
        return
    now = "" if result.undo else f"   now #{result.version}"  # putting a state back is no update
    mark = Span("✓ done", "ok") if result.exact else Span("⚠ done", "warn")
    place: Line = [
        f"{stack} {standing(result)} ",
        Span(target.label, "title"),
        f", with {differences_count(result)}" if result.differences else "",
        Span(f"   took {elapsed(result.seconds)}{now}", "dim"),
    ]
    if result.stale:
        yield [mark, f"; {stale_text(result)}"]
        yield ["  ", *place]
    else:
        yield [mark, ": ", *place]
    if not result.undo:
        yield ["  ", *changes_line(result.changes, words=True)]
    yield from _difference_lines(result)


def stale_text(result: RollbackResult, limit: int = NAMED) -> str:
    """``3 values may be stale: web.tags, api.userData …``."""
    names = [inert(name) for name in result.stale_names]
    return f"{stale_count(result)}: {listed(names, limit)}"


def _difference_lines(result: RollbackResult) -> Iterator[Line]:
    for difference in result.differences:
        mark = Span("  · ", "dim") if difference.expected else Span("  ⚠ ", "warn")
        where = [Span(resource_name(difference.urn), "bold"), Span(" ")] if difference.urn else []
        path = Span(f"{difference.path}: " if difference.path else "")
        expected = Span("  (as announced)" if difference.expected else "", "dim")
        yield [mark, *where, path, difference.message, expected]
    for outcome in result.callbacks:
        bad = outcome.outcome == "failed"
        about = f" for {resource_name(outcome.urn)}" if outcome.urn else ""
        more = f" ({outcome.message})" if outcome.message and not bad else ""
        text = f"failed: {outcome.message}" if bad else f"{outcome.outcome}{more}"
        yield [Span("  ✗ " if bad else "  · ", "failed" if bad else "dim"), f"{outcome.function}{about}: {text}"]


def next_lines(
    session: Session, target: Target, result: RollbackResult, choices: Choices | None = None
) -> Iterator[Line]:
    """What to do next: undo, and keep the next deploy from undoing it by accident."""
    name = session.stack.name
    for note in result.notes:
        yield [Span("note:", "commit"), f" {note}"]
    undo = undo_number(session.timeline, result.version) if result.result != "nothing-to-do" else 0
    if result.undo:
        yield [Span("undo:", "commit"), f" {result.undo}"]
    elif undo:
        forgot = bool(result.changes.get("discard"))
        again = flags(choices.undoing(forgot=forgot)) if choices is not None else ()
        yield [Span("undo:", "commit"), f" {command('rollback', name, str(undo), *again)}"]
    reminder = head_reminder(session, target)
    if reminder:
        yield [Span("next:", "commit"), f" {reminder}"]


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
