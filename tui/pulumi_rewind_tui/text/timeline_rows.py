"""How one update looks in the timeline, in a given width. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from pulumi_rewind.state.model import Update
from pulumi_rewind_tui.text.cells import Line, Piece, Span, cut, fit_line, line_width
from pulumi_rewind_tui.text.held import held_mark
from pulumi_rewind_tui.text.spans import joined
from pulumi_rewind_tui.text.verdict import is_verified
from pulumi_rewind_tui.words.symbols import canonical_changes, symbols
from pulumi_rewind_tui.words.words import first_line, local_time, short_commit

if TYPE_CHECKING:
    from pulumi_rewind.history.timeline import Entry

MESSAGE = 5
"""Cells from which on the beginning of a message says something."""


class Marks(msgspec.Struct):
    """What is known of the timeline as a whole; arrives after the first rows."""

    known: bool = False
    """Whether live was compared with the updates."""
    live: int | None = None
    """The newest update that equals live."""
    last_good: int | None = None
    problem: str = ""
    """Why live can't be read."""
    locked: bool = False
    """Whether somebody holds the stack, who may be changing it."""
    base: int | None = None
    """The side that everything is compared with, if one is marked (`LIVE` for live)."""
    held: dict[int, int] = msgspec.field(default_factory=dict)
    """Updates that let go of objects which are still held, and how many."""
    broken: dict[int, str] = msgspec.field(default_factory=dict)
    """Updates whose checkpoint turned out to be damaged when it was looked at."""


def day(seconds: float) -> str:
    """The local day of a moment, for comparing."""
    return local_time(seconds, "%Y-%m-%d")


def moment(seconds: int, *, dated: bool) -> str:
    """The time of a row: 8 cells, or 11 with the date."""
    return local_time(seconds, "%m-%d %H:%M" if dated else "%H:%M:%S") or "—"


def status_of(
    update: Update, marks: Marks, table: Mapping[str, str], *, verified: bool | None = None
) -> tuple[Piece, str, str]:
    """Symbol with its role, the words beside it, and their role."""
    reason = why_unusable(update, marks)
    kind = "" if update.kind == "update" else update.kind.replace("resource-", "")
    if update.result == "failed" and not reason:
        what = first_line(update.message) if update.is_rollback else kind
        return (table["failed"], "failed"), f"failed {what}".rstrip(), "failed"
    if reason:
        return (table["unknown"], "hazard"), reason, "dim"
    if update.result == "in-progress":
        return (table["running"], "running"), "running", "running"
    if not update.succeeded:
        return (table["unknown"], "hazard"), update.result or "unknown", "dim"
    what = first_line(update.message) if update.is_rollback else kind
    if verified is False:
        return (table["failed"], "failed"), f"not good {what}".rstrip(), "failed"
    said = f"verified {what}".rstrip() if verified else what
    if update.is_rollback:
        return (table["rollback"], "rename"), said, "rename"
    return (table["ok"], "ok"), said, "ok" if verified else ""


def why_unusable(update: Update, marks: Marks) -> str:
    """Why an update can't be looked at, in a word or two; empty if it can. The details page has the whole reason."""
    if update.result == "unreadable":
        return "damaged record"
    if not update.has_checkpoint:
        return "no checkpoint"
    return marks.broken.get(update.number) or ("damaged record" if update.problem else "")


def update_line(
    update: Update,
    entry: Entry | None,
    marks: Marks,
    *,
    cells: int,
    digits: int,
    dated: bool,
    ascii_only: bool = False,
) -> Line:
    """One update in `cells` cells: number, time, result, changes; at the right ★, tag and commit."""
    table = symbols(ascii_only)
    number = update.number
    unusable = bool(why_unusable(update, marks))
    verified = is_verified(entry.said) if entry is not None else None
    symbol, words, role = status_of(update, marks, table, verified=verified)
    dim = "dim" if unusable else ""
    left: list[Piece] = [
        (table["base"] if marks.base == number else " ", "star"),
        (f"#{number}".rjust(digits + 1) + " ", dim or "bold"),
        (moment(update.start_time, dated=dated).ljust(11 if dated else 8) + " ", "dim"),
        symbol,
    ]
    counts = [(f" {table[op]}{count}", op) for op, count in canonical_changes(update.changes).items()]
    said = update.is_rollback and not unusable  # its message stands beside the symbol
    if words:
        left.append((" " + words, role))
    if not counts and not words:
        left.append((" no changes", "dim"))
    if not unusable and not said:
        left.extend(counts)
    if held := marks.held.get(number):
        left += [(" ", ""), held_mark(held, table["hold"])]
    if update.from_record:
        left.append((" record" if update.from_record == "update" else " recorded", "dim"))
    right = _right_side(update, entry, marks, table, cells)
    if line_width(left) + line_width(right) > cells:
        right = _right_side(update, entry, marks, table, max(6, cells // 4))
    room = cells - line_width(left) - line_width(right)
    if said and line_width(counts) <= room:
        left.extend(counts)
    message = first_line(update.message)
    if message and not said and room >= MESSAGE + 2:
        left.append(("  " + cut(message, room - 2), "dim"))
    if room < 0:
        left = [*fit_line(left, max(8, cells - line_width(right)))]
    room = cells - line_width(left) - line_width(right)
    return (*left, (" " * max(0, room), ""), *right)


def _right_side(update: Update, entry: Entry | None, marks: Marks, table: Mapping[str, str], tag: int) -> Line:
    """★, tag and commit; a tag has so many cells."""
    spans: list[Span] = []
    if marks.last_good == update.number:
        spans.append(Span(table["star"], "star"))
    tags = entry.tags if entry is not None else ()
    if tags:
        more = f" +{len(tags) - 1}" if len(tags) > 1 else ""
        spans.append(Span(cut(tags[0], tag) + more, "tag"))
    if not update.is_rollback:  # the commit that was checked out then is not what it went back to
        spans.append(Span(short_commit(update).ljust(8), "commit"))
    return [" ", *joined(spans)] if spans else []
