"""Room on the disk of a ``file://`` backend, and what is left of a state that was cut off for want of it.

On a full disk the CLI puts an empty or cut-off file in the place of the state, tries again for half a minute, and gives
up; the copy that it makes before (``.bak``) is whole.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from pulumi_rewind.backends import file_path
from pulumi_rewind.backends.files import read_file
from pulumi_rewind.errors import BackendError
from pulumi_rewind.model import decode_checkpoint

COPIES = 8
"""How many times its size an update may need: the state, the one before, a backup, the history's copy, each growing."""

LEAST = 256 * 1024
"""Bytes that are needed in any case: locks, records, directories."""


def shortage(url: str, size: int) -> str:
    """What to say where an update of a state of that many bytes would fill the backend's disk; empty if it won't."""
    if not url.startswith("file:"):
        return ""
    folder = file_path(url, Path.cwd())
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return ""  # whoever writes there will say what is wrong
    need = size * COPIES + LEAST
    if free >= need:
        return ""
    return f"the disk of the backend ({folder}) has {free // 1024:,} KiB left; an update may need {need // 1024:,} KiB"


def whole_before(path: Path) -> str:
    """How to put back the state from before the one that is damaged; empty if that isn't there or is damaged, too."""
    backup = path.with_name(f"{path.name}.bak")
    try:
        before = decode_checkpoint(read_file(backup, "the state before"), source="the state before")
    except (OSError, BackendError):
        return ""
    pending = len(before.pending_operations)
    count = f"{len(before.resources):,} resources" + (f", {pending} pending operations" if pending else "")
    return f"The state from just before is whole ({count}): put it in its place with `cp '{backup}' '{path}'`."
