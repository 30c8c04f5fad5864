"""Comparing two sides of a timeline for the diff pane.

Knows no widgets; called from worker threads. Small states are compared here; large ones in a process of their own
(`diff_process`), because decoding and comparing them would hold the interpreter lock and make keys slow. Whatever is
kept for showing has its secrets masked.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from pulumi_rewind.errors import RewindError
from pulumi_rewind.model import urn_name

if TYPE_CHECKING:
    from pulumi_rewind.diff.checkpoints import Change
    from pulumi_rewind.session import Session
    from pulumi_rewind_tui.diff_process import SessionSpec

LIVE = 0
Side: TypeAlias = int
"""An update's number, or `LIVE`."""

Key: TypeAlias = tuple[Side, Side]
"""Old side, new side."""

SecretsState: TypeAlias = Literal["none", "pending", "compared", "locked"]
CancelCheck: TypeAlias = Callable[[], bool]

EAGER = 150
"""For so many changed resources properties are compared ahead; others when they are opened."""

KEPT = 16
"""Comparisons that are remembered: the neighbours of the cursor."""

LARGE = 1_500_000
"""Bytes of a checkpoint from which on it is compared in a process of its own."""


class Cancelled(Exception):
    """Not an error: nobody waits for the comparison any more."""


@dataclass(frozen=True, slots=True)
class Heading:
    """One changed resource, as far as its line in the diff says."""

    urn: str
    old_urn: str | None
    op: str
    type: str
    custom: bool = True
    protect: bool = False
    consequential: bool = False
    uncertain: bool = False
    """Whether all that may differ are secrets that could not be compared."""
    stale: bool = False
    """Whether it still names an object that is another one now."""
    only_new_id: bool = False
    """Whether it has the same content and is another object."""

    @property
    def name(self) -> str:
        """The logical name."""
        return urn_name(self.urn)


@dataclass(frozen=True, slots=True)
class Details:
    """The properties of one changed resource, secrets masked."""

    changes: tuple[Change, ...]
    same_secrets: tuple[str, ...] = ()
    """Inputs that hold secrets and are the same on both sides."""


@dataclass
class Comparison:
    """Two sides compared, with the details that were looked at so far."""

    key: Key
    resources: tuple[Heading, ...]
    secrets: SecretsState
    reason: str = ""
    """Why secrets could not be compared."""
    parents: dict[str, str] = field(default_factory=dict)
    """Parent URN by URN, for changed resources and what they lie in."""
    seen: dict[tuple[int, bool], Details] = field(default_factory=dict)
    source: Source | None = field(default=None, repr=False, compare=False)
    columns: dict[int, int] = field(default_factory=dict, repr=False, compare=False)
    """Widths of columns that were measured: of names (-1) and of property paths by resource."""
    same: tuple[tuple[str, str], ...] | None = None
    """URN and type of what is unchanged; None until asked for."""

    @property
    def new_objects(self) -> tuple[Heading, ...]:
        """What is the same but another object."""
        return tuple(res for res in self.resources if res.only_new_id)

    @property
    def same_content(self) -> bool:
        """Whether nothing differs but new ids, and what follows from elsewhere."""
        return all(res.consequential and not res.uncertain for res in self.resources)

    def details(self, index: int, *, outputs: bool = False) -> Details:
        """The properties of a resource; slow the first time for those that weren't compared ahead."""
        at = (index, outputs)
        if at not in self.seen:
            assert self.source is not None
            self.seen[at] = self.source.details(self.key, self.decrypted, index, outputs)
        return self.seen[at]

    def changes(self, index: int, *, outputs: bool = False) -> tuple[Change, ...]:
        """The property changes of a resource."""
        return self.details(index, outputs=outputs).changes

    def known(self, index: int, *, outputs: bool = False) -> bool:
        """Whether the details of a resource are at hand."""
        return (index, outputs) in self.seen

    def unchanged(self) -> tuple[tuple[str, str], ...]:
        """URN and type of every resource that is the same; slow the first time."""
        if self.same is None:
            assert self.source is not None
            self.same = self.source.unchanged(self.key, self.decrypted)
        return self.same

    def revealed(self, index: int, path: str) -> Change | None:
        """One change with its secrets in plaintext; never remembered."""
        assert self.source is not None
        return self.source.revealed(self.key, index, path)

    @property
    def decrypted(self) -> bool:
        """Whether it was made with secrets decrypted."""
        return self.secrets == "compared"


class Source(Protocol):
    """Where comparisons are made: in this process or in another."""

    def compare(self, key: Key, decrypt: bool, cancelled: CancelCheck) -> Comparison:
        """Compares two sides. Raises BackendError, SecretsError, EngineError, Cancelled."""

    def details(self, key: Key, decrypted: bool, index: int, outputs: bool) -> Details:
        """The properties of one resource."""

    def unchanged(self, key: Key, decrypted: bool) -> tuple[tuple[str, str], ...]:
        """URN and type of what is the same."""

    def revealed(self, key: Key, index: int, path: str) -> Change | None:
        """One change with its secrets in plaintext."""

    def add_passphrase(self, passphrase: str) -> None:
        """Offers a passphrase, for memory only."""

    def forget(self) -> None:
        """Drops what was read: the stack has changed."""

    def close(self) -> None:
        """Is not needed any more."""


class Comparer:
    """Remembers comparisons and decides where they are made; safe to call from several threads."""

    def __init__(self, session: Session, spec: SessionSpec) -> None:
        self._session = session
        self._spec = spec
        self._done: OrderedDict[Key, Comparison] = OrderedDict()
        self._lock = threading.Lock()
        self._near: Source | None = None
        self._far: Source | None = None

    def forget(self) -> None:
        """Drops everything: the stack has changed."""
        with self._lock:
            self._done.clear()
        for source in (self._near, self._far):
            if source is not None:
                source.forget()

    def add_passphrase(self, passphrase: str) -> None:
        """Offers a passphrase and drops the comparisons that lacked one."""
        with self._lock:
            for key in [key for key, done in self._done.items() if done.secrets == "locked"]:
                del self._done[key]
        if self._far is not None:
            self._far.add_passphrase(passphrase)

    def close(self) -> None:
        """Ends the process, if there is one."""
        if self._far is not None:
            self._far.close()

    def cached(self, key: Key) -> Comparison | None:
        """A comparison that is at hand, perhaps with secrets still to be compared."""
        with self._lock:
            if key in self._done:
                self._done.move_to_end(key)
            return self._done.get(key)

    def compare(self, key: Key, cancelled: CancelCheck = lambda: False) -> Comparison:
        """Compares as the sides are stored; encrypted secrets stay not comparable.

        Raises:
            BackendError, CheckpointError: a side can't be read.
            Cancelled: `cancelled` said so.
        """
        return self._keep(self._source(key).compare(key, False, cancelled), key)

    def compare_decrypted(self, key: Key, cancelled: CancelCheck = lambda: False) -> Comparison:
        """Compares with secrets decrypted; where that fails, says why in `reason`. Raises as `compare`."""
        from pulumi_rewind.errors import EngineError, SecretsError

        source = self._source(key)
        try:
            return self._keep(source.compare(key, True, cancelled), key)
        except (SecretsError, EngineError) as err:
            done = source.compare(key, False, cancelled)
            done.secrets, done.reason = "locked", self._session.redactor.said(err)
            return self._keep(done, key)

    def _keep(self, done: Comparison, key: Key) -> Comparison:
        done.source = self._source(key)
        with self._lock:
            self._done[key] = done
            while len(self._done) > KEPT:
                self._done.popitem(last=False)
        return done

    def _source(self, key: Key) -> Source:
        with self._lock:
            if self._large(key):
                if self._far is None:
                    from pulumi_rewind_tui.diff_process import ProcessSource

                    self._far = ProcessSource(self._spec)
                return self._far
            if self._near is None:
                from pulumi_rewind_tui.diff_source import LocalSource

                self._near = LocalSource(self._session)
            return self._near

    def _large(self, key: Key) -> bool:
        try:
            history = self._session.timeline.history
            sizes = [history.size(side or len(history)) for side in key]
        except (RewindError, OSError, IndexError):
            return False
        return any(size is not None and size >= LARGE for size in sizes)
