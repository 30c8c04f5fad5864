"""Before fake-gcs-server, which takes no objects by Google's XML API and takes no notice of conditions: both are added.

What is written by the XML API, as obstore does, is written by the JSON API; a condition on the generation is checked
first, one request at a time.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, unquote

CONDITION = "x-goog-if-generation-match"


@contextlib.contextmanager
def xml_gcs(target: str) -> Iterator[str]:
    """The address (host and port) at which the server at another one can be written by the XML API."""
    turn = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Nothing is written."""

        def _ask(self, method: str, path: str, body: bytes = b"") -> tuple[HTTPResponse, bytes]:
            connection = HTTPConnection(target)
            connection.request(method, path, body, {"Content-Type": "application/octet-stream"})
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            return answer, content

        def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                if name.lower() not in {"connection", "date", "transfer-encoding"}:  # what was chunked no longer is
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            answer, content = self._ask("GET", self.path)
            self._send(answer.status, content, dict(answer.headers))

        def do_HEAD(self) -> None:
            answer, _ = self._ask("HEAD", self.path)
            self._send(answer.status, b"", dict(answer.headers))

        def do_DELETE(self) -> None:
            answer, content = self._ask("DELETE", self._json(self.path))
            self._send(answer.status, content, {})

        def _json(self, path: str) -> str:
            _, bucket, name = path.split("/", 2)
            return f"/storage/v1/b/{bucket}/o/{quote(unquote(name), safe='')}"

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            _, bucket, name = self.path.split("/", 2)
            wanted = self.headers.get(CONDITION)
            with turn:
                answer, content = self._ask("GET", self._json(self.path))
                there = str(json.loads(content)["generation"]) if answer.status == 200 else "0"
                if wanted is not None and wanted != there:
                    self._send(412, b"", {})
                    return
                upload = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(unquote(name), safe='')}"
                answer, content = self._ask("POST", upload, body)
            made = json.loads(content)
            self._send(answer.status, b"", {"ETag": f'"{made["etag"]}"', "x-goog-generation": str(made["generation"])})

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
