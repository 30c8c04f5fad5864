"""Notes in a DIY backend: a JSON document of ours in a file, with a mark by which two writers don't undo each other.

A file is ``{"mark": …, "note": …}``. A removed note leaves its file with a mark alone: most stores replace a file only
if it is still the same, but remove it in any case.
"""

from __future__ import annotations

import re
import secrets
from typing import Final

import msgspec

from pulumi_rewind.backends.protocol import Note
from pulumi_rewind.backends.storage import Storage
from pulumi_rewind.errors import BackendError, NoteMoved, UsageError
from pulumi_rewind.system.nesting import TOO_DEEP, too_deep
from pulumi_rewind.system.untrusted import DOCUMENT

LARGEST: Final = DOCUMENT // 2
"""Bytes of a note."""

NAME: Final = re.compile(r"[a-z]{1,20}")
"""What a note may be called: short enough for the name of a tag."""


class _Kept(msgspec.Struct):
    mark: str
    note: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    """Not there where the note was removed."""


class Notes:
    """The notes beside one stack, each a file in a folder of the storage."""

    def __init__(self, storage: Storage, folder: str) -> None:
        self._storage = storage
        self._folder = folder

    def read(self, name: str) -> Note | None:
        """The note of a name.

        Raises:
            BackendError: the file is none of ours, or can't be read.
            UsageError: a note can't have that name.
        """
        key = self._key(name)
        try:
            return self._note(key, self._storage.read(key, DOCUMENT))
        except FileNotFoundError:
            return None

    def swap(self, name: str, content: bytes | None, instead_of: str | None) -> None:
        """Writes a note in place of the one with the mark `instead_of`, None: of none; without `content` it removes it.

        Raises:
            NoteMoved: another one is there.
            BackendError: the document is too large, the file there is none of ours, or can't be written.
            UsageError: a note can't have that name.
        """
        key = self._key(name)
        if content is not None and len(content) > LARGEST:
            raise too_large(key, len(content), f"{LARGEST >> 10:,} KiB")
        note = msgspec.UNSET if content is None else msgspec.Raw(content)
        ours = msgspec.json.encode(_Kept(secrets.token_hex(8), note))

        def change(old: bytes | None) -> bytes:
            there = self._note(key, old) if old is not None else None
            if (there.mark if there else None) != instead_of:
                raise moved(self._storage.where(key))
            return ours

        if self._storage.swap(key, change):
            return
        try:
            if self._storage.read(key, DOCUMENT) == ours:
                return  # the request was repeated after its answer was lost
        except FileNotFoundError:
            pass
        raise moved(self._storage.where(key))

    def _key(self, name: str) -> str:
        return f"{self._folder}/{checked_name(name)}.json"

    def _note(self, key: str, raw: bytes) -> Note | None:
        remedy = "remove it, if nobody else needs it, and run the command again."
        if too_deep(raw):
            raise damaged(self._storage.where(key), TOO_DEEP, remedy)
        try:
            kept = msgspec.json.decode(raw, type=_Kept)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as err:
            raise damaged(self._storage.where(key), str(err), remedy) from None
        return None if isinstance(kept.note, msgspec.UnsetType) else Note(bytes(kept.note), kept.mark)


def moved(what: str) -> NoteMoved:
    """What a writer hears who comes too late."""
    return NoteMoved(
        f"{what} was written by somebody else at the same time",
        hint="Nothing was written there. Look at what stands there now, and try again.",
    )


def too_large(what: str, size: int, limit: str) -> BackendError:
    """What a writer hears whose document doesn't fit."""
    return BackendError(
        f"{what} would have {size:,} bytes, and at most {limit} have room there",
        hint="Nothing was written there. Fewer resources at once need less room.",
    )


def damaged(what: str, why: str, remedy: str) -> BackendError:
    """What is said of a note that can't be understood."""
    return BackendError(f"{what} is no note of pulumi-rewind: {why}", hint=f"Look at it; {remedy}")


def checked_name(name: str) -> str:
    """A note's name; raises UsageError where it can't be one."""
    if NAME.fullmatch(name) is None:
        raise UsageError(f"{name!r} is not the name of a note", hint="It has 1 to 20 letters from a to z.")
    return name
