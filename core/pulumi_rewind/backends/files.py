"""Stored files: plain, gzip or zstd by content, of which several variants may lie side by side."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pulumi_rewind.errors import BackendError, CheckpointError
from pulumi_rewind.untrusted import CHECKPOINT, GZIP, ZSTD, decompress, open_regular, read_bytes

SUFFIXES: Final = (".json", ".json.gz", ".json.zst")
"""What a stored file's name may end with; it says nothing sure about the content."""


def read_file(path: Path | str, what: str, limit: int = CHECKPOINT) -> bytes:
    """A file's content, decompressed, of at most `limit` bytes; `what` names it in errors.

    Raises:
        FileNotFoundError: it is not there; the caller knows what that means.
        CheckpointError: its compression is damaged or cut off, or it unpacks to more than that.
        BackendError: not permitted, not a regular file, too large, or the file system fails.
    """
    try:
        raw = read_bytes(path, limit)
    except FileNotFoundError:
        raise
    except NotADirectoryError as err:
        raise FileNotFoundError(err.errno, err.strerror, str(path)) from None
    except OSError as err:
        raise BackendError(
            f"{what} can't be read: {err.strerror}", hint=f"Check the permissions of {path} and its disk."
        ) from None
    try:
        return decompress(raw, limit)
    except ValueError as err:
        raise CheckpointError(
            f"{what} is damaged: {err}",
            hint="The file was cut off or overwritten; choose another update, or restore it from a backup.",
        ) from None


def plain_size(path: Path) -> int | None:
    """The size of an uncompressed file; None for a compressed or unreadable one."""
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            start = file.read(4)
            return None if start.startswith((GZIP, ZSTD)) else os.fstat(file.fileno()).st_size
    except OSError:
        return None


def newest_variant(paths: Iterable[Path], what: str) -> Path | None:
    """The file that was written last of those that are there; the first of equals, None if there is none.

    Raises:
        BackendError: not permitted, or the file system fails.
    """
    newest: tuple[int, Path] | None = None
    for path in paths:
        try:
            written = path.stat().st_mtime_ns
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as err:
            raise BackendError(
                f"{what} can't be read: {err.strerror}", hint=f"Check the permissions of {path.parent}."
            ) from None
        if newest is None or written > newest[0]:
            newest = written, path
    return newest[1] if newest else None
