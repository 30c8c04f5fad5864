"""Directories that only we can enter, for what an operation needs on disk; the one place that makes them.

Each is marked by a file that its owner holds locked (``flock``) as long as it lives, and with it the engine that it has
started. A later process that makes such a directory can tell by that which owners are gone, whatever their process
numbers were, and removes what they have left behind: that of its own user alone, and never what isn't marked.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pulumi_rewind.errors import TemporaryDirectoryError

PREFIX: Final = "rewind-"

MARK: Final = ".rewind-owner"
"""The file that the owner holds; it appears when it is locked already."""

COMMON: Final = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - what is made there is 0700 and has an unguessable name
"""Where a directory is made if none of `VARIABLES` names a place that can be used."""

VARIABLES: Final = ("TMPDIR", "TEMP", "TMP")

_UNUSABLE: Final = re.compile(r"[%?#\x00-\x1f\x7f\ud800-\udfff]")
"""What the address of a socket or the URL of a backend can't have in a path for all that read it."""

_held: dict[Path, int] = {}
"""The directories of this process, and the file descriptor of each mark."""

_swept: set[Path] = set()


def make_private(prefix: str = PREFIX, base: Path | None = None) -> Path:
    """Makes a directory (0700) with an unguessable name, in `base` or where temporary files belong.

    The first one in a place also removes what killed processes have left there.

    Raises:
        TemporaryDirectoryError: there is no place where one can be made.
    """
    import tempfile

    assert prefix.startswith(PREFIX)
    problems: list[str] = []
    for place in (base,) if base is not None else places():
        try:
            path = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
        except OSError as err:
            problems.append(f"{place} ({err.strerror})")
            continue
        _mark(path)
        if place not in _swept:
            _swept.add(place)
            sweep(place)
        return path
    raise TemporaryDirectoryError(
        f"no temporary directory is writable: {', '.join(problems)}",
        hint="Set TMPDIR to a writable directory.",
    )


@contextlib.contextmanager
def private_directory() -> Iterator[Path]:
    """A directory that only we can enter, removed at the end. Raises as `make_private`."""
    path = make_private()
    try:
        yield path
    finally:
        remove_private(path)


def remove_private(path: Path) -> None:
    """Removes a directory with everything that is in it, as far as that can be done."""
    import shutil

    shutil.rmtree(path, ignore_errors=True)
    if (fd := _held.pop(path, None)) is not None:
        os.close(fd)


def remove_if_unused(path: Path) -> None:
    """Removes a directory that nothing was put into."""
    if all(entry.name == MARK for entry in path.iterdir()):
        remove_private(path)


def locks(path: Path) -> tuple[int, ...]:
    """What a child has to inherit so that the directory counts as in use while it runs (``pass_fds``)."""
    return (_held[path],) if path in _held else ()


def places() -> list[Path]:
    """Where directories are made, in the order in which they are tried."""
    named = (os.environ.get(variable) for variable in VARIABLES)
    found = [Path(name) for name in named if name and Path(name).is_absolute() and not _UNUSABLE.search(name)]
    return list(dict.fromkeys([*found, *COMMON]))


def sweep(place: Path) -> None:
    """Removes the directories there whose owners are gone."""
    import shutil

    with contextlib.suppress(OSError):
        for path in sorted(place.glob(f"{PREFIX}*")):
            if path not in _held and (fd := _taken(path)) is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(fd)


def is_abandoned(path: Path) -> bool:
    """Whether a directory has gone, or nobody holds it any more."""
    if path in _held:
        return False
    if (fd := _taken(path)) is not None:
        os.close(fd)
        return True
    return not path.exists()


def _mark(path: Path) -> None:
    """Marks a directory as held; where the file system has no such locks, it stays without a mark."""
    new = path / f"{MARK}.new"
    fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        new.unlink()
        return
    new.rename(path / MARK)
    _held[path] = fd


def _taken(path: Path) -> int | None:
    """The locked mark of a directory of ours that nobody holds; None if it isn't one."""
    try:
        info = path.lstat()
        if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.geteuid() or info.st_mode & 0o077:
            return None
        fd = os.open(path / MARK, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if stat.S_ISREG(os.fstat(fd).st_mode):
            return fd
    except OSError:
        pass
    os.close(fd)
    return None
