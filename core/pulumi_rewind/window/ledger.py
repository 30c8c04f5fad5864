"""Where it is kept what of a stack is held: in the user's state directory, and beside the stack on its backend.

The copy on the backend lets any machine return or delete what another one holds; of the two the one that was written
more often is right. Each is written before the state is touched. No secret is in it: entries are as the state has them.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from pathlib import Path

import msgspec

from pulumi_rewind.choices import Choices
from pulumi_rewind.errors import RewindError
from pulumi_rewind.plan.arrangement import Holding
from pulumi_rewind.plan.held_entries import WithHeld, with_held
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
    entries_of,
    held_entries,
    still_held,
    unsettled,
    without_returned,
)


class Window:
    """What is held of one stack."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._state = session.journal.state
        self.path: Path = self._state.window(session.journal.key)

    def read(self) -> Holdings:
        """All that was held and not deleted since.

        Raises:
            StateDirectoryError: it can't be read.
            RewindError: it is damaged, so it is unknown what is held.
        """
        raw = self._state.read(self.path)
        try:
            return Holdings() if raw is None else msgspec.json.decode(raw, type=Holdings)
        except (UnicodeDecodeError, RecursionError, msgspec.DecodeError) as err:
            raise RewindError(
                f"what is held of {self.session.stack} can't be read from {self.path}: {err}",
                hint="Objects that are held are alive, but not in the state. Look at the file, and move it away.",
                unchanged=True,
            ) from None

    def now(self, live: Checkpoint) -> tuple[Held, ...]:
        """The objects that are held."""
        return still_held(self.read(), live, len(self.session.timeline))

    # -- noting -------------------------------------------------------------------------------------------------

    def begin(self, kind: str, live: Checkpoint, found: Holding) -> None:
        """Notes what is about to be held of the live state (as stored), before the state is touched."""
        if not found.objects:
            return
        holdings = self.read()
        others = unsettled(holdings, live, len(self.session.timeline))
        batch = Batch(
            run=secrets.token_hex(8),
            kind=kind,
            after=len(self.session.timeline),
            since=time.time(),
            until=found.until,
            entries=tuple(held_entries(live, found.objects, dict(found.because), others)),
            secrets=live.deployment.secrets_providers,
        )
        self._write(holdings, (*others, batch))

    def deleting(self, live: Checkpoint) -> None:
        """Notes what of the live state (as it is now) is entered to be deleted by the next update."""
        number = len(self.session.timeline) + 1
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
        holdings = self.read()
        left = without_returned(holdings, self.session.timeline.live(), began)
        if left != holdings.batches:
            self._write(holdings, left)

    def _each(self, change: Callable[[HeldEntry], HeldEntry]) -> None:
        holdings = self.read()
        batches = [msgspec.structs.replace(one, entries=tuple(map(change, one.entries))) for one in holdings.batches]
        if batches:
            self._write(holdings, batches)

    def _write(self, before: Holdings, batches: Iterable[Batch]) -> None:
        after = Holdings(str(self.session.stack), before.serial + 1, tuple(batches))
        self._state.write(self.path, msgspec.json.encode(after))


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
    holdings = Window(session).read()
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
