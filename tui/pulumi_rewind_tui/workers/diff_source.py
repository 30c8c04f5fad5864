"""Makes comparisons from a session: loads, decrypts, compares."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from pulumi_rewind.diff.checkpoints import Change, Diff, ResourceDiff, diff_checkpoints
from pulumi_rewind.state.model import Checkpoint, Deployment
from pulumi_rewind.state.values import contains_secret
from pulumi_rewind_tui.text.comparison import (
    EAGER,
    LIVE,
    NOTHING,
    CancelCheck,
    Cancelled,
    Comparison,
    Details,
    Heading,
    Key,
    Side,
)

if TYPE_CHECKING:
    from pulumi_rewind.session import Session

BYTES = 48_000_000
"""How many bytes of checkpoints (as stored) are kept decoded; two are kept whatever their size."""

DIFFS = 4
"""Diffs that are kept for details."""


class LocalSource:
    """Compares in this process; one thread at a time decrypts, because that can be slow."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._checkpoints: OrderedDict[int, Checkpoint] = OrderedDict()
        self._diffs: OrderedDict[tuple[Key, bool], tuple[Diff, Checkpoint]] = OrderedDict()
        self._lock = threading.RLock()
        self._vault_lock = threading.Lock()

    def forget(self, side: Side | None = None) -> None:
        """Drops what was read: of a side, or everything."""
        with self._lock:
            if side is None:
                self._checkpoints.clear()
            else:
                self._checkpoints.pop(side, None)
            kept = self._diffs.items() if side is not None else ()
            self._diffs = OrderedDict((at, found) for at, found in kept if side not in at[0])

    def add_passphrase(self, passphrase: str) -> None:
        """Offers a passphrase to the session's vault."""
        self._session.vault.add_passphrase(passphrase)

    def compare(self, key: Key, decrypt: bool, cancelled: CancelCheck) -> Comparison:
        """Compares two sides. Raises BackendError, SecretsError, EngineError, Cancelled."""
        diff, new, old = self._diff(key, decrypt, cancelled)
        secret = old.has_secrets or new.has_secrets
        done = Comparison(
            key,
            tuple(_heading(res) for res in diff.resources),
            "none" if not secret else "compared" if decrypt else "pending",
            parents=_parents(diff, old, new),
        )
        ahead = [index for index, res in enumerate(diff.resources) if res.op not in ("create", "delete")]
        for index in ahead[:EAGER]:
            if cancelled():
                raise Cancelled
            done.seen[index, False] = _details(diff.resources[index], decrypted=done.decrypted, outputs=False)
        return done

    def details(self, key: Key, decrypted: bool, index: int, outputs: bool) -> Details:
        """See `Source.details`."""
        diff, _, _ = self._diff(key, decrypted, lambda: False)
        return _details(diff.resources[index], decrypted=decrypted, outputs=outputs)

    def unchanged(self, key: Key, decrypted: bool) -> tuple[tuple[str, str], ...]:
        """See `Source.unchanged`."""
        diff, new, _ = self._diff(key, decrypted, lambda: False)
        differing = {res.urn for res in diff.resources}
        return tuple((res.urn, res.type) for res in new.resources if res.urn not in differing and not res.delete)

    def revealed(self, key: Key, index: int, path: str) -> Change | None:
        """See `Source.revealed`."""
        diff, _, _ = self._diff(key, True, lambda: False)
        changes = diff.resources[index].changes(secrets=True, outputs=True, noise=True)
        return next((change for change in changes if change.path == path), None)

    def _diff(self, key: Key, decrypt: bool, cancelled: CancelCheck) -> tuple[Diff, Checkpoint, Checkpoint]:
        kept = self._diffs  # another one once the stack has changed: what is begun now is not kept then
        numbers = [side for side in key if side not in (LIVE, NOTHING) and side not in self._checkpoints]
        for number in self._session.timeline.ahead(numbers):  # two sides are read at the same time
            if LIVE in key:
                self._load(LIVE, cancelled)
            self._load(number, cancelled)
        old, new = (self._load(side, cancelled) for side in key)
        with self._lock:
            if (key, decrypt) in kept:
                kept.move_to_end((key, decrypt))
                return kept[key, decrypt][0], new, old
        if decrypt:
            old, new = self._open(old, new, cancelled)
        if cancelled():
            raise Cancelled
        diff = diff_checkpoints(old, new)
        with self._lock:
            kept[key, decrypt] = (diff, new)
            while len(kept) > DIFFS:
                kept.popitem(last=False)
        return diff, new, old

    def _open(self, old: Checkpoint, new: Checkpoint, cancelled: CancelCheck) -> tuple[Checkpoint, Checkpoint]:
        with self._vault_lock:
            if cancelled():
                raise Cancelled
            return self._session.vault.decrypt_differing(old, new, self._session.stack)

    def _load(self, side: Side, cancelled: CancelCheck) -> Checkpoint:
        if cancelled():
            raise Cancelled
        if side == NOTHING:
            return Checkpoint(b"", Deployment())
        if side == LIVE:
            return self._session.timeline.live()
        with self._lock:
            if side in self._checkpoints:
                self._checkpoints.move_to_end(side)
                return self._checkpoints[side]
        checkpoint = self._session.timeline.checkpoint(side)
        with self._lock:
            self._checkpoints[side] = checkpoint
            while len(self._checkpoints) > 2 and sum(len(kept.raw) for kept in self._checkpoints.values()) > BYTES:
                self._checkpoints.popitem(last=False)
        return checkpoint


def _heading(res: ResourceDiff) -> Heading:
    sides = [side for side in (res.old, res.new) if side is not None]
    return Heading(
        res.urn,
        res.old_urn,
        res.op,
        res.type,
        custom=sides[-1].custom,
        protect=any(side.protect for side in sides),
        consequential=res.consequential,
        uncertain=res.uncertain,
        stale=res.stale,
        only_new_id=res.only_new_id,
    )


def _details(res: ResourceDiff, *, decrypted: bool, outputs: bool) -> Details:
    changes = res.changes(outputs=outputs, noise=outputs)
    if not decrypted or res.old is None or res.new is None:
        return Details(changes)
    old, new = res.old.decoded_inputs(), res.new.decoded_inputs()
    changed = tuple(change.path for change in changes)
    same = (
        key
        for key in new
        if contains_secret(new[key])
        and contains_secret(old.get(key))
        and not any(path.startswith(f"inputs.{key}") for path in changed)
    )
    return Details(changes, tuple(same))


def _parents(diff: Diff, old: Checkpoint, new: Checkpoint) -> dict[str, str]:
    found: dict[str, str] = {}
    for res in diff.resources:
        urn = res.urn
        while urn and urn not in found:
            side = new.by_urn.get(urn) or old.by_urn.get(urn)
            found[urn] = side.parent if side is not None else ""
            urn = found[urn]
    return found
