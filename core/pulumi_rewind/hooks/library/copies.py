"""Copies of data in files: each is proved whole before it counts, and proved the same before it is restored.

They lie in ``copies/`` of the user's state directory, or of a folder that is shared; 0600 in directories of 0700. The
note beside a copy is written last: a copy without one was never finished. Nothing here removes a copy.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulumi_rewind.errors import CopyError
from pulumi_rewind.hooks.context import UndoResource
from pulumi_rewind.hooks.library.programs import counted, size
from pulumi_rewind.system.state_directory import StateDirectory

CHUNK = 1 << 20


@dataclass(frozen=True)
class Copy:
    """One whole copy."""

    file: str
    """Its name in the directory of its resource."""
    urn: str
    id: str
    """Of the object that was copied."""
    becomes: str
    """The id that the target of that rollback has for the resource; empty where it has none."""
    key: str
    """The idempotency key of the call that made it."""
    made: float
    """Unix seconds."""
    bytes: int
    sha256: str
    counts: Mapping[str, int]
    """What is in it, for example rows by table."""
    unit: str
    """Of the counts: ``rows``, ``files``."""

    def __str__(self) -> str:
        when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(self.made))
        return f"{counted(sum(self.counts.values()), self.unit)}, {size(self.bytes)}, copied from {self.id} at {when}"


class Copies:
    """The copies of the resources of one stack; `folder` stands for the user's state directory."""

    def __init__(self, stack: str, folder: str | os.PathLike[str] | None = None) -> None:
        environ = os.environ if folder is None else {"XDG_STATE_HOME": str(Path(folder).absolute())}
        self._state = StateDirectory(environ)
        self._root = self._state.copies(stack.replace("/", "."))

    def make(
        self,
        res: UndoResource,
        fill: Callable[[Path], Mapping[str, int]],
        *,
        key: str,
        becomes: str,
        suffix: str,
        unit: str,
    ) -> Copy:
        """A new copy: `fill` writes a file, which is there already and empty, and returns what is in it.

        Raises:
            CopyError: nothing came.
            StateDirectoryError: the file can't be written.
        """
        made = time.time()
        place = self._place(res) / f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(made))}-{key[:12]}{suffix}"
        for name in self._state.names(place.parent):
            if name.endswith(f"-{key[:12]}{suffix}.part"):  # of a try that was killed
                self._state.remove(place.with_name(name))
        part = place.with_name(f"{place.name}.part")
        os.close(self._state.open_new(part))
        try:
            counts = fill(part)
            with part.open("rb") as file:
                os.fsync(file.fileno())
            length = part.stat().st_size
            if not length:
                raise CopyError(f"the copy of {res.name} is empty")
            copy = Copy(place.name, res.urn, res.id, becomes, key, made, length, _sha256(part), dict(counts), unit)
            part.replace(place)
        except BaseException:
            self._state.remove(part)
            raise
        self._state.write(_note(place), json.dumps(dataclasses.asdict(copy), indent=1).encode())
        return copy

    def newest(self, res: UndoResource, *, other_than: str = "") -> Copy | None:
        """The newest copy of this very object, or that was made for it, but for those of one key."""
        mine = [copy for copy in self._all(res) if res.id in {copy.id, copy.becomes} and copy.key != other_than]
        return max(mine, key=lambda copy: copy.made, default=None)

    def of_call(self, res: UndoResource, key: str) -> Copy | None:
        """The newest copy that a call with this idempotency key has made."""
        mine = [copy for copy in self._all(res) if copy.key == key]
        return max(mine, key=lambda copy: copy.made, default=None)

    def path(self, copy: Copy, res: UndoResource) -> Path:
        """Where a copy is.

        Raises:
            CopyError: it is gone, or has another length than it had.
        """
        place = self._place(res) / copy.file
        length = place.stat().st_size if place.is_file() else None
        if length != copy.bytes:
            raise CopyError(
                f"the copy of {res.name}, {place}, {'is gone' if length is None else 'has another length than it had'}",
                hint="Bring it back from a backup; without it the data can't be restored.",
            )
        return place

    def whole(self, copy: Copy, res: UndoResource) -> Path:
        """The same; every byte is what it was.

        Raises:
            CopyError: it isn't.
        """
        place = self.path(copy, res)
        if _sha256(place) != copy.sha256:
            raise CopyError(
                f"the copy of {res.name}, {place}, has changed since it was made",
                hint="Bring it back from a backup; a damaged one is not restored.",
            )
        return place

    def _place(self, res: UndoResource) -> Path:
        return self._root / hashlib.sha256(res.urn.encode()).hexdigest()[:16]

    def _all(self, res: UndoResource) -> Iterator[Copy]:
        place = self._place(res)
        for name in self._state.names(place):
            if name.endswith(".json") and (content := self._state.read(place / name)) is not None:
                try:
                    found: dict[str, Any] = json.loads(content)
                    yield Copy(**found)
                except (ValueError, TypeError):
                    raise CopyError(
                        f"{place / name} is damaged", hint="It describes the copy beside it. Move both away."
                    ) from None


def _note(place: Path) -> Path:
    return place.with_name(f"{place.name}.json")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
