"""The service over HTTP, in a thread of the test's own process."""

from __future__ import annotations

import contextlib
import gzip
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.servers.cloud.service import TOKEN, Service
from tests.servers.cloud.stacks import Refused
from tests.servers.running import Server


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, service: Service) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.service = service
        self.lock = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Nothing is written."""

    def _serve(self) -> None:
        address = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            raw = gzip.decompress(raw)
        try:
            body = _body(raw.decode(), verbatim=address.path.endswith("/checkpointverbatim"))
            asked = (self.command, unquote(address.path), parse_qs(address.query), body)
            with self.server.lock:
                answer = self.server.service.answer(*asked, self.headers.get("Authorization", ""))
            status = 204 if answer is None else 200
        except Refused as err:
            status, answer = err.status, {"code": err.status, "message": str(err)}
        self._send(status, b"" if answer is None or self.command == "HEAD" else json.dumps(answer).encode())

    def _send(self, status: int, data: bytes) -> None:
        self.send_response(status)
        if len(data) > 4096 and "gzip" in self.headers.get("Accept-Encoding", ""):
            data = gzip.compress(data, 1)
            self.send_header("Content-Encoding", "gzip")
        if status == 429:
            self.send_header("Retry-After", "1")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = do_DELETE = do_HEAD = do_PUT = _serve  # noqa: N815 - as the base class asks for


def _body(text: str, *, verbatim: bool) -> Any:
    """A request's JSON; of a verbatim checkpoint the state is the text that was sent, spaces and all."""
    body: Any = json.loads(text) if text.strip() else None
    if verbatim:
        body["untypedDeployment"] = _member(text, "untypedDeployment")
    return body


def _member(text: str, name: str) -> str:
    """The text of one top-level member of an object."""
    decoder, space = json.JSONDecoder(), re.compile(r"[\s,:]*")
    at = text.index("{") + 1
    while True:
        key, at = decoder.raw_decode(text, _skip(space, text, at))
        start = _skip(space, text, at)
        _, at = decoder.raw_decode(text, start)
        if key == name:
            return text[start:at]


def _skip(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    assert found is not None
    return found.end()


@contextlib.contextmanager
def cloud(way: str = "full", *, busy: int = 0) -> Iterator[tuple[Server, Service]]:
    """A running service, see `Service`."""
    service = Service(way, busy=busy)
    server = _Server(service)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield Server(f"http://127.0.0.1:{server.server_port}", {"PULUMI_ACCESS_TOKEN": TOKEN}, Path()), service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
