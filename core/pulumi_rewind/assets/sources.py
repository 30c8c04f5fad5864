"""Where contents of assets are looked for: the file system, a commit, a store. Copies are verified before use."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pulumi_rewind.assets.git import CommitFiles, new_file
from pulumi_rewind.assets.hash import AssetError, directory_files, hash_path, is_archive_file, located
from pulumi_rewind.state.values import ASSET
from pulumi_rewind.system.documents import load_yaml
from pulumi_rewind.system.untrusted import open_regular, read_text

if TYPE_CHECKING:
    from pulumi_rewind.project.repository import Repository


def program_directory(root: Path) -> Path:
    """Where relative paths of a program start: the project's directory, or that of its ``main``."""
    from pulumi_rewind.project.places import PROJECT_FILES

    for name in PROJECT_FILES:
        path = root / name
        if not path.is_file():
            continue
        try:
            document = load_yaml(read_text(path))
        except (OSError, ValueError):
            break
        main = document.get("main") if isinstance(document, dict) else None
        if isinstance(main, str) and main:
            place = Path(located(main, root))
            return place if place.is_dir() else place.parent
        break
    return root


class Store(Protocol):
    """Contents by their hashes."""

    def __call__(self, digest: str, *, as_file: bool) -> Path | None:
        """The path of a content as a file or as a directory, None if it isn't there."""
        ...


class Sources:
    """Answers with paths whose content has the hash that was asked for; relative paths start at `directory`."""

    def __init__(
        self, directory: Path, commit: str, repository: Repository | None, store: Path | Store | None, private: Path
    ) -> None:
        self.directory = directory
        self.commit = commit
        self.store = store
        self.private = private
        self._repository = repository
        self._commits: dict[str, CommitFiles] = {}
        self._hashes: dict[tuple[str, str], str] = {}
        self._copies: dict[tuple[str, str, str], str] = {}

    def hash_at(self, kind: str, place: str) -> str:
        """The hash of what lies there now, empty if it can't be read."""
        key = (kind, place)
        if key not in self._hashes:
            try:
                self._hashes[key] = hash_path(kind, place)
            except AssetError:
                self._hashes[key] = ""
        return self._hashes[key]

    def origin(self, path: str, digest: str) -> tuple[str, str]:
        """The path that was recorded first, and the commit of that time.

        They differ from what is given where an earlier rollback had to make a copy: the engine records the path of
        the copy, which says where its content came from.
        """
        found = _COPY.search(path)
        if found is None or not digest.startswith(found["digest"]) or escapes(os.fsencode(found["path"])):
            return path, self.commit
        return found["path"], found["commit"] or self.commit

    def from_git(self, kind: str, path: str, digest: str, commit: str) -> tuple[str, str]:
        """The path of a copy of what that commit has there, or empty and the reason why not."""
        git = self._commit(commit)
        if git is None or not git.known:
            return "", f"commit {commit[:7]} is not in this repository" if commit else "no commit was recorded"
        label = f"commit {commit[:7]}"
        place = git.place(located(path, self.directory))
        if place is None:
            return "", "it lies outside the repository"
        file = git.file(place) if _is_file(kind, path) else None
        if file is not None:
            return self._copy(kind, digest, path, lambda to: git.write({to: file}), label, commit)
        if _is_file(kind, path):
            return "", f"{label} doesn't have it"
        try:
            files = git.directory(place)
        except AssetError as err:
            return "", f"{label}: {err}"
        if files is None:
            return "", f"{label} doesn't have it"

        def write(to: Path) -> None:
            to.mkdir(mode=0o700)
            git.write({to / _inside(name): blob for name, blob in files.items() if not _bookkeeping(name)})

        return self._copy(kind, digest, path, write, label, commit)

    def _commit(self, commit: str) -> CommitFiles | None:
        if self._repository is None or not commit:
            return None
        if commit not in self._commits:
            self._commits[commit] = CommitFiles(self._repository, commit)
        return self._commits[commit]

    def from_store(self, kind: str, path: str, digest: str) -> str:
        """The path of a copy of what the store has under that hash, or empty."""
        as_file = _is_file(kind, path)
        entry = self.store / digest if isinstance(self.store, Path) else None
        if self.store is not None and not isinstance(self.store, Path):
            entry = self.store(digest, as_file=as_file)
        if entry is None or not entry.exists() or entry.is_dir() is as_file:
            return ""

        def write(to: Path) -> None:
            if as_file:
                _copy_file(entry, to)
                return
            to.mkdir(mode=0o700)
            for name, file in directory_files(str(entry)):
                _copy_file(Path(file), to / _inside(name))

        return self._copy(kind, digest, path, write, "the store", self.commit)[0]

    def _copy(
        self, kind: str, digest: str, path: str, write: Callable[[Path], None], source: str, commit: str
    ) -> tuple[str, str]:
        """Has content written under a path that ends as `path` does, and keeps it if its hash is the recorded one."""
        name = _copy_name(path)
        key = (kind, digest, name)
        if key in self._copies:
            return self._copies[key], ""
        self.private.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = commit if re.fullmatch(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", commit) else ""
        mark = f"{digest[:12]}.{known}." if name == path.rstrip("/") else f"{digest[:12]}-"  # see _COPY
        directory = Path(tempfile.mkdtemp(prefix=mark, dir=self.private))  # 0700
        to = directory / name
        try:
            for above in reversed(to.relative_to(directory).parents[:-1]):
                (directory / above).mkdir(mode=0o700)
            write(to)
            found = hash_path(kind, str(to))
        except (AssetError, OSError) as err:
            shutil.rmtree(directory)
            return "", f"{source}: {err}"
        if found != digest:
            shutil.rmtree(directory)
            return "", f"{source} has other content"
        self._copies[key] = str(to)
        return str(to), ""


_COPY = re.compile(
    r"/(?P<digest>[0-9a-f]{12})\.(?P<commit>(?:[0-9a-f]{40}(?:[0-9a-f]{24})?)?)\.[^/]+/(?P<path>[^/].*)\Z", re.DOTALL
)
"""The path of a copy: by its directory's name it tells the content's hash and commit, by the rest the recorded path."""


def _copy_name(path: str) -> str:
    """The recorded path if it is a plain relative one, else its last part, else any."""
    parts = path.rstrip("/").split("/")
    if ".pulumi" not in parts and "\0" not in path and not {"", os.curdir, os.pardir} & set(parts):
        return "/".join(parts)
    return parts[-1] if parts[-1] not in {"", os.curdir, os.pardir, ".pulumi"} and "\0" not in path else "content"


def _is_file(kind: str, path: str) -> bool:
    return kind == ASSET or is_archive_file(path)


def _bookkeeping(name: bytes) -> bool:
    return b".pulumi" in name.split(b"/")


def escapes(name: bytes) -> bool:
    """Whether a member's name leads out of its archive, or is none that a file can have."""
    return name.startswith(b"/") or b".." in re.split(rb"[/\\]", name) or b"\0" in name


def _inside(name: bytes) -> Path:
    if not name or escapes(name):
        raise AssetError("a member's name leads out of the archive")
    return Path(os.fsdecode(name))


def _copy_file(source: Path, to: Path) -> None:
    with os.fdopen(open_regular(source), "rb") as content, new_file(to) as file:
        shutil.copyfileobj(content, file, 1 << 20)
