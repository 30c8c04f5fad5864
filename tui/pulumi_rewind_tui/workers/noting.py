"""The incident note of a run that has just ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi_rewind_tui.text.incident import incident_note

if TYPE_CHECKING:
    from pulumi_rewind.session import Session
    from pulumi_rewind_tui.text.result_page import Outcome


def note_of_run(session: Session, outcome: Outcome, now: float) -> str:
    """The note, secrets masked; the same as `report` writes on another day.

    Raises:
        RewindError: the history can't be read.
    """
    from pulumi_rewind import __version__
    from pulumi_rewind.rollback.incident import incident_of
    from pulumi_rewind.rollback.report import masked, report_of, undo_command

    plan, result, state = outcome.plan, outcome.result, outcome.state
    unchanged = outcome.kind == "unchanged"
    end = result if result is not None else outcome.error
    changed = not unchanged and getattr(end, "changed", True)
    undo = undo_command(session, result, plan.prepared.choices) if changed else ""
    report = report_of(plan, state.started, outcome.start, end, undo, ended=state.ended or now, unchanged=unchanged)
    number = len(session.timeline) if result is None else result.version
    incident = incident_of(session, number, masked(report, session.redactor))
    return session.redactor(incident_note(incident, __version__, now))
