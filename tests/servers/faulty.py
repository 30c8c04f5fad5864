"""A server and proxy of our own that answers as a test says: refuses, stalls, breaks off, passes on to a real one."""

from __future__ import annotations

import contextlib
import http.client
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import urlsplit

PRIVATE: Final = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}
"""Headers that belong to one connection."""


@dataclass(frozen=True)
class Asked:
    """A request."""

    method: str
    path: str
    """With its query; a whole URL where a proxy is asked."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What is answered."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    """After so many bytes of the body the connection breaks."""


FORWARD: Final = Reply(-1)
"""The answer of the server behind; `Reply(-1, cut=…)` breaks it off."""

HANG: Final = Reply(-2)
"""No answer until the server ends."""

TUNNEL: Final = Reply(-3)
"""For CONNECT: the proxy plays the host that was asked for, with a certificate of its own."""

Script = Callable[[Asked], Reply]


@dataclass
class Faulty:
    """A running server."""

    port: int
    seen: list[Asked] = field(default_factory=list)
    """The requests so far."""
    stalled: threading.Event = field(default_factory=threading.Event)
    """Set while somebody waits for an answer that won't come."""
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def faulty(
    script: Script, behind: str = "", *, tls: ssl.SSLContext | None = None, tunnel: ssl.SSLContext | None = None
) -> Iterator[Faulty]:
    """Answers by a script; `behind` (``http://host:port``) is asked where it says `FORWARD`.

    With `tls` it speaks TLS; with `tunnel` whoever asks it as a proxy for a secure connection to some host.
    """
    server = _Server(("127.0.0.1", 0), _Handler)
    here = Faulty(server.server_port)
    server.parts = (here, script, urlsplit(behind).netloc, tunnel)  # type: ignore[attr-defined]
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield here
    finally:
        here.ended.set()
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    """Stores are asked by many connections at once; one that finds the queue full comes again a second later."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        self.here: Faulty
        self.here, self.script, self.behind, self.tunnel = self.server.parts  # type: ignore[attr-defined]
        super().setup()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        asked = Asked(self.command, self.path, {key.lower(): value for key, value in self.headers.items()}, body)
        self.here.seen.append(asked)
        reply = self.script(asked)
        if reply.status == FORWARD.status:
            reply = replace(self._forwarded(asked), cut=reply.cut)
        if reply is HANG:
            self.here.stalled.set()
            self.here.ended.wait()
            self.close_connection = True
            return
        if reply is TUNNEL:
            self._tunnel()
            return
        self._send(reply)

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            super().finish()
        if self.connection is not self.request:
            self.connection.close()

    def _tunnel(self) -> None:
        assert self.tunnel is not None
        self.send_response(200)
        self.end_headers()
        self.wfile.flush()
        try:
            self.connection = self.tunnel.wrap_socket(self.connection, server_side=True)
        except OSError:
            self.close_connection = True  # whoever asks doesn't trust us
            return
        self.rfile = self.connection.makefile("rb", -1)
        self.wfile = self.connection.makefile("wb", 0)
        self.close_connection = False

    def _forwarded(self, asked: Asked) -> Reply:
        connection = http.client.HTTPConnection(self.behind, timeout=20)
        connection.putrequest(asked.method, asked.path, skip_host=True, skip_accept_encoding=True)
        for name, value in asked.headers.items():
            if name not in PRIVATE:
                connection.putheader(name, value)
        connection.putheader("content-length", str(len(asked.body)))
        connection.endheaders(asked.body)
        answer = connection.getresponse()
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in PRIVATE}
        if asked.method == "HEAD":
            kept["content-length"] = answer.headers.get("content-length", "0")
        with contextlib.closing(connection):
            return Reply(answer.status, answer.read(), kept)

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if "content-length" not in reply.headers:
            self.send_header("content-length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body if reply.cut is None else reply.body[: reply.cut])
        if reply.cut is not None:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT"):
    setattr(_Handler, f"do_{method}", _Handler._answer)
