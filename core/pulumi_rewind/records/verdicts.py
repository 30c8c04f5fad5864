"""Verdicts on updates: kept in the user's state directory, and with the evidence in the update's record in git.

Each judged update has a file of its own, named by its number and by `update_key`: of what a stack that was removed and
re-created has under the same number, it says nothing. So one listing tells which updates were judged, and only the
files of those that are looked at are read. What was recorded here is in the state directory as well; git is asked only
for records that come from other machines.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Final

import msgspec

from pulumi_rewind.backends.protocol import History
from pulumi_rewind.errors import RewindError, StateDirectoryError
from pulumi_rewind.history.verdict import Verdict
from pulumi_rewind.project.journal import Journal
from pulumi_rewind.records.history import RecordedHistory
from pulumi_rewind.records.parts import EVIDENCE, update_key
from pulumi_rewind.state.model import Update
from pulumi_rewind.state.values import MASK

if TYPE_CHECKING:
    from pulumi_rewind.records.lookup import OpenedStack

VERDICTS: Final = "verdicts.json"
"""What they are called among the evidence in a record."""

KEPT: Final = 1000
"""The verdicts on how many updates of a stack are kept in the state directory; the oldest go first."""

_NAME: Final = re.compile(r"([1-9][0-9]{0,17})-([0-9a-f]{32})\.json")


class KeptVerdicts:
    """What was said of a stack's updates; see `history.verdict.Verdicts`. Nothing is read until it is asked for."""

    def __init__(self, journal: Journal, history: History) -> None:
        self._state = journal.state
        self._directory = journal.state.verdicts(journal.key)
        self._history = history
        self._known: dict[str, tuple[Verdict, ...]] = {}

    def numbers(self) -> Collection[int]:
        """The numbers that files and records give; what is in a file may be of an update that is gone."""
        return self._numbers

    def of(self, update: Update) -> Verdict | None:
        """The newest verdict on this very update."""
        found = self.all_of(update)
        return found[-1] if found else None

    def all_of(self, update: Update) -> tuple[Verdict, ...]:
        """All that was said of this very update, oldest first; what can't be read says nothing."""
        if not self._numbers:
            return ()
        key = update_key(update)
        if key not in self._known:
            found = {*self._kept_here(key), *self._recorded(update, key)}
            self._known[key] = tuple(sorted(found, key=lambda one: one.at))
        return self._known[key]

    # -- inside -----------------------------------------------------------------------------------------------------

    @cached_property
    def _numbers(self) -> frozenset[int]:
        return frozenset({*(int(match[1]) for match in self._files.values()), *self._records})

    @cached_property
    def _files(self) -> Mapping[str, re.Match[str]]:
        """The file on each judged update, by what tells it from all others."""
        named = map(_NAME.fullmatch, self._state.names(self._directory))
        return {match[2]: match for match in named if match is not None}

    @cached_property
    def _records(self) -> Mapping[int, str]:
        """Number → commit of the records from elsewhere that have verdicts."""
        if not isinstance(self._history, RecordedHistory):
            return {}
        records = self._history.records
        try:
            made = records.provenance.made.ids()
            there = {number: commit for number, commit in self._history.claims.items() if commit not in made}
            having = records.store.which([f"{commit}:{EVIDENCE}{VERDICTS}" for commit in there.values()])
            return {number: commit for (number, commit), has in zip(there.items(), having, strict=False) if has}
        except RewindError:
            return {}

    def _kept_here(self, key: str) -> tuple[Verdict, ...]:
        name = self._files.get(key)
        try:
            return _decoded(self._state.read(self._directory / name[0]) if name is not None else None)
        except StateDirectoryError:
            return ()

    def _recorded(self, update: Update, key: str) -> tuple[Verdict, ...]:
        commit = self._records.get(update.number)
        if commit is None or not isinstance(self._history, RecordedHistory):
            return ()
        records = self._history.records
        try:
            record = records.at(update.number, commit)
            ours = update.from_record == "update" or record.meta.key == key
            return _decoded(record.file(EVIDENCE + VERDICTS)) if ours and records.origin(record).trusted else ()
        except RewindError:
            return ()


def keep_verdict(opened: OpenedStack, number: int, verdict: Verdict) -> None:
    """Adds a verdict to those on an update, durably; its record gets it when it is recorded the next time.

    Raises:
        StateDirectoryError: it can't be written.
        UsageError: there is no update of that number.
    """
    journal, update = opened.journal, opened.timeline.update(number)
    known = KeptVerdicts(journal, opened.timeline.history).all_of(update)
    directory = journal.state.verdicts(journal.key)
    journal.state.write(directory / f"{number}-{update_key(update)}.json", _encoded((*known, verdict)))
    journal.state.prune(directory, KEPT)
    opened.reload()


def kept_with(opened: OpenedStack, update: Update, secrets: Iterable[bytes]) -> Mapping[str, bytes]:
    """What the record of an update is to have as evidence: nothing, or all that was said of it.

    Where a command or what it printed must stand in no record, the verdict goes without them.
    """
    from pulumi_rewind.records.content import evidence_reason

    found = KeptVerdicts(opened.journal, opened.timeline.history).all_of(update)
    if not found:
        return {}
    content = _encoded(found)
    if evidence_reason(content, secrets):
        content = _encoded(msgspec.structs.replace(one, command=MASK, output="") for one in found)
    return {VERDICTS: content}


def _encoded(found: Iterable[Verdict]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(tuple(found)), indent=2) + b"\n"


def _decoded(raw: bytes | None) -> tuple[Verdict, ...]:
    try:
        return () if raw is None else msgspec.json.decode(raw, type=tuple[Verdict, ...])
    except (UnicodeDecodeError, RecursionError, msgspec.DecodeError):
        return ()
