"""Where a DIY backend keeps its files, whatever holds them: a directory, a bucket, a table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol

import msgspec

from pulumi_rewind.backends.protocol import Remote, Watch
from pulumi_rewind.errors import BackendError

ROOT: Final = ".pulumi"
"""The folder that everything is in."""


class Item(msgspec.Struct, frozen=True, order=True, array_like=True, gc=False):
    """What a listing says of one file. Python's collector, which would go through all of them, passes them over."""

    name: str
    """Within its folder."""
    mark: str = ""
    """Another one where the content is another; empty where the listing doesn't tell."""
    size: int | None = None
    """Bytes as stored; None where the listing doesn't tell."""


class Stored(NamedTuple):
    """A file's content as stored, compressed or not."""

    key: str
    content: bytes


Change = Callable[[bytes | None], bytes]
"""From a file's content, None if it isn't there, to that which takes its place; raises to leave everything as it is."""


class Storage(Protocol):
    """Files under keys such as ``.pulumi/stacks/shop/dev.json``; folders are the parts of keys.

    Every question raises BackendError where it can't be answered.
    """

    @property
    def shown(self) -> str:
        """The URL without credentials."""
        ...

    @property
    def credentials(self) -> str:
        """Where the credentials come from, for people, never the credentials themselves; empty if none are needed."""
        ...

    @property
    def far(self) -> bool:
        """Whether several questions at once take less time than one after the other."""
        ...

    def check(self) -> None:
        """Raises BackendError unless the place is there: to tell one lost file from a lost backend."""
        ...

    def where(self, key: str) -> str:
        """A file or folder as people look for it: a path, a URL."""
        ...

    def folders(self, folder: str) -> list[str]:
        """The names of the folders in a folder, sorted; none where it isn't there."""
        ...

    def items(self, folder: str, start: str = "", after: str = "") -> Iterable[Item]:
        """The files in a folder whose names begin with `start` and come behind `after`; none where it isn't there.

        Names compare byte by byte. Whoever asks for the last few of many gets them in one round trip.
        """
        ...

    def names(self, folder: str, start: str) -> list[str] | None:
        """The names of the same, in any order; None where a listing tells more than names."""
        ...

    def exists(self, folder: str) -> bool:
        """Whether there is anything in a folder."""
        ...

    def read(self, key: str, limit: int) -> bytes:
        """One file of at most `limit` bytes, as stored.

        Raises:
            FileNotFoundError: it is not there.
        """
        ...

    def part(self, key: str, start: int, size: int) -> bytes | None:
        """At most `size` bytes of a file, from `start` on; None where only the whole can be read, or nothing."""
        ...

    def read_all(self, keys: Sequence[str], limit: int) -> Iterator[bytes | BackendError]:
        """Several files in their order, at once where that is faster; an error in the place of what can't be read."""
        ...

    def newest(self, keys: Sequence[str], what: str, limit: int) -> Stored | None:
        """Of several variants of one file the one that was written last, the first of equals; None if there is none."""
        ...

    def mark(self, keys: Sequence[str]) -> str:
        """Another text where one of some files is another or gone; cheap, nothing is read.

        Nothing but blanks and dashes where there is none of them.
        """
        ...

    def digests(self, keys: Sequence[str]) -> list[str]:
        """For each file a text that two files share only if their content is equal; nothing is read.

        Empty where there is no such file, or only its content tells.
        """
        ...

    def digest(self, item: Item) -> str:
        """The same of a file that a listing has told; empty where `digests` has to be asked."""
        ...

    def folder_mark(self, folder: str) -> str:
        """Another text where a file was added to a folder or removed; empty where that can't be told cheaply."""
        ...

    def size(self, key: str) -> int | None:
        """Bytes of an uncompressed file; None for a compressed one, and where only reading it tells."""
        ...

    def shared(self, folders: Iterable[str]) -> str:
        """Why others than the operator may have written some folders; empty if only the operator (and root) can."""
        ...

    def touched(self, keys: Iterable[str], ended: int) -> str:
        """Whose some files are, and which was written again after `ended` (Unix nanoseconds); empty if nothing is."""
        ...

    def remedy(self, key: str) -> str:
        """How to put back a whole file in place of a damaged state; empty if nothing is known."""
        ...

    def swap(self, key: str, change: Change) -> bool:
        """Replaces a file of ours by what `change` makes of it; False if somebody else wrote it in between.

        It is whole or not at all, and durable. A request that was repeated may meet its own work and say False.
        """
        ...

    def write(self, key: str, content: bytes) -> None:
        """Makes or replaces a file of ours, whole or not at all."""
        ...

    def remove(self, key: str) -> None:
        """Removes a file of ours, if it is there."""
        ...

    def watch(self) -> Watch:
        """See `Backend.watch`."""
        ...

    def obstacle(self) -> str:
        """See `Backend.obstacle`."""
        ...

    def shortage(self, size: int) -> str:
        """See `Backend.shortage`."""
        ...


class RemoteStorage(Remote, ABC):
    """What storages in a network have in common; see `Storage`."""

    shown: str

    @abstractmethod
    def exists(self, folder: str) -> bool:
        """See `Storage.exists`."""

    def check(self) -> None:
        """There must be something below ``.pulumi/``; asking also tells a missing bucket or table."""
        if not self.exists(ROOT):
            raise BackendError(
                f"{self.shown} holds no Pulumi state",
                hint="Check PULUMI_BACKEND_URL or `backend.url` in Pulumi.yaml; `pulumi whoami -v` shows what is used.",
            )

    def where(self, key: str) -> str:
        """Its URL, without a query."""
        base = self.shown.partition("?")[0].rstrip("/")
        return f"{base}/{key}" if key else base

    def names(self, folder: str, start: str) -> None:
        """A listing tells marks."""

    def folder_mark(self, folder: str) -> str:
        """None: every update also writes the state, whose mark tells."""
        return ""

    def part(self, key: str, start: int, size: int) -> bytes | None:
        """Only the whole."""
        return None

    def size(self, key: str) -> int | None:
        """Only reading it tells whether it is compressed."""
        return None

    def shared(self, folders: Iterable[str]) -> str:
        """Who may write there is decided by policies, grants and roles that a reader can't see."""
        return f"whoever may write {self.where('')} may have written it, and that can't be seen from here"
