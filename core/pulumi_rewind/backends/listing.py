"""The files of a history: all of them listed, or the newest and the oldest while the cache knows those in between."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

import msgspec

from pulumi_rewind.backends.interruptible import begin
from pulumi_rewind.backends.storage import Item, Storage

if TYPE_CHECKING:
    from pulumi_rewind.backends.cache import Place

PROVEN: Final = 120
"""How many files at each end must be as they were known: those of 60 updates, as many as a first screen shows."""

WORTH: Final = 1000
"""More files than these are kept: so many come in one answer anyway."""

_KEY: Final = "names"
_decoder = msgspec.msgpack.Decoder(list[Item])


class Listing:
    """The files in a folder whose names begin with `start`, by name."""

    def __init__(self, storage: Storage, folder: str, start: str, kept: Place | None) -> None:
        self._storage = storage
        self._folder = folder
        self._start = start
        self._kept = kept

    def everything(self) -> list[Item]:
        """All of them, which are known from now on."""
        found = list(self._storage.items(self._folder, self._start))
        if self._kept is not None:
            found.sort()
            self._keep(found)
        return found

    def quick(self) -> list[Item] | None:
        """The known ones and those that were added, by two short listings at once; None where that can't be said.

        Nearly always it is the oldest ones that are removed, which the second listing shows.
        """
        known = self._known()
        if len(known) <= WORTH:
            return None
        at = len(known) - PROVEN
        first = begin(lambda: list(islice(self._storage.items(self._folder, self._start), PROVEN)))
        newest = sorted(self._storage.items(self._folder, self._start, known[at - 1].name))
        if newest[:PROVEN] != known[at:] or sorted(first.result()) != known[:PROVEN]:
            return None
        found = known[:at] + newest
        if len(found) > len(known):
            self._keep(found)
        return found

    def _known(self) -> list[Item]:
        raw = self._kept.read({_KEY: ""}).get(_KEY) if self._kept is not None else None
        try:
            return _decoder.decode(raw) if raw is not None else []
        except msgspec.MsgspecError:
            return []

    def _keep(self, items: list[Item]) -> None:
        if self._kept is not None and len(items) > WORTH:
            self._kept.keep([(_KEY, "", msgspec.msgpack.encode(items))])
