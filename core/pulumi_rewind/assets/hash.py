"""The hashes by which the engine knows assets and archives, computed from what lies on this machine now.

A file, a text and an archive file (``.zip`` and the like) are hashed as bytes; a directory and a map of assets as the
bytes of a tar file that is never written. Recorded hashes are not looked at here: the caller compares.

Source: what Pulumi 3.276 hashes (``sdk/go/common/resource/archive``) and how Go writes tar headers; facts only,
compared with the engine in ``tests/core/test_asset_hash.py``.
"""

# Path drops trailing slashes and can't hold names as bytes; the hash depends on both.
# ruff: noqa: PTH112, PTH116, PTH117, PTH118, PTH119, PTH208
from __future__ import annotations

import hashlib
import os
import posixpath
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Literal

from pulumi_rewind.errors import RewindError
from pulumi_rewind.state.values import ARCHIVE, ASSET, Json, kind_of
from pulumi_rewind.system.untrusted import open_regular

if TYPE_CHECKING:
    import tarfile
    import zipfile

EMPTY_TEXT: Final = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""What is left in state of an asset with the text "": the hash alone."""

EMPTY_ARCHIVE: Final = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
"""The hash of an archive without members."""

ARCHIVE_SUFFIXES: Final = (".tar", ".tgz", ".tar.gz", ".zip", ".jar")
"""How the name of an archive file ends; every other path of an archive has to be a directory."""

_BOOKKEEPING: Final = b".pulumi"
"""The engine leaves out everything of that name."""

_BLOCK: Final = 512
_CHUNK: Final = 1 << 20
_NAME: Final = 100
_PREFIX: Final = 155

Member = tuple[bytes, int, Iterable[bytes]]
"""A file of an archive: its name, its size in bytes, its content in pieces."""


class AssetError(RewindError):
    """The content of an asset or archive can't be read, so that it has no hash."""


def is_archive_file(path: str) -> bool:
    """Whether the engine takes the path of an archive for a file, not a directory."""
    return path.endswith(ARCHIVE_SUFFIXES)


def located(path: str, directory: Path) -> str:
    """Where a recorded path points to: a relative one from `directory`, its ``..`` undone in the text as Go does."""
    return path if os.path.isabs(path) else os.path.normpath(os.path.join(directory, path))


def hash_text(text: str) -> str:
    """The hash of a text asset."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def hash_file(path: str) -> str:
    """The hash of a file asset, or of an archive that is a file.

    Raises:
        AssetError: it is missing, no regular file, not readable, or changes while it is read.
    """
    return _digest(_open_file(path)[1])


def hash_path(kind: str, path: str) -> str:
    """The hash of what lies at an absolute path, read as an asset or as an archive (the two signatures).

    Raises:
        AssetError: there is nothing that the engine would take for one.
    """
    return _digest(content_pieces(kind, path))


def hash_value(value: Json, directory: Path) -> str:
    """The hash of any asset or archive; relative paths start at `directory`.

    Raises:
        AssetError: some content can't be read; that of remote ones never is.
    """
    if kind_of(value) == ASSET:
        return _digest(_asset(value, directory)[1])
    path = value.get("path")
    if path:
        return hash_path(ARCHIVE, located(str(path), directory))
    return hash_members(_members(value, directory))


def hash_members(members: Iterable[Member]) -> str:
    """The hash of the tar file of these members; of several with one name the first counts.

    Raises:
        AssetError: content of another size than announced, or a name that tar can't hold.
    """
    return _digest(tar_pieces(members))


def _digest(pieces: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def tar_pieces(members: Iterable[Member]) -> Iterator[bytes]:
    """The bytes of that tar file; raises as `hash_members` does."""
    seen: set[bytes] = set()
    for name, size, pieces in members:
        if name in seen:
            continue
        seen.add(name)
        yield _headers(name, size)
        yield from pieces
        yield bytes(-size % _BLOCK)
    yield bytes(2 * _BLOCK)


def content_pieces(kind: str, path: str) -> Iterator[bytes]:
    """The bytes that `hash_path` hashes: a file's, or the tar file of a directory.

    Raises:
        AssetError: there is nothing that the engine would take for one.
    """
    if kind == ASSET or is_archive_file(path):
        yield from _open_file(path)[1]
    else:
        yield from tar_pieces(_files_of(path))


def directory_files(path: str) -> Iterator[tuple[bytes, str]]:
    """What counts of a directory: name from there (with ``/``) and path of each file, in the order it is hashed in.

    Links to files count as files, links to directories not at all. That is so for `path` itself too: a link to a
    directory is an empty archive.

    Raises:
        AssetError: it is no directory, can't be read, or holds a broken link.
    """
    if not os.path.isdir(path):
        raise AssetError(f"{path} is not a directory")
    waiting = [(b"", os.fsencode(path))]
    while waiting:
        name, full = waiting.pop()
        try:
            mode = os.lstat(full).st_mode
            if os.path.basename(full.rstrip(b"/")) == _BOOKKEEPING:
                continue
            if stat.S_ISDIR(mode):
                inside = sorted(os.listdir(full), reverse=True)
                waiting.extend((name + b"/" + item if name else item, os.path.join(full, item)) for item in inside)
                continue
            if stat.S_ISLNK(mode) and stat.S_ISDIR(os.stat(full).st_mode):
                continue
        except OSError as err:
            raise AssetError(f"{os.fsdecode(full)} can't be read: {err.strerror}") from None
        yield name, os.fsdecode(full)


def _files_of(path: str) -> Iterator[Member]:
    return ((name, *_open_file(file)) for name, file in directory_files(path))


# -- contents ---------------------------------------------------------------------------------------------------


def _open_file(path: str) -> tuple[int, Iterable[bytes]]:
    size = _size(path)
    return size, _pieces(lambda: os.fdopen(open_regular(path), "rb"), size, path)


def _size(path: str) -> int:
    """The size of a regular file; asked before opening, because a pipe would wait for a writer."""
    try:
        found = os.stat(path)
    except OSError as err:
        raise AssetError(f"{path} can't be read: {err.strerror}") from None
    except ValueError:  # a NUL in the path
        raise AssetError("a path that no file can have") from None
    if not stat.S_ISREG(found.st_mode):
        raise AssetError(f"{path} is not a regular file")
    return found.st_size


def _pieces(opened: Callable[[], IO[bytes]], size: int, path: str) -> Iterator[bytes]:
    """The content of a file, opened when it is asked for; exactly `size` bytes or an error."""
    try:
        file = opened()
    except Exception as err:  # noqa: BLE001 - zipfile, zlib and gzip each have errors of their own
        raise AssetError(f"{path} can't be read: {err}") from None
    with file:
        left = size
        while piece := _read(file, path):
            left -= len(piece)
            yield piece
        if left:
            raise AssetError(f"{path} has a different size than recorded")


def _read(file: IO[bytes], path: str) -> bytes:
    try:
        return file.read(_CHUNK)
    except Exception as err:  # noqa: BLE001 - as above
        raise AssetError(f"{path} can't be read: {err}") from None


def _asset(value: Json, directory: Path) -> tuple[int, Iterable[bytes]]:
    if value.get("path"):
        return _open_file(located(str(value["path"]), directory))
    if value.get("uri"):
        raise AssetError("the content of a remote asset is not known here")
    text = value.get("text") or ""
    if not text and value.get("hash", EMPTY_TEXT) not in {"", EMPTY_TEXT}:
        raise AssetError("only the hash was recorded")
    content = str(text).encode(errors="surrogatepass")
    return len(content), (content,)


def _members(value: Json, directory: Path) -> Iterator[Member]:
    """Everything in an archive, archives inside it unpacked."""
    path = value.get("path")
    if path:
        place = located(str(path), directory)
        if is_archive_file(place):
            yield from _packed(place)
        else:
            yield from _files_of(place)
        return
    if value.get("uri"):
        raise AssetError("the content of a remote archive is not known here")
    assets = value.get("assets") or {}
    if not assets and value.get("hash", EMPTY_ARCHIVE) not in {"", EMPTY_ARCHIVE}:
        raise AssetError("only the hash was recorded")
    for key, item in sorted((key.encode(errors="surrogatepass"), item) for key, item in assets.items()):
        if kind_of(item) not in {ASSET, ARCHIVE}:
            raise AssetError("an archive holds something that is neither an asset nor an archive")
        if kind_of(item) == ARCHIVE:
            for name, size, pieces in _members(item, directory):
                yield _clean(key + b"/" + name if key else name), size, pieces
        else:
            yield key, *_asset(item, directory)


def _packed(path: str) -> Iterator[Member]:
    """The files inside an archive file, in the order of its directory."""
    import tarfile
    import zipfile

    try:
        _size(path)
        if path.endswith((".zip", ".jar")):
            with zipfile.ZipFile(path) as archive:
                for info in archive.infolist():
                    if not _is_directory(info):
                        content = _pieces(partial(archive.open, info), info.file_size, path)
                        yield _clean(_zip_name(info)), info.file_size, content
            return
        packed: Literal["r:", "r:gz"] = "r:" if path.endswith(".tar") else "r:gz"
        with tarfile.open(path, packed, encoding="utf-8", errors="surrogateescape") as tape:
            yield from _tar_members(tape, path)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, OSError, EOFError, RuntimeError, ValueError) as err:
        raise AssetError(f"{path} can't be read: {err}") from None


def _tar_members(tape: tarfile.TarFile, path: str) -> Iterator[Member]:
    import tarfile

    for member in tape:
        if member.isdir():
            continue
        content = tape.extractfile(member) if member.type in {tarfile.REGTYPE, tarfile.AREGTYPE} else None
        if content is None:  # the engine fails as well
            raise AssetError(f"{path} holds links or devices")
        name = member.name.encode("utf-8", "surrogateescape")
        yield _clean(name), member.size, _pieces(partial(_stays, content), member.size, path)


def _stays(file: IO[bytes]) -> IO[bytes]:
    return file


def _is_directory(info: zipfile.ZipInfo) -> bool:
    if info.orig_filename.endswith("/"):
        return True
    if info.create_system in {3, 19}:  # Unix, macOS
        return stat.S_ISDIR(info.external_attr >> 16)
    return info.create_system in {0, 11, 14} and bool(info.external_attr & 0x10)  # FAT, NTFS, VFAT


def _zip_name(info: zipfile.ZipInfo) -> bytes:
    return info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437")  # the bytes as they stand there


def _clean(path: bytes) -> bytes:
    """A path without ``.``, ``..`` and doubled slashes, as far as the text alone allows."""
    cleaned = posixpath.normpath(path)
    return cleaned[1:] if cleaned.startswith(b"//") else cleaned


# -- tar headers ------------------------------------------------------------------------------------------------


def _headers(name: bytes, size: int) -> bytes:
    """The header blocks of one file: USTAR where the name and size fit, else with a PAX header before."""
    if not name or b"\0" in name or name.endswith(b"/"):
        raise AssetError("a name that no file in an archive can have")
    records: list[tuple[bytes, bytes]] = []
    prefix, rest = b"", name
    if len(name) > _NAME or not name.isascii():
        halves = _split(name)
        if halves is None:
            records.append((b"path", name))
        else:
            prefix, rest = halves
    if size >= 8**11:
        records.append((b"size", b"%d" % size))
    if not records:
        return _block(rest, size, prefix=prefix)
    body = b"".join(_record(key, value) for key, value in records)
    directory, base = posixpath.split(name)
    pax = _ascii(_clean(posixpath.join(directory, b"PaxHeaders.0", base)))[:_NAME].rstrip(b"/")
    before = _block(pax, len(body), mode=0, kind=b"x", device=b"") + body + bytes(-len(body) % _BLOCK)
    return before + _block(_ascii(name), 0 if size >= 8**11 else size)


def _split(name: bytes) -> tuple[bytes, bytes] | None:
    """A long name as the two fields of USTAR, None if it doesn't fit them."""
    if not name.isascii() or len(name) <= _NAME:
        return None
    at = name.rfind(b"/", 0, _PREFIX + 1)
    if at <= 0 or len(name) - at - 1 > _NAME:
        return None
    return name[:at], name[at + 1 :]


def _record(key: bytes, value: bytes) -> bytes:
    """``<length> <key>=<value>\\n``, where the length counts its own digits."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %s=%s\n" % (length, key, value)


def _ascii(name: bytes) -> bytes:
    return bytes(byte for byte in name if byte < 0x80)


def _block(
    name: bytes, size: int, *, prefix: bytes = b"", mode: int = 0o600, kind: bytes = b"0", device: bytes = b"0000000"
) -> bytes:
    """One header block with its checksum."""
    field = bytearray(name[:_NAME].ljust(_NAME, b"\0"))
    if len(name) > _NAME and field[-1:] == b"/":  # as Go does, lest it looks like a directory
        field[len(name[: _NAME - 1].rstrip(b"/"))] = 0
    block = bytearray(_BLOCK)
    for at, content in (
        (0, bytes(field)),
        (100, b"%07o" % mode),
        (108, b"0000000"),
        (116, b"0000000"),
        (124, b"%011o" % size),
        (136, b"%011o" % 0),
        (148, b" " * 8),
        (156, kind),
        (257, b"ustar\x0000"),
        (329, device),
        (337, device),
        (345, prefix),
    ):
        block[at : at + len(content)] = content
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)
