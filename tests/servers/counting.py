"""A proxy that notes what is asked through it, in plain HTTP/1.1 and without requests that carry a body."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

_REQUEST = re.compile(rb"(GET|HEAD) (\S+) HTTP/1\.1\r\n")


@dataclass
class Asked:
    """What was asked."""

    port: int
    """Of the proxy."""
    held: bytes = b""
    """What is asked with this in it gets no answer."""
    ended: threading.Event = field(default_factory=threading.Event)
    requests: list[str] = field(default_factory=list)
    """``GET <path>``, ``HEAD <path>`` or ``LIST <query>``, in their order."""

    def count(self, kind: str, part: str = "") -> int:
        """How many requests of a kind have a text in them."""
        return sum(one.startswith(f"{kind} ") and part in one for one in self.requests)

    def note(self, data: bytes) -> None:
        """Takes what a client sent; returns when it may be passed on."""
        for method, path in _REQUEST.findall(data):
            kind = "LIST" if b"list-type=2" in path else method.decode()
            self.requests.append(f"{kind} {path.decode()}")
        if self.held and self.held in data:
            self.ended.wait()


@contextlib.contextmanager
def counting(port: int) -> Iterator[Asked]:
    """Passes on to a port of the loopback until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    asked = Asked(listener.getsockname()[1])

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_pass_on, args=(client, port, asked), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield asked
    finally:
        asked.ended.set()
        listener.close()


def _pass_on(client: socket.socket, port: int, asked: Asked) -> None:
    with client, socket.create_connection(("127.0.0.1", port)) as server:
        back = threading.Thread(target=_pump, args=(server, client, None), daemon=True)
        back.start()
        _pump(client, server, asked.note)
        back.join()


def _pump(source: socket.socket, sink: socket.socket, note: object) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            if callable(note):
                note(data)
            sink.sendall(data)
    for one in (source, sink):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
