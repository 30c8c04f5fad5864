"""Providers that outlive the engine that started them, 20 to 100 MB each.

Pulumi's bridge leaves its Terraform providers running when it ends, and runs on itself when its engine is killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path


def reap(built: Path, home: Path) -> None:
    """Ends processes of what ``scripts.real`` has built, if an engine with this PULUMI_HOME started them and is gone.

    Others on this machine may run the same binaries at the same time.
    """
    while found := list(orphans(built, home)):  # who is ended may leave children
        for number in found:
            with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                os.kill(number, signal.SIGKILL)


def orphans(built: Path, home: Path) -> Iterator[int]:
    """Their process ids."""
    mark = f"PULUMI_HOME={home}".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            started = (entry / "environ").read_bytes().split(b"\0")
            if not (entry / "exe").readlink().is_relative_to(built) or mark not in started:
                continue
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z" and not _is_pulumi(parent):
            yield int(entry.name)


def _is_pulumi(process: str) -> bool:
    """Whether it is an engine or a plugin of one."""
    try:
        return Path(f"/proc/{process}/exe").readlink().name.startswith("pulumi")
    except OSError:  # it has just ended, or is the first process of the machine
        return False
