"""Who may have written what a directory keeps: the owners and modes of files, and when they were written last."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

SLACK: Final = 60
"""Seconds that may pass between the end of an update and the last write to what is kept of it."""

_NANOSECONDS: Final = 1_000_000_000


def shared(paths: Iterable[Path]) -> str:
    """Why somebody beside us and root may have written one of some files and directories; empty if nobody else can.

    Group permissions count, except those of a group of our own in which nobody else is, as many systems make one for
    each user: there the usual mode of a new directory is 0775.
    """
    for path in paths:
        try:
            found = path.stat()
        except FileNotFoundError:
            continue
        except OSError as err:
            return f"{path} can't be looked at: {err.strerror}"
        if found.st_uid not in {0, os.geteuid()}:
            return f"{path} belongs to another user"
        if found.st_mode & stat.S_IWOTH:
            return f"every user of this machine can write {path}"
        if found.st_mode & stat.S_IWGRP and not _ours_alone(found.st_gid):
            return f"its group can write {path}"
    return ""


def written_again(path: Path, ended: int) -> str:
    """Whether a file was written long after `ended` (nanoseconds), said in words; empty if it wasn't."""
    try:
        written = path.stat().st_mtime_ns
    except OSError as err:
        return f"{path} can't be looked at: {err.strerror}"
    span = later(written / _NANOSECONDS, ended / _NANOSECONDS)
    return f"{path} was changed {span} after its update" if span else ""


def later(written: float, ended: float) -> str:
    """How long after the end of an update something was written (Unix seconds); empty if no longer than it takes."""
    seconds = int(written - ended)
    return _span(seconds) if seconds > SLACK else ""


def _span(seconds: int) -> str:
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if count := seconds // size:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds} seconds"


def _ours_alone(group: int) -> bool:
    """Whether a group is the private one of the user that we are; root's may have others in it."""
    return os.geteuid() != 0 and is_private_group(group, os.geteuid())


def is_private_group(group: int, uid: int) -> bool:
    """Whether a group is a user's alone, as distributions with a umask of 002 give one to each user."""
    try:
        import grp
        import pwd

        user, entry = pwd.getpwuid(uid), grp.getgrgid(group)
    except (ImportError, KeyError):
        return False
    return user.pw_gid == group and entry.gr_name == user.pw_name and set(entry.gr_mem) <= {user.pw_name}


def identity_of(path: Path) -> tuple[int, int] | None:
    """Device and inode of what is at a path, links followed; None if that can't be told."""
    try:
        stat = path.stat()
    except (OSError, ValueError):
        return None
    return stat.st_dev, stat.st_ino
