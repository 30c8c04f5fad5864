"""``file://`` backends: the storage is a directory."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

from pulumi_rewind.backends import directory
from pulumi_rewind.backends.diy import DiyBackend
from pulumi_rewind.backends.storage import ROOT, Change, Item, Stored
from pulumi_rewind.backends.urls import file_path, shown_url
from pulumi_rewind.errors import BackendError
from pulumi_rewind.system.ownership import shared, written_again
from pulumi_rewind.system.untrusted import GZIP, ZSTD, open_regular, read_bytes

Found = TypeVar("Found")


def open_files(url: str, environ: Mapping[str, str]) -> DiyBackend:  # noqa: ARG001 - as all kinds are opened
    """The backend behind a ``file://`` URL.

    Raises:
        BackendError: there is none.
    """
    return DiyBackend(url, FileStorage(url))


class FileStorage:
    """See `Storage`."""

    far = False

    def __init__(self, url: str) -> None:
        self.shown = shown_url(url)
        self.credentials = ""
        self.directory = file_path(url, Path.cwd())
        self._top = str(self.directory)  # paths are costly where there are 10,000 of them

    def check(self) -> None:
        """The directory must hold what Pulumi makes there."""
        root = self.directory / ROOT
        try:
            if _is_directory(root):
                return
            exists = _is_directory(self.directory)
        except OSError as err:
            self._denied(str(root), err)
        if exists:
            raise BackendError(
                f"{self.directory} holds no Pulumi state",
                hint="Check --backend, PULUMI_BACKEND_URL or `backend.url` in Pulumi.yaml; `pulumi whoami -v` shows "
                "the backend in use.",
            )
        raise BackendError(
            f"the backend's directory {self.directory} does not exist",
            hint="Mount it, or check --backend, PULUMI_BACKEND_URL or `backend.url` in Pulumi.yaml.",
        )

    def where(self, key: str) -> str:
        """The path."""
        return f"{self._top}/{key}" if key else self._top

    def folders(self, folder: str) -> list[str]:
        """Links to directories count."""
        return sorted(entry.name for entry in self._scan(folder) if entry.is_dir())

    def items(self, folder: str, start: str = "", after: str = "") -> Iterator[Item]:
        """Names alone: looking at each file would cost more than everything else."""
        if start:
            # The sidecars double the directory; turning them away early halves the time.
            for name in self._names(folder):
                if name[-6:] != ".attrs" and name.startswith(start) and name > after:
                    yield Item(name)
            return
        for entry in self._scan(folder):
            if not entry.name.endswith(".attrs") and entry.name > after and not entry.is_dir(follow_symlinks=False):
                yield Item(entry.name)

    def exists(self, folder: str) -> bool:
        """Whether there is such a directory."""
        return _is_directory(Path(self.where(folder)))

    def read(self, key: str, limit: int) -> bytes:
        """The whole file."""
        path = self.where(key)
        try:
            return read_bytes(path, limit)
        except FileNotFoundError:
            raise
        except NotADirectoryError as err:
            raise FileNotFoundError(err.errno, err.strerror, path) from None
        except OSError as err:
            raise BackendError(
                f"{path} can't be read: {err.strerror}", hint=f"Check the permissions of {path} and its disk."
            ) from None

    def part(self, key: str, start: int, size: int) -> bytes | None:
        """From the middle of the file."""
        try:
            fd = open_regular(self.where(key))
            try:
                return os.pread(fd, size, start)
            finally:
                os.close(fd)
        except OSError:
            return None

    def read_all(self, keys: Sequence[str], limit: int) -> Iterator[bytes | BackendError]:
        """One after another: a disk gains nothing from threads."""
        for key in keys:
            try:
                yield self.read(key, limit)
            except FileNotFoundError as err:
                gone = BackendError(f"{self.where(key)} is no longer there")
                gone.__cause__ = err
                yield gone
            except BackendError as err:
                yield err

    def newest(self, keys: Sequence[str], what: str, limit: int) -> Stored | None:
        """The CLI may replace one variant by another between looking and reading: then once more."""
        for _ in (1, 2):
            there = [(written, key) for key in keys if (written := self._written(key, what)) is not None]
            if not there:
                return None
            _, key = max(there, key=lambda found: found[0])
            try:
                return Stored(key, self.read(key, limit))
            except FileNotFoundError:
                continue
        return None

    def mark(self, keys: Sequence[str]) -> str:
        """When each was written, and its size."""
        return " ".join(self._status(key) for key in keys)

    def digests(self, keys: Sequence[str]) -> list[str]:
        """Only the content tells."""
        return [""] * len(keys)

    def digest(self, item: Item) -> str:
        """A listing tells none."""
        return ""

    def folder_mark(self, folder: str) -> str:
        """A directory is written when it gets an entry."""
        return self._status(folder)

    def size(self, key: str) -> int | None:
        """The beginning of the file tells whether it is compressed."""
        try:
            with os.fdopen(open_regular(self.where(key)), "rb") as file:
                start = file.read(4)
                return None if start.startswith((GZIP, ZSTD)) else os.fstat(file.fileno()).st_size
        except OSError:
            return None

    def shared(self, folders: Iterable[str]) -> str:
        """By owners and modes."""
        return shared(Path(self.where(folder)) for folder in folders)

    def touched(self, keys: Iterable[str], ended: int) -> str:
        """By owners, modes and times."""
        paths = [Path(self.where(key)) for key in keys]
        return shared(paths) or next(filter(None, (written_again(path, ended) for path in paths)), "")

    def remedy(self, key: str) -> str:
        """One of the copies that the CLI keeps."""
        return directory.intact_copy_hint(Path(self.where(key)))

    def watch(self) -> directory.DirectoryWatch:
        """A mount may go away, and the CLI makes a directory that it misses."""
        return directory.DirectoryWatch(self.directory)

    def obstacle(self) -> str:
        """A sidecar that a killed CLI has left empty."""
        return directory.empty_sidecar_hint(self.directory)

    def shortage(self, size: int) -> str:
        """Of the disk."""
        return directory.space_warning(self.directory, size)

    def swap(self, key: str, change: Change) -> bool:
        """Under a lock file beside it."""
        from pulumi_rewind.backends.file_writing import swap_file

        return swap_file(self.directory, key, change)

    def write(self, key: str, content: bytes) -> None:
        """By a rename."""
        from pulumi_rewind.backends.file_writing import write_file

        write_file(self.directory, key, content)

    def remove(self, key: str) -> None:
        """See `Storage.remove`."""
        from pulumi_rewind.backends.file_writing import remove_file

        remove_file(self.directory, key)

    # -- inside -------------------------------------------------------------------------------------------------

    def _status(self, key: str) -> str:
        """What changes when a file is written or a directory gets an entry; empty if it isn't there."""
        path = Path(self.where(key))
        try:
            found = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except OSError as err:
            self._denied(str(path), err)
        return f"{found.st_mtime_ns}.{found.st_ctime_ns}.{found.st_size}"

    def _written(self, key: str, what: str) -> int | None:
        path = Path(self.where(key))
        try:
            return path.stat().st_mtime_ns
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as err:
            raise BackendError(
                f"{what} can't be read: {err.strerror}", hint=f"Check the permissions of {path.parent}."
            ) from None

    def _scan(self, folder: str) -> list[os.DirEntry[str]]:
        """What is in a folder; nothing if the folder isn't there, but the backend is."""

        def look(path: str) -> list[os.DirEntry[str]]:
            with os.scandir(path) as entries:
                return list(entries)

        return self._looked(folder, look)

    def _names(self, folder: str) -> list[str]:
        """The names alone, which is quicker."""
        return self._looked(folder, os.listdir)

    def _looked(self, folder: str, look: Callable[[str], list[Found]]) -> list[Found]:
        path = self.where(folder)
        try:
            return look(path)
        except (FileNotFoundError, NotADirectoryError):
            self.check()
            return []
        except OSError as err:
            self._denied(path, err)

    def _denied(self, path: str, err: Exception) -> NoReturn:
        reason = getattr(err, "strerror", None) or str(err)
        raise BackendError(f"{path} can't be read: {reason}", hint="Check its permissions.") from None


def _is_directory(path: Path) -> bool:
    """As `Path.is_dir`, which in some versions of Python also says False where permission is denied."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
