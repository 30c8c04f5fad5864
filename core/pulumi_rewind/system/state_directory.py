"""The user's state directory: what must outlive a process, in files and directories that only the user can read.

``$XDG_STATE_HOME/pulumi-rewind``, by default ``~/.local/state/pulumi-rewind``. Every path below it is made here, and so
is every write. Whoever can swap a file in it decides where `resume` goes. So each directory that we make is 0700
whatever the umask, and a directory on the way that others can change is refused, from the home directory on down.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from pulumi_rewind.errors import StateDirectoryError
from pulumi_rewind.system.ownership import is_private_group
from pulumi_rewind.system.shell import quoted

NAME: Final = "pulumi-rewind"
DIRECTORY_MODE: Final = 0o700
FILE_MODE: Final = 0o600
_OTHERS: Final = 0o077
_WRITABLE: Final = 0o022
_PART: Final = ".part-"


class StateDirectory:
    """One user's state directory; nothing is made before something is written.

    What reads or writes raises StateDirectoryError, which says what is wrong with which path, and what helps.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        given = environ.get("XDG_STATE_HOME") or ""
        home = Path(environ.get("HOME") or Path.home())
        absolute = given.startswith("/")  # the XDG base directory specification has relative ones ignored
        self._first = Path(given) if absolute else home
        """The first directory that is looked at; what is above it is the system's."""
        self.root = (self._first if absolute else home / ".local" / "state") / NAME

    # -- paths --------------------------------------------------------------------------------------------------

    def journal(self, key: str) -> Path:
        """The journal of the stack with this key, see `Journal`."""
        return self.root / "journal" / f"{key}.json"

    def evidence(self, key: str) -> Path:
        """The directory of what a stack's failed updates left."""
        return self.root / "evidence" / key

    def verdicts(self, key: str) -> Path:
        """The directory of what checks said of a stack's updates."""
        return self.root / "verdicts" / key

    def log(self, key: str) -> Path:
        """The log of a stack's last run in the UI."""
        return self.root / "logs" / f"{key}.log"

    def revisions(self, key: str) -> Path:
        """Which revisions of a stack's components are applied."""
        return self.root / "revisions" / f"{key}.json"

    def window(self, key: str) -> Path:
        """What is held of a stack's objects."""
        return self.root / "window" / f"{key}.json"

    def copies(self, stack: str) -> Path:
        """The directory of what ready-made callbacks have copied of a stack's resources."""
        return self.root / "copies" / stack

    @property
    def states(self) -> Path:
        """The directory of copies of states."""
        return self.root / "states"

    @property
    def saved(self) -> Path:
        """The directory of what the operator saved: plans, reports, notes."""
        return self.root / "saved"

    @property
    def crashes(self) -> Path:
        """The directory of what crashed engines and providers printed."""
        return self.root / "crashes"

    @property
    def records(self) -> Path:
        """The directory of the lists of records that may be used."""
        return self.root / "records"

    @property
    def theme(self) -> Path:
        """The name of the UI's theme that was chosen last."""
        return self.root / "theme"

    @property
    def trusted(self) -> Path:
        """What the operator has agreed to run."""
        return self.root / "trusted.json"

    # -- directories --------------------------------------------------------------------------------------------

    def make(self, directory: Path) -> None:
        """Makes a directory below the root, and each level on the way that isn't there."""
        missing = (level for level in reversed(self._first.parents) if not level.is_dir())
        for level in (*missing, *self._levels(directory)):
            if not level.is_dir():
                with _told(level, "made"), contextlib.suppress(FileExistsError):
                    level.mkdir(mode=DIRECTORY_MODE)  # less the umask, never more
        self.check(directory)

    def check(self, directory: Path) -> None:
        """Raises where others can change what lies in a directory below the root, as far as it is there.

        Directories of our own below the root are made 0700 without a word.
        """
        for level in self._levels(directory):
            with _told(level, "read"):
                try:
                    link, found = level.lstat(), level.stat()
                except FileNotFoundError:
                    return
                for one in (link, found):
                    _check_owner(level, one)
                if not stat.S_ISDIR(found.st_mode):
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
                ours = level == self.root or self.root in level.parents
                if ours and found.st_mode & _OTHERS and found.st_uid == os.geteuid():
                    level.chmod(DIRECTORY_MODE)
                elif found.st_mode & _WRITABLE and not _shared_safely(found):
                    raise StateDirectoryError(
                        f"other users can change {level}, and so the files in {self.root}",
                        hint=f"Run `{quoted('chmod', 'go-w', str(level))}`, or set XDG_STATE_HOME to another one.",
                    )

    def _levels(self, directory: Path) -> Iterator[Path]:
        place = self._first
        yield place
        for part in directory.relative_to(place).parts:
            place /= part
            yield place

    # -- files --------------------------------------------------------------------------------------------------

    def read(self, path: Path) -> bytes | None:
        """The content of a file, None if there is none.

        Only a regular file that no other user owns or can change is read; nothing else is waited for.
        """
        try:
            with _told(path, "read"):
                fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except StateDirectoryError as err:
            if isinstance(err.__cause__, FileNotFoundError):
                return None
            raise
        with _told(path, "read"):
            try:
                self.check(path.parent)
                _check_file(path, os.fstat(fd))
            except BaseException:
                os.close(fd)
                raise
            with os.fdopen(fd, "rb") as file:
                return file.read()

    def names(self, directory: Path) -> list[str]:
        """What the files in a directory are called, in order; none if it can't be read."""
        try:
            return sorted(place.name for place in directory.iterdir())
        except OSError:
            return []

    def write(self, path: Path, content: bytes) -> None:
        """Writes a file durably, whole or not at all."""
        import tempfile

        self.make(path.parent)
        with _told(path, "written"):
            fd, name = tempfile.mkstemp(dir=path.parent, prefix=_PART)  # 0600
            try:
                _fill(fd, content)
                Path(name).replace(path)
            except BaseException:
                with contextlib.suppress(OSError):
                    Path(name).unlink()
                raise
            _settle(path.parent)

    def create(self, path: Path, content: bytes) -> None:
        """Writes a new file durably; one that is there already is an error."""
        with _told(path, "written"):
            fd = self.open_new(path)
            try:
                _fill(fd, content)
            except BaseException:
                with contextlib.suppress(OSError):
                    path.unlink()
                raise
            _settle(path.parent)

    def open_new(self, path: Path, flags: int = 0) -> int:
        """The descriptor of a new file, open for writing; `flags` are added to those of `os.open`."""
        self.make(path.parent)
        with _told(path, "written"):
            new = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            return os.open(path, new | flags, FILE_MODE)

    def open_lock(self, path: Path) -> int:
        """The descriptor of a file that is there to be locked, made if need be."""
        self.make(path.parent)
        with _told(path, "written"):
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, FILE_MODE)

    def prune(self, directory: Path, keep: int) -> None:
        """Removes all but the newest of what lies in a directory, as far as that can be done."""
        import shutil

        with contextlib.suppress(OSError):
            places = sorted(directory.iterdir(), key=lambda place: place.stat().st_mtime_ns, reverse=True)
            for place in places[keep:]:
                with contextlib.suppress(OSError):  # one that can't be removed keeps no other
                    shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)

    def remove(self, path: Path) -> bool:
        """Removes a file; whether it was there."""
        try:
            with _told(path, "removed"):
                path.unlink()
        except StateDirectoryError as err:
            if isinstance(err.__cause__, FileNotFoundError | NotADirectoryError):
                return False
            raise
        return True

    def forget(self, key: str) -> None:
        """Removes what is kept of one stack, see `Journal.key`, but for its journal and copies of its states.

        A stack that is made anew in the same place would inherit it.
        """
        import shutil

        for file in (self.log(key), self.revisions(key), self.window(key)):
            self.remove(file)
        for directory in (self.evidence(key), self.verdicts(key)):
            with _told(directory, "removed"), contextlib.suppress(FileNotFoundError):
                shutil.rmtree(directory)


def _check_owner(path: Path, found: os.stat_result) -> None:
    if found.st_uid not in {os.geteuid(), 0}:
        raise StateDirectoryError(
            f"{path} belongs to another user (uid {found.st_uid})",
            hint=f"If it is yours, run `{quoted('chown', str(os.geteuid()), str(path))}` as root; else set "
            "XDG_STATE_HOME to a directory of your own.",
        )


def _check_file(path: Path, found: os.stat_result) -> None:
    _check_owner(path, found)
    if not stat.S_ISREG(found.st_mode):
        raise StateDirectoryError(f"{path} is not a regular file", hint="Look at it, and move it away.")
    if found.st_mode & _WRITABLE:
        raise StateDirectoryError(
            f"other users can change {path}",
            hint=f"Check its content; then run `{quoted('chmod', '600', str(path))}`.",
        )


def _shared_safely(found: os.stat_result) -> bool:
    """Whether nobody else gains by being able to write a directory.

    That is so with the sticky bit, where the owner of each level below is checked; and where only a group can write it
    that is its owner's alone.
    """
    if found.st_mode & stat.S_ISVTX:
        return True
    return not found.st_mode & stat.S_IWOTH and is_private_group(found.st_gid, found.st_uid)


def _fill(fd: int, content: bytes) -> None:
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(fd)


def _settle(directory: Path) -> None:
    """Makes a new name durable, where the file system can."""
    with contextlib.suppress(OSError):
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


_REMEDIES: Final = {
    errno.ENOSPC: "Free some space there, or set XDG_STATE_HOME to another directory.",
    errno.EDQUOT: "Free some space there, or set XDG_STATE_HOME to another directory.",
    errno.EROFS: "Set XDG_STATE_HOME to a writable directory.",
    errno.EEXIST: "Move it away.",
    errno.ENOTDIR: "Move it away, or set XDG_STATE_HOME to another directory.",
    errno.ELOOP: "It is a symbolic link: check where it leads, and move it away.",
}


@contextlib.contextmanager
def _told(path: Path, what: str) -> Iterator[None]:
    """Turns what the system says into an error with its remedy."""
    try:
        yield
    except OSError as err:
        hint = _REMEDIES.get(err.errno or 0, "Check its permissions, or set XDG_STATE_HOME to another directory.")
        raise StateDirectoryError(f"{path} can't be {what}: {err.strerror or err}", hint=hint) from err
