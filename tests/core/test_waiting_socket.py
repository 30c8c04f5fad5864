"""A socket that can be called before there is anybody to answer."""

from __future__ import annotations

import asyncio
import socket
import stat
from pathlib import Path

import pytest

from pulumi_rewind.errors import EngineError
from pulumi_rewind.replay.sockets import MAX_SOCKET_PATH, PIECE, WaitingSocket
from pulumi_rewind.system.private_directory import private_directory

QUESTION = b"q" * (3 * PIECE + 1)


def call(waiting: WaitingSocket) -> socket.socket:
    """A caller that has asked and waits."""
    caller = socket.socket(socket.AF_UNIX)
    caller.connect(waiting.address.removeprefix("unix://"))
    return caller


async def answered(waiting: WaitingSocket, inner: Path, callers: list[socket.socket]) -> list[bytes]:
    """What each caller hears from somebody at `inner` who begins only now, and says what was asked in capitals."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readexactly(len(QUESTION))).upper())
        writer.close()

    async def ask(caller: socket.socket) -> bytes:
        reader, writer = await asyncio.open_unix_connection(sock=caller)
        writer.write(QUESTION)
        heard = await reader.read()
        writer.close()
        return heard

    async with await asyncio.start_unix_server(answer, str(inner)), await waiting.serve(inner):
        return await asyncio.gather(*map(ask, callers))


def test_who_called_before_and_who_calls_later_is_passed_on() -> None:
    with private_directory() as private:
        waiting = WaitingSocket(private)
        callers = [call(waiting), call(waiting)]
        assert asyncio.run(answered(waiting, private / "inner.sock", callers)) == [QUESTION.upper()] * 2
        waiting.close()
        assert list(private.glob("early*")) == []


def test_only_we_can_call(tmp_path: Path) -> None:
    waiting = WaitingSocket(tmp_path)
    path = Path(waiting.address.removeprefix("unix://"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    waiting.close()


def test_a_directory_that_lies_too_deep_has_one_beside_it(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * MAX_SOCKET_PATH)
    deep.mkdir()
    waiting = WaitingSocket(deep)
    path = Path(waiting.address.removeprefix("unix://"))
    assert len(str(path)) < MAX_SOCKET_PATH
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    call(waiting).close()
    waiting.close()
    assert not path.parent.exists()


def test_a_socket_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"can't create a socket at .*: No such file") as raised:
        WaitingSocket(tmp_path / "gone")
    assert "TMPDIR" in raised.value.hint
