"""Starting a server and waiting for its first answer."""

from __future__ import annotations

import contextlib
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

PATIENCE = 30.0
"""Seconds until a server must answer."""


@dataclass(frozen=True)
class Server:
    """A running server."""

    url: str
    """Of a backend in its bucket; `{}` in it stands for a prefix."""
    environ: Mapping[str, str]
    """With which the CLI and we get in."""
    directory: Path
    """What is written here is in the bucket; empty path where the server keeps it elsewhere."""

    def backend(self, prefix: str = "") -> str:
        """The URL of a backend below a prefix."""
        return self.url.format(prefix)


def installed(package: str) -> Path:
    """Where a package is, which need not be importable."""
    found = find_spec(package)
    assert found is not None, f"{package} is not installed: `make setup`"
    assert found.origin is not None
    return Path(found.origin).parent


PORTS = range(20_000, 32_000)
"""Below those that the system gives to connections: nothing but a server that is told to takes one of them."""


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    while True:
        port = secrets.choice(PORTS)  # which no seed of a test's makes the same in two processes
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


@contextlib.contextmanager
def running(command: Sequence[object], port: int, log: Path, env: Mapping[str, str] | None = None) -> Iterator[None]:
    """A server that listens on a port until the block ends.

    Raises:
        RuntimeError: it ends at once, or doesn't answer in time; the message has what it wrote.
    """
    with log.open("wb") as output:
        words = [str(word) for word in command]
        process = subprocess.Popen(words, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=env)
    try:
        _wait(process, port, log)
        yield
    finally:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"{process.args!r} doesn't answer: {log.read_text(errors='replace')[-2000:]}")
