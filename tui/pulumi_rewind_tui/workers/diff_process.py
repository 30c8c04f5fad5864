"""Comparing large states in another process, so that keys stay quick.

The process opens the same stack; a pipe carries questions, and answers with secrets masked. Passphrases and
revealed values cross that pipe too; neither is written anywhere.
"""

from __future__ import annotations

import contextlib
import itertools
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pulumi_rewind.errors import BackendError
from pulumi_rewind.system.core_dumps import leave_no_core
from pulumi_rewind.system.own_python import ROOT, own_python
from pulumi_rewind.system.path_variables import standing
from pulumi_rewind_tui.text.comparison import CancelCheck, Cancelled, Comparison, Details, Key, Side
from pulumi_rewind_tui.workers.standing import Found

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from pulumi_rewind.diff.checkpoints import Change
    from pulumi_rewind_tui.text.failure import Cause

TICK = 0.02
"""Seconds between two looks at whether anybody still waits."""


class SessionSpec(msgspec.Struct, frozen=True):
    """How to open the same session again elsewhere."""

    cwd: Path
    stack: str
    backend: str
    environ: Mapping[str, str]


class ProcessSource:
    """Asks the other process; started when first asked, and again if it has died."""

    def __init__(self, spec: SessionSpec) -> None:
        self._spec = spec
        self._turn = threading.Lock()
        """Held while a question waits for its answer."""
        self._lock = threading.Lock()
        """Held for a moment, while something is sent: the UI must not wait for an answer."""
        self._numbers = itertools.count(1)
        self._connection: Connection | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._passphrases: list[str] = []

    def compare(self, key: Key, decrypt: bool, cancelled: CancelCheck) -> Comparison:
        """See `LocalSource.compare`."""
        answer = self._ask(cancelled, "compare", key, decrypt)
        assert isinstance(answer, Comparison)
        return answer

    def prepare(self, key: Key, decrypted: bool, cancelled: CancelCheck) -> None:
        """See `Source.prepare`."""
        self._ask(cancelled, "prepare", key, decrypted)

    def details(self, key: Key, decrypted: bool, index: int, outputs: bool) -> Details:
        """See `Source.details`."""
        answer = self._ask(lambda: False, "details", key, decrypted, index, outputs)
        assert isinstance(answer, Details)
        return answer

    def unchanged(self, key: Key, decrypted: bool) -> tuple[tuple[str, str], ...]:
        """See `Source.unchanged`."""
        answer: tuple[tuple[str, str], ...] = self._ask(lambda: False, "unchanged", key, decrypted)
        return answer

    def revealed(self, key: Key, index: int, path: str) -> Change | None:
        """See `Source.revealed`."""
        answer: Change | None = self._ask(lambda: False, "revealed", key, index, path)
        return answer

    def standing(self, moved: bool) -> Found:
        """See `LocalSource.standing`."""
        answer = self._ask(lambda: False, "standing", moved)
        assert isinstance(answer, Found)
        return answer

    def urns(self) -> tuple[str, ...]:
        """See `LocalSource.urns`."""
        answer: tuple[str, ...] = self._ask(lambda: False, "urns")
        return answer

    def cause(self, number: Side) -> Cause | None:
        """See `LocalSource.cause`."""
        answer: Cause | None = self._ask(lambda: False, "cause", number)
        return answer

    def add_passphrase(self, passphrase: str) -> None:
        """Offers a passphrase to the other process, and to the next one if that dies."""
        self._passphrases.append(passphrase)
        self._tell("add_passphrase", passphrase)

    def forget(self, side: Side | None = None) -> None:
        """Drops what was read, of a side or everything; ends a comparison that is under way."""
        self._tell("forget", side)

    def close(self) -> None:
        """Ends the process."""
        connection, self._connection = self._connection, None
        if connection is not None and self._process is not None:
            with contextlib.suppress(OSError):
                connection.close()
            self._process.kill()
            self._process.wait()

    def _tell(self, what: str, *arguments: Any) -> None:
        with self._lock, contextlib.suppress(OSError):  # one that has died is found out by the next question
            if self._connection is not None:
                self._connection.send((0, what, arguments))

    def _ask(self, cancelled: CancelCheck, what: str, *arguments: Any) -> Any:
        with self._turn:
            number = next(self._numbers)
            try:
                with self._lock:
                    connection = self._open()
                    connection.send((number, what, arguments))
                while True:
                    if cancelled():
                        raise Cancelled  # the answer is dropped when it comes
                    if connection.poll(TICK):
                        answered, answer = connection.recv()
                        if answered == number:
                            break
            except (EOFError, OSError) as err:
                self._connection = None
                raise BackendError(
                    "the process that compares states has ended", hint="Read again (ctrl+r) to start it again."
                ) from err
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _open(self) -> Connection:
        if self._connection is None:
            # Not by multiprocessing: it would import the main module again and relies on the real standard error.
            mine, other = socket.socketpair()
            with other:
                self._process = subprocess.Popen(
                    own_python("pulumi_rewind_tui.workers.diff_process", "answer", str(other.fileno())),
                    cwd=ROOT,
                    pass_fds=[other.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            self._connection = connection(mine.detach())
            self._connection.send(msgspec.structs.replace(self._spec, environ=standing(self._spec.environ)))
            for passphrase in self._passphrases:
                self._connection.send((0, "add_passphrase", (passphrase,)))
        return self._connection


def connection(fd: int) -> Connection:
    """A file descriptor as a connection; the module is loaded when the first diff is asked for."""
    from multiprocessing.connection import Connection

    return Connection(fd)


def serve(connection: Connection) -> None:
    """The other process: answers until the pipe is closed. A newer question ends a comparison that is under way."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from pulumi_rewind.session import open_session
    from pulumi_rewind_tui.workers.diff_source import LocalSource

    spec: SessionSpec = connection.recv()
    source: LocalSource | None = None
    session = None
    while True:
        try:
            number, what, arguments = connection.recv()
        except (EOFError, OSError):
            return
        try:
            if session is None or source is None:
                session = open_session(spec.cwd, stack=spec.stack, backend=spec.backend, environ=spec.environ)
                source = LocalSource(session)
            if what in ("compare", "prepare"):
                answer: Any = getattr(source, what)(*arguments, connection.poll)
            elif what == "forget":
                session.reload()
                source.forget(*arguments)
                answer = None
            else:
                answer = getattr(source, what)(*arguments)
        except Exception as err:  # noqa: BLE001 - whatever it is, it is raised again where the question came from
            if session is not None:
                session.redactor.error(err)
            answer = err.with_traceback(None)
        if number:
            try:
                connection.send((number, answer))
            except (OSError, ValueError):
                return


def answer(fd: str) -> None:
    """The whole life of the other process; `fd` is the number of the pipe's file descriptor."""
    leave_no_core()
    serve(connection(int(fd)))
