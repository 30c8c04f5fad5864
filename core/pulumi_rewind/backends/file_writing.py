"""Writes our own files into the directory of a ``file://`` backend: whole, durably, one writer at a time.

Others may write the directory, too: no link on the way below ``.pulumi`` is followed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pulumi_rewind.backends.storage import Change
from pulumi_rewind.errors import BackendError
from pulumi_rewind.system.untrusted import DOCUMENT, read_bytes

PATIENCE: Final = 10.0
"""Seconds that another writer has for its part; it needs some milliseconds."""

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_LOCK: Final = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def swap_file(directory: Path, key: str, change: Change) -> bool:
    """See `Storage.swap`; always True, because others wait.

    Raises:
        BackendError: it can't be written.
    """
    path = directory / key
    with _told(path), _folder(directory, key) as folder, _locked(folder, path):
        try:
            old = read_bytes(path, DOCUMENT)
        except FileNotFoundError:
            old = None
        _put(folder, path.name, change(old))
    return True


def write_file(directory: Path, key: str, content: bytes) -> None:
    """See `Storage.write`; raises as `swap_file` does."""
    path = directory / key
    with _told(path), _folder(directory, key) as folder:
        _put(folder, path.name, content)


def remove_file(directory: Path, key: str) -> None:
    """See `Storage.remove`; raises as `swap_file` does."""
    path = directory / key
    with _told(path), contextlib.suppress(FileNotFoundError):
        path.unlink()


@contextlib.contextmanager
def _folder(directory: Path, key: str) -> Iterator[int]:
    """A descriptor of the folder that a key is in; what is missing below the backend's own folder is made."""
    first, *parts = key.split("/")[:-1]
    with contextlib.ExitStack() as opened:

        def enter(name: str | Path, flags: int, parent: int | None) -> int:
            fd = os.open(name, flags, dir_fd=parent)
            opened.callback(os.close, fd)
            return fd

        fd = enter(directory / first, _DIRECTORY, None)
        for part in parts:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, dir_fd=fd)
            fd = enter(part, _DIRECTORY | os.O_NOFOLLOW, fd)
        yield fd


@contextlib.contextmanager
def _locked(folder: int, path: Path) -> Iterator[None]:
    """Holds the file beside another one by which writers take turns; the system frees that of a killed process."""
    fd = os.open(f"{path.stem}.lock", _LOCK, 0o666, dir_fd=folder)
    try:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise BackendError(
                        f"{path} can't be written: another process has been writing it for {PATIENCE:.0f} s",
                        hint="Try again; if it persists, end the process that holds the file ending in .lock.",
                    ) from None
                time.sleep(0.01)
        yield
    finally:
        os.close(fd)


def _put(folder: int, name: str, content: bytes) -> None:
    part = f"{name}.part-{secrets.token_hex(4)}"
    try:
        with os.fdopen(os.open(part, _NEW, 0o666, dir_fd=folder), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part, dir_fd=folder)
        raise
    os.fsync(folder)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        raise BackendError(
            f"{path} can't be written: {err.strerror or err}",
            hint=f"Check the permissions of {path.parent}, and the disk.",
        ) from None
