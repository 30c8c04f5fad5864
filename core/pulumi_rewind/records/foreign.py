"""Records that are not trusted: what they are, how they differ from the backend, and how the operator decides."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pulumi_rewind.errors import RewindError, UsageError
from pulumi_rewind.records.history import RecordedHistory
from pulumi_rewind.records.parts import CHECKPOINT, HOOKS, NOT_HERE, PATCH, REVISIONS, UNTRACKED, digest_of, update_key

if TYPE_CHECKING:
    from pulumi_rewind.history.timeline import Timeline
    from pulumi_rewind.records.store import Record, Records

ALL: Final = "all"
_CARRIES: Final = {PATCH: "uncommitted changes", UNTRACKED: "untracked files", HOOKS: "hooks", REVISIONS: "revisions"}
"""What of a record is run or believed beyond its checkpoint."""


@dataclass(frozen=True)
class Foreign:
    """One foreign record."""

    number: int
    ref: str
    commit: str
    writer: str
    """Who wrote it and when, as git says, which anybody can have written."""
    problem: str
    """Why its signature doesn't count, empty if it has none."""
    differences: tuple[str, ...]
    """What in it is otherwise than the backend has it, a clause each."""
    carries: tuple[str, ...]
    """What it has beside the state: uncommitted changes, hooks …"""

    @property
    def message(self) -> str:
        """All of it in one sentence."""
        said = f"{NOT_HERE} and not used: commit {self.commit[:12]}, by {self.writer or 'nobody whom git can name'}"
        return f"{said}; {self.problem}; {self.contents}" if self.problem else f"{said}; {self.contents}"

    @property
    def contents(self) -> str:
        """What is in it, seen from the backend."""
        said = ", ".join(self.differences) or "update and checkpoint match the backend"
        return f"{said}; it carries {', '.join(self.carries)}" if self.carries else said


def foreign_records(records: Records, timeline: Timeline | None) -> Iterator[Foreign]:
    """The foreign records that can be read, compared with the timeline if there is one.

    Raises:
        RecordError: who wrote them can't be told, or git can't be asked.
    """
    for number, commit in records.refs().items():
        if commit in records.provenance.known():
            continue
        try:
            record = records.at(number, commit)
        except RewindError:
            continue
        origin = records.origin(record)
        if origin.trusted:
            continue
        yield Foreign(
            number,
            record.ref,
            commit,
            records.store.written_by(commit),
            origin.problem,
            tuple(_differences(record, timeline)) if timeline is not None else (),
            tuple(what for path, what in _CARRIES.items() if any(name.startswith(path) for name in record.meta.files)),
        )


def _differences(record: Record, timeline: Timeline) -> Iterator[str]:
    number, meta = record.number, record.meta
    update = timeline.update(number) if number <= len(timeline) else None
    if update is None or update.from_record == "update" or not update.end_time:
        yield "the backend has no such update to compare it with"
        return
    if update_key(update) != meta.key:
        yield f"it belongs to another update than the backend's #{number}"
    digest = meta.files.get(CHECKPOINT)
    if digest is None:
        return
    if not update.has_checkpoint or update.from_record:
        yield "the backend has no checkpoint to compare it with"
        return
    try:
        if digest_of(timeline.history.raw(number)) != digest:
            yield "its checkpoint is not the backend's"
    except RewindError:
        yield "the backend's checkpoint can't be read"


def agree(records: Records, name: str, timeline: Timeline | None = None) -> tuple[Foreign, ...]:
    """Agrees to the commit that a foreign record has now, or to everything that can be read; returns what it agreed to.

    `name` is a number or `ALL`; the timeline is for comparing.

    Raises:
        UsageError: there is no such record.
        RecordError: it is damaged or of another stack, or the list can't be written.
    """
    number = 0 if name == ALL else _number(records, name)
    if number:
        records.read(number)  # says what is wrong with it
    found = tuple(one for one in foreign_records(records, timeline) if number in (0, one.number))
    records.provenance.agreed.add(one.commit for one in found)
    return found


def take_back(records: Records, name: str) -> tuple[int, ...]:
    """Uses a record (or none at all, with `ALL`) no longer, also one that was made here; returns the numbers.

    Raises:
        UsageError: there is no such record, or it is used because of its signature.
        RecordError: a list is damaged or can't be written.
    """
    refs = records.refs()
    numbers = list(refs) if name == ALL else [_number(records, name)]
    known = records.provenance.known()
    for number in numbers if name != ALL else ():
        origin = records.origin(records.at(number, refs[number]))
        if origin.kind == "signed":
            raise UsageError(
                f"the record of #{number} is {origin.text}", hint="Remove that key from your allowed signers file."
            )
    gone = {number: refs[number] for number in numbers if refs[number] in known}
    records.provenance.made.remove(gone.values())
    records.provenance.agreed.remove(gone.values())
    return tuple(gone)


def unused_note(timeline: Timeline, text: str) -> str:
    """What a target's error says of foreign records: where only these have it, which; empty if there are none."""
    history = timeline.history
    unused = history.unused() if isinstance(history, RecordedHistory) else {}
    if not unused:
        return ""
    digits = text.removeprefix("#")
    numbers: list[int] = []
    if re.fullmatch(r"[0-9]{1,7}", digits):
        numbers = [int(digits)] if int(digits) in unused else []
    elif (repository := timeline.repository) is not None and (sha := repository.resolve(text)):
        assert isinstance(history, RecordedHistory)
        for number, commit in unused.items():
            try:
                if history.records.at(number, commit).meta.git.get("commit") == sha:
                    numbers.append(number)
            except RewindError:
                continue
    if numbers:
        number = numbers[-1]
        return (
            f"The record of #{number} ({unused[number][:7]}) has it, but was {NOT_HERE}: check it with "
            f"`pulumi-rewind record --verify`, then trust it with `pulumi-rewind record --trust {number}`."
        )
    count = "1 record was" if len(unused) == 1 else f"{len(unused)} records were"
    return f"{count} {NOT_HERE} and not used: see `pulumi-rewind record --verify`."


def _number(records: Records, name: str) -> int:
    digits = name.removeprefix("#")
    there = records.refs()
    number = int(digits) if re.fullmatch(r"[0-9]{1,7}", digits) else 0
    if number not in there:
        raise UsageError(
            f"there is no record of {name!r}", hint=f"Name a record by its number, or `{ALL}` for all of them."
        )
    return number
