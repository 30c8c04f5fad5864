"""The record of an update, as far as it may be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi_rewind.records.history import belongs

if TYPE_CHECKING:
    from pulumi_rewind.records.store import Record
    from pulumi_rewind.session import Session


def recorded(session: Session, number: int) -> Record | None:
    """The record of an update as the timeline has it; None if there is none to be used, or it is of another update.

    Not used is a record that is not trusted, see `records.provenance`.

    Raises:
        RewindError: it is damaged, or the repository for records can't be used.
    """
    record = session.records.usable(number) if session.records is not None else None
    update = session.timeline.update(number)
    if record is None or update.from_record == "update" or belongs(record, update, session.backend.url):
        return record
    return None
