"""The timeline as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pulumi_rewind_tui.text.cells import Line, Span
from pulumi_rewind_tui.text.held import held_mark
from pulumi_rewind_tui.text.spans import changes_line, joined, result_span
from pulumi_rewind_tui.text.verdict import is_verified
from pulumi_rewind_tui.words.symbols import UNICODE
from pulumi_rewind_tui.words.words import first_line, iso_time, local_time

if TYPE_CHECKING:
    from pulumi_rewind.history.commits import Between
    from pulumi_rewind.history.timeline import Entry
    from pulumi_rewind.project.repository import Commit
    from pulumi_rewind.state.model import Update
    from pulumi_rewind.window.held import Held


def live_line(newest: int) -> Line:
    """The line about live, if it does not equal the newest update."""
    return [
        Span("● live", "live"),
        f" differs from #{newest}: changed outside updates (a state edit, an import, or a killed update)",
    ]


def history_row(entry: Entry, held: Sequence[Held] = ()) -> list[Line]:
    """One update, by columns; `held` is what it let go of and is still held."""
    update = entry.update
    marks = standing(entry)
    if held:
        marks.append(Span(*held_mark(len(held), UNICODE["hold"])))
    if update.from_record:
        whole = update.from_record == "update"
        marks.append(Span("from its record" if whole else "checkpoint from its record", "dim"))
    return [
        [Span(f"#{update.number}", "title")],
        [Span(local_time(update.start_time) or "time unknown", "dim")],
        [result_span(update.result, verified=is_verified(entry.said))],
        [Span("↺ rollback", "warn") if update.is_rollback else Span(update.kind or "?")],
        changes_line(update.changes) if update.result != "unreadable" else [],
        joined(marks),
        _git(entry),
        _message(update),
    ]


def standing(entry: Entry) -> list[Span]:
    """Whether live equals the update, and whether it is the last good one."""
    both = ((entry.live, Span("● live", "live")), (entry.last_good, Span("★ last good", "ok")))
    return [span for on, span in both if on]


def _git(entry: Entry) -> Line:
    update = entry.update
    if not update.commit:
        return [Span("no commit", "dim")]
    spans = [Span(update.commit[:7], "commit")]
    if update.dirty:
        spans.append(Span("* dirty", "warn"))
    if entry.tags:
        spans.append(Span(f" {', '.join(entry.tags)}", "title"))
    if update.branch:
        spans.append(Span(f" ({update.branch})", "dim"))
    return spans


def _message(update: Update) -> Line:
    if update.problem:
        return [Span(f"✗ {first_line(update.problem)}", "failed")]
    if not update.has_checkpoint:
        return [first_line(update.message), Span("  ✗ no checkpoint", "failed")]
    return [first_line(update.message)]


def entry_json(entry: Entry, held: Sequence[Held] = ()) -> dict[str, Any]:
    """One update in the shape that ``history --json`` promises."""
    update = entry.update
    return {
        "version": update.number,
        "kind": update.kind,
        "result": update.result,
        "startTime": iso_time(update.start_time),
        "endTime": iso_time(update.end_time),
        "message": update.message,
        "author": update.author,
        "git": {
            "commit": update.commit,
            "branch": update.branch,
            "tags": list(entry.tags),
            "dirty": update.dirty,
        },
        "changes": dict(update.changes),
        "hasCheckpoint": update.has_checkpoint,
        "verified": is_verified(entry.said),
        "live": entry.live,
        "held": [{"urn": one.urn, "id": one.id} for one in held],
        **({"fromRecord": update.from_record} if update.from_record else {}),
    }


def commits_lines(between: Between) -> Iterator[Line]:
    """The commits that came with an update, and those that are no longer in it, below its row."""
    if between.problem:
        yield [Span(f"      {between.problem}", "dim")]
    for sign, style, commits in (("+", "create", between.came), ("-", "delete", between.went)):
        for commit in commits:
            yield [
                Span(f"      {sign} ", style),
                Span(commit.sha[:7], "commit"),
                f" {first_line(commit.title)}  ",
                Span(commit.author, "dim"),
            ]


def commits_json(between: Between) -> dict[str, Any]:
    """The same for machines: ``commits`` and ``commitsGone``."""

    def each(commits: Iterable[Commit]) -> list[dict[str, Any]]:
        return [
            {"commit": one.sha, "title": one.title, "author": one.author, "time": iso_time(one.time)} for one in commits
        ]

    return {"commitsSince": between.since or None, "commits": each(between.came), "commitsGone": each(between.went)}
