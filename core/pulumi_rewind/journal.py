"""The journal of rollbacks in flight, in the user's state directory.

One small file a stack, mode 0600, written before the engine starts and removed when the rollback has reached its
target. What is left after a crash tells the next start what to offer. It holds no state and no secret.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from pulumi_rewind.errors import RefusedError
from pulumi_rewind.model import StackRef


class JournalEntry(msgspec.Struct, frozen=True):
    """A rollback that has begun."""

    backend: str
    stack: str
    target: int
    """Number of the update that is rolled back to."""
    label: str
    """How the target is shown, for example ``#6 (v1.2)``."""
    digest: str
    """SHA-256 of the target's checkpoint, so that a resumed rollback goes to the same place."""
    start: int
    """Number of the newest update when it began."""
    started: float
    pid: int
    only: tuple[str, ...] = ()
    recorded_credentials: bool = False
    todays_config: bool = False
    refresh: bool = False
    doubtful: tuple[str, ...] = ()
    """URNs that may have been created without the state knowing, see `doubts`."""

    @property
    def running(self) -> bool:
        """Whether the process that wrote it is still there."""
        try:
            os.kill(self.pid, 0)
        except (ProcessLookupError, OverflowError):
            return False
        except PermissionError:
            pass
        return self.pid != os.getpid() and not _began_after(self.pid, self.started)


def _began_after(pid: int, moment: float) -> bool:
    """Whether a process is younger than that, so that its number was merely used again; False where none can tell."""
    try:
        ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
        boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
        return int(boot.split()[1]) + ticks / os.sysconf("SC_CLK_TCK") > moment + 5
    except (OSError, ValueError, IndexError, StopIteration):
        return False


class Journal:
    """The journal file of one stack on one backend."""

    def __init__(self, backend: str, stack: StackRef, environ: Mapping[str, str] = os.environ) -> None:
        state = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME") or Path.home()) / ".local" / "state")
        key = hashlib.sha256(f"{backend}\n{stack.fqn}".encode()).hexdigest()[:24]
        self.path = Path(state) / "pulumi-rewind" / "journal" / f"{key}.json"
        self._backend = backend
        self._stack = stack

    def read(self) -> JournalEntry | None:
        """The rollback in flight, None if there is none; a damaged file counts as none."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=JournalEntry)
        except (OSError, UnicodeDecodeError, RecursionError, msgspec.DecodeError):
            return None

    def begin(
        self,
        *,
        target: int,
        label: str,
        digest: str,
        start: int,
        only: tuple[str, ...] = (),
        recorded_credentials: bool = False,
        todays_config: bool = False,
        refresh: bool = False,
    ) -> JournalEntry:
        """Writes the entry durably, before anything is changed.

        Raises:
            RefusedError: another process is rolling this stack back; its entry stays.
        """
        other = self.read()
        if other is not None and other.running:
            raise RefusedError(
                f"another rollback of {self._stack} to {other.label} is running (pid {other.pid})",
                hint="Wait for it, or stop it there with Ctrl-C; nothing was changed.",
            )
        entry = JournalEntry(
            backend=self._backend,
            stack=self._stack.fqn,
            target=target,
            label=label,
            digest=digest,
            start=start,
            started=time.time(),
            pid=os.getpid(),
            only=only,
            recorded_credentials=recorded_credentials,
            todays_config=todays_config,
            refresh=refresh,
        )
        self._write(entry)
        return entry

    def doubt(self, urns: tuple[str, ...]) -> None:
        """Notes in our own entry what may have been created without the state knowing."""
        entry = self.read()
        if urns and entry is not None and entry.pid == os.getpid():
            self._write(msgspec.structs.replace(entry, doubtful=urns))

    def _write(self, entry: JournalEntry) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd, name = tempfile.mkstemp(dir=self.path.parent, prefix=".journal-")  # 0600
        with os.fdopen(fd, "wb") as file:
            file.write(msgspec.json.encode(entry))
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(self.path)

    def end(self) -> None:
        """Removes the entry: the target is reached, or nothing was changed. That of another running process stays."""
        entry = self.read()
        if entry is None or not entry.running:
            self.path.unlink(missing_ok=True)
