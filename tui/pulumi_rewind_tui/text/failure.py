"""Why an update failed, from the evidence, the record and the checkpoint; and where else to look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from pulumi_rewind.errors import RewindError
from pulumi_rewind.state.locks import may_run
from pulumi_rewind.state.same import same_bytes
from pulumi_rewind_tui.text.cells import Line, facts, paragraph, plain
from pulumi_rewind_tui.text.comparison import LIVE
from pulumi_rewind_tui.words.words import local_time

if TYPE_CHECKING:
    from pulumi_rewind.rollback.report import Report
    from pulumi_rewind.session import Session
    from pulumi_rewind.state.model import Checkpoint, PendingOperation, Update


class Cause(msgspec.Struct, frozen=True):
    """What is known of why an update failed, or of one that was killed before it became an update."""

    number: int
    """The update; `LIVE` for one that was killed after the newest update."""
    after: int = 0
    """For `LIVE`: the newest update."""
    errors: tuple[str, ...] = ()
    """Messages that were kept, secrets masked."""
    place: str = ""
    """Where all that was kept of it lies."""
    pending: tuple[str, ...] = ()
    """Operations that were begun and not ended."""
    half_made: tuple[str, ...] = ()
    leftovers: tuple[str, ...] = ()
    """Old copies that wait for their deletion."""
    elsewhere: str = ""
    """Who ran it and when, for finding the messages where nobody kept them."""
    problem: str = ""
    """Why its checkpoint can't be read."""

    @property
    def told(self) -> bool:
        """Whether any message or trace of it is known."""
        return bool(self.errors or self.pending or self.half_made or self.leftovers)


def read_cause(session: Session, update: Update | None) -> Cause | None:
    """What is known of an update that failed; None for `update`: of one that was killed after the newest one, if any.

    Slow: reads checkpoints and git.
    """
    if update is None:
        return _killed(session)
    from pulumi_rewind.records.evidence import error_of, evidence_of
    from pulumi_rewind.rollback.report import kept_report

    number = update.number
    kept = evidence_of(session, number)
    told = kept[0].errors if kept is not None else tuple(filter(None, (error_of(session, number),)))
    told = told or _reported(kept_report(session, number))
    cause = Cause(number, errors=told, place=str(kept[1]) if kept is not None else "", elsewhere=elsewhere(update))
    try:
        return _with_traces(cause, session, session.timeline.checkpoint(number))
    except RewindError as err:
        return msgspec.structs.replace(cause, problem=session.redactor.said(err))


def _killed(session: Session) -> Cause | None:
    from pulumi_rewind.records.evidence import evidence_after
    from pulumi_rewind.rollback.report import report_after

    timeline = session.timeline
    newest = len(timeline)
    if timeline.live_update() is not None:
        return None  # live is as an update left it
    kept = evidence_after(session, newest)
    try:
        live = timeline.live()
        known = timeline.checkpoint(newest).pending_operations if newest else ()
        if may_run(session.backend.locks(session.stack)):
            return None  # it may be an update in progress
    except RewindError:
        return None  # home says so
    if kept is not None and kept[0].checkpoint and not same_bytes(live.raw, kept[0].checkpoint):
        kept = None  # of another one, or the state was edited since then
    if kept is None and not set(map(_pending, live.pending_operations)) - set(map(_pending, known)):
        return None  # edited, or imported
    errors, place = (kept[0].errors, str(kept[1])) if kept is not None else ((), "")
    errors = errors or _reported(report_after(session, newest))
    return _with_traces(Cause(LIVE, newest, errors, place), session, live)


def _with_traces(cause: Cause, session: Session, checkpoint: Checkpoint) -> Cause:
    resources = checkpoint.resources
    errors = (session.redactor(f"{res.name}: {text}") for res in resources for text in res.init_errors or ())
    return msgspec.structs.replace(
        cause,
        pending=tuple(map(_pending, checkpoint.pending_operations)),
        half_made=tuple(errors),
        leftovers=tuple(res.name for res in resources if res.delete),
    )


def _reported(report: Report | None) -> tuple[str, ...]:
    """The error of a rollback of ours, from its report."""
    return (report.error,) if report is not None and report.error else ()


def _pending(operation: PendingOperation) -> str:
    return f"{operation.type} {operation.resource.name}"


def elsewhere(update: Update) -> str:
    """Where the messages of an update may still be found."""
    env = update.environment
    if url := env.get("ci.build.url", ""):
        return f"See the build log: {url}"
    if system := env.get("ci.system", ""):
        build = env.get("ci.build.number") or env.get("ci.build.id", "")
        return f"See the log of {system}{f', build {build}' if build else ''}."
    who = env.get("git.committer") or env.get("git.author", "")
    when = local_time(update.start_time, "%Y-%m-%d %H:%M")
    ran = f", run {when}" if when else ""
    return f"See the terminal or CI log of this update{ran}{f' from a commit of {who}' if who else ''}."


NOT_KEPT = "Pulumi does not keep the messages of an update; `pulumi-rewind up` keeps those of the updates that it runs."


def banner(cause: Cause, cells: int, rows: int, table: Mapping[str, str]) -> list[Line]:
    """The cause in at most `rows` lines."""
    head = f"#{cause.number} failed" if cause.number != LIVE else f"An update after #{cause.after} was killed"
    lines = paragraph(f"{table['failed']} {head}{_briefly(cause)}", cells - 2, "failed", indent=1)
    if len(lines) > rows:
        more = f"{table['ellipsis']} (i shows all)" if cause.number != LIVE else table["ellipsis"]
        last = plain(lines[rows - 1])[: max(0, cells - 2 - len(more))].rstrip()
        lines = [*lines[: rows - 1], ((f"{last}{more}", "failed"),)]
    return lines


def briefly(cause: Cause) -> str:
    """The first thing that is known of it, in one line."""
    return _briefly(cause).lstrip(": ")


def _briefly(cause: Cause) -> str:
    if cause.errors:
        more = f" (and {len(cause.errors) - 1} more)" if len(cause.errors) > 1 else ""
        return f"{more}: {' '.join(cause.errors[0].split())}"
    if cause.half_made:
        return f": {' '.join(cause.half_made[0].split())}"
    if cause.pending:
        return f" while {', '.join(cause.pending)}"
    if cause.problem:
        return f", and its checkpoint can't be read: {cause.problem}"
    return f". Its messages were not kept. {cause.elsewhere}"


def cause_lines(cause: Cause, cells: int, *, failed: bool) -> Iterator[Line]:
    """All that is known, for the details page, which says itself why a checkpoint can't be read."""
    for text in cause.errors:
        yield from paragraph(text, cells - 2, indent=2)
    if cause.place:
        yield from paragraph(f"events and state: {cause.place}", cells - 2, indent=2)
    rows = [("pending", text) for text in cause.pending]
    rows += [("half made", text) for text in cause.half_made]
    rows += [("pending deletion", text) for text in cause.leftovers]
    yield from facts(rows, cells)
    if failed and not cause.errors and not cause.half_made:
        text = f"No message was kept. {NOT_KEPT} {cause.elsewhere}"
        yield from paragraph(text, cells - 2, "dim", indent=2)
