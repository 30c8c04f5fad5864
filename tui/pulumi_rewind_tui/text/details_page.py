"""The words of the details page, and what has to be read for it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pulumi_rewind.errors import RewindError
from pulumi_rewind.history.commits import Between, commits_between
from pulumi_rewind.history.origins import verdict_on
from pulumi_rewind.state.model import Update
from pulumi_rewind_tui.text.cells import Line, facts, heading, paragraph, plain
from pulumi_rewind_tui.text.facts import config_changes, git_facts, record_facts
from pulumi_rewind_tui.text.failure import Cause, cause_lines, read_cause
from pulumi_rewind_tui.text.held import by_update, held_fact
from pulumi_rewind_tui.text.spans import changes_line
from pulumi_rewind_tui.text.verdict import verdict_facts
from pulumi_rewind_tui.words.words import local_time

if TYPE_CHECKING:
    from pulumi_rewind.history.verdict import Said
    from pulumi_rewind.session import Session

COMMITS = 20
"""How many commits are listed."""

WHEN = "%Y-%m-%d %H:%M:%S %Z"


@dataclass
class Evidence:
    """What the checkpoint, the update before and git say about an update."""

    previous: Update | None = None
    between: Between = field(default_factory=Between)
    resources: int | None = None
    cause: Cause | None = None
    """Why it failed, as far as that is known."""
    problem: str = ""
    said: Said | None = None
    """What a check said of it."""
    waiting: str = ""
    """What is said where it waits for a confirmation."""
    record: tuple[tuple[str, str], ...] = ()
    """What a record in git holds of the update, empty if there is none."""
    page: str = ""
    """The update's web page, empty if there is none."""
    stack_tags: Mapping[str, str] = field(default_factory=dict)
    """What the backend keeps as tags of the stack."""
    held: str = ""
    """What it let go of and is still held."""
    config: tuple[tuple[str, str, str], ...] = field(default=())
    """Sign (``+ - ~``), key, and what can be shown of the values."""


def read_evidence(session: Session, update: Update) -> Evidence:
    """Reads the neighbours of an update; what can't be read is left out, with the reason."""
    from pulumi_rewind.rollback.let_go import held_here

    found = Evidence(page=session.page(update))
    try:
        found.stack_tags = session.backend.about(session.stack).tags
        if update.number > 1:
            found.previous = session.timeline.update(update.number - 1)
        found.config = config_changes(found.previous, update)
        checkpoint = session.timeline.checkpoint(update.number)
        found.resources = sum(not res.is_stack for res in checkpoint.resources)
    except RewindError as err:
        found.problem = session.redactor.said(err)
    held = by_update(held_here(session)).get(update.number)
    found.held = held_fact(held) if held else ""
    found.cause = read_cause(session, update)
    found.said = verdict_on(session.timeline.history, update, session.timeline.verdicts)
    found.waiting = read_waiting(session, update)
    found.record = _record(session, update)
    found.between = commits_between(session.timeline, update, COMMITS)
    return found


def read_waiting(session: Session, update: Update) -> str:
    """What is said of an update that waits for a confirmation, else nothing."""
    from pulumi_rewind.confirming.waiting import waiting_for
    from pulumi_rewind_tui.text.waiting import standing_text

    try:
        deadline = waiting_for(session, update)
    except RewindError as err:
        return f"not known: {session.redactor.said(err)}"
    return standing_text(deadline, time.time()) if deadline is not None else ""


def _record(session: Session, update: Update) -> tuple[tuple[str, str], ...]:
    from pulumi_rewind.records.lookup import known_record

    try:
        known = known_record(session, update.number)
    except RewindError as err:
        return (("damaged", session.redactor.said(err)),)
    if known is None:
        return ()
    record, origin = known
    if not origin.trusted:
        return (("ref", record.ref), ("not used", f"origin: {origin.text}; see `pulumi-rewind record --verify`"))
    left_out = (("left out", f"{item.path}: {item.reason}") for item in record.meta.left_out)
    return (("ref", record.ref), *record_facts(record), *left_out)


def details(update: Update, tags: tuple[str, ...], evidence: Evidence | None, cells: int) -> list[Line]:
    """The whole page."""
    env = update.environment
    lines: list[Line] = paragraph(update.message or "(no message)", cells - 2, "bold", indent=1)
    if update.problem:
        lines += [(("", ""),), *paragraph(f"✗ {update.problem}", cells - 2, "failed", indent=1)]
    if evidence is not None:
        lines += _failure(update, evidence, cells)
    lines += heading(" What")
    lines += facts(
        [
            ("kind", update.kind),
            ("result", update.result),
            *verdict_facts(None if evidence is None else evidence.said, update.number),
            ("waiting", "" if evidence is None else evidence.waiting),
            ("requested by", update.requested_by),
            ("web page", "" if evidence is None else evidence.page),
            ("started", local_time(update.start_time, WHEN)),
            ("ended", local_time(update.end_time, WHEN)),
            ("changes", plain(changes_line(update.changes, words=True))),
            ("unchanged", str(update.changes.get("same", ""))),
            ("held", "" if evidence is None else evidence.held),
            ("resources", "" if evidence is None or evidence.resources is None else str(evidence.resources)),
        ],
        cells,
    )
    lines += heading(" Git")
    lines += facts(git_facts(update, tags), cells)
    if evidence is None:
        return [*lines, (("", ""),), ((" reading…", "dim"),)]
    lines += _since(evidence)
    if evidence.record:
        lines += heading(" Record in git")
        lines += facts(list(evidence.record), cells)
    if evidence.stack_tags:
        lines += heading(" Tags of the stack")
        lines += facts(list(evidence.stack_tags.items()), cells)
    lines += heading(" Environment")
    hidden = ("git.",)
    lines += facts([(key, env[key].strip()) for key in sorted(env) if not key.startswith(hidden)], cells)
    return lines


def _since(evidence: Evidence) -> list[Line]:
    lines: list[Line] = []
    before = f"#{evidence.previous.number}" if evidence.previous is not None else "the beginning"
    lines += heading(f" Configuration since {before}")
    roles = {"+": "added", "-": "removed", "~": "changed"}
    for sign, key, text in evidence.config:
        lines.append(((f"  {sign} ", roles[sign]), (key, ""), ("  " + text, "dim")))
    if not evidence.config:
        lines.append((("  no change", "dim"),))
    between = evidence.between
    since = f"#{between.since}" if between.since else before
    lines += heading(f" Commits since {since}")
    for commit in between.came:
        lines.append((("  " + commit.sha[:7], "commit"), (f" {commit.title}", "")))
    for commit in between.went:
        lines.append((("  " + commit.sha[:7], "commit"), (" no longer in it: ", "dim"), (commit.title, "")))
    if between.problem:
        lines.append(((f"  {between.problem}", "dim"),))
    elif not between.came and not between.went:
        lines.append((("  none", "dim"),))
    return lines


def _failure(update: Update, evidence: Evidence, cells: int) -> list[Line]:
    cause = evidence.cause
    failed, told = update.result == "failed", cause is not None and cause.told
    if not (failed or told or evidence.problem):
        return []
    lines = heading(" Why it failed" if failed else " What it left unfinished" if told else " What can't be read")
    if evidence.problem:
        lines += paragraph(f"✗ {evidence.problem}", cells - 2, "failed", indent=2)
    if cause is not None:
        lines += cause_lines(cause, cells, failed=failed)
    return lines
