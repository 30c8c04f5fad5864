"""What the records of an opened stack know of one update."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from pulumi_rewind.errors import RewindError
from pulumi_rewind.records.content import Program, unused
from pulumi_rewind.records.history import RecordedHistory, belongs
from pulumi_rewind.records.parts import PROGRAM
from pulumi_rewind.state.model import Update

if TYPE_CHECKING:
    from pulumi_rewind.history.targets import Target
    from pulumi_rewind.history.timeline import Timeline
    from pulumi_rewind.project.journal import Journal
    from pulumi_rewind.project.settings import Settings
    from pulumi_rewind.records.provenance import Origin
    from pulumi_rewind.records.store import Record, Records


class OpenedStack(Protocol):
    """What records need of an opened stack; `session.Session` is one."""

    @property
    def settings(self) -> Settings:
        """Those of the project."""
        ...

    @property
    def records(self) -> Records | None:
        """The stack's records."""
        ...

    @property
    def timeline(self) -> Timeline:
        """The stack's updates."""
        ...

    @property
    def journal(self) -> Journal:
        """The journal of the stack's rollbacks."""
        ...

    def reload(self) -> None:
        """Forgets what was read."""
        ...


def recorded(opened: OpenedStack, number: int) -> Record | None:
    """The record of an update as the timeline has it; None if there is none to be used, or it is of another update.

    Not used is a record that is not trusted, see `records.provenance`.

    Raises:
        RewindError: it is damaged, or the repository for records can't be used.
    """
    records = opened.records
    record = records.usable(number) if records is not None else None
    update = opened.timeline.update(number)
    if records is None or record is None or update.from_record == "update":
        return record
    return record if belongs(record, update, records.backend) else None


def known_record(opened: OpenedStack, number: int) -> tuple[Record, Origin] | None:
    """The record of an update and where it comes from, also one that isn't used; None as `recorded`, raises as it."""
    records = opened.records
    record = records.read(number) if records is not None else None
    if records is None or record is None:
        return None
    origin = records.origin(record)
    if origin.trusted and (record := recorded(opened, number)) is None:
        return None
    return record, origin


def origin_of(opened: OpenedStack, target: Target) -> str:
    """Where the checkpoint of a target comes from, ``the record 1a2b3c4 of #6, made here``; empty: the backend.

    Raises:
        BackendError, CheckpointError: the target can't be read.
    """
    history = opened.timeline.history
    if target.checkpoint is not None or not isinstance(history, RecordedHistory):
        return ""
    record = history.source(target.update.number)
    if record is None:
        return ""
    return f"the record {record.commit[:7]} of #{record.number}, {history.records.origin(record).text}"


def unused_changes(opened: OpenedStack, update: Update) -> str:
    """A clause that names a foreign record which may have the uncommitted changes; empty if there is none."""
    records = opened.records
    commit = records.refs().get(update.number) if records is not None else None
    if records is None or commit is None:
        return ""
    try:
        record = records.at(update.number, commit)
        return "" if records.origin(record).trusted else f"; {unused(record.number, record.commit)}"
    except RewindError:
        return ""


def uncommitted_record(opened: OpenedStack, update: Update) -> Record | None:
    """The record with what was in the working tree, but in no commit, at an update; None: none has it, or a damaged."""
    try:
        record = recorded(opened, update.number)
        program = None if record is None else msgspec.json.decode(record.file(PROGRAM), type=Program)
    except (RewindError, msgspec.DecodeError):
        return None
    return record if program is not None and program.uncommitted == "kept" else None
