"""The directory of a ``file://`` backend: whether it is still the same, whether it has space, what is broken.

The CLI creates a missing directory. If a mount disappears during a run, it saves into a new directory and reports
success, and the state that comes back with the mount contains nothing of the run. On a full disk it replaces the state
by an empty or truncated file, retries for half a minute, and gives up. The copy that it makes first (``.bak``) is
mostly intact; the backups of earlier updates are.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Final

from pulumi_rewind.backends.diy_history import unpacked
from pulumi_rewind.errors import BackendError
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.system.ownership import identity_of
from pulumi_rewind.system.shell import in_quotes
from pulumi_rewind.system.untrusted import CHECKPOINT, read_bytes

_BEFORE: Final = "the state before"

COPIES = 8
"""How many times its size an update may need: the state, the one before, a backup, the history's copy, each growing."""

MINIMUM_FREE = 256 * 1024
"""Bytes that are needed in any case: locks, records, directories."""


class DirectoryWatch:
    """Watches a backend's directory during a run; it counts as missing even if it is back at the end."""

    remedy: Final = (
        "Mount the backend's original directory again, and run `pulumi cancel` if a lock is left in it. Check the "
        "resources named here, then run `pulumi-rewind resume`, which continues from the state in that directory."
    )

    def __init__(self, directory: Path) -> None:
        self._path = directory
        self._identity = identity_of(directory)
        self._away = False

    def check(self) -> None:
        """Checks the directory; to be called now and then."""
        self._away = self._away or bool(self.problem())

    def problem(self) -> str:
        """What happened to it; empty if it was the same all the time."""
        now = identity_of(self._path)
        if now != self._identity:
            other = "is not the one that the run started with, and holds what the engine saved last"
            return f"the directory of the backend ({self._path}) {'is gone' if now is None else other}"
        if self._away:
            return (
                f"the directory of the backend ({self._path}) was unavailable for a while; it lacks what the "
                "engine saved in that time"
            )
        return ""


def space_warning(folder: Path, size: int) -> str:
    """A warning if an update of a state of that many bytes would fill the backend's disk; empty if it won't."""
    import shutil

    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return ""  # whoever writes there will say what is wrong
    need = size * COPIES + MINIMUM_FREE
    if free >= need:
        return ""
    return f"the disk of the backend ({folder}) has {free // 1024:,} KiB left; an update may need {need // 1024:,} KiB"


WRITING: Final = 0.5
"""Seconds; a living CLI has filled a sidecar long before that: it makes it empty and writes it at once."""


def empty_sidecar_hint(directory: Path) -> str:
    """What to do about an empty sidecar of a state (``.attrs``) left by a killed CLI; empty if there is none.

    The CLI needs no sidecar, but an empty one ends each of its commands with nothing but ``EOF``.
    """
    folder = directory / ".pulumi" / "stacks"
    found = _empty_sidecars(folder)
    if found:
        time.sleep(WRITING)
        found &= _empty_sidecars(folder)
    if not found:
        return ""
    paths = " ".join(in_quotes(str(path)) for path, _ in sorted(found))
    return (
        f"A killed pulumi process left an empty file, which makes every pulumi command fail: `rm {paths}` removes it."
    )


def _empty_sidecars(folder: Path) -> set[tuple[Path, int]]:
    """Those that are empty at this moment, each with the time at which it became so."""
    found = set()
    with contextlib.suppress(OSError):  # whoever reads there will say what is wrong
        for path in folder.rglob("*.attrs"):
            with contextlib.suppress(FileNotFoundError):  # replaced at this moment
                status = path.stat()
                if not status.st_size:
                    found.add((path, status.st_mtime_ns))
    return found


def intact_copy_hint(path: Path) -> str:
    """How to restore the newest intact state over the damaged one at `path`; empty if there is none."""
    import glob

    backup = path.with_name(f"{path.name}.bak")
    top = next((above for above in path.parents if above.name == "stacks"), path.parent)
    folder = top.parent / "backups" / path.relative_to(top).parent / path.name.partition(".json")[0]
    older = sorted(folder.glob(f"{glob.escape(folder.name)}.*.json*"), reverse=True) if folder.is_dir() else []
    for place in (backup, *(file for file in older if not file.name.endswith(".attrs"))):
        try:
            before = decode_checkpoint(unpacked(read_bytes(place, CHECKPOINT), _BEFORE), source=_BEFORE)
        except (OSError, BackendError):
            continue
        pending = len(before.pending_operations)
        count = f"{len(before.resources):,} resources" + (f", {pending} pending operations" if pending else "")
        age = "from just before" if place == backup else "from the end of an earlier update"
        copy = f"cp {in_quotes(str(place))} {in_quotes(str(path))}"
        return f"The state {age} is intact ({count}): restore it with `{copy}`."
    return ""
