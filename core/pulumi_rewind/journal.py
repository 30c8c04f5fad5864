"""The journal of rollbacks in flight, in the user's state directory.

One small file a stack, mode 0600, written before the engine starts and removed when the rollback has reached its
target. What is left after a crash tells the next start what to offer. It holds no state and no secret. Where the
target is a state that no update left, its checkpoint lies beside it as the backend stored it, secrets encrypted.

An update that is to be rolled back if it fails is in the journal as well, from before it starts until it is good.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from pulumi_rewind.choices import USUAL, Choices
from pulumi_rewind.errors import RefusedError
from pulumi_rewind.model import Checkpoint, StackRef
from pulumi_rewind.processes import is_alive
from pulumi_rewind.url import shown_url


class UndoRecord(msgspec.Struct, frozen=True):
    """How far an undo callback is: begun, or what it has returned; never its inputs, and no secret."""

    urn: str
    kind: str
    function: str
    sha256: str
    """Of the file that it is from: other code is asked again."""
    result: str = ""
    """restored, recreate, skip, delete, keep or done; empty while it runs."""
    id: str = ""
    reason: str = ""
    more: bool = False
    """Whether it goes on when the thing is restored, and has not done so yet."""


class JournalEntry(msgspec.Struct, frozen=True):
    """A rollback that has begun."""

    backend: str
    """Its URL, without credentials."""
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
    choices: Choices = USUAL
    """What the operator chose, so that a resumed rollback does the same."""
    kept: bool = False
    """Whether the target's checkpoint is kept beside the journal instead of in the history."""
    update: bool = False
    """Whether the update itself was in flight, not yet the rollback of it."""
    key: str = ""
    """Random; stays when the rollback is resumed, another one the next time."""
    undo: tuple[UndoRecord, ...] = ()
    doubtful: tuple[str, ...] = ()
    """URNs that may have been created without the state knowing, see `doubts`."""

    @property
    def running(self) -> bool:
        """Whether the process that wrote it is still there."""
        return self.pid != os.getpid() and is_alive(self.pid, self.started)


def state_directory(environ: Mapping[str, str]) -> Path:
    """Where we keep what must outlive a process: the journal, evidence, copies of states."""
    state = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME") or Path.home()) / ".local" / "state")
    return Path(state) / "pulumi-rewind"


class Journal:
    """The journal file of one stack on one backend."""

    def __init__(self, backend: str, stack: StackRef, environ: Mapping[str, str] = os.environ) -> None:
        key = hashlib.sha256(f"{backend}\n{stack.fqn}".encode()).hexdigest()[:24]
        self.path = state_directory(environ) / "journal" / f"{key}.json"
        self._backend = backend
        self._stack = stack

    def read(self) -> JournalEntry | None:
        """The rollback in flight, None if there is none; a damaged file counts as none."""
        try:
            raw = self.path.read_bytes()
            entry = msgspec.json.decode(raw, type=JournalEntry)
            if "choices" not in msgspec.json.decode(raw, type=dict[str, msgspec.Raw]):  # older files have them beside
                entry = msgspec.structs.replace(entry, choices=msgspec.json.decode(raw, type=Choices))
            return entry
        except (OSError, UnicodeDecodeError, RecursionError, msgspec.DecodeError):
            return None

    def begin(
        self,
        *,
        target: int,
        label: str,
        digest: str,
        start: int,
        choices: Choices = USUAL,
        update: bool = False,
        checkpoint: Checkpoint | None = None,
    ) -> JournalEntry:
        """Writes the entry durably, before anything is changed.

        Where a rollback to the same target was begun before, what its undo callbacks have done is kept.
        `checkpoint` (as stored) is given where the history doesn't hold the target.

        Raises:
            RefusedError: another process is rolling this stack back; its entry stays.
        """
        before = self.read()
        if before is not None and before.running:
            raise RefusedError(
                f"another rollback of {self._stack} to {before.label} is running (pid {before.pid})",
                hint="Wait for it, or stop it there with Ctrl-C; nothing was changed.",
            )
        if before is not None and (before.target, before.digest) != (target, digest):
            before = None
        entry = JournalEntry(
            backend=shown_url(self._backend),
            stack=self._stack.fqn,
            target=target,
            label=label,
            digest=digest,
            start=start,
            started=time.time(),
            pid=os.getpid(),
            choices=choices,
            kept=checkpoint is not None,
            update=update,
            key=(before.key if before else "") or secrets.token_hex(16),
            undo=before.undo if before else (),
        )
        if checkpoint is not None:
            write_durably(self.checkpoint_path, checkpoint.raw)
        write_durably(self.path, msgspec.json.encode(entry))
        return entry

    def doubt(self, urns: tuple[str, ...]) -> None:
        """Notes in our own entry what may have been created without the state knowing."""
        entry = self.read()
        if urns and entry is not None and entry.pid == os.getpid():
            write_durably(self.path, msgspec.json.encode(msgspec.structs.replace(entry, doubtful=urns)))

    def note(self, record: UndoRecord) -> None:
        """Adds how far an undo callback is, in place of what was known of it; durably."""
        entry = self.read()
        if entry is None:
            return
        mine = (record.urn, record.kind, record.function)
        others = tuple(item for item in entry.undo if (item.urn, item.kind, item.function) != mine)
        write_durably(self.path, msgspec.json.encode(msgspec.structs.replace(entry, undo=(*others, record))))

    @property
    def checkpoint_path(self) -> Path:
        """Where the target's checkpoint is kept if the history doesn't hold it."""
        return self.path.with_suffix(".checkpoint")

    def end(self) -> None:
        """Removes the entry: the target is reached, or nothing was changed. That of another running process stays."""
        entry = self.read()
        if entry is None or not entry.running:
            self.path.unlink(missing_ok=True)
            self.checkpoint_path.unlink(missing_ok=True)


def write_durably(path: Path, content: bytes) -> None:
    """Writes a file that only the user can read, whole or not at all, in a directory of the same kind."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=".journal-")  # 0600
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)
