"""Where it is kept what of a stack is held: in the user's state directory, in a note beside the stack, and in records.

The note lets any machine return or delete what another one holds; of the two the one that was written more often is
right, and one alone is enough. Where both are lost, the newest record in git has it. File and note are written before
the state is touched. No secret is in them: entries are as the state has them. Where a note has not enough room, it
names the objects alone; their entries are in the checkpoint of the update before.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from pulumi_rewind.backends.rewriting import rewrite
from pulumi_rewind.choices import Choices
from pulumi_rewind.errors import BackendError, NoteMoved, RewindError
from pulumi_rewind.plan.arrangement import Holding
from pulumi_rewind.plan.held_entries import WithHeld, with_held
from pulumi_rewind.records.history import RecordedHistory
from pulumi_rewind.records.lookup import recorded
from pulumi_rewind.records.parts import EVIDENCE
from pulumi_rewind.session import Session
from pulumi_rewind.state.decrypted import sealed_texts
from pulumi_rewind.state.model import Checkpoint, Resource
from pulumi_rewind.state.naming import Names
from pulumi_rewind.system.durations import seconds_of
from pulumi_rewind.window.held import (
    Batch,
    Held,
    HeldEntry,
    Holdings,
    completed,
    entries_of,
    held_entries,
    still_held,
    unsettled,
    without_returned,
)

NOTE: Final = "held"
"""What the note is called."""

FILE: Final = "held.json"
"""What it is called among the evidence in a record."""

RECORDS: Final = 20
"""In how many records it is looked for."""

FRESH: Final = 86_400.0
"""For how many seconds what was noted counts although nothing has left the state yet."""

UNKNOWN: Final = "Objects that are held are alive, but not in the state."


class Window:
    """What is held of one stack."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.problem = ""
        """Why the note could not be read or written; what is known on this machine counts alone then."""
        self._state = session.journal.state
        self.path: Path = self._state.window(session.journal.key)
        self._mark: str | None = None

    def read(self) -> Holdings:
        """All that was held and not deleted since.

        Raises:
            StateDirectoryError: it can't be read.
            RewindError: it is damaged, so it is unknown what is held.
        """
        own, shared = self._own(), self._shared()
        if own is None and shared is None:
            return self._recorded() or Holdings()
        if own is None or shared is None:
            return own or shared or Holdings()
        if own.serial != shared.serial:
            return max(own, shared, key=lambda one: one.serial)
        # Nearly always they are one; else two machines wrote while the backend could not be reached.
        runs = {batch.run for batch in own.batches}
        more = tuple(batch for batch in shared.batches if batch.run not in runs)
        return msgspec.structs.replace(own, batches=(*own.batches, *more)) if more else own

    def now(self, live: Checkpoint) -> tuple[Held, ...]:
        """The objects that are held."""
        return still_held(self.read(), live, len(self.session.timeline))

    def kept_with(self, number: int) -> Mapping[str, bytes]:
        """What the record of the newest update is to have as evidence: all that is held then; nothing of others."""
        try:
            own = self._own() if number == len(self.session.timeline) else None
            if own is None or not self.now(self.session.timeline.live()):
                return {}
        except RewindError:
            return {}
        return {FILE: msgspec.json.encode(own)}

    def _recorded(self) -> Holdings | None:
        """What the newest record says that speaks of it, where the note and the file are lost; one question to git."""
        history = self.session.timeline.history
        if not isinstance(history, RecordedHistory):
            return None
        try:
            claims = sorted(history.claims.items(), reverse=True)[:RECORDS]
            there = history.records.store.which([f"{commit}:{EVIDENCE}{FILE}" for _, commit in claims])
            for (number, _), has in zip(claims, there, strict=False):
                record = recorded(self.session, number) if has else None
                if record is not None:
                    return msgspec.json.decode(record.file(EVIDENCE + FILE), type=Holdings)
        except (RewindError, msgspec.DecodeError):
            pass  # records help, and never stand in the way
        return None

    def _own(self) -> Holdings | None:
        raw = self._state.read(self.path)
        try:
            return None if raw is None else msgspec.json.decode(raw, type=Holdings)
        except (UnicodeDecodeError, RecursionError, msgspec.DecodeError) as err:
            raise RewindError(
                f"what is held of {self.session.stack} can't be read from {self.path}: {err}",
                hint=f"{UNKNOWN} Look at the file, and move it away.",
                unchanged=True,
            ) from None

    def _shared(self) -> Holdings | None:
        self.problem, self._mark = "", None
        try:
            note = self.session.backend.note(self.session.stack, NOTE)
            if note is None:
                return None
            self._mark = note.mark
            return msgspec.json.decode(note.content, type=Holdings)
        except (BackendError, UnicodeDecodeError, RecursionError, msgspec.DecodeError) as err:
            self.problem = f"what other machines hold can't be read: {err}"
            return None

    # -- noting -------------------------------------------------------------------------------------------------

    def begin(self, kind: str, live: Checkpoint, found: Holding) -> None:
        """Notes what is about to be held of the live state (as stored), before the state is touched."""
        if not found.objects:
            return
        newest = len(self.session.timeline)
        others = unsettled(self.read(), live, newest)
        batch = Batch(
            run=secrets.token_hex(8),
            kind=kind,
            after=newest,
            since=time.time(),
            until=found.until,
            entries=tuple(held_entries(live, found.objects, dict(found.because), others)),
            secrets=live.deployment.secrets_providers,
        )

        def added(known: Holdings) -> Iterable[Batch]:
            open_ = {one.run for one in unsettled(known, live, newest)}
            # What another machine has just noted is still live, and about to leave.
            return (*(one for one in known.batches if one.run in open_ or one.since > batch.since - FRESH), batch)

        self._change(added)

    def deleting(self, live: Checkpoint) -> None:
        """Notes what of the live state (as it is now) is entered to be deleted by the next update."""
        number = len(self.session.history()) + 1  # a service counts the edit of the state as well
        entered = {(res.urn, res.id) for res in live.resources if res.delete}

        def marked(entry: HeldEntry) -> HeldEntry:
            goes = not entry.needed_only and (entry.resource.urn, entry.resource.id) in entered
            return msgspec.structs.replace(entry, deleting=number) if goes else entry

        self._each(marked)

    def not_deleting(self) -> None:
        """Notes that nothing is to be deleted by the next update after all, before that leaves the state again."""
        newest = len(self.session.timeline)
        self._each(lambda entry: msgspec.structs.replace(entry, deleting=0) if entry.deleting > newest else entry)

    def settle(self, began: float) -> None:
        """Forgets what is live again after a run that began at that moment, in Unix seconds."""
        live = self.session.timeline.live()
        self._change(lambda known: without_returned(known, live, began))

    def _each(self, change: Callable[[HeldEntry], HeldEntry]) -> None:
        def changed(batch: Batch) -> Batch:
            return msgspec.structs.replace(batch, entries=tuple(map(change, batch.entries)))

        self._change(lambda known: map(changed, known.batches))

    def _change(self, change: Callable[[Holdings], Iterable[Batch]]) -> None:
        """Writes what `change` makes of what is known; again where another machine wrote in between.

        Raises:
            StateDirectoryError: it can't be written here.
            NoteMoved: others write all the time.
        """

        def attempt() -> None:
            known = self.read()
            batches = tuple(change(known))
            if batches != known.batches:
                after = Holdings(str(self.session.stack), known.serial + 1, batches)
                self._share(after)  # first: an attempt that fails must not count here
                self._state.write(self.path, msgspec.json.encode(after))

        rewrite(attempt)

    def _share(self, holdings: Holdings) -> None:
        backend, stack = self.session.backend, self.session.stack
        for form in (holdings, holdings.named_only()):
            try:
                backend.write_note(stack, NOTE, msgspec.json.encode(form), instead_of=self._mark)
            except NoteMoved:
                raise
            except BackendError as err:
                self.problem = f"other machines don't know what is held: {err}"
            else:
                self.problem = ""
                return


def until(choices: Choices) -> float:
    """When the operator is to be asked about what a run holds.

    Raises:
        UsageError: `hold_for` is no length of time.
    """
    return time.time() + seconds_of(choices.hold_for, "--for")


def joined(
    session: Session, live: Checkpoint, dropped: Collection[str] = (), gone: Collection[tuple[str, str]] = ()
) -> WithHeld:
    """Live (as stored) with the entries of all that is held; what `dropped` means is to be deleted.

    What is known to be `gone`, by URN and id, is left out.

    Raises:
        UsageError: a text of `dropped` means nothing that is held.
        RewindError: it can't be read what is held, or the secrets of what is to be deleted can't be encrypted as
            live's are.
    """
    holdings = completed(Window(session).read(), session.timeline.checkpoint)
    held = [one for one in still_held(holdings, live, len(session.timeline)) if (one.urn, one.id) not in gone]
    found = entries_of(holdings, held)
    # What a confirmation that was killed has deleted is still known by its name when that is resumed.
    objects = [entry.resource for batch in holdings.batches for entry in batch.entries if not entry.needed_only]
    meant = Names(objects).demanded(dropped if objects else (), "--drop-held", "what is held")
    entries, locked = list[msgspec.Raw](), list[Resource]()
    for batch, entry in found:
        try:
            entries.append(_sealed_as(session, live, batch, entry.entry))
        except RewindError:
            if entry.resource.urn in meant:
                raise
            locked.append(entry.resource)
    return replace(with_held(live, entries, meant), locked=tuple(locked))


def _sealed_as(session: Session, live: Checkpoint, batch: Batch, entry: msgspec.Raw) -> msgspec.Raw:
    """An entry with its secrets encrypted as those of live are.

    Raises:
        RewindError: they can't be.
    """
    now = live.deployment.secrets_providers
    if batch.secrets == now or not any(True for _ in sealed_texts(bytes(entry))):
        return entry
    again = _resealer(session, batch, live)
    if again is None:
        raise RewindError(
            "a held object has secrets that are encrypted otherwise than the state's, and can't be entered into it",
            hint="Change the stack's secrets provider back, or give the earlier passphrase with --passphrase-file.",
            unchanged=True,
        )
    text = bytes(entry).decode()
    for sealed in set(sealed_texts(bytes(entry))):
        text = text.replace(sealed, again(sealed))
    return msgspec.Raw(text.encode())


def _resealer(session: Session, batch: Batch, live: Checkpoint) -> Callable[[str], str] | None:
    from pulumi_rewind.secrets.passphrase import salt_of

    salt = salt_of(batch.secrets.state) if batch.secrets is not None and batch.secrets.type == "passphrase" else None
    return session.vault.resealer(salt, live) if salt else None
