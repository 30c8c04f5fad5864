"""What is kept of an update that failed, frozen before anything else is done: events, errors, and the state it left.

The report of a rollback lies here as well, see `rollback.report`.

It lies in the user's state directory beside the journal, 0600 in 0700, under the number of the update. Secrets are
masked by the engine in events, and once more by us in everything that others wrote; the checkpoint is as the backend
stored it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from pulumi_rewind.errors import RewindError, StateDirectoryError
from pulumi_rewind.project.journal import Journal
from pulumi_rewind.records.lookup import OpenedStack, recorded
from pulumi_rewind.state.same import same_bytes

EVENTS: Final = "events.jsonl"
ERRORS: Final = "errors.json"
CHECKPOINT: Final = "checkpoint.json"

KEPT: Final = 20
"""The evidence of how many updates of a stack is kept; the oldest goes first."""


@dataclass(frozen=True)
class Evidence:
    """What a failed update left."""

    events: bytes
    """JSON lines as the engine wrote them, secrets masked."""
    errors: tuple[str, ...]
    """What failed, one message each, secrets masked."""
    checkpoint: bytes
    """The state it left, as stored (secrets encrypted); empty if it couldn't be read."""

    def files(self) -> Mapping[str, bytes]:
        """The same as files by name, for keeping."""
        return {
            EVENTS: self.events,
            ERRORS: msgspec.json.encode(self.errors),
            CHECKPOINT: self.checkpoint,
        }


class EvidenceStore:
    """The evidence of one stack's failed updates."""

    def __init__(self, journal: Journal) -> None:
        self.directory = journal.state.evidence(journal.key)
        self._state = journal.state

    def freeze(self, name: str, evidence: Evidence) -> Path:
        """Keeps it durably under a name (see `name_of`), replacing what was there; returns the directory.

        Raises:
            StateDirectoryError: it can't be written.
        """
        place = self.directory / name
        for file, content in evidence.files().items():
            self._state.write(place / file, content)
        self._state.prune(self.directory, KEPT)
        return place

    def keep(self, name: str, file: str, content: bytes) -> None:
        """Keeps one more file under a name, replacing what was there; raises as `freeze`."""
        self._state.write(self.directory / name / file, content)
        self._state.prune(self.directory, KEPT)

    def file(self, name: str, file: str) -> bytes | None:
        """A file that is kept under a name, None if there is none or it can't be read."""
        with contextlib.suppress(StateDirectoryError):
            return self._state.read(self.directory / name / file)
        return None

    def read(self, name: str) -> Evidence | None:
        """What is kept under a name, None if there is nothing or it is damaged."""
        place = self.directory / name
        try:
            events, errors, state = (self._state.read(place / file) for file in (EVENTS, ERRORS, CHECKPOINT))
            if events is None or errors is None or state is None:
                return None
            return Evidence(events, msgspec.json.decode(errors, type=tuple[str, ...]), state)
        except (StateDirectoryError, UnicodeDecodeError, RecursionError, msgspec.DecodeError):
            return None


def name_of(newest_before: int, newest_after: int) -> str:
    """Under what name evidence is kept: the update's number; ``7-after`` for one that left no record after #7."""
    return str(newest_after) if newest_after > newest_before else f"{newest_before}-after"


def evidence_after(opened: OpenedStack, number: int) -> tuple[Evidence, Path] | None:
    """The evidence of an update after that one whose engine was killed before it left a record, if there is one."""
    store = EvidenceStore(opened.journal)
    name = name_of(number, number)
    found = store.read(name)
    return None if found is None else (found, store.directory / name)


def evidence_of(opened: OpenedStack, number: int) -> tuple[Evidence, Path] | None:
    """The evidence of an update and where it lies, None if there is none.

    It must be of this very update: a stack that was removed and re-created numbers from 1 again.
    """
    store = EvidenceStore(opened.journal)
    found = store.read(str(number))
    if found is None:
        return None
    try:
        recorded = opened.timeline.history.raw(number)
    except Exception:  # noqa: BLE001 - without its checkpoint nothing says that it is another one
        recorded = found.checkpoint
    if found.checkpoint and not same_bytes(recorded, found.checkpoint):
        return None
    return found, store.directory / str(number)


def error_of(opened: OpenedStack, number: int) -> str:
    """Why an update failed, secrets masked, from its evidence or else from its record; empty if nobody kept it."""
    found = evidence_of(opened, number)
    if found is not None:
        return "\n".join(found[0].errors)
    try:
        record = recorded(opened, number)
        kept = record.evidence().get(ERRORS) if record is not None else None
        return "\n".join(msgspec.json.decode(kept, type=tuple[str, ...])) if kept else ""
    except (RewindError, msgspec.DecodeError):
        return ""
