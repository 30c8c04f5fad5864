"""No core dumps of processes that hold secrets in plaintext; only the standard library, also for the worker of hooks.

A core dump is the memory of a process on the disk, or wherever the system sends it. The limit of its size is inherited
by the engine and its plugins, which hold the same secrets. On Linux a process that counts as not dumpable leaves none
even where a program collects them (``core_pattern`` with a pipe, which the limit doesn't reach), and other processes of
the user can't attach to it.
"""

from __future__ import annotations

import contextlib
import os
import sys
from functools import lru_cache
from typing import Final

ALLOWED: Final = "PULUMI_REWIND_CORE_DUMPS"
"""Set to 1, core dumps are left as the system has them, for looking for a fault."""

_PR_SET_DUMPABLE: Final = 4
"""Of ``<linux/prctl.h>``."""


def limit_core_files() -> None:
    """Sets the size of core files to zero, here and for what is started from here; cheap enough for every start."""
    if os.environ.get(ALLOWED) == "1":
        return
    import resource

    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


@lru_cache(maxsize=1)
def leave_no_core() -> None:
    """The same, and more where it can be had, for this process alone; called when the first secret comes into it."""
    limit_core_files()
    if sys.platform != "linux" or os.environ.get(ALLOWED) == "1":
        return
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes  # takes longer than all else at the start

        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
