"""Are the records whole, of this stack, and vouched for? Everything in every record is read and compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pulumi_rewind.errors import BackendError, RewindError
from pulumi_rewind.history.timeline import Timeline
from pulumi_rewind.records.foreign import foreign_records
from pulumi_rewind.records.parts import CHECKPOINT, HISTORY, SIGNATURE, UPDATE, digest_of, update_key
from pulumi_rewind.records.store import Record, Records
from pulumi_rewind.state.model import parse_urn


@dataclass(frozen=True)
class Damage:
    """One thing that is wrong with the records."""

    number: int
    """Of the update; 0 where the ref names none."""
    ref: str
    message: str
    foreign: bool = False
    """Whether it is a record that is not trusted, rather than a damaged one."""


def verify_records(records: Records, timeline: Timeline | None = None) -> Iterator[Damage]:
    """Yields everything that is wrong, record by record; with a timeline, also what isn't of its stack.

    Foreign ones are named first, with what is otherwise in them than in the timeline.

    Raises:
        RecordError: the repository can't be read at all.
    """
    numbers = records.refs()
    for name in sorted(records.store.refs(records.folder).keys() - {str(number) for number in numbers}):
        yield Damage(0, f"{records.folder}/{name}", "it is not a record: its name is not the number of an update")
    foreign = {one.number: one for one in foreign_records(records, timeline)}
    for number, one in foreign.items():
        yield Damage(number, one.ref, one.message, foreign=True)
    for number, commit in numbers.items():
        try:
            record = records.at(number, commit)
        except RewindError as err:
            yield Damage(number, records.ref(number), str(err))
            continue
        for message in _wrong(records, record):
            yield Damage(number, record.ref, message)
        if timeline is not None and number not in foreign and (message := _elsewhere(record, timeline)):
            yield Damage(number, record.ref, message)


def _wrong(records: Records, record: Record) -> Iterator[str]:
    store, meta = records.store, record.meta
    raw = store.read(record.commit, UPDATE) or b""
    if f"Record-Digest: {digest_of(raw)}" not in store.message(record.commit).splitlines():
        yield f"{UPDATE} is not what was recorded"
    entries = store.listing(record.commit)
    if entries is None:
        yield "its list of files can't be read: objects are missing or damaged in the repository"
    else:
        for path in sorted(entries.keys() - meta.files.keys() - {UPDATE, SIGNATURE}):
            yield f"{path} is not one of its files"
    for path in meta.files:
        try:
            record.file(path)
        except RewindError as err:
            yield str(err)
            continue
        if path == CHECKPOINT:
            yield from _checkpoint(records, record)
        elif path == HISTORY:
            try:
                update = record.update
            except RewindError as err:
                yield str(err)
                continue
            if update_key(update) != meta.key and not any(it.path.startswith(HISTORY) for it in meta.left_out):
                yield f"{HISTORY} belongs to another update than {UPDATE}"
    commit = str(meta.git.get("commit") or "")
    if commit and store.message(record.commit) and not store.has_commit(commit) and _kept(record):
        yield f"commit {commit[:12]} of the program is missing from the repository"


def _checkpoint(records: Records, record: Record) -> Iterator[str]:
    try:
        checkpoint = record.checkpoint()
    except BackendError as err:
        yield str(err)
        return
    for res in checkpoint.resources[:1]:
        urn = parse_urn(res.urn)
        if (urn.project, urn.stack) != (records.project, records.stack):
            yield f"{CHECKPOINT} is the state of another stack: {urn.project}/{urn.stack}"


def _kept(record: Record) -> bool:
    return b'"kept": true' in record.file("program.json")


def _elsewhere(record: Record, timeline: Timeline) -> str:
    """What is to be said where the stack's history has another update of that number; empty if it hasn't."""
    if record.number > len(timeline):
        return "its update is not in the history of this stack: it may come from a stack on another backend"
    try:
        update = timeline.update(record.number)
    except RewindError:
        return ""
    if update.from_record == "update" or update.result == "unreadable" or update_key(update) == record.meta.key:
        return ""
    return (
        f"it belongs to another update than #{record.number} of this stack: it may come from a stack on another backend"
    )
