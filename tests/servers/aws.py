"""AWS as moto serves it: S3, STS and IAM of one account. It checks no signatures, but knows roles."""

from __future__ import annotations

import contextlib
import os
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tests.servers.running import free_port, running

BUCKET = "state"


@contextlib.contextmanager
def moto(folder: Path, store: Path) -> Iterator[str]:
    """The server's URL; its bucket holds what is in a directory."""
    port = free_port()
    command = [Path(sys.executable).with_name("moto_server"), "-H", "127.0.0.1", "-p", port]
    with running(command, port, folder / "moto.log", {"PATH": os.defpath, "HOME": str(folder)}):
        url = f"http://127.0.0.1:{port}"
        _put(f"{url}/{BUCKET}")
        for path in (path for path in store.rglob("*") if path.is_file()):
            _put(f"{url}/{BUCKET}/{path.relative_to(store)}", path.read_bytes())
        yield url


def _put(url: str, body: bytes = b"") -> None:
    kind = {"Content-Type": "application/octet-stream"}
    urllib.request.urlopen(urllib.request.Request(url, method="PUT", data=body, headers=kind), timeout=20).close()
