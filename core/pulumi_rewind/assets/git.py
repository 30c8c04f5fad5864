"""Files and directories as a commit has them, for assets whose content the working tree no longer has.

The commit's tree is listed by one git process and contents are read by another, straight into files. Links are
followed inside the tree and never out of it. Filters (LFS, line endings) are not applied: what they would have changed
is caught by the hash.
"""

from __future__ import annotations

import os
import posixpath
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from pulumi_rewind.assets.hash import AssetError
from pulumi_rewind.system.git import GitFailed

if TYPE_CHECKING:
    from pulumi_rewind.project.repository import Repository

_HASH: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LINK: Final = "120000"
_DIRECTORY: Final = "040000"
_FILES: Final = frozenset({"100644", "100755", "100664"})
_LINKS_AT_MOST: Final = 40
_CHUNK: Final = 1 << 20


class CommitFiles:
    """The tree of one commit; paths are bytes from the top of the repository, parts joined by ``/``."""

    def __init__(self, repository: Repository, commit: str) -> None:
        self._repository = repository
        self.commit = commit if _HASH.fullmatch(commit) else ""
        self._entries: Mapping[bytes, tuple[str, str]] | None = None

    @property
    def known(self) -> bool:
        """Whether the repository has the commit."""
        return bool(self._tree())

    def place(self, path: str) -> bytes | None:
        """A path of the file system as one of the tree, None if it lies outside the repository."""
        top = self._repository.root.resolve()
        relative = os.path.relpath(path, top)
        if relative == os.curdir:
            return b""
        if relative == os.pardir or relative.startswith(os.pardir + os.sep):
            return None
        return os.fsencode(relative).replace(os.fsencode(os.sep), b"/")

    def file(self, path: bytes) -> str | None:
        """The blob at a path, links followed; None if there is no file."""
        place = self._follow(path, last=True)
        mode, blob = self._tree().get(place, ("", "")) if place is not None else ("", "")
        return blob if mode in _FILES else None

    def directory(self, path: bytes) -> dict[bytes, str] | None:
        """Name from there → blob of what counts of a directory (see `assets.hash.directory_files`); None if none."""
        place = self._follow(path, last=False)
        if place is None:
            return None
        if self._is_directory(place):
            return dict(self._inside(place))
        target = self._follow(path, last=True)
        return {} if target is not None and self._is_directory(target) else None

    def _inside(self, place: bytes) -> Iterator[tuple[bytes, str]]:
        start = place + b"/" if place else b""
        for path, (mode, name) in self._tree().items():
            if not path.startswith(start) or mode == _DIRECTORY:
                continue
            blob: str | None = name
            if mode == _LINK:
                target = self._follow(path, last=True)
                if target is not None and self._is_directory(target):
                    continue
                blob = self.file(path)
            if blob is None or mode not in {*_FILES, _LINK}:
                raise AssetError(f"{os.fsdecode(path)} is a submodule or a link out of the repository")
            yield path[len(start) :], blob

    def _is_directory(self, place: bytes) -> bool:
        return not place or self._tree().get(place, ("", ""))[0] == _DIRECTORY

    def _follow(self, path: bytes, *, last: bool) -> bytes | None:
        """The path without links (the last part's own only if `last`); None if there is nothing, or outside."""
        waiting = [part for part in reversed(path.split(b"/")) if part not in {b"", b"."}]
        place = b""
        links = 0
        while waiting:
            part = waiting.pop()
            if part == b"..":
                if not place:
                    return None
                place = posixpath.dirname(place)
                continue
            here = place + b"/" + part if place else part
            mode, blob = self._tree().get(here, ("", ""))
            if not mode:
                return None
            if mode == _LINK and (waiting or last):
                links += 1
                target = self._link(blob)
                if links > _LINKS_AT_MOST or target.startswith(b"/"):
                    return None
                waiting.extend(part for part in reversed(target.split(b"/")) if part not in {b"", b"."})
            else:
                place = here
        return place

    def _tree(self) -> Mapping[bytes, tuple[str, str]]:
        """Path → mode and object of everything in the commit; empty if the repository doesn't have it."""
        if self._entries is None:
            listing = self._git("ls-tree", "-r", "-t", "-z", "--full-tree", self.commit) if self.commit else b""
            found: dict[bytes, tuple[str, str]] = {}
            for line in listing.split(b"\0"):
                head, _, path = line.partition(b"\t")
                if path:
                    mode, _, name = head.decode().split(" ")
                    found[path] = (mode, name)
            self._entries = found
        return self._entries

    def _link(self, blob: str) -> bytes:
        return self._git("cat-file", "blob", blob)

    def _git(self, *command: str) -> bytes:
        try:
            return self._repository.command.read(*command, fetch=True)
        except GitFailed:
            return b""

    def write(self, blobs: Mapping[Path, str]) -> None:
        """Writes blobs to new files, which nobody else can read.

        Raises:
            AssetError: git doesn't have one of them, as in a partial clone.
        """
        names = list(dict.fromkeys(blobs.values()))
        wanted = "".join(f"{name}\n" for name in names).encode()
        with tempfile.TemporaryFile() as found:
            try:
                self._repository.command.read("cat-file", "--batch", stdin=wanted, output=found, fetch=True)
            except GitFailed as err:
                raise AssetError(f"git can't read the files: {err}") from None
            found.seek(0)
            self._deal(found, names, blobs)

    def _deal(self, found: IO[bytes], names: Iterable[str], blobs: Mapping[Path, str]) -> None:
        """Takes git's answer apart: for each object a line that ends in its size, the content, a line feed."""
        places: dict[str, list[Path]] = {}
        for path, name in blobs.items():
            places.setdefault(name, []).append(path)
        for name in names:
            head = found.readline().split()
            if len(head) != 3 or head[1] != b"blob":
                raise AssetError(f"git doesn't have the object {name}")
            start, size = found.tell(), int(head[2])
            for path in places[name]:
                found.seek(start)
                with new_file(path) as file:
                    left = size
                    while left and (piece := found.read(min(left, _CHUNK))):
                        left -= len(piece)
                        file.write(piece)
            found.seek(start + size + 1)


def new_file(path: Path) -> IO[bytes]:
    """Opens a file that must not exist yet, only for us; directories on the way are made."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb")
