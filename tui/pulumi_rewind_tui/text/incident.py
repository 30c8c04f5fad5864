"""The incident note: a rollback or a failed update as short Markdown, to be pasted into a ticket. Pure.

Whatever others wrote (names, messages, errors) stands in code spans and blocks, where Markdown and HTML mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pulumi_rewind.history.update_mark import read_stamp
from pulumi_rewind.state.show import inert
from pulumi_rewind.system.shell import command
from pulumi_rewind_tui.text.outcome import Finding, callbacks, differences, ending, stale_values
from pulumi_rewind_tui.words.symbols import UNICODE, counts_text
from pulumi_rewind_tui.words.words import elapsed, iso_time, listed, plural

if TYPE_CHECKING:
    from pulumi_rewind.rollback.incident import Incident
    from pulumi_rewind.rollback.report import Report, ReportedStep
    from pulumi_rewind.state.model import Update

LISTED: Final = 5
"""How many of one kind are listed before the rest is counted."""

LONG: Final = 200
"""Longer texts of others are cut."""

ERROR_LINES: Final = 6

_QUIET: Final = frozenset({"update", "same", "read"})
"""Operations that are counted in the note and not named."""

_DONE: Final = {
    "done": "rollback done",
    "unchanged": "rollback ended, with nothing changed,",
    "stopped": "rollback stopped",
    "failed": "rollback failed",
}
_TITLES: Final = {
    "done": "rolled back to",
    "unchanged": "not rolled back to",
    "stopped": "rollback stopped on the way to",
    "failed": "rollback failed on the way to",
}
_WORD: Final = re.compile("[a-z]+(?:-[a-z]+)*")


def incident_note(incident: Incident, version: str, now: float) -> str:
    """The whole note; what it tells of is masked already."""
    lines = [
        f"# {_title(incident)}",
        "",
        f"Written {_moment(now)} by pulumi-rewind {version}. All times are UTC.",
        *_section("Timeline", _timeline(incident)),
        *_section("Why it failed", _why(incident)),
        *_section("Plan", _plan(incident)),
        *_section("Result", _result(incident)),
        *_section("Undo", _undo(incident)),
        *_section("What remains to be done", _remaining(incident)),
    ]
    return "\n".join(lines) + "\n"


def incident_summary(incident: Incident) -> list[str]:
    """The lines of the note that tell what happened, for a text that says by itself what is to be done."""
    return [
        "",
        f"# {_title(incident)}",
        *_section("Timeline", _timeline(incident)),
        *_section("Why it failed", _why(incident)),
        *_section("Result", _result(incident)),
    ]


def incident_json(incident: Incident, note: str) -> dict[str, Any]:
    """The same for machines, with the note."""
    report = incident.report
    return {
        "stack": incident.stack,
        "number": incident.number,
        "rollback": incident.is_rollback,
        "target": incident.target.number if incident.target is not None else None,
        "failed": incident.failed.number if incident.failed is not None else None,
        "error": incident.error,
        "report": msgspec.to_builtins(report) if report is not None else None,
        "revert": [one.sha for one in incident.reverts.commits],
        "resumes": incident.resumes,
        "note": note,
    }


# -- Markdown ---------------------------------------------------------------------------------------------------------


def code(text: str, most: int = LONG) -> str:
    """A text as a code span, on one line, in which nothing is active."""
    line = inert(text.strip(), newlines=" ⏎ ")
    line = line if len(line) <= most else line[: most - 1] + "…"
    fence = "`" * (_longest_run(line) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line or '-'}{pad}{fence}"


def block(text: str, most: int = ERROR_LINES, long: int = LONG) -> list[str]:
    """A text of several lines as a code block; beyond `most` they are counted."""
    lines = [inert(line).rstrip() for line in text.strip().split("\n")]
    shown = [line if len(line) <= long else line[: long - 1] + "…" for line in lines[:most]]
    if len(lines) > most:
        shown.append(f"… and {plural(len(lines) - most, 'more line')}")
    fence = "`" * max(3, max(map(_longest_run, shown), default=0) + 1)
    return [f"{fence}text", *shown, fence]


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def _section(title: str, lines: Iterable[str]) -> list[str]:
    body = list(lines)
    return ["", f"## {title}", *body] if body else []


def _points(found: Sequence[str], most: int = LISTED) -> list[str]:
    more = [f"- … and {len(found) - most:,} more"] if len(found) > most else []
    return [*(f"- {one}" for one in found[:most]), *more]


def _finding(one: Finding) -> str:
    about = f"{code(one.about)}: " if one.about else ""
    return f"{UNICODE[one.mark]} {about}{code(one.text)}"


def _moment(seconds: float) -> str:
    return (iso_time(int(seconds)) or "at an unknown time").replace("T", " ").replace("Z", " UTC")


def _clock(seconds: float) -> str:
    moment = iso_time(int(seconds))
    return moment.replace("T", " ").removesuffix("Z") if moment else "(time not known)"


def _number(number: int) -> str:
    """In a code span: elsewhere ``#12`` would become a link to an issue of that number."""
    return f"`#{number}`"


# -- the parts --------------------------------------------------------------------------------------------------------


def _label(incident: Incident) -> str:
    if incident.report is not None:
        return code(incident.report.label)
    if incident.target is None:
        return "an unknown target"
    tags = f" ({', '.join(incident.tags)})" if incident.tags else ""
    return code(f"#{incident.target.number}{tags}")


def _title(incident: Incident) -> str:
    failed = incident.failed
    what = [f"update {_number(failed.number)} failed"] if failed is not None else []
    if incident.is_rollback:
        what.append(f"{_TITLES[_outcome(incident)]} {_label(incident)}")
    return f"{code(incident.stack)}: {', '.join(what)}"


def _outcome(incident: Incident) -> str:
    if incident.report is not None:
        return incident.report.outcome
    return "done" if incident.rollback is not None and incident.rollback.succeeded else "failed"


def _timeline(incident: Incident) -> list[str]:
    lines = []
    target, over = incident.target, incident.over
    if target is not None:
        what = f"{_kind(target)} {_number(target.number)} {_ended(target)}"
        lines.append(f"{_clock(target.end_time)} {what}: the target{_origin(target, incident.tags)}")
    hidden = max(len(over) - LISTED, 0)
    if hidden:
        lines.append(f"… {plural(hidden, 'more update')} …")
    for one in over[hidden:]:
        lines += _update(one)
    report, own = incident.report, incident.rollback
    if report is not None:
        review = report.began - report.planned
        reviewed = f", and reviewed for {elapsed(review)}" if review >= 1 else ""
        lines.append(f"{_clock(report.planned)} the plan was made{reviewed}")
        lines.append(f"{_clock(report.began)} rollback began")
        became = f", recorded as {_number(own.number)}" if own is not None else ""
        lines.append(
            f"{_clock(report.ended)} {_DONE[report.outcome]} after {elapsed(report.ended - report.began)}{became}"
        )
    elif own is not None:
        lines.append(f"{_clock(own.start_time)} rollback began")
        lines.append(f"{_clock(own.end_time)} rollback {_number(own.number)} {_ended(own)}")
    return _points(lines, len(lines))


def _update(update: Update) -> Iterator[str]:
    kind = _kind(update)
    if update.result == "failed":
        yield f"{_clock(update.start_time)} {kind} {_number(update.number)} began{_origin(update)}"
        counts = counts_text(update.changes)
        changed = f", after it had changed {counts}" if counts else ""
        yield f"{_clock(update.end_time)} {kind} {_number(update.number)} **{_ended(update)}**{changed}"
    else:
        yield f"{_clock(update.end_time)} {kind} {_number(update.number)} {_ended(update)}{_origin(update)}"


def _ended(update: Update) -> str:
    known = update.start_time and update.end_time >= update.start_time
    after = f" after {elapsed(update.end_time - update.start_time)}" if known else ""
    return f"{_word(update.result)}{after}"


def _kind(update: Update) -> str:
    return "rollback" if update.is_rollback else _word(update.kind)


def _word(text: str) -> str:
    """A word that a backend recorded: as it is if it is an ordinary one."""
    return text if _WORD.fullmatch(text) else code(text)


def _origin(update: Update, tags: Sequence[str] = ()) -> str:
    """Commit and message."""
    words = [code(", ".join(tags))] if tags else []
    if update.commit and not update.is_rollback:
        words.insert(0, f"{code(update.commit[:7])}{' with uncommitted changes' if update.dirty else ''}")
    if first := update.message.strip().partition("\n")[0]:
        words.append(code(first))
    return f" · {' '.join(words)}" if words else ""


def _why(incident: Incident) -> list[str]:
    failed = incident.failed
    if failed is None:
        return []
    lines = block(incident.error) if incident.error else []
    lines += _points([code(text) for text in incident.half_made])
    if not lines:
        lines = ["Not known: the messages of a failed update are kept where `pulumi-rewind up` ran it."]
    return lines


def _plan(incident: Incident) -> list[str]:
    report = incident.report
    if report is None:
        return ["Not kept: the rollback was run elsewhere or by an earlier release."] if incident.is_rollback else []
    options = f", with {code(' '.join(report.options))}" if report.options else ""
    same = report.changes.get("same", 0)
    how = f"strategy {code(report.strategy)}{options}, fingerprint {code(report.fingerprint)}"
    lines = [
        f"- Target {_label(incident)}, {how}",
        f"- Steps: {counts_text(report.changes) or 'none'}{f', {same:,} unchanged' if same else ''}",
    ]
    notable = [step for step in report.steps if step.op not in _QUIET]
    lines += _points([_step(step) for step in notable], LISTED + 1)
    if report.risks:
        lines.append("")
        lines.append("Risks of the plan:")
        lines += _points([f"{'⚠ data is lost: ' if one.loses_data else ''}{code(one.message)}" for one in report.risks])
    return lines


def _step(step: ReportedStep) -> str:
    first = ", the old object deleted first" if step.delete_first else ""
    return f"{step.op} {code(step.name)} ({code(step.type)}){first}"


def _result(incident: Incident) -> list[str]:
    report, own = incident.report, incident.rollback
    if not incident.is_rollback:
        by = incident.way_back
        if by is None:
            return ["Not rolled back."]
        stamp, number = read_stamp(by), _number(by.number)
        part = " in part" if stamp is not None and stamp.partial else ""
        what = f"{number} rolled it back{part}" if by.succeeded else f"Not rolled back: the rollback {number} failed"
        return [f"{what}. {code(command('report', incident.name, str(by.number)))} writes its note."]
    if report is None:
        assert own is not None
        target = incident.target
        compare = command("diff", incident.name, str(own.number), str(target.number)) if target is not None else ""
        more = f" Whether it equals the target was not kept; {code(compare)} compares." if compare else ""
        return [f"The rollback {_ended(own)}: {counts_text(own.changes) or 'no changes'}.{more}"]
    if report.outcome == "unchanged":
        return ["It changed nothing.", *block(report.error)]
    if report.result is None and not report.changed:
        what = f"The rollback {report.outcome}; callbacks were called, and nothing in the stack was changed."
        return [what, *block(report.error)]
    if report.result is None:
        where = f"between {_number(report.before)} and {_label(incident)}"
        return [f"The rollback {report.outcome} half-way; it left the stack {where}.", *block(report.error)]
    return _reached(incident, report)


def _reached(incident: Incident, report: Report) -> list[str]:
    result = report.result
    assert result is not None
    mark, word, place = ending(result, incident.stack, report.label)
    lines = [f"{UNICODE[mark]} {word}: {code(place)}, {counts_text(result.changes) or 'no changes'}"]
    found = (
        ("Differences", differences(result)),
        ("May be stale", stale_values(result)),
        ("Callbacks", callbacks(result)),
    )
    for title, points in found:
        if points:
            lines += ["", f"{title}:", *_points([_finding(one) for one in points])]
    return lines


def _undo(incident: Incident) -> list[str]:
    if not incident.is_rollback:
        return []
    report, back = incident.report, incident.undo_to
    undo = report.undo if report is not None else command("rollback", incident.name, str(back)) if back else ""
    if not undo:
        return []
    lines = block(undo, long=len(undo))  # a command that is cut would be another one
    if incident.later:
        lines.append(f"The stack has had {plural(len(incident.later), 'update')} since: review what this undoes.")
    return lines


def _remaining(incident: Incident) -> list[str]:
    """As a list of things to tick off."""
    found = [f"- [ ] {one}" for one in _open(incident)]
    return found or ([] if incident.way_back is not None else ["Nothing is known."])


def _is_back(incident: Incident) -> bool:
    return incident.way_back is not None and incident.way_back.succeeded


def _open(incident: Incident) -> Iterator[str]:
    if incident.resumes:
        yield f"A rollback of the stack is unfinished: {code(command('resume', incident.name))} continues it."
    if not incident.is_rollback and not (incident.resumes or _is_back(incident)):
        yield f"Review the rollback: {code(command('plan', incident.name, 'last-good'))}."
    if incident.pending:
        count, names = plural(len(incident.pending), "operation"), code(", ".join(incident.pending[:LISTED]))
        yield f"{count} left pending ({names}): {code(command('resolve', incident.name))}."
    result = incident.report.result if incident.report is not None else None
    if result is not None:
        unexpected = sum(not one.expected for one in result.differences)
        if unexpected:
            yield f"Look at {plural(unexpected, 'difference')} that the plan did not announce."
        if result.stale:
            yield f"Check {plural(len(result.stale_names), 'value')} that may be stale."
        if result.held:
            names, confirm = code(listed(result.held)), code(command("confirm", incident.name))
            yield f"Decide about {names}, which the rollback let go of alive: {confirm} deletes what is held."
        for note in result.notes:
            yield code(note)
    if incident.is_rollback and _outcome(incident) != "unchanged":
        yield from _git(incident)


def _git(incident: Incident) -> Iterator[str]:
    reverts = incident.reverts
    if reverts.commits:
        count = plural(len(reverts.commits), "commit")
        names = ", ".join(code(one.sha[:12]) for one in reverts.commits[:LISTED])
        more = len(reverts.commits) - LISTED
        names += f" and {more:,} more" if more > 0 else ""
        what = "undid; the next deploy applies this again" if _outcome(incident) == "done" else "was to undo"
        revert = code(command("revert", incident.name))
        yield f"HEAD still contains {count} that the rollback {what}: {names}. {revert} makes a branch without them."
    elif incident.reminder:
        yield f"{code(incident.reminder)}."
    if reverts.problem:
        yield f"What to revert in git isn't known: {code(reverts.problem)}."
    dirty = [_number(one.number) for one in incident.over if one.dirty and not one.is_rollback]
    if dirty:
        yield f"{', '.join(dirty)} came from uncommitted changes: a working tree may still have them."
