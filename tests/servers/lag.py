"""A TCP proxy that adds a delay to each round trip: ``python -m tests.servers.lag PORT TARGET MILLISECONDS``.

What goes to the server arrives half the delay later, and so does what comes back; nothing waits for anything else.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.servers.running import free_port, running


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """What one side says, each part `delay` seconds after it was said."""
    loop = asyncio.get_running_loop()
    parts: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def deliver() -> None:
        while True:
            due, part = await parts.get()
            await asyncio.sleep(due - loop.time())
            if not part:
                writer.close()
                return
            writer.write(part)
            await writer.drain()

    delivery = asyncio.create_task(deliver())
    part = b"-"
    while part:
        try:
            part = await reader.read(1 << 18)
        except ConnectionError:
            part = b""
        parts.put_nowait((loop.time() + delay, part))
    with contextlib.suppress(ConnectionError):
        await delivery


async def serve(port: int, target: int, delay: float) -> None:
    """Until the process ends; a connection, too, takes one round trip to stand."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(delay)
        there, back = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(carry(reader, back, delay / 2), carry(there, writer, delay / 2))

    async with await asyncio.start_server(talk, "127.0.0.1", port) as server:
        await server.serve_forever()


@contextlib.contextmanager
def lag(target: int, milliseconds: float, log: Path) -> Iterator[int]:
    """A proxy before a server's port; its own port."""
    port = free_port()
    with running([sys.executable, "-m", "tests.servers.lag", port, target, milliseconds], port, log):
        yield port


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1000))
