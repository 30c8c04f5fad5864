"""Room on the disk of a ``file://`` backend, and what is left of a state that was cut off for want of it, or by a kill.

On a full disk the CLI puts an empty or cut-off file in the place of the state, tries again for half a minute, and gives
up. The copy that it makes before (``.bak``) is mostly whole; the backups of earlier updates are.
"""

from __future__ import annotations

import glob
import shutil
from pathlib import Path

from pulumi_rewind.backends.files import read_file
from pulumi_rewind.backends.urls import file_path
from pulumi_rewind.errors import BackendError
from pulumi_rewind.model import decode_checkpoint
from pulumi_rewind.shell import in_quotes

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


def cut_off(url: str) -> str:
    """What to do about a sidecar of a state (``.attrs``) that a killed CLI left empty; empty if there is none.

    The CLI needs none, but each of its commands ends at such a one with nothing but ``EOF``.
    """
    if not url.startswith("file:"):
        return ""
    folder = file_path(url, Path.cwd()) / ".pulumi" / "stacks"
    try:
        found = [path for path in sorted(folder.rglob("*.attrs")) if not path.stat().st_size]
    except OSError:
        return ""  # whoever reads there will say what is wrong
    if not found:
        return ""
    paths = " ".join(in_quotes(str(path)) for path in found)
    return f"A killed pulumi has left a file empty, at which every pulumi command fails: `rm {paths}` removes it."


def whole_before(path: Path) -> str:
    """How to put back the newest whole state in place of the damaged one at `path`; empty if there is none."""
    backup = path.with_name(f"{path.name}.bak")
    top = next((above for above in path.parents if above.name == "stacks"), path.parent)
    folder = top.parent / "backups" / path.relative_to(top).parent / path.name.partition(".json")[0]
    older = sorted(folder.glob(f"{glob.escape(folder.name)}.*.json*"), reverse=True) if folder.is_dir() else []
    for place in (backup, *(file for file in older if not file.name.endswith(".attrs"))):
        try:
            before = decode_checkpoint(read_file(place, "the state before"), source="the state before")
        except (OSError, BackendError):
            continue
        pending = len(before.pending_operations)
        count = f"{len(before.resources):,} resources" + (f", {pending} pending operations" if pending else "")
        age = "from just before" if place == backup else "from the end of an earlier update"
        copy = f"cp {in_quotes(str(place))} {in_quotes(str(path))}"
        return f"The state {age} is whole ({count}): put it in its place with `{copy}`."
    return ""
