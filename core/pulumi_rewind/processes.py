"""Whether a process that left its number somewhere is still there."""

from __future__ import annotations

import os
from pathlib import Path


def is_alive(pid: int, since: float | None) -> bool:
    """Whether the process of that number on this machine is the one that was there at the moment `since` (Unix
    seconds, None: unknown); a number is used again.
    """
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # somebody else's
    return since is None or not _began_after(pid, since)


def _began_after(pid: int, moment: float) -> bool:
    """Whether a process is younger than that, so that its number was merely used again; False where none can tell."""
    try:
        ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
        boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
        return int(boot.split()[1]) + ticks / os.sysconf("SC_CLK_TCK") > moment + 5
    except (OSError, ValueError, IndexError, StopIteration):
        return False
