"""How a run ended, in words for the screen. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pulumi_rewind.errors import IncompleteError, InterruptedRun, RewindError
from pulumi_rewind.state.model import urn_name
from pulumi_rewind.state.naming import listed
from pulumi_rewind_tui.text.cells import Line, Piece, heading, line_width, paragraph
from pulumi_rewind_tui.text.outcome import (
    Aftermath,
    Finding,
    advice,
    callbacks,
    differences,
    ending,
    stale_values,
)
from pulumi_rewind_tui.text.run_state import RunState, doing
from pulumi_rewind_tui.text.selection import selects, stack_word
from pulumi_rewind_tui.words.symbols import canonical_changes, counts_text
from pulumi_rewind_tui.words.words import NO_CHANGE, elapsed, op_done, plural, resource_name

if TYPE_CHECKING:
    from pulumi_rewind.plan.model import Plan
    from pulumi_rewind.rollback.result import RollbackResult

LISTED = 12
"""How many differences are listed before the rest is counted."""

_SHORT = {"discard": "forgotten", "hold": "held", "import": "adopted"}


@dataclass(frozen=True)
class Outcome:
    """One run and its end."""

    plan: Plan
    start: int
    """The newest update before the run."""
    result: RollbackResult | None
    error: BaseException | None
    aftermath: Aftermath
    state: RunState

    @property
    def kind(self) -> Literal["done", "unchanged", "stopped", "failed"]:
        """Done; not begun (nothing was changed); stopped by the operator half-way; failed half-way."""
        if self.result is not None:
            return "done"
        if self.aftermath.entry is None and not self.aftermath.problem:
            return "unchanged"
        return "stopped" if isinstance(self.error, InterruptedRun) else "failed"

    @property
    def half_way(self) -> bool:
        """Whether the stack is between two updates."""
        return self.kind in ("stopped", "failed")

    @property
    def undo(self) -> int:
        """The update that undoing leads to: the newest one before the rollback began; 0 if there is none."""
        return self.aftermath.undo or self.start


def headline(outcome: Outcome, cells: int, table: Mapping[str, str]) -> list[Line]:
    """One glance: how it ended, and where the stack is now; on two lines where one would be cut."""
    line = _headline(outcome, table)
    if line_width(line) <= cells:
        return [line]
    last, role = line[-1]
    return [line[:-1], ((f"  {last.strip()}", role),)]


def _headline(outcome: Outcome, table: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    plan, state = outcome.plan, outcome.state
    took = f"took {elapsed(outcome.result.seconds if outcome.result else state.seconds(state.ended))}"
    label = plan.target.label
    match outcome.kind:
        case "done":
            result = outcome.result
            assert result is not None
            now = f"   recorded as #{result.version}" if result.result == "succeeded" and not result.undo else ""
            return (*_done_headline(result, plan, table), (f"   {took}{now}", "dim"))
        case "unchanged":
            return (f"{table['failed']} NOT ROLLED BACK: nothing was changed", "failed"), (f"   {took}", "dim")
        case "stopped":
            mark, word, role = table["interrupted"], "STOPPED", "hazard"
        case _:
            mark, word, role = table["failed"], "FAILED", "failed"
    done = state.count("ok")
    begun = min(state.total, done + (1 if outcome.kind == "failed" else 0))
    where = f"{word} at step {begun} of {state.total}" if state.total else word
    between = f"{plan.stack} is BETWEEN #{outcome.start} and {label}"
    if isinstance(outcome.error, IncompleteError) and not outcome.error.changed:
        between = "this run has changed nothing in the stack yet"
    return (f"{mark} {where}", role), (f"   {between}", "bold"), (f"   {took}", "dim")


def _done_headline(result: RollbackResult, plan: Plan, table: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    mark, word, place = ending(result, plan.stack, plan.target.label)
    return ((f"{table[mark]} {word}: ", "ok" if mark == "same" else mark), (place, "bold"))


def step_flow(outcome: Outcome, cells: int, table: Mapping[str, str]) -> list[Line]:
    """``✗ api: updating failed   ✓ db replaced``, then ``· 2 not reached: web, worker``; wrapped, many are counted."""
    rows = outcome.state.rows
    pieces: list[Line] = []
    for status in ("failed", "ok"):
        mine = [row for row in rows if row.status == status and not row.unchanged]
        shown = mine if len(mine) <= LISTED + 4 else mine[:LISTED]
        for row in shown:
            word = f": {doing(row)}" if status == "failed" else f" {_SHORT.get(row.op) or op_done(row.op)}"
            pieces.append(((f"{table[status]} ", status), (resource_name(row.urn), "bold"), (word, "dim")))
        if len(shown) < len(mine):
            pieces.append(((f"{table[status]} ", status), (f"and {len(mine) - len(shown):,} more", "dim")))
    lines: list[Line] = []
    current: list[Piece] = []
    for piece in pieces:
        if current and line_width(current) + 3 + line_width(piece) > cells:
            lines.append(tuple(current))
            current = []
        current += [("   ", ""), *piece] if current else list(piece)
    if current:
        lines.append(tuple(current))
    unchanged = [resource_name(row.urn) for row in rows if row.unchanged]
    missed = [resource_name(row.urn) for row in rows if row.status == "waiting"]
    if unchanged:
        lines += paragraph(f"{table['same']} {NO_CHANGE}: {listed(unchanged, LISTED)}", cells, "dim")
    if missed:
        lines += paragraph(
            f"{table['waiting']} {len(missed):,} not reached: {listed(missed, LISTED)}", cells, "waiting"
        )
    return lines


def result_lines(outcome: Outcome, cells: int, table: Mapping[str, str], ascii_only: bool = False) -> list[Line]:
    """The whole page."""
    lines: list[Line] = [*headline(outcome, cells, table), (("", ""),)]
    if outcome.kind == "done":
        lines += _done(outcome, cells, table, ascii_only)
    else:
        lines += _not_done(outcome, cells, table)
    undo = outcome.result.undo if outcome.result is not None else ""
    reminder = outcome.aftermath.reminder if outcome.kind != "unchanged" else ""
    revert = outcome.aftermath.revert if outcome.kind == "done" else ""  # one that is unfinished comes first
    for one in advice(outcome.result, undo, reminder, revert, stack_word(outcome.plan)):
        text = f"{table['hazard']} {one.text}." if one.mark == "hazard" else str(one)
        lines += [(("", ""),), *paragraph(text, cells, one.mark)]
    return lines


def _done(outcome: Outcome, cells: int, table: Mapping[str, str], ascii_only: bool) -> list[Line]:
    result = outcome.result
    assert result is not None
    lines: list[Line] = []
    counts = canonical_changes(result.changes)
    if counts:
        words = ", ".join(f"{number} {_SHORT.get(op) or op_done(op)}" for op, number in counts.items())
        lines.append(((counts_text(result.changes, ascii_only), "bold"), (f"   {words}", "dim")))
    lines += step_flow(outcome, cells, table)
    if result.differences:
        lines += heading("Differences to the target, and why")
        lines += _points(differences(result), cells, table)
    if result.stale:
        lines += heading("Values that may be stale: computed from an object that has been replaced")
        lines += _points(stale_values(result), cells, table)
    elif result.result == "succeeded" and not result.differences:
        lines += [
            (("", ""),),
            *paragraph("Compared again: resources, inputs, options, secrets and their provider.", cells, "dim"),
        ]
    found = callbacks(result)
    return [*lines, *heading("Callbacks"), *_points(found, cells, table, len(found))] if found else lines


def _points(found: Sequence[Finding], cells: int, table: Mapping[str, str], most: int = LISTED) -> list[Line]:
    """Findings below one another, wrapped; beyond `most` they are counted."""
    lines: list[Line] = []
    for one in found[:most]:
        first, *rest = paragraph(str(one), cells - 4)
        role = "dim" if one.mark == "waiting" else one.mark
        lines += [((f"  {table[one.mark]} ", role), *first), *(("    ", *more) for more in rest)]
    return [*lines, *_more(found, most)]


def _more(found: Sequence[object], most: int = LISTED) -> list[Line]:
    return [((f"    and {len(found) - most} more", "dim"),)] if len(found) > most else []


def _not_done(outcome: Outcome, cells: int, table: Mapping[str, str]) -> list[Line]:
    after = outcome.aftermath
    lines = step_flow(outcome, cells, table) if outcome.half_way else []
    lines += heading("Error") if outcome.kind != "stopped" else heading("What happened")
    lines += paragraph(error_text(outcome.error), cells, "failed" if outcome.kind != "stopped" else "", indent=2)
    hint = getattr(outcome.error, "hint", "")
    if hint and outcome.kind == "unchanged":
        lines += [(("", ""),), *paragraph(hint, cells, indent=2)]
    lines += heading("The stack now")
    if after.problem:
        lines += paragraph(f"{table['hazard']} it can't be read: {after.problem}", cells, "hazard", indent=2)
    names = [f"{one.type} {urn_name(one.resource.urn)}" for one in after.pending]
    lines.append(_fact("Pending operations", ", ".join(names) or "none", bool(names)))
    locked = ", ".join(lock.said for lock in after.locks)
    lines.append(_fact("Lock", locked or "released", bool(locked)))
    if after.remaining is not None and outcome.half_way:
        count = len(after.remaining)
        text = f"{plural(count, 'difference')} remain{'s' if count == 1 else ''}" if count else "no difference remains"
        lines.append(_fact(f"Live compared with {outcome.plan.target.label}", text, bool(count)))
        lines += [((f"    {one}", "dim"),) for one in after.remaining[:LISTED]]
        lines += _more(after.remaining)
    if outcome.half_way:
        lines += heading("Next")
        for key, text in _ways(outcome):
            lines.append(((f"  {key} ", "key"), (text, "")))
        for text in getattr(outcome.error, "stuck", ()):
            lines += [(("", ""),), *paragraph(text, cells, indent=2)]
    return lines


def _fact(name: str, value: str, bad: bool) -> Line:
    return ((f"  {name}: ", "dim"), (value, "hazard" if bad else ""))


def _ways(outcome: Outcome) -> list[tuple[str, str]]:
    label = outcome.plan.target.label
    failed = getattr(outcome.error, "passed_by", ())
    aside = f"; press space there to leave {listed(failed)} out" if failed and selects(outcome.plan.strategy) else ""
    return [
        ("c", f"continue to {label}: finished steps stay done{aside}"),
        ("u", f"undo: plan the rollback to #{outcome.undo}"),
        ("f", f"compare with the real resources first, then continue to {label}"),
    ]


def error_text(error: BaseException | None) -> str:
    """What happened, in full."""
    if error is None:
        return "The run ended without a result; this is a bug in pulumi-rewind."
    return str(error) if isinstance(error, RewindError) else f"Unexpected {type(error).__name__}: {error}"
