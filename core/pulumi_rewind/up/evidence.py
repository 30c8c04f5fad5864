"""What is kept of an update that failed, frozen before anything else is done: events, errors, and the state it left.

It lies in the user's state directory beside the journal, 0600 in 0700, under the number of the update. Secrets are
masked by the engine in events, and once more by us in everything that others wrote; the checkpoint is as the backend
stored it.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pulumi_rewind.diff.same import same_bytes
from pulumi_rewind.errors import StateDirectoryError
from pulumi_rewind.journal import Journal
from pulumi_rewind.model import ROOT_STACK_TYPE, parse_urn

if TYPE_CHECKING:
    from pulumi_rewind.session import Session

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
        self._prune()
        return place

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

    def _prune(self) -> None:
        with contextlib.suppress(OSError):
            places = sorted(self.directory.iterdir(), key=lambda place: place.stat().st_mtime_ns, reverse=True)
            for place in places[KEPT:]:
                shutil.rmtree(place, ignore_errors=True)


_FROM_OTHERS: Final = (b'"diagnosticEvent"', b'"errorEvent"', b'"stdoutEvent"', b'"policyEvent"')
"""Events that hold text of providers and programs, which may quote a secret; elsewhere the engine knows its secrets."""

_SAME: Final = b'"op":"same"'
"""A step that sends nothing: what the engine knows of it stands in the checkpoint in the same form."""


def masked_events(log: bytes, redact: Callable[[str], str]) -> bytes:
    """An event log without the secrets that others quoted."""
    return b"\n".join(_masked(line, redact) for line in log.split(b"\n"))


def _masked(line: bytes, redact: Callable[[str], str]) -> bytes:
    if _SAME in line and not any(kind in line for kind in _FROM_OTHERS):
        return line

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return redact(value)
        if isinstance(value, dict):
            return {key: clean(inner) for key, inner in value.items()}
        return [clean(inner) for inner in value] if isinstance(value, list) else value

    try:
        return msgspec.json.encode(clean(msgspec.json.decode(line)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return b""  # cut off: what is in it can't be told


def name_of(newest_before: int, newest_after: int) -> str:
    """Under what name evidence is kept: the update's number; ``7-after`` for one that left no record after #7."""
    return str(newest_after) if newest_after > newest_before else f"{newest_before}-after"


def evidence_after(session: Session, number: int) -> tuple[Evidence, Path] | None:
    """The evidence of an update after that one whose engine was killed before it left a record, if there is one."""
    store = EvidenceStore(session.journal)
    name = name_of(number, number)
    found = store.read(name)
    return None if found is None else (found, store.directory / name)


def evidence_of(session: Session, number: int) -> tuple[Evidence, Path] | None:
    """The evidence of an update and where it lies, None if there is none.

    It must be of this very update: a stack that was removed and made anew numbers from 1 again.
    """
    store = EvidenceStore(session.journal)
    found = store.read(str(number))
    if found is None:
        return None
    try:
        recorded = session.timeline.history.raw(number)
    except Exception:  # noqa: BLE001 - without its checkpoint nothing says that it is another one
        recorded = found.checkpoint
    if found.checkpoint and not same_bytes(recorded, found.checkpoint):
        return None
    return found, store.directory / str(number)


def error_of(session: Session, number: int) -> str:
    """Why an update failed, secrets masked, from its evidence or else from its record; empty if nobody kept it."""
    found = evidence_of(session, number)
    if found is not None:
        return "\n".join(found[0].errors)
    from pulumi_rewind.errors import RewindError
    from pulumi_rewind.records.lookup import recorded

    try:
        record = recorded(session, number)
        kept = record.evidence().get(ERRORS) if record is not None else None
        return "\n".join(msgspec.json.decode(kept, type=tuple[str, ...])) if kept else ""
    except (RewindError, msgspec.DecodeError):
        return ""


def about(urn: str, message: str) -> str:
    """A message with the name of what it is about before it; the stack is named by nobody."""
    about = parse_urn(urn) if urn else None
    return message if about is None or about.type == ROOT_STACK_TYPE else f"{about.name}: {message}"
