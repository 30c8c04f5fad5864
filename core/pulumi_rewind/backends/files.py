"""Stored files: plain, gzip or zstd by content, of which several variants may lie side by side."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from pulumi_rewind.errors import BackendError, CheckpointError
from pulumi_rewind.state.model import EMPTY, Update
from pulumi_rewind.system.untrusted import CHECKPOINT, GZIP, ZSTD, decompress, open_regular, read_bytes

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


class _Record(msgspec.Struct, rename="camel"):
    """A history record as stored; everything else in it is left alone."""

    kind: str = ""
    result: str = ""
    start_time: int = 0
    end_time: int = 0
    message: str | None = None
    environment: dict[str, str] | None = None
    config: msgspec.Raw = EMPTY
    resource_changes: dict[str, int] | None = None


_decoder = msgspec.json.Decoder(_Record)


def decode_record(raw: bytes, number: int, what: str) -> Update:
    """A history record as an update with a checkpoint; `what` names it in errors. Pure.

    Raises:
        CheckpointError: it is damaged.
    """
    try:
        record = _decoder.decode(raw)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as err:
        raise CheckpointError(f"{what} is damaged: {err}") from None
    if not record.kind or not record.result:
        raise CheckpointError(f"{what} is JSON, but not a record of Pulumi's history")
    return Update(
        number=number,
        kind=record.kind,
        result=record.result,
        start_time=record.start_time,
        end_time=record.end_time,
        message=record.message or "",
        environment=record.environment or {},
        config=record.config,
        changes=record.resource_changes or {},
    )


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
