"""What is kept of a rollback beside its update: the plan that was agreed to, and how it ended.

It lies with the evidence of failures in the user's state directory, and in the rollback's record in git. The incident
note is written from it, also on another day. Secrets are masked before it is kept.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from pulumi_rewind.choices import USUAL, flags
from pulumi_rewind.errors import InterruptedRun, RewindError, StateDirectoryError
from pulumi_rewind.history.failed_update import before_attempts, undo_number
from pulumi_rewind.history.origins import own_record
from pulumi_rewind.history.update_mark import Stamp, read_stamp
from pulumi_rewind.records.evidence import EvidenceStore, name_of
from pulumi_rewind.records.lookup import recorded
from pulumi_rewind.rollback.result import RollbackResult
from pulumi_rewind.state.values import Json, each
from pulumi_rewind.system.shell import command

if TYPE_CHECKING:
    from pulumi_rewind.choices import Choices
    from pulumi_rewind.plan.model import Plan
    from pulumi_rewind.session import Session

REPORT: Final = "rollback.json"
"""What the report is called among the evidence."""

STEPS: Final = 200
"""How many steps and risks of a plan are kept; all steps are counted."""


LISTED: Final = 1000
"""How many differences, stale values and callbacks of a result are kept; a note says how many there were."""

LONG: Final = 4000
"""Longer texts are cut, commands aside: an engine may have printed megabytes."""


class ReportedStep(msgspec.Struct, frozen=True, rename="camel"):
    """A step as it was planned."""

    op: str
    name: str
    type: str
    forecast: str
    delete_first: bool = False


class ReportedRisk(msgspec.Struct, frozen=True, rename="camel"):
    """A risk that the operator accepted."""

    code: str
    message: str
    loses_data: bool = False


class Report(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One rollback: what was planned, when, and how it ended."""

    target: int
    """The update that it went back to."""
    label: str
    """How that is shown, ``#6 (v1.2)``."""
    strategy: str
    fingerprint: str
    options: tuple[str, ...] = ()
    """What was chosen beside target and strategy, as words of a command line."""
    planned: float
    """When the plan that was reviewed was made; Unix seconds, as all times."""
    began: float
    ended: float
    before: int
    """The newest update when it began."""
    changes: dict[str, int] = {}
    """Planned steps by operation, those that stay the same included."""
    steps: tuple[ReportedStep, ...] = ()
    risks: tuple[ReportedRisk, ...] = ()
    outcome: Literal["done", "unchanged", "stopped", "failed"]
    """Unchanged: it was refused, and nothing was changed."""
    changed: bool = True
    """Whether it may have changed the stack; where it failed without, callbacks were called."""
    result: RollbackResult | None = None
    """How it ended, where it reached its end."""
    error: str = ""
    hint: str = ""
    undo: str = ""
    """The command that takes it back; empty if there is none."""
    run: str = ""
    """What tells its updates from all others, see `history.update_mark`."""


def report_of(
    plan: Plan,
    began: float,
    before: int,
    end: RollbackResult | BaseException | None,
    undo: str,
    *,
    run: str = "",
    ended: float = 0,
    unchanged: bool = False,
) -> Report:
    """What is to be kept of a run; `end` is its result, or what went wrong. It ends now, if no time is given."""
    result = end if isinstance(end, RollbackResult) else None
    error = end if isinstance(end, BaseException) else None
    how: Literal["stopped", "failed"] = "stopped" if isinstance(error, InterruptedRun) else "failed"
    risks = sorted(plan.all_risks, key=lambda risk: risk.rank)
    return Report(
        target=plan.target.update.number,
        label=plan.target.label,
        strategy=plan.strategy,
        fingerprint=plan.fingerprint,
        options=tuple(flags(plan.prepared.choices.but(strategy=USUAL.strategy))),
        planned=plan.created,
        began=began,
        ended=ended or time.time(),
        before=before,
        changes=dict(plan.changes),
        steps=tuple(
            ReportedStep(step.op, step.name, step.type, step.forecast, step.delete_first) for step in plan.steps[:STEPS]
        ),
        risks=tuple(ReportedRisk(risk.code, risk.told, risk.loses_data) for risk in risks[:STEPS]),
        outcome="done" if result is not None else "unchanged" if unchanged else how,
        changed=not unchanged and getattr(error, "changed", True),
        result=bounded(result) if result is not None else None,
        error=str(error) if error is not None else "",
        hint=getattr(error, "hint", ""),
        undo=undo,
        run=run,
    )


def undo_command(session: Session, result: RollbackResult | None, choices: Choices | None) -> str:
    """The command that takes a rollback back, empty if nothing can; without a result, one that came to no end."""
    if choices is not None and choices.drop_held:
        return ""  # what was deleted is gone
    if result is not None and (result.undo or result.result == "nothing-to-do"):
        return result.undo
    timeline = session.timeline
    number = before_attempts(timeline) if result is None else undo_number(timeline, result.version)
    if not number:
        return ""
    forgot = result is not None and bool(result.changes.get("discard"))
    again = flags(choices.undoing(forgot=forgot)) if choices is not None else ()
    return command("rollback", session.stack.word, str(number), *again)


def bounded(result: RollbackResult) -> RollbackResult:
    """The result with as much of its lists as is kept; its notes say what is left out."""
    parts = {"differences": result.differences, "stale": result.stale, "callbacks": result.callbacks}
    cut = {name: found[:LISTED] for name, found in parts.items() if len(found) > LISTED}
    notes = tuple(f"{len(parts[name]):,} {name} were found; the first {LISTED:,} are kept" for name in cut)
    return dataclasses.replace(result, notes=(*result.notes, *notes), **cut)  # type: ignore[arg-type]


def masked(report: Report, redact: Callable[[str], str]) -> Report:
    """The same with every text of others in it redacted, and the long ones cut."""

    def clean(value: Json) -> Json:
        if not isinstance(value, str):
            return each(value, clean)
        text = redact(value)
        return text if len(text) <= LONG else f"{text[:LONG]}…"

    found = clean(msgspec.json.decode(msgspec.json.encode(report)))
    assert isinstance(found, dict)
    # Words of ours stay: a secret may be called like one. A command that is cut would be another one.
    found |= {"outcome": report.outcome, "run": report.run}
    found |= {"undo": redact(report.undo), "options": [redact(word) for word in report.options]}
    if report.result is not None:
        found["result"] = {**found["result"], "result": report.result.result, "undo": redact(report.result.undo)}
    return msgspec.convert(found, Report)


def keep(session: Session, report: Report) -> Mapping[str, bytes]:
    """Keeps a report in the state directory, secrets masked; returns it as a file for the record of its update.

    What can't be written, or can't be kept because a strategy's plan holds what no report can, is left out: a note is
    never worth more than the run's own end.
    """
    try:
        content = msgspec.json.encode(masked(report, session.redactor))
    except (msgspec.MsgspecError, TypeError):
        return {}
    own = own_record(session.timeline.history, Stamp(run=report.run)) if report.run else None
    name = name_of(report.before, own.number if own is not None else report.before)
    store = EvidenceStore(session.journal)
    there = _decoded(store.file(name, REPORT)) if own is None else None
    if report.outcome == "unchanged" and there is not None and there.outcome != "unchanged":
        return {}  # what changed something is worth more than an attempt after it
    with contextlib.suppress(StateDirectoryError):
        store.keep(name, REPORT, content)
    return {REPORT: content}


def kept_report(session: Session, number: int) -> Report | None:
    """What was kept of the rollback that became an update; None if nothing was.

    It must be of this very rollback: a stack that was removed and created again numbers from 1 again.
    """
    stamp = read_stamp(session.timeline.update(number))
    if stamp is None:
        return None
    store = EvidenceStore(session.journal)
    for name in (number, number + 1):  # what puts back bookkeeping is an update after the first
        found = _decoded(store.file(str(name), REPORT))
        if found is not None and found.run == stamp.run:
            return found
    try:
        record = recorded(session, number)
        found = _decoded(record.evidence().get(REPORT)) if record is not None else None
    except RewindError:
        return None
    return found if found is not None and found.run == stamp.run else None


def report_after(session: Session, number: int) -> Report | None:
    """What was kept of a rollback after an update that became none itself: it put a state back, or was killed."""
    found = _decoded(EvidenceStore(session.journal).file(name_of(number, number), REPORT))
    return found if found is not None and found.began >= session.timeline.update(number).start_time else None


def _decoded(content: bytes | None) -> Report | None:
    try:
        return msgspec.json.decode(content, type=Report) if content else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
