"""Comparing two sides of a timeline for the diff pane.

Knows no widgets; called from worker threads. Small states are compared here; large ones in a process of their own
(`diff_process`), because decoding and comparing them would hold the interpreter lock and make keys slow.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from pulumi_rewind.errors import EngineError, RewindError, SecretsError
from pulumi_rewind_tui.text.comparison import LIVE, NOTHING, CancelCheck, Comparison, Key, Side
from pulumi_rewind_tui.workers.diff_process import ProcessSource, SessionSpec
from pulumi_rewind_tui.workers.standing import Found, find_out

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pulumi_rewind.session import Session
    from pulumi_rewind_tui.text.failure import Cause
    from pulumi_rewind_tui.workers.diff_source import LocalSource

KEPT = 16
"""Comparisons that are remembered at most: the neighbours of the cursor."""

NEAREST = 3
"""How many are remembered in any case: the one on the screen, and those above and below it."""

RESOURCES = 40_000
"""Changed resources of all that are remembered beyond these."""

LARGE = 1_500_000
"""Bytes of a checkpoint from which on it is compared in a process of its own."""


class Comparer:
    """Remembers comparisons and decides where they are made; safe to call from several threads."""

    def __init__(self, session: Session, spec: SessionSpec) -> None:
        self._session = session
        self._done: OrderedDict[Key, Comparison] = OrderedDict()
        self._lock = threading.Lock()
        self._near: LocalSource | None = None
        self._far = ProcessSource(spec)
        self._size_of_live: int | None = None
        """Of a stack whose backend doesn't tell sizes, as first read."""

    def forget(self, side: Side | None = None) -> None:
        """Drops everything: the stack has changed; or, where only that has, what a side was compared with.

        What is being compared meanwhile is not kept.
        """
        with self._lock:
            kept = self._done.items() if side is not None else ()
            self._done = OrderedDict((key, done) for key, done in kept if side not in key)
        for source in (self._near, self._far):
            if source is not None:
                source.forget(side)

    def add_passphrase(self, passphrase: str) -> None:
        """Offers a passphrase and drops the comparisons that lacked one, also those that are being made."""
        with self._lock:
            self._done = OrderedDict((key, done) for key, done in self._done.items() if done.secrets != "locked")
        self._far.add_passphrase(passphrase)

    def close(self) -> None:
        """Ends the process, if there is one."""
        self._far.close()

    def cached(self, key: Key) -> Comparison | None:
        """A comparison that is at hand, perhaps with secrets still to be compared."""
        with self._lock:
            if key in self._done:
                self._done.move_to_end(key)
            return self._done.get(key)

    @property
    def large(self) -> bool:
        """Whether live is large, as far as that is known without reading it."""
        return self._large((LIVE, NOTHING), read=False)

    def standing(self, *, moved: bool = False) -> Found:
        """How live stands to the updates; `moved`: the stack has changed since it was last asked.

        Large states are read in the other process alone: here they would hold the interpreter lock and much memory.

        Raises:
            BackendError: live can't be read.
        """
        timeline = self._session.timeline
        if self._large((LIVE, NOTHING)):
            found = self._far.standing(moved)
            if found.standing.count == len(timeline):  # else an update has come in between
                timeline.stand(found.standing)
                return found
        return find_out(self._session)

    def urns(self) -> tuple[str, ...]:
        """The URNs of what live holds beside the stack itself; raises as `standing`."""
        return self._source((LIVE, NOTHING)).urns()

    def cause(self, number: Side) -> Cause | None:
        """Why an update failed, see `read_cause`; of `LIVE`, what was killed after the newest one."""
        return self._source((number, NOTHING)).cause(number)

    def compare(self, key: Key, cancelled: CancelCheck = lambda: False) -> Comparison:
        """Compares as the sides are stored; encrypted secrets stay not comparable.

        Raises:
            BackendError, CheckpointError: a side can't be read.
            Cancelled: `cancelled` said so.
        """
        kept = self._done
        return self._keep(self._source(key).compare(key, False, cancelled), key, kept)

    def compare_decrypted(self, key: Key, cancelled: CancelCheck = lambda: False) -> Comparison:
        """Compares with secrets decrypted; where that fails, says why in `reason`. Raises as `compare`."""
        source, kept = self._source(key), self._done
        try:
            return self._keep(source.compare(key, True, cancelled), key, kept)
        except (SecretsError, EngineError) as err:
            done = source.compare(key, False, cancelled)
            done.secrets, done.reason = "locked", self._session.redactor.said(err)
            return self._keep(done, key, kept)

    def _keep(self, done: Comparison, key: Key, kept: OrderedDict[Key, Comparison]) -> Comparison:
        done.source = self._source(key)
        with self._lock:
            kept[key] = done
            kept.move_to_end(key)
            while len(kept) > KEPT or (len(kept) > NEAREST and _resources(kept.values()) > RESOURCES):
                kept.popitem(last=False)
        return done

    def _source(self, key: Key) -> LocalSource | ProcessSource:
        with self._lock:
            if self._large(key):
                return self._far
            if self._near is None:
                from pulumi_rewind_tui.workers.diff_source import LocalSource

                self._near = LocalSource(self._session)
            return self._near

    def _large(self, key: Key, *, read: bool = True) -> bool:
        try:
            timeline = self._session.timeline
            sizes = [timeline.history.size(side or len(timeline)) for side in key if side != NOTHING]
            if None in sizes and read:  # only reading would tell; live is most often about as large
                if self._size_of_live is None:
                    self._size_of_live = len(timeline.live().raw)
                sizes.append(self._size_of_live)
        except (RewindError, OSError, IndexError):
            return False
        return any(size is not None and size >= LARGE for size in sizes)


def _resources(kept: Iterable[Comparison]) -> int:
    return sum(len(done.resources) for done in kept)
