"""The journal of rollbacks in flight, in the user's state directory.

One small file a stack, mode 0600, written before anything of a rollback runs, the project's hooks included, and removed
when it has reached its target. What is left after a crash tells the next start what to offer. It holds no state and no
secret. Where the target is a state that no update left, its checkpoint lies beside it as the backend stored it, secrets
encrypted. Whoever wrote it holds a lock on a file beside it: a process number says nothing in another container.

An update that is to be rolled back if it fails is in the journal as well, from before it starts until it is good.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from pulumi_rewind.backends.urls import shown_url
from pulumi_rewind.choices import USUAL, Choices
from pulumi_rewind.errors import JournalError, RefusedError, RewindError, StateDirectoryError
from pulumi_rewind.state.model import Checkpoint, StackRef
from pulumi_rewind.system.processes import Process, is_alive, this_process
from pulumi_rewind.system.shell import command
from pulumi_rewind.system.state_directory import StateDirectory


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
    """Whether it continues when the thing is restored, and has not done so yet."""


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
    unsure_creates: tuple[str, ...] = msgspec.field(default=(), name="doubtful")
    """URNs that may have been created without the state knowing, see `plan.unsure_creates`."""
    process: Process | None = None
    """Which process wrote it, more exactly than `pid` and `started` tell; older files don't say."""
    locked: bool = False
    """Whether that process holds the lock beside the journal for as long as it lives."""


class _Held(NamedTuple):
    """What this process knows of a journal that it has begun."""

    fd: int
    """The locked file; -1 where the file system has no locks."""
    entry: bytes | None
    """What the journal said before, None if there was none."""
    checkpoint: bytes | None
    """The checkpoint that was kept beside it then."""


_held: Final[dict[Path, _Held]] = {}
"""By the path of the journal; the locks of a process last as long as it, unless it ends the entry."""

_TRIES: Final = 10
"""How often a lock is tried: whoever merely looks holds it for an instant."""


def _close_in_child() -> None:
    for held in _held.values():
        if held.fd >= 0:
            os.close(held.fd)
    _held.clear()


os.register_at_fork(after_in_child=_close_in_child)


class Journal:
    """The journal file of one stack on one backend.

    Whatever writes raises StateDirectoryError where the file system doesn't let it.
    """

    def __init__(self, backend: str, stack: StackRef, environ: Mapping[str, str] = os.environ) -> None:
        self.key = hashlib.sha256(f"{backend}\n{stack.fqn}".encode()).hexdigest()[:24]
        """What the stack's files are called in the state directory."""
        self.state = StateDirectory(environ)
        self.path = self.state.journal(self.key)
        self._backend = backend
        self._stack = stack

    def read(self) -> JournalEntry | None:
        """The rollback in flight, None if there is none.

        Raises:
            JournalError: the file is damaged, or can't be read.
        """
        try:
            raw = self.state.read(self.path)
        except StateDirectoryError as err:
            raise JournalError(
                f"can't tell whether a rollback of {self._stack} is in progress: {err}",
                hint=err.hint,
                unchanged=True,
            ) from err
        if raw is None:
            return None
        try:
            entry = msgspec.json.decode(raw, type=JournalEntry)
            if "choices" not in msgspec.json.decode(raw, type=dict[str, msgspec.Raw]):  # older files have them beside
                entry = msgspec.structs.replace(entry, choices=msgspec.json.decode(raw, type=Choices))
            return entry
        except (UnicodeDecodeError, RecursionError, msgspec.DecodeError) as err:
            raise JournalError(
                f"the journal of {self._stack} is damaged, so a rollback of it may be in progress: {self.path}: {err}",
                hint=f"Look at the file and at the stack; then `{command('resume', self._stack.name, '--forget')}` "
                "removes it.",
                unchanged=True,
            ) from None

    def peek(self) -> JournalEntry | None:
        """The same for what is said on the side; None where it can't be read."""
        try:
            return self.read()
        except RewindError:
            return None

    def running(self, entry: JournalEntry) -> bool:
        """Whether another process that wrote the entry is still there.

        Where the file system has no locks and the process can't be seen from here, it counts as gone: the stack's own
        lock on the backend still keeps two runs apart.
        """
        held = _held.get(self.path)
        if held is not None and held.fd >= 0:
            return False  # the lock is ours
        if entry.pid == os.getpid() and (entry.process is None or entry.process == this_process()):
            return False
        if entry.process is None:
            return is_alive(entry.pid, entry.started)
        if entry.locked:
            try:
                fd = self.state.open_lock(self._lock_path)
            except StateDirectoryError:
                return bool(entry.process.alive)
            try:
                fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return False
            except OSError as err:
                if err.errno in {errno.EWOULDBLOCK, errno.EACCES}:
                    return True
            finally:
                os.close(fd)
        return bool(entry.process.alive)

    def who(self, entry: JournalEntry) -> str:
        """Which process wrote an entry, as operators find it."""
        here = entry.process is None or entry.process.namespace == this_process().namespace
        return f"pid {entry.pid}" + ("" if here else " in another container")

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
            JournalError: the file is damaged; it stays.
        """
        import secrets

        before = self.read()
        if before is not None and self.running(before):
            raise self._runs(f"to {before.label} is running ({self.who(before)})")
        self._hold()
        before = self.read()  # nobody else writes it any more
        if before is not None and before.digest != digest:  # its number may be another one by now
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
            process=this_process(),
            locked=_held[self.path].fd >= 0,
        )
        if checkpoint is not None:
            self.state.write(self.checkpoint_path, checkpoint.raw)
        self._write(entry)
        return entry

    def note_unsure_creates(self, urns: tuple[str, ...]) -> None:
        """Notes in our own entry what may have been created without the state knowing."""
        entry = self.read()
        if urns and entry is not None and entry.pid == os.getpid():
            self._write(msgspec.structs.replace(entry, unsure_creates=urns))

    def note(self, record: UndoRecord) -> None:
        """Adds how far an undo callback is, in place of what was known of it; durably."""
        entry = self.read()
        if entry is None:
            return
        mine = (record.urn, record.kind, record.function)
        others = tuple(item for item in entry.undo if (item.urn, item.kind, item.function) != mine)
        self._write(msgspec.structs.replace(entry, undo=(*others, record)))

    @property
    def checkpoint_path(self) -> Path:
        """Where the target's checkpoint is kept if the history doesn't hold it."""
        return self.path.with_suffix(".checkpoint")

    def kept_checkpoint(self) -> bytes | None:
        """The target's checkpoint where the history doesn't hold it, None if there is none."""
        return self.state.read(self.checkpoint_path)

    def end(self) -> None:
        """Removes the entry: the target is reached. That of another running process stays."""
        entry = self.peek()
        if entry is None or not self.running(entry):
            self.forget()

    def withdraw(self) -> None:
        """Nothing was changed by this process: the journal says again what it said before it began."""
        held = _held.get(self.path)
        if held is None or held.entry is None:
            self.end()
            return
        if held.checkpoint is not None:
            self.state.write(self.checkpoint_path, held.checkpoint)
        self.state.write(self.path, held.entry)
        self.release()

    def forget(self) -> tuple[Path, ...]:
        """Removes the entry, whatever it says and whoever wrote it; returns the files that were removed."""
        gone = tuple(path for path in (self.path, self.checkpoint_path) if self.state.remove(path))
        self.release()
        return gone

    def release(self) -> None:
        """Lets others continue with the entry, which stays: nothing runs in this process any more."""
        held = _held.pop(self.path, None)
        if held is not None and held.fd >= 0:
            os.close(held.fd)

    # -- inside -------------------------------------------------------------------------------------------------

    @property
    def _lock_path(self) -> Path:
        return self.path.with_suffix(".lock")

    def _write(self, entry: JournalEntry) -> None:
        self.state.write(self.path, msgspec.json.encode(entry))

    def _hold(self) -> None:
        """Takes the lock, for as long as this process lives, and remembers what the journal says.

        Raises:
            RefusedError: another process has it.
        """
        held = _held.get(self.path)
        fd = held.fd if held is not None else self._lock()
        _held[self.path] = _Held(fd, self.state.read(self.path), self.kept_checkpoint())

    def _lock(self) -> int:
        fd = self.state.open_lock(self._lock_path)
        for attempt in range(_TRIES):
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return fd
            except OSError as err:
                if err.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
                    break  # this file system has no locks
                if attempt + 1 < _TRIES:
                    time.sleep(0.02)
                    continue
            os.close(fd)
            raise self._runs("is running in another process")
        os.close(fd)
        return -1

    def _runs(self, what: str) -> RefusedError:
        return RefusedError(
            f"another rollback of {self._stack} {what}",
            hint="Wait for it, or stop it there with Ctrl-C.",
            unchanged=True,
        )
