"""What a backend can be asked, whatever its kind."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

import msgspec

from pulumi_rewind.errors import UsageError
from pulumi_rewind.state.locks import Lock
from pulumi_rewind.state.model import Checkpoint, StackRef, Update

FIRST_READ: Final = 32
"""Records that are read at once; the next reads are larger, up to `LARGEST_READ`."""

LARGEST_READ: Final = 256


class History(Protocol):
    """The updates of one stack as one listing found them, each read when it is asked for; backends derive from it."""

    far: bool = False
    """Whether several questions at once take less time than one after the other."""

    def __len__(self) -> int:
        """How many updates there are."""
        ...

    def update(self, number: int) -> Update:
        """One update by number, 1 the oldest; a damaged record comes back as ``unreadable`` with its `problem`.

        Raises:
            UsageError: there is no update of that number.
            BackendError: the backend is gone.
        """
        ...

    def newest(self, limit: int, *, before: int | None = None) -> Iterator[Update]:
        """At most `limit` updates, newest first, those below number `before`; reads little more than what is taken."""
        top = len(self) if before is None else min(before - 1, len(self))
        numbers = range(top, max(top - limit, 0), -1)
        start, size = 0, FIRST_READ
        while chunk := numbers[start : start + size]:
            self.expect(chunk)
            for number in chunk:
                yield self.update(number)
            start, size = start + size, min(2 * size, LARGEST_READ)

    def expect(self, numbers: Sequence[int]) -> None:
        """Says that `update` is about to be asked for all of these: over a network they are read at once."""
        return

    def ahead(self, numbers: Iterable[int]) -> Iterator[int]:
        """The same numbers, for a loop that reads the checkpoint of each: over a network the next ones are under way.

        Only a few are, so that memory stays bounded and a loop that stops early has read little for nothing.
        """
        return iter(numbers)

    def is_live(self, number: int) -> bool | None:
        """Whether the stack's state now has the very content of this checkpoint, without reading either.

        None: only the content can tell. S3 and GCS: True where ETag and size are equal, because the CLI copies the
        state into the history inside the store; never False. PostgreSQL: True where the digests of both rows are equal.
        Azure and directories: always None. Pulumi Cloud: live is the newest version whenever nothing runs.
        """
        return None

    def recall(self, what: str, *numbers: int) -> str | None:
        """What was remembered of these checkpoints' content; None if nothing was, or their content is another now."""
        return None

    def remember(self, text: str, what: str, *numbers: int) -> None:
        """Keeps what was found out about the content of checkpoints in the user's cache, if there is one."""
        return

    def confirm(self) -> None:
        """Makes sure of the numbers where the cache gave them, see `Backend.history`; once, by a full listing.

        Raises:
            HistoryMoved: they are wrong.
            BackendError: the backend can't be read.
        """
        return

    def raw(self, number: int) -> bytes:
        """The stored checkpoint of an update, decompressed but not looked into; raises as `checkpoint` does."""
        ...

    def parts(self, numbers: Sequence[int], start: int, size: int) -> Iterator[bytes | None]:
        """Of several checkpoints the bytes of `raw` from `start` on, at most `size`, as far as they are taken.

        None where they can't be had without the rest, or at all.
        """
        return iter([None] * len(numbers))

    def size(self, number: int) -> int | None:
        """How many bytes `raw` has where that is known without reading them, else None."""
        ...

    def checkpoint(self, number: int) -> Checkpoint:
        """The state stored with an update.

        Raises:
            UsageError: there is no update of that number.
            CheckpointError: it has no checkpoint, or a damaged one.
            BackendError: the backend can't be read.
        """
        ...

    def touched(self, number: int) -> str:
        """Why what is kept of an update may not be what the update left; empty where its files say nothing of that.

        Who may write the place at all is `Backend.shared`.
        """
        ...


def no_update(history: History, stack: object, number: int) -> UsageError:
    """What a history raises where it has no update of a number."""
    there = f"There are #1 to #{len(history)}." if len(history) else "There are none yet."
    return UsageError(f"{stack} has no update #{number}", hint=there)


class Glance(NamedTuple):
    """A stack as a cheap look shows it: where two are equal, nothing has happened in between."""

    live: Hashable
    """Stands for the state: different whenever it was written."""
    history: Hashable
    """Stands for the list of updates: different whenever one was added or removed.

    Empty where only listing them tells.
    """
    locks: tuple[Lock, ...] = ()


class About(msgspec.Struct, frozen=True):
    """What a backend keeps of a stack beside its state; DIY backends keep nothing."""

    tags: Mapping[str, str] = msgspec.field(default_factory=dict)
    """The stack's tags, sorted by name."""
    config: Mapping[str, str] = msgspec.field(default_factory=dict)
    """The stack's configuration where it is no file but kept there: ``environment`` names the Pulumi ESC environment
    that holds it; with it ``secretsProvider``, ``encryptedKey`` and ``encryptionSalt``, as far as they are set."""


class Note(NamedTuple):
    """A small JSON document of ours beside a stack, which every machine sees."""

    content: bytes
    mark: str
    """Another one after each write, even of the same content."""


class Watch(Protocol):
    """Watches a backend's place during a run; it counts as missing even if it is back at the end."""

    def check(self) -> None:
        """Checks the place; to be called now and then."""
        ...

    def problem(self) -> str:
        """What happened to it; empty if it was the same all the time."""
        ...

    @property
    def remedy(self) -> str:
        """What helps if `problem` says something."""
        ...


class Steady(Watch):
    """Of a place that nothing can replace."""

    def check(self) -> None:
        """Nothing to see."""

    def problem(self) -> str:
        """Never any."""
        return ""

    @property
    def remedy(self) -> str:
        """None is needed."""
        return ""


class Remote:
    """A place of which nothing is seen but its answers: whoever reads or writes is told what is wrong with it."""

    def watch(self) -> Steady:
        """See `Backend.watch`."""
        return Steady()

    def obstacle(self) -> str:
        """See `Backend.obstacle`: none is known."""
        return ""

    def shortage(self, size: int) -> str:
        """See `Backend.shortage`: there is room, or the place says so itself."""
        return ""


class Backend(Protocol):
    """A place that keeps stacks."""

    @property
    def url(self) -> str:
        """Its URL."""
        ...

    def stacks(self) -> list[StackRef]:
        """All stacks, sorted."""
        ...

    def organization(self) -> str:
        """The organization of a stack that is named without one; empty where there are no organizations.

        Raises:
            BackendError: it can't be told.
        """
        ...

    def find(self, name: str, project: str) -> StackRef:
        """A stack by ``name``, ``project/name`` or ``organization/project/name``.

        Raises:
            StackNotFound: there is none; the hint lists what there is.
            UsageError: that can't be a stack's name.
        """
        ...

    def history(self, stack: StackRef, *, quick: bool = False) -> History:
        """The stack's updates as they are now.

        With `quick` the names of older updates may come from the user's cache: that the newest known ones and the
        oldest ones are there is certain, that none in between was removed only after `History.confirm`.
        """
        ...

    def live(self, stack: StackRef) -> Checkpoint:
        """The stack's state now.

        Raises:
            CheckpointError: damaged.
            BackendError: gone, or not readable.
        """
        ...

    def locks(self, stack: StackRef, *, quick: bool = False) -> list[Lock]:
        """Who holds the stack; a lock that can't be read is a lock all the same.

        With `quick`, for showing them alone, they may be those that were read with the opening of the stack.

        Raises:
            BackendError: whether there are locks can't be seen.
        """
        ...

    def glance(self, stack: StackRef) -> Glance:
        """What tells whether anything has happened to a stack, without reading its state or its history.

        It is asked again and again (see `urls.pace`): file statuses, HEAD requests, one listing of the locks.

        Raises:
            BackendError: the backend can't be reached.
        """
        ...

    def about(self, stack: StackRef) -> About:
        """What the backend keeps of the stack beside its state.

        Raises:
            BackendError: it can't be reached.
        """
        ...

    def note(self, stack: StackRef, name: str, *, quick: bool = False) -> Note | None:
        """What `write_note` has kept beside a stack under a name of lower-case letters; one round trip.

        With `quick`, for showing it alone, it may be the one that came with the last look at the stack.

        Others who may write the backend may have written it: its content is untrusted.

        Raises:
            BackendError: it is damaged, or the backend can't be read.
        """
        ...

    def write_note(self, stack: StackRef, name: str, content: bytes, *, instead_of: str | None) -> None:
        """Keeps a JSON document beside a stack, durably, in place of the one that was read with the mark `instead_of`.

        None: there must be none so far. The pulumi CLI passes over notes; `pulumi stack rename` leaves them behind, and
        so does `pulumi stack rm`, on services like Pulumi Cloud it takes them along.

        Raises:
            NoteMoved: somebody else wrote or removed it meanwhile; nothing was written.
            BackendError: it is too large, or the backend can't be written.
        """
        ...

    def remove_note(self, stack: StackRef, name: str, *, instead_of: str) -> None:
        """Removes the note that was read with the mark `instead_of`; raises as `write_note` does."""
        ...

    def place_lock(self, stack: StackRef, token: str, lock: Lock) -> bool:
        """Makes a lock file named by a token, whole or not at all; False where the backend keeps no lock files.

        The pulumi CLI stops at it and prints user name, host, process and time. One of this name is replaced.

        Raises:
            BackendError: the backend can't be written.
        """
        ...

    def remove_lock(self, stack: StackRef, token: str) -> None:
        """Removes the lock file of a token if it is there; raises as `place_lock` does."""
        ...

    def link(self, stack: StackRef, number: int | None = None) -> str:
        """The web page of the stack, or of one of its updates; empty where there is none."""
        ...

    def shared(self, stack: StackRef) -> str:
        """Why others than the operator may have written a stack's history; empty if only the operator (and root) can.

        A backend that can't tell says so.
        """
        ...

    def watch(self) -> Watch:
        """Begins to look whether the place stays the same all through a run."""
        ...

    def obstacle(self) -> str:
        """What keeps the pulumi CLI from reading the place although we can, with what helps; empty if nothing does."""
        ...

    def shortage(self, size: int) -> str:
        """Why an update of a state of `size` bytes has no room there; empty if it has, or nobody can tell."""
        ...

    def facts(self, project: str) -> Iterator[tuple[str, str]]:
        """What `doctor` says of the place, as pairs of a word and a sentence.

        ``credentials``: as whom it is asked, and where that comes from, never a secret; ``layout``: how it keeps the
        stacks of a project.

        Raises:
            BackendError: it can't be asked.
        """
        ...

    def ping(self) -> None:
        """Asks one small question.

        Raises:
            BackendError: there is no answer, or it is refused.
        """
        ...
