"""Ports on which nothing listens, for what a demo starts in the background."""

from __future__ import annotations

import os
import socket
import zlib
from pathlib import Path
from typing import Final

from pulumi_rewind.errors import RewindError

HOST: Final = "127.0.0.1"
FIRST_PORT: Final = 8101
LAST_PORT: Final = 28100
"""Ports are looked for in this range: outside the one that systems give away by themselves."""


def free_ports(count: int, root: Path) -> list[int]:
    """Ports on which nothing listens.

    Where the search begins depends on the folder: a demo also keeps ports of services that don't run right now, and
    another demo should not take them.

    Raises:
        RewindError: there are not enough.
    """
    span = LAST_PORT - FIRST_PORT + 1
    begin = zlib.crc32(os.fsencode(root)) // 10 * 10 % span
    found: list[int] = []
    for step in range(span):
        port = FIRST_PORT + (begin + step) % span
        if is_free(port):
            found.append(port)
            if len(found) == count:
                return found
    raise RewindError(
        f"of the ports {FIRST_PORT} to {LAST_PORT} fewer than {count} are free",
        hint="Stop the programs that listen there.",
    )


def is_free(port: int) -> bool:
    """Whether nothing listens on a port of 127.0.0.1."""
    with socket.socket() as probe:
        # As the servers do: a port that only waits for old connections to end is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
