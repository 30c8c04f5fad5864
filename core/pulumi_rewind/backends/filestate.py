"""DIY backends on a file system (``file://``), read directly and never written.

Source of the layout: Pulumi 3.276, project-scoped (``meta.yaml`` says ``version: 1``), and 3.259 for the legacy layout
(no ``meta.yaml``), which 3.275 and newer don't know any more.
Content decides whether a file is plain, gzip or zstd; ``.attrs``, backups and anything foreign are ignored.
"""

from __future__ import annotations

import os
import re
import socket
import stat
from datetime import datetime
from pathlib import Path
from typing import Final, NoReturn

import msgspec

from pulumi_rewind.backends.filehistory import FileHistory
from pulumi_rewind.backends.files import SUFFIXES, newest_variant, read_file
from pulumi_rewind.backends.protocol import Glance
from pulumi_rewind.backends.urls import file_path, shown_url
from pulumi_rewind.errors import BackendError, CheckpointError, StackNotFound, UsageError
from pulumi_rewind.state.locks import Lock
from pulumi_rewind.state.model import Checkpoint, StackRef, decode_checkpoint
from pulumi_rewind.system.ownership import shared
from pulumi_rewind.system.processes import is_alive, may_be_elsewhere
from pulumi_rewind.system.untrusted import read_bytes, read_text

NAME: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9_.-]{1,100}")
"""What Pulumi takes as the name of a stack or project; nothing of this leaves the backend's directory."""

ORGANIZATION: Final = "organization"
"""The one organization that DIY backends know."""

LAYOUT: Final = 1
"""The newest layout that this release knows."""

LISTED: Final = 20
"""How many stacks a message names."""


class FileBackend:
    """A ``file://`` backend.

    Raises:
        BackendError: there is none at this URL, or it is of a layout newer than this release.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.directory = file_path(url, Path.cwd())
        self.root = self.directory / ".pulumi"
        self._check()
        self.scoped = self._layout() > 0
        """Whether stacks are kept by project; False is the legacy layout."""

    def stacks(self) -> list[StackRef]:
        """All stacks with a state file, sorted."""
        top = self.root / "stacks"
        if not self.scoped:
            return sorted(StackRef("", name) for name in self._state_names(top))
        projects = [entry.name for entry in self._list(top) if NAME.fullmatch(entry.name) and entry.is_dir()]
        return sorted(StackRef(project, name) for project in projects for name in self._state_names(top / project))

    def find(self, name: str, project: str) -> StackRef:
        """See `Backend.find`. Without a project in `name`, `project` is meant; legacy stacks have none."""
        parts = name.split("/")
        if len(parts) > 3 or not all(NAME.fullmatch(part) for part in parts):
            raise UsageError(
                f"{name!r} is not the name of a stack",
                hint="Write NAME, PROJECT/NAME or organization/PROJECT/NAME, with letters, digits, '-', '_' and '.'.",
            )
        there = self.stacks()
        if len(parts) == 3 and parts[0] != ORGANIZATION:
            raise self._not_found(name, there)
        wanted = parts[-2] if len(parts) > 1 else project
        ref = StackRef(wanted if self.scoped else "", parts[-1])
        if ref in there:
            return ref
        raise self._not_found(str(ref) if wanted else name, there)

    def history(self, stack: StackRef) -> FileHistory:
        """Lists the stack's history once; a stack that was never updated has an empty one."""
        self._check()
        return FileHistory(self._folder("history", stack) / stack.name, stack, self._check)

    def live(self, stack: StackRef) -> Checkpoint:
        """Reads the state file."""
        what = f"the live state of {stack}"
        folder = self._folder("stacks", stack)
        for attempt in (1, 2):  # the CLI may replace one variant by another between looking and reading
            path = newest_variant([folder / f"{stack.name}{suffix}" for suffix in SUFFIXES], what)
            if path is None:
                break
            try:
                return decode_checkpoint(read_file(path, what), source=what)
            except CheckpointError as err:
                from pulumi_rewind.backends.storage import intact_copy_hint

                err.advice = intact_copy_hint(path) or err.advice
                raise
            except FileNotFoundError:
                if attempt == 2:
                    break
        self._check()
        raise BackendError(
            f"{what} is gone from {shown_url(self.url)}",
            hint="The stack was removed or renamed; `pulumi stack ls` shows them.",
        )

    def locks(self, stack: StackRef) -> list[Lock]:
        """Lock files, oldest first; one that can't be read counts, with nobody's name.

        So does one that a full disk kept from being finished (``….json.<number>.tmp``): the CLI reads every file of the
        directory as a lock, and stops at it.
        """
        parts = (ORGANIZATION, stack.project) if self.scoped else ()
        folder = self.root.joinpath("locks", *parts) / self._checked(stack).name
        found: list[Lock] = []
        for entry in self._list(folder):
            if entry.name.endswith(".attrs") or entry.is_dir(follow_symlinks=False):
                continue
            try:
                lock = msgspec.json.decode(read_bytes(entry.path), type=Lock)
            except FileNotFoundError:
                continue  # released meanwhile
            except (OSError, msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError):
                lock = Lock()
            found.append(msgspec.structs.replace(lock, path=entry.path, dead=_is_dead(lock)))
        return sorted(found, key=lambda lock: lock.timestamp)

    def glance(self, stack: StackRef) -> Glance:
        """See `Backend.glance`: file statuses and the listing of the locks; each record is a new file."""
        self._check()
        folder = self._folder("stacks", stack)
        live = tuple(self._status(folder / f"{stack.name}{suffix}") for suffix in SUFFIXES)
        return Glance(live, self._status(self._folder("history", stack) / stack.name), tuple(self.locks(stack)))

    def shared(self, stack: StackRef) -> str:
        """Looks at every directory from the backend's own down to the stack's history."""
        folder = self._folder("history", stack) / stack.name
        inside = [path for path in folder.parents if path.is_relative_to(self.directory)]
        return shared([*reversed(inside), folder])

    # -- inside -------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        """Raises BackendError unless the backend is still there."""
        try:
            if _is_directory(self.root):
                return
            exists = _is_directory(self.directory)
        except OSError as err:
            self._denied(self.root, err)
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

    def _layout(self) -> int:
        path = self.root / "meta.yaml"
        try:
            text = read_text(path)
        except FileNotFoundError:
            return 0
        except (OSError, UnicodeDecodeError) as err:
            self._denied(path, err)
        # One number in a file of one line; a YAML parser would cost more than all the rest of the start.
        found = re.search(r"""^\s*["{]*version"?\s*:\s*(\d{1,9})(?!\d)""", text, re.MULTILINE)
        if found is None:
            raise BackendError(f"{path} has no version", hint="The file is damaged; the CLI writes `version: 1`.")
        version = int(found[1])
        if version > LAYOUT:
            raise BackendError(
                f"{shown_url(self.url)} has layout {version}; up to {LAYOUT} is supported",
                hint="Upgrade pulumi-rewind.",
            )
        return version

    def _not_found(self, name: str, there: list[StackRef]) -> StackNotFound:
        names = ", ".join(str(ref) for ref in there[:LISTED]) + (" …" if len(there) > LISTED else "")
        hint = f"Stacks there: {names or 'none yet'}."
        short = name.rsplit("/", 1)[-1]
        if self.scoped and short in set(self._state_names(self.root / "stacks")):
            hint = "It is stored in the old layout; `pulumi state upgrade` moves it to where stacks are now."
        elif _is_directory(self.root / "history" / name):
            hint = (
                f"Its history exists, so its state was lost or the stack was removed: `pulumi stack init {short}` "
                "creates an empty one, and `rollback last-good --strategy state` puts the newest good state "
                "into it."
            )
        return StackNotFound(f"there is no stack {name} on {shown_url(self.url)}", hint=hint)

    def _folder(self, kind: str, stack: StackRef) -> Path:
        return self.root / kind / self._checked(stack).project

    def _checked(self, stack: StackRef) -> StackRef:
        """Refuses names that would lead out of the backend; those of `find` and `stacks` never do."""
        if not NAME.fullmatch(stack.name) or (self.scoped and not NAME.fullmatch(stack.project)):
            raise UsageError(f"{str(stack)!r} is not the name of a stack", hint="Take one of `pulumi stack ls --all`.")
        return stack

    def _state_names(self, folder: Path) -> set[str]:
        names = {_stack_name(entry.name) for entry in self._list(folder) if entry.is_file()}
        return {name for name in names if NAME.fullmatch(name)}

    def _list(self, folder: Path) -> list[os.DirEntry[str]]:
        """What is in a folder; nothing if the folder isn't there, but the backend is."""
        try:
            with os.scandir(folder) as entries:
                return list(entries)
        except (FileNotFoundError, NotADirectoryError):
            self._check()
            return []
        except OSError as err:
            self._denied(folder, err)

    def _status(self, path: Path) -> tuple[int, ...] | None:
        """What changes when a file is written or a directory gets an entry; None if it isn't there."""
        try:
            found = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as err:
            self._denied(path, err)
        return found.st_mtime_ns, found.st_ctime_ns, found.st_size

    def _denied(self, path: Path, err: Exception) -> NoReturn:
        reason = getattr(err, "strerror", None) or str(err)
        raise BackendError(f"{path} can't be read: {reason}", hint="Check its permissions.") from None


def _is_dead(lock: Lock) -> bool:
    """Whether whoever holds a lock ran on this machine, and runs no more."""
    if lock.pid <= 0 or lock.hostname != socket.gethostname():
        return False
    try:
        since = datetime.fromisoformat(lock.timestamp).timestamp()
    except (ValueError, OverflowError, OSError):
        since = None
    return not (is_alive(lock.pid, since) or may_be_elsewhere(lock.pid))


def _is_directory(path: Path) -> bool:
    """As `Path.is_dir`, which in some versions of Python also says False where permission is denied."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _stack_name(file: str) -> str:
    """The stack whose state a file holds, empty if it is another kind of file."""
    return next((file.removesuffix(suffix) for suffix in SUFFIXES if file.endswith(suffix)), "")
