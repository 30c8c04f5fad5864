"""The changes that were in the working tree, but in no commit, when an update was deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pulumi_rewind.errors import RewindError

if TYPE_CHECKING:
    from pulumi_rewind.model import Update
    from pulumi_rewind.records.store import Record
    from pulumi_rewind.session import Session


def unused_changes(session: Session, update: Update) -> str:
    """A clause that names a foreign record which may have the uncommitted changes; empty if there is none."""
    from pulumi_rewind.records.foreign import unused

    records = session.records
    commit = records.refs().get(update.number) if records is not None else None
    if records is None or commit is None:
        return ""
    try:
        record = records.at(update.number, commit)
        return "" if records.origin(record).trusted else f"; {unused(record)}"
    except RewindError:
        return ""


def uncommitted_record(session: Session, update: Update) -> Record | None:
    """The record that keeps the update's uncommitted changes; None if none does, or it is damaged."""
    from pulumi_rewind.records.content import PROGRAM, Program
    from pulumi_rewind.records.lookup import recorded

    try:
        record = recorded(session, update.number)
        program = None if record is None else msgspec.json.decode(record.file(PROGRAM), type=Program)
    except (RewindError, msgspec.DecodeError):
        return None
    return record if program is not None and program.uncommitted == "kept" else None
