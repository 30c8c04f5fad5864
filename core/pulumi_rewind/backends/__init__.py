"""Where history and checkpoints come from: one module for each kind of backend behind one small protocol.

Nothing here needs the pulumi CLI.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, unquote

from pulumi_rewind.errors import BackendError
from pulumi_rewind.locks import Lock
from pulumi_rewind.model import Checkpoint, StackRef, Update
from pulumi_rewind.url import shown_url

FILE = "file://"


class History(Protocol):
    """The updates of one stack as one listing found them, each read when it is asked for."""

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
        """At most `limit` updates, newest first, those below number `before`; reads what is taken."""
        ...

    def raw(self, number: int) -> bytes:
        """The stored checkpoint of an update, decompressed but not looked into; raises as `checkpoint` does."""
        ...

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


class Backend(Protocol):
    """A place that keeps stacks."""

    @property
    def url(self) -> str:
        """Its URL."""
        ...

    def stacks(self) -> list[StackRef]:
        """All stacks, sorted."""
        ...

    def find(self, name: str, project: str) -> StackRef:
        """A stack by ``name``, ``project/name`` or ``organization/project/name``.

        Raises:
            StackNotFound: there is none; the hint lists what there is.
            UsageError: that can't be a stack's name.
        """
        ...

    def history(self, stack: StackRef) -> History:
        """The stack's updates as they are now."""
        ...

    def live(self, stack: StackRef) -> Checkpoint:
        """The stack's state now.

        Raises:
            CheckpointError: damaged.
            BackendError: gone, or not readable.
        """
        ...

    def locks(self, stack: StackRef) -> list[Lock]:
        """Who holds the stack; a lock that can't be read is a lock all the same.

        Raises:
            BackendError: whether there are locks can't be seen.
        """
        ...

    def shared(self, stack: StackRef) -> str:
        """Why others than the operator may have written a stack's history; empty if only the operator (and root) can.

        A backend that can't tell says so.
        """
        ...


def open_backend(url: str) -> Backend:
    """The backend behind a URL.

    Raises:
        BackendError: a kind that isn't supported yet, or nothing there.
    """
    if url.startswith(FILE):
        from pulumi_rewind.backends.filestate import FileBackend

        return FileBackend(url)
    shown = shown_url(url)
    scheme, separator, _ = url.partition("://")
    if not separator:
        raise BackendError(f"{shown!r} is not the URL of a backend", hint=f"A directory is written {FILE}{shown}.")
    name = "Pulumi Cloud" if scheme in {"http", "https"} else f"{scheme}://"
    raise BackendError(
        f"{name} backends are not supported yet ({shown})",
        hint="This release reads file:// backends. Set --backend, PULUMI_BACKEND_URL or `backend.url` in Pulumi.yaml.",
    )


def user_home() -> Path:
    """The user's home as the pulumi CLI sees it: that of the user database, ``HOME`` only where there is no entry."""
    try:
        import pwd

        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except (ImportError, KeyError):
        return Path.home()


def absolute_url(url: str, base: Path) -> str:
    """A ``file://`` URL in one spelling: absolute, with ``~`` put in, without ``.`` and ``..``; others unchanged.

    A relative one starts at `base`.
    """
    if not url.startswith(FILE):
        return url
    path = os.path.normpath(file_path(url, base))
    for character in "%?#":
        path = path.replace(character, quote(character))
    _, mark, options = url.partition("?")
    return FILE + path + mark + options


def file_path(url: str, base: Path) -> Path:
    """The directory that a ``file://`` URL names."""
    text = unquote(url.removeprefix(FILE).partition("?")[0])
    if text == "~" or text.startswith("~/"):
        return user_home() / text[2:]
    return base / text
