"""Unix sockets that the engine calls: where they lie, and one that takes calls before there is anybody to answer."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path
from typing import Final

from pulumi_rewind.errors import EngineError
from pulumi_rewind.system.private_directory import make_private, remove_private

MAX_SOCKET_PATH: Final = 100
"""Bytes; a unix socket's path may have 107 on Linux and 103 elsewhere, and a temporary directory can lie deep."""

CALLERS: Final = 16
"""How many may call before somebody answers; the engine calls once."""

PIECE: Final = 2**16
"""Bytes that are passed on at a time."""


class SocketPlace:
    """Where a socket lies in a directory that only we can enter, in another one where that lies too deep."""

    def __init__(self, directory: Path, name: str) -> None:
        self.path = directory / name
        self._short: Path | None = None
        if len(str(self.path).encode()) > MAX_SOCKET_PATH:
            self._short = make_private(base=Path("/tmp"))  # noqa: S108 - 0700, unguessable
            self.path = self._short / name

    @property
    def address(self) -> str:
        """What ``--client`` takes."""
        return f"unix://{self.path}"

    def remove(self) -> None:
        """Removes the socket, and the directory if it has one of its own."""
        self.path.unlink(missing_ok=True)
        if self._short is not None:
            remove_private(self._short)


class WaitingSocket:
    """A socket that an engine can be started with: it connects, and waits until `serve` passes its calls on."""

    def __init__(self, directory: Path) -> None:
        """Raises EngineError where no socket can be made in `directory`."""
        self._place = SocketPlace(directory, "early.sock")
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.bind(str(self._place.path))
            self._place.path.chmod(0o600)
            self._socket.listen(CALLERS)
        except OSError as err:
            self.close()
            raise no_socket(self._place.path, err.strerror) from None

    @property
    def address(self) -> str:
        """What ``--client`` takes."""
        return self._place.address

    async def serve(self, inner: Path) -> asyncio.Server:
        """Passes on every call, those that wait included, to the socket at `inner`."""

        async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.closing(writer), contextlib.suppress(OSError):
                answers, questions = await asyncio.open_unix_connection(str(inner))
                with contextlib.closing(questions):
                    await asyncio.gather(_pump(reader, questions), _pump(answers, writer))

        return await asyncio.start_unix_server(pass_on, sock=self._socket.dup())

    def close(self) -> None:
        """Nobody can call any more."""
        self._socket.close()
        self._place.remove()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(PIECE):
        writer.write(piece)
        await writer.drain()
    writer.close()


def no_socket(path: Path, why: str | None = None) -> EngineError:
    """The error where a socket can't be made."""
    reason = f": {why}" if why else ""
    return EngineError(f"can't create a socket at {path}{reason}", hint="Set TMPDIR to a directory on a local disk.")
