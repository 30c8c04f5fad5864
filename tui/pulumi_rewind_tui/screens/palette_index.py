"""What the palette finds beside actions: updates, stacks and resources, read in a thread once the palette is open.

A key costs one pass over plain strings: a few milliseconds for 10,000 updates and as many resources.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

from pulumi_rewind.backends.urls import pace
from pulumi_rewind.errors import RewindError
from pulumi_rewind.state.model import parse_urn
from pulumi_rewind_tui.screens.home_filter import update_text
from pulumi_rewind_tui.screens.stacks import list_stacks
from pulumi_rewind_tui.workers.background import CancelCheck

if TYPE_CHECKING:
    from pulumi_rewind.history.timeline import Entry
    from pulumi_rewind.session import Session
    from pulumi_rewind_tui.host import Host
    from pulumi_rewind_tui.workers.comparer import Comparer

T = TypeVar("T")

LIMIT = 8
"""Hits of one kind."""

READ = 500
"""Updates that are read where each is a question to a server; home's filter reads them all."""


@dataclass
class Listing(Generic[T]):
    """Things that can be found by words, in the order that they are shown in. One thread adds while another looks."""

    rows: list[T] = field(default_factory=list)
    _texts: list[str] = field(default_factory=list)
    _named: dict[str, list[int]] = field(default_factory=dict)

    def add(self, row: T, text: str, names: Iterable[str]) -> None:
        """Adds what has all of `text`, and comes first where one of its names is all that was typed."""
        self.rows.append(row)
        self._texts.append(text.lower())
        for name in names:
            self._named.setdefault(name.lower(), []).append(len(self.rows) - 1)

    def named(self, query: str) -> list[T]:
        """The entry with exactly this name."""
        return [self.rows[index] for index in self._named.get(query.lower(), ())[:LIMIT]]

    def find(self, query: str) -> list[T]:
        """The first ones in which all words occur."""
        words = sorted(query.lower().split(), key=len, reverse=True)
        return list(islice(self._matching(words), LIMIT)) if words else []

    def _matching(self, words: list[str]) -> Iterator[T]:
        first, *others = words
        for index, text in enumerate(self._texts):
            if first in text and all(word in text for word in others):
                yield self.rows[index]


@dataclass
class Index:
    """All that can be found."""

    updates: Listing[Entry] = field(default_factory=Listing)
    resources: Listing[str] = field(default_factory=Listing)
    """URNs."""
    stacks: Listing[str] = field(default_factory=Listing)
    """Full names."""


def read_index(
    index: Index,
    host: Host,
    session: Session | None,
    comparer: Comparer | None,
    shown: Iterable[str],
    cancelled: CancelCheck,
) -> None:
    """Fills an index: resources of the diff that is `shown`, those of live, stacks, then updates from the newest on.

    Leaves out what can't be read: home shows why.
    """
    unreadable = (RewindError, OSError)
    with contextlib.suppress(*unreadable):
        urns = dict.fromkeys(shown)
        if session is not None and comparer is not None:
            urns |= dict.fromkeys(comparer.urns())
        for urn in urns:
            name = parse_urn(urn).name
            index.resources.add(urn, f"{name} {urn}", (name, urn))
    with contextlib.suppress(*unreadable):
        for ref in list_stacks(host)[2]:
            index.stacks.add(str(ref), f"stack {ref}", (str(ref), ref.name))
    if session is not None:
        with contextlib.suppress(*unreadable):
            _read_updates(index.updates, session, cancelled)


def _read_updates(updates: Listing[Entry], session: Session, cancelled: CancelCheck) -> None:
    limit = len(session.timeline) if not pace(session.backend.url) else READ
    for entry in session.timeline.entries(limit):
        if cancelled():
            return
        update = entry.update
        names = (str(update.number), f"#{update.number}", *entry.tags, update.commit, update.commit[:7])
        updates.add(entry, update_text(update, entry.tags), filter(None, dict.fromkeys(names)))
