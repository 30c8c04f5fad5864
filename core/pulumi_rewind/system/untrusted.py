"""The one place that opens files which others may have written or replaced: no pipe, no device, nothing endless.

What is refused here is an `OSError` with its reason as ``strerror``, so that a caller says it as it says that a file
can't be read. What comes compressed has a limit to what comes out of it.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

DOCUMENT: Final = 4 << 20
"""Bytes that a settings file, a lock, a note or an index has at most."""

RECORD: Final = 16 << 20
"""Bytes of a history record, which holds all of a stack's configuration."""

CHECKPOINT: Final = 1 << 30
"""Bytes of a state, decompressed; the largest that were seen have some tens of millions."""

RATIO: Final = 500
"""How much larger than its file a state may be; JSON that repeats itself is packed to a hundredth."""

FLOOR: Final = 64 << 20
"""Up to here the ratio says nothing."""

PATIENCE: Final = 120.0
"""Seconds that whoever fills a pipe has for it: a password manager may be asking."""

SMALL: Final = 1 << 16
"""Bytes read at once: enough for a history record, little enough to be had without asking the system for memory."""

LARGE: Final = 1 << 22
"""Bytes read at once of what turned out to be longer; a file that is written to meanwhile may grow by as much."""

GZIP: Final = b"\x1f\x8b"
ZSTD: Final = b"\x28\xb5\x2f\xfd"

_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_GZIP_AT_MOST: Final = 1032
"""What a byte of deflate can grow to. Source: zlib's technical notes."""

_ZSTD_STEP: Final = 1 << 10
"""Bytes given to zstd at once: four of them may become 128 KiB. Source: RFC 8878, 3.1.1.2."""

_ZSTD_WINDOW: Final = 1 << 27
"""What zstd takes without being asked for more, too."""

_KINDS: Final = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_regular(path: Path | str) -> int:
    """A descriptor of a regular file, for reading; never waits for anybody.

    Raises:
        OSError: it is something else, or can't be opened.
    """
    fd = os.open(path, _FLAGS)
    try:
        _regular(os.fstat(fd), path)
    except BaseException:
        os.close(fd)
        raise
    return fd


def read_bytes(path: Path | str, limit: int = DOCUMENT) -> bytes:
    """The content of a regular file of at most `limit` bytes, as it was when it was opened.

    A long history is 10,000 small files: this takes half the time of `Path.read_bytes`.

    Raises:
        OSError: not there, not permitted, not a regular file, too large, or growing while it is read.
    """
    fd = os.open(path, _FLAGS)
    try:
        if 0 < (size := _end(fd)) <= min(SMALL, limit):  # no pipe has an end, no device one that is so near
            content = os.pread(fd, size, 0)
            if len(content) == size:
                return content
        found = os.fstat(fd)
        _regular(found, path)
        if found.st_size > limit:
            raise _too_large(path, limit)
        os.lseek(fd, 0, os.SEEK_SET)
        return b"".join(_rest(fd, path, found.st_size, min(limit, found.st_size + LARGE)))
    finally:
        os.close(fd)


def read_text(path: Path | str, limit: int = DOCUMENT) -> str:
    """The same as text.

    Raises:
        OSError: as `read_bytes`.
        UnicodeDecodeError: it is not UTF-8.
    """
    return read_bytes(path, limit).decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")


def read_given(path: Path | str, limit: int = SMALL) -> bytes:
    """The content of a file that the operator names, which may be a pipe (``/dev/stdin``, ``<(pass show …)``).

    Raises:
        OSError: as `read_bytes`; or a pipe into which nobody writes.
    """
    fd = os.open(path, _FLAGS)
    try:
        found = os.fstat(fd)
        if stat.S_ISREG(found.st_mode):
            if found.st_size > limit:
                raise _too_large(path, limit)
        elif os.isatty(fd):
            os.set_blocking(fd, True)
        elif stat.S_ISFIFO(found.st_mode):
            _await(fd, path)
            os.set_blocking(fd, True)
        else:
            _regular(found, path)
        return b"".join(_rest(fd, path, SMALL, limit))
    finally:
        os.close(fd)


def _end(fd: int) -> int:
    """Where a file ends, 0 if it has no end; half as costly as asking what it is."""
    try:
        return os.lseek(fd, 0, os.SEEK_END)
    except OSError:
        return 0


def _await(fd: int, path: Path | str) -> None:
    import select

    waiting = select.poll()
    waiting.register(fd, select.POLLIN | select.POLLHUP)
    if not waiting.poll(PATIENCE * 1000):
        raise OSError(errno.ETIMEDOUT, "nothing writes to this pipe", str(path))


def _rest(fd: int, path: Path | str, expected: int, allowed: int) -> Iterator[bytes]:
    """The first part has all that is expected: joined alone, a large state is not copied once more."""
    had = 0
    while part := os.read(fd, LARGE if had else max(expected, SMALL)):
        had += len(part)
        if had > allowed:
            raise _too_large(path, allowed)
        yield part


def _regular(found: os.stat_result, path: Path | str) -> None:
    kind = stat.S_IFMT(found.st_mode)
    if kind == stat.S_IFDIR:
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if kind != stat.S_IFREG:
        raise OSError(errno.EINVAL, f"it is {_KINDS.get(kind, 'no file')}, not a regular file", str(path))


def _too_large(path: Path | str, limit: int) -> OSError:
    return OSError(errno.EFBIG, f"it has more than {limit >> 10:,} KiB", str(path))


# -- compressed content -----------------------------------------------------------------------------------------------


def decompress(raw: bytes, limit: int = CHECKPOINT) -> bytes:
    """The content of a file that may be compressed, told by its beginning.

    Raises:
        ValueError: that is damaged or cut off, or its content is larger than `limit` or beyond all measure.
    """
    if not raw.startswith((GZIP, ZSTD)):
        return raw
    allowed = min(limit, max(FLOOR, len(raw) * RATIO))
    return _gunzipped(raw, allowed) if raw.startswith(GZIP) else b"".join(_unpacked(raw, allowed))


def _gunzipped(raw: bytes, allowed: int) -> bytes:
    import gzip

    try:
        if len(raw) * _GZIP_AT_MOST <= allowed:
            return gzip.decompress(raw)
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
            found = file.read(allowed + 1)
    except (OSError, EOFError, zlib.error) as err:
        raise ValueError(f"gzip: {err}") from None
    if len(found) > allowed:
        raise _bomb("gzip", allowed)
    return found


def _unpacked(raw: bytes, allowed: int) -> Iterator[bytes]:
    import zstandard

    source, at, had = memoryview(raw), 0, 0
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    while raw.startswith(ZSTD, at):  # several frames in a row are one stream
        frame = decompressor.decompressobj()
        while not frame.eof:
            if at >= len(raw):
                raise ValueError("zstd: the end is missing")
            piece = source[at : at + _ZSTD_STEP]
            try:
                part = frame.decompress(piece)
            except zstandard.ZstdError as err:
                raise ValueError(f"zstd: {err}") from None
            at += len(piece) - len(frame.unused_data)
            had += len(part)
            if had > allowed:
                raise _bomb("zstd", allowed)
            yield part


def _bomb(how: str, allowed: int) -> ValueError:
    return ValueError(f"{how}: it unpacks to more than {allowed >> 20:,} MiB, more than any state")
