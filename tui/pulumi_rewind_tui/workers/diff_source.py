"""Makes comparisons from a session: loads, decrypts, compares."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from itertools import chain
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
from pulumi_rewind_tui.workers.standing import Found, find_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pulumi_rewind.session import Session
    from pulumi_rewind_tui.text.failure import Cause

BYTES = 32_000_000
"""How many bytes of checkpoints (as stored) are kept decoded; the two that were compared last whatever their size."""

DIFFS = 4
"""Diffs that are kept for details, at most."""


@dataclass(frozen=True)
class Compared:
    """Two sides, as they were compared."""

    diff: Diff
    old: Checkpoint
    new: Checkpoint


class LocalSource:
    """Compares in this process; one thread at a time decrypts, because that can be slow."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._checkpoints: OrderedDict[int, Checkpoint] = OrderedDict()
        self._diffs: OrderedDict[tuple[Key, bool], Compared] = OrderedDict()
        self._twin: int | None = None
        """The update whose state live is: kept once for both."""
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
            self._twin = None

    def standing(self, moved: bool) -> Found:
        """How live stands to the updates; `moved`: the stack has changed since it was last asked.

        Raises:
            BackendError: live can't be read.
        """
        if moved:
            self._session.reload()
            self.forget(LIVE)
        self._session.glimpse().ready(1)
        found = find_out(self._session)
        self._twin = found.standing.live
        return found

    def urns(self) -> tuple[str, ...]:
        """The URNs of what live holds beside the stack itself; raises as `standing`."""
        return tuple(res.urn for res in self._session.timeline.live().resources if not res.is_stack)

    def cause(self, number: Side) -> Cause | None:
        """Why an update failed, see `read_cause`; of `LIVE`, what was killed after the newest one."""
        from pulumi_rewind_tui.text.failure import read_cause

        return read_cause(self._session, self._session.timeline.update(number) if number != LIVE else None)

    def add_passphrase(self, passphrase: str) -> None:
        """Offers a passphrase to the session's vault."""
        self._session.vault.add_passphrase(passphrase)

    def compare(self, key: Key, decrypt: bool, cancelled: CancelCheck) -> Comparison:
        """Compares two sides. Raises BackendError, SecretsError, EngineError, Cancelled."""
        compared = self._diff(key, decrypt, cancelled)
        diff, old, new = compared.diff, compared.old, compared.new
        secret = old.has_secrets or new.has_secrets
        done = Comparison(
            key,
            tuple(_headings(diff.resources)),
            "none" if not secret else "compared" if decrypt else "pending",
            parents=_parents(diff, old, new),
        )
        ahead = [index for index, res in enumerate(diff.resources) if res.op not in ("create", "delete")]
        for index in ahead[:EAGER]:
            done.ahead = index + 1
            if cancelled():
                raise Cancelled
            done.seen[index, False] = _details(diff.resources[index], decrypted=done.decrypted, outputs=False)
        return done

    def prepare(self, key: Key, decrypted: bool, cancelled: CancelCheck) -> None:
        """See `Source.prepare`."""
        self._diff(key, decrypted, cancelled)

    def details(self, key: Key, decrypted: bool, index: int, outputs: bool) -> Details:
        """See `Source.details`."""
        diff = self._diff(key, decrypted, lambda: False).diff
        return _details(diff.resources[index], decrypted=decrypted, outputs=outputs)

    def unchanged(self, key: Key, decrypted: bool) -> tuple[tuple[str, str], ...]:
        """See `Source.unchanged`."""
        compared = self._diff(key, decrypted, lambda: False)
        differing = {res.urn for res in compared.diff.resources}
        return tuple(
            (res.urn, res.type) for res in compared.new.resources if res.urn not in differing and not res.delete
        )

    def revealed(self, key: Key, index: int, path: str) -> Change | None:
        """See `Source.revealed`."""
        diff = self._diff(key, True, lambda: False).diff
        changes = diff.resources[index].changes(secrets=True, outputs=True, noise=True)
        return next((change for change in changes if change.path == path), None)

    def _diff(self, key: Key, decrypt: bool, cancelled: CancelCheck) -> Compared:
        kept = self._diffs  # another one once the stack has changed: what is begun now is not kept then
        with self._lock:
            if (key, decrypt) in kept:
                kept.move_to_end((key, decrypt))
                return kept[key, decrypt]
            self._make_room(key)
        numbers = [side for side in key if side not in (LIVE, NOTHING, self._twin) and side not in self._checkpoints]
        for number in self._session.timeline.ahead(numbers):  # two sides are read at the same time
            if LIVE in key:
                self._load(LIVE, cancelled)
            self._load(number, cancelled)
        old, new = (self._load(side, cancelled) for side in key)
        if decrypt:
            old, new = self._open(old, new, cancelled)
        if cancelled():
            raise Cancelled
        compared = Compared(diff_checkpoints(old, new), old, new)
        with self._lock:
            kept[key, decrypt] = compared
            if decrypt:
                kept.pop((key, False), None)  # nobody asks for it any more
            while len(kept) > DIFFS:
                kept.popitem(last=False)
        return compared

    def _make_room(self, key: Key) -> None:
        """Drops what was compared longest ago, so that with what `key` needs no more than `BYTES` is decoded.

        Before that is read: afterwards three large states would be in memory at once.
        """
        history, coming = self._session.timeline.history, 0
        for side in key:
            if side not in (LIVE, NOTHING, self._twin) and side not in self._checkpoints:
                coming += history.size(side) or 0
        while self._diffs and self._decoded() + coming > BYTES:
            self._diffs.popitem(last=False)
        for side in [side for side in self._checkpoints if side not in key]:
            if self._decoded() + coming > BYTES:
                del self._checkpoints[side]

    def _decoded(self) -> int:
        """Bytes of all checkpoints that are kept, each counted once."""
        sides = (side for one in self._diffs.values() for side in (one.old, one.new))
        kept = {id(side.raw): len(side.raw) for side in chain(self._checkpoints.values(), sides)}
        return sum(kept.values())

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
        if side in (LIVE, self._twin):
            return self._session.timeline.live()
        with self._lock:
            if side in self._checkpoints:
                self._checkpoints.move_to_end(side)
                return self._checkpoints[side]
        checkpoint = self._session.timeline.checkpoint(side)
        with self._lock:
            self._checkpoints[side] = checkpoint
        return checkpoint


def _headings(resources: Iterable[ResourceDiff]) -> Iterator[Heading]:
    """Equal texts are one object, which crosses a pipe and is kept once."""
    types: dict[str, str] = {}
    for res in resources:
        sides = [side for side in (res.old, res.new) if side is not None]
        yield Heading(
            res.urn,
            res.urn if res.old_urn == res.urn else res.old_urn,
            res.op,
            types.setdefault(res.type, res.type),
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
    names: dict[str, str] = {}
    for res in diff.resources:
        urn = res.urn
        while urn and urn not in found:
            side = new.by_urn.get(urn) or old.by_urn.get(urn)
            parent = side.parent if side is not None else ""
            found[urn] = urn = names.setdefault(parent, parent)
    return found
