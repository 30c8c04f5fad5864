"""Which revisions of components are applied: what ran here is noted the moment it has, and kept of each update.

One file a stack in the user's state directory, 0600, beside the journal. It says what is applied now and what was with
each update made here; the record of an update has a copy, for other machines and for when the file is lost. Where both
know an update, the file is right. Of an update that neither knows (made by plain ``pulumi up``, which runs no
revisions) what was applied before it still was. No secret is in it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from pulumi_rewind.callbacks.revisions.moves import Applied, carried
from pulumi_rewind.errors import RewindError
from pulumi_rewind.plan.called import Move
from pulumi_rewind.records.lookup import recorded
from pulumi_rewind.records.parts import REVISIONS, update_key
from pulumi_rewind.session import Session
from pulumi_rewind.state.model import Checkpoint, Update

KEPT: Final = 1000
"""What was applied with how many updates is kept in the file."""

SEARCHED: Final = 64
"""How many updates are looked through for one that has another number now."""


class Kept(msgspec.Struct, frozen=True):
    """What was applied with one update."""

    key: str
    """Tells the update from all others whatever its number becomes; empty for the time before the first."""
    applied: dict[str, tuple[str, ...]]


class Begun(msgspec.Struct, frozen=True):
    """An up or down that was begun and hasn't returned."""

    urn: str
    revision: str
    direction: str
    key: str
    """The idempotency key of every try."""


class LedgerFile(msgspec.Struct, frozen=True):
    """The file."""

    stack: str
    after: int = 0
    """The newest update when something last ran."""
    now: Kept = Kept("", {})
    begun: tuple[Begun, ...] = ()
    kept: dict[int, Kept] = {}


class Ledger:
    """What is known of a stack's revisions."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._state = session.journal.state
        self.path: Path = self._state.revisions(session.journal.key)

    def read(self) -> LedgerFile | None:
        """The file, None if there is none.

        Raises:
            StateDirectoryError: it can't be read.
            RewindError: it is damaged, so it is unknown what has run here.
        """
        raw = self._state.read(self.path)
        try:
            return None if raw is None else msgspec.json.decode(raw, type=LedgerFile)
        except (UnicodeDecodeError, RecursionError, msgspec.DecodeError) as err:
            raise RewindError(
                f"the applied revisions can't be read from {self.path}: {err}",
                hint="Move the file away, then declare what is applied with `pulumi-rewind revision --mark "
                "COMPONENT=REVISION`.",
            ) from None

    # -- asking -------------------------------------------------------------------------------------------------

    def now(self) -> tuple[Applied, str]:
        """What is applied now, and why that isn't known, if it isn't."""
        file = self.read()
        newest = len(self.session.timeline)
        place = None if file is None else self._place(file.after, file.now.key)
        recorded = self._recorded(newest)
        if recorded > (place or 0):
            return self._carried(self._record(recorded) or {}, recorded, newest), ""
        if file is None or not file.now.applied:
            return {}, ""
        if place is None:
            return {}, f"it was saved after update #{file.after}, which is no longer in the history"
        return self._carried(file.now.applied, place, newest), ""

    def at(self, number: int, state: Checkpoint | None = None) -> Applied:
        """What was applied with an update; `state` is given where that isn't the update's own."""
        file = self.read()
        place, applied = self._kept(file.kept, number) if file is not None else (0, {})
        recorded = self._recorded(number)
        if recorded > place:
            place, applied = recorded, self._record(recorded) or {}
        return self._carried(applied, place, number, state) if place else {}

    def begun(self, urn: str, move: Move) -> Begun | None:
        """What is known of an up or down that didn't return; `urn` is the component's at this moment."""
        file = self.read()
        return next((one for one in (file.begun if file else ()) if _same(one, urn, move)), None)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Locks the stack's revisions on this machine while they run.

        Raises:
            RewindError: another process holds the lock.
        """
        with os.fdopen(self._state.open_lock(self.path.with_suffix(".lock")), "rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise RewindError(
                    f"another process is running revisions of {self.session.stack} on this machine",
                    hint="Wait until it ends, then try again.",
                ) from None
            yield

    # -- noting -------------------------------------------------------------------------------------------------

    def begin(self, urn: str, move: Move) -> Begun:
        """Notes that an up or down is about to be called; the same entry when it is called again."""
        known = self.begun(urn, move)
        if known is None:
            known = Begun(urn, move.revision, move.direction, secrets.token_hex(16))
            file = self._file()
            self._write(msgspec.structs.replace(file, begun=(*file.begun, known)))
        return known

    def done(self, urn: str, move: Move) -> None:
        """Notes that it has run, durably."""
        file = self._file()
        have = tuple(one for one in file.now.applied.get(urn, ()) if one != move.revision)
        applied = {**file.now.applied, urn: (*have, move.revision) if move.direction == "up" else have}
        begun = tuple(one for one in file.begun if not _same(one, urn, move))
        self._write(msgspec.structs.replace(file, begun=begun, now=Kept(file.now.key, applied)))

    def settle(self, before: int) -> None:
        """Keeps what is applied for every update after number `before`."""
        if self.read() is None:
            return
        file = self._file()
        timeline = self.session.timeline
        fresh = {
            number: Kept(update_key(timeline.update(number)), file.now.applied)
            for number in range(before + 1, len(timeline) + 1)
        }
        self._write(msgspec.structs.replace(file, kept=dict(sorted((file.kept | fresh).items())[-KEPT:])))

    def mark(self, urn: str, ids: tuple[str, ...]) -> None:
        """Notes what is applied of a component, as the operator says it is; also with the newest update."""
        file = self._file(trusted=True)
        now = Kept(file.now.key, {**file.now.applied, urn: ids})
        begun = tuple(one for one in file.begun if one.urn != urn)
        kept = {**file.kept, file.after: now} if file.after else file.kept
        self._write(msgspec.structs.replace(file, now=now, begun=begun, kept=kept))

    # -- inside -------------------------------------------------------------------------------------------------

    def _file(self, *, trusted: bool = False) -> LedgerFile:
        """The file as of the newest update, to be written again.

        Raises:
            RewindError: it isn't known what is applied.
        """
        applied, problem = self.now()
        file = self.read() or LedgerFile(str(self.session.stack))
        if problem and not trusted:
            raise unknown(problem)
        if problem:  # what isn't said afresh stays as it was noted
            applied = carried(file.now.applied, None, self.session.timeline.live())
        newest = len(self.session.timeline)
        key = update_key(self.session.timeline.update(newest)) if newest else ""
        return msgspec.structs.replace(file, after=newest, now=Kept(key, dict(applied)))

    def _write(self, file: LedgerFile) -> None:
        self._state.write(self.path, msgspec.json.format(msgspec.json.encode(file)))

    def _place(self, number: int, key: str) -> int | None:
        """The number that an update has now, None if it isn't there."""
        timeline = self.session.timeline
        newest = len(timeline)
        if not number:
            return 0
        if number <= newest and update_key(timeline.update(number)) == key:
            return number
        return self._keys(newest).get(key)

    def _kept(self, kept: Mapping[int, Kept], number: int) -> tuple[int, Applied]:
        """The newest update up to a number of which the file says what was applied, and what."""
        keys = self._keys(number)
        near = {keys[item.key]: item for item in kept.values() if item.key in keys}
        if near:
            return max(near), near[max(near)].applied
        for other in sorted((other for other in kept if other <= number), reverse=True):
            if self._place(other, kept[other].key) == other:
                return other, kept[other].applied
        return 0, {}

    def _keys(self, number: int) -> dict[str, int]:
        """What tells the updates up to a number from others → their numbers."""
        timeline = self.session.timeline
        timeline.history.expect(range(max(number - SEARCHED, 0) + 1, number + 1))
        return {update_key(timeline.update(n)): n for n in range(max(number - SEARCHED, 0) + 1, number + 1)}

    def _recorded(self, highest: int) -> int:
        """The newest update up to a number whose record says what was applied, 0 if there is none."""
        try:
            records = self.session.records
            refs = records.refs() if records is not None else {}
            if records is None or not refs:
                return 0
            numbers = [number for number in sorted(refs, reverse=True) if number <= highest]
            there = records.store.which([f"{refs[number]}:{REVISIONS}" for number in numbers])
            having = [number for number, has in zip(numbers, there, strict=False) if has]
            return next((number for number in having if self._record(number) is not None), 0)
        except RewindError:
            return 0  # records help, and never stand in the way

    def _record(self, number: int) -> Applied | None:
        try:
            record = recorded(self.session, number)
            raw = record.file(REVISIONS) if record is not None else None
            return None if raw is None else msgspec.json.decode(raw, type=dict[str, tuple[str, ...]])
        except (RewindError, msgspec.DecodeError):
            return None

    def _carried(self, applied: Applied, first: int, last: int, state: Checkpoint | None = None) -> Applied:
        """Follows the components from one update to another, by default the newest one on to the live state."""
        before: Checkpoint | None = None
        for side in self._sides(first, last, state):
            if not any(applied.values()):
                return {}
            applied = carried(applied, before, side)
            before = side
        return {urn: ids for urn, ids in applied.items() if ids}

    def _sides(self, first: int, last: int, state: Checkpoint | None) -> Iterator[Checkpoint]:
        timeline = self.session.timeline
        for number in timeline.ahead(range(max(first, 1), last + 1)):
            try:
                yield timeline.checkpoint(number)
            except RewindError:
                continue
        if state is not None:
            yield state
        elif last == len(timeline):
            try:
                yield timeline.live()
            except RewindError:
                return


def unknown(problem: str) -> RewindError:
    """It isn't known what is applied."""
    return RewindError(
        f"the applied revisions are unknown: {problem}",
        hint="Declare what is applied with `pulumi-rewind revision --mark COMPONENT=REVISION`.",
    )


def settle(session: Session, before: int) -> None:
    """Keeps what is applied for the updates that a run has made; see `Ledger.settle`."""
    Ledger(session).settle(before)


def kept_with(session: Session, update: Update) -> bytes:
    """What the record of an update is to say of revisions; empty if nothing is known here."""
    try:
        file = Ledger(session).read()
    except RewindError:
        return b""
    kept = file.kept.get(update.number) if file is not None else None
    if kept is None or kept.key != update_key(update):
        return b""
    return msgspec.json.format(msgspec.json.encode(kept.applied, order="sorted"), indent=2) + b"\n"


def _same(one: Begun, urn: str, move: Move) -> bool:
    return (one.urn, one.revision, one.direction) == (urn, move.revision, move.direction)
