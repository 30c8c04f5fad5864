"""The service over HTTP, in a thread of the test's own process."""

from __future__ import annotations

import contextlib
import gzip
import json
import re
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.servers.cloud.faults import Fault
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
        fault = next((one for one in self.server.service.faults if one.fits(address.path)), None)
        if fault is not None:
            self.server.service.requests.append(f"{self.command} {address.path} {fault.kind}")
            self._fail(fault)
            return
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

    def _fail(self, fault: Fault) -> None:
        self.close_connection = True
        match fault.kind:
            case "status":
                self._send(fault.status, json.dumps({"code": fault.status, "message": "of the test"}).encode(), fault)
            case "page":
                self._send(200, fault.body, fault, kind="text/html; charset=utf-8")
            case "elsewhere":
                self._send(302, b"", fault, location=fault.body.decode())
            case "cut":
                self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"updates"')
            case "hang":
                fault.over.wait(60)

    def _send(
        self, status: int, data: bytes, fault: Fault | None = None, kind: str = "application/json", location: str = ""
    ) -> None:
        self.send_response(status)
        if len(data) > 4096 and "gzip" in self.headers.get("Accept-Encoding", ""):
            data = gzip.compress(data, 1)
            self.send_header("Content-Encoding", "gzip")
        if status == 429:
            self.send_header("Retry-After", fault.retry_after if fault else "1")
        if location:
            self.send_header("Location", location)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = do_DELETE = do_HEAD = do_PUT = _serve  # noqa: N815 - as the base class asks for


def _body(text: str, *, verbatim: bool) -> Any:
    """A request's JSON; of a verbatim checkpoint the state is the text that was sent, spaces and all."""
    try:
        body: Any = json.loads(text) if text.strip() else None
    except ValueError:  # an environment is YAML
        return text
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
    with _serving(server):
        yield Server(f"http://127.0.0.1:{server.server_port}", {"PULUMI_ACCESS_TOKEN": TOKEN}, Path()), service


@contextlib.contextmanager
def served_by_tls(folder: Path) -> Iterator[tuple[str, Service]]:
    """A service with a certificate that nobody trusts, and its URL."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    service = Service()
    server = _Server(service)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with _serving(server):
        yield f"https://127.0.0.1:{server.server_port}", service


@contextlib.contextmanager
def proxy(target: str) -> Iterator[str]:
    """The URL of a proxy that sends everything to one service, whatever is asked for."""
    host, _, port = target.removeprefix("http://").partition(":")

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nothing is written."""

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            connection = HTTPConnection(host, int(port))
            connection.request("GET", f"{asked.path}?{asked.query}", headers=dict(self.headers))
            answer = connection.getresponse()
            self.send_response(answer.status)
            self.end_headers()
            self.wfile.write(answer.read())
            connection.close()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with _serving(server):
        yield f"http://127.0.0.1:{server.server_port}"


@contextlib.contextmanager
def _serving(server: ThreadingHTTPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
