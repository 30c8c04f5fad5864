"""Terraform providers that Pulumi's bridge leaves running when its own process ends, 20 to 100 MB each."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path


def reap(binaries: Path, home: Path) -> None:
    """Ends processes of the binaries in a directory, if an engine with this PULUMI_HOME started them and is gone.

    Others on this machine may run the same binaries at the same time.
    """
    for number in orphans(binaries, home):
        with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
            os.kill(number, signal.SIGKILL)


def orphans(binaries: Path, home: Path) -> Iterator[int]:
    """Their process ids."""
    mark = f"PULUMI_HOME={home}".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if (entry / "exe").readlink().parent != binaries or mark not in (entry / "environ").read_bytes().split(
                b"\0"
            ):
                continue
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if not _is_bridge(parent):
            yield int(entry.name)


def _is_bridge(process: str) -> bool:
    try:
        return Path(f"/proc/{process}/exe").readlink().name.startswith("pulumi-resource-")
    except OSError:  # it has just ended, or is the first process of the machine
        return False
