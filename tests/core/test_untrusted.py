"""Files that aren't what they should be: pipes, devices, sockets, directories, bombs, files that grow or change.

Nothing here may wait: a test that hangs is ended by pytest's own time limit.
"""

from __future__ import annotations

import gzip
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard

from pulumi_rewind.assets.hash import hash_path
from pulumi_rewind.assets.sources import program_directory
from pulumi_rewind.backends import open_backend
from pulumi_rewind.backends.files import FileStorage
from pulumi_rewind.callbacks.code import todays_code
from pulumi_rewind.errors import BackendError, CheckpointError, RewindError, UsageError
from pulumi_rewind.project.settings import Settings, load_settings
from pulumi_rewind.project.stack_configuration import todays_config
from pulumi_rewind.project.workspace import find_workspace
from pulumi_rewind.secrets.passphrase import read_passphrase
from pulumi_rewind.state.values import ASSET
from pulumi_rewind.system import untrusted
from pulumi_rewind.system.untrusted import decompress, read_bytes, read_given, read_text
from tests.support.filestore import FileStore

Put = Callable[[Path], None]


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_socket(path: Path) -> None:
    """Bound by a short name: paths of sockets have about a hundred characters."""
    with socket.socket(socket.AF_UNIX) as server, tempfile.TemporaryDirectory() as folder:
        server.bind(f"{folder}/s")
        Path(f"{folder}/s").rename(path)


def a_directory(path: Path) -> None:
    path.mkdir()


def a_loop(path: Path) -> None:
    path.symlink_to(path.name)


def an_endless_file(path: Path) -> None:
    """Takes no room: all of it is a hole."""
    with path.open("wb") as file:
        file.truncate(1 << 40)


ODD = pytest.mark.parametrize("put", [a_pipe, a_device, a_socket, a_directory, a_loop, an_endless_file])


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    made = FileStore(tmp_path / "backend")
    made.add(1)
    return made


def replace(path: Path, put: Put) -> None:
    path.unlink(missing_ok=True)
    put(path)


@ODD
def test_a_history_record(store: FileStore, put: Put) -> None:
    replace(store.path("history", 1), put)
    update = store.open().history(store.ref).update(1)
    assert update.result == "unreadable"
    assert "can't be read" in update.problem


@ODD
def test_a_stored_checkpoint(store: FileStore, put: Put) -> None:
    replace(store.path("checkpoint", 1), put)
    history = store.open().history(store.ref)
    with pytest.raises(BackendError, match="can't be read"):
        history.checkpoint(1)
    if put is not an_endless_file:
        assert history.size(1) is None


def test_a_record_that_is_replaced_after_the_listing(store: FileStore) -> None:
    history = store.open().history(store.ref)
    replace(store.path("history", 1), a_pipe)
    assert "named pipe" in history.update(1).problem


@ODD
def test_the_live_state(store: FileStore, put: Put) -> None:
    replace(store.state, put)
    with pytest.raises(BackendError):
        store.open().live(store.ref)


@ODD
def test_a_lock_counts_whatever_it_is(store: FileStore, put: Put) -> None:
    path = store.lock()
    replace(path, put)
    locks = store.open().locks(store.ref)
    if path.is_dir():  # the CLI passes over it, too
        assert locks == []
    else:
        assert [(lock.username, lock.path) for lock in locks] == [("", str(path))]


@ODD
def test_meta_yaml(store: FileStore, put: Put) -> None:
    replace(store.pulumi / "meta.yaml", put)
    with pytest.raises(BackendError, match=r"meta\.yaml can't be read"):
        open_backend(store.url)


@ODD
def test_the_files_of_a_project(tmp_path: Path, put: Put) -> None:
    names = ("Pulumi.dev.yaml", "rewind.toml", "rewind_hooks.py", "passphrase")
    for name in names:
        put(tmp_path / name)
    for read in (
        lambda: todays_config(tmp_path / names[0]),
        lambda: load_settings(tmp_path),
        lambda: todays_code(tmp_path, Settings()),
    ):
        with pytest.raises(UsageError, match="can't be read"):
            read()
    (tmp_path / "Pulumi.yaml").symlink_to("named")
    put(tmp_path / "named")
    with pytest.raises(UsageError):
        find_workspace(tmp_path, environ={})
    assert program_directory(tmp_path) == tmp_path


@ODD
def test_a_passphrase_file(tmp_path: Path, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(untrusted, "PATIENCE", 0.05)
    put(tmp_path / "passphrase")
    with pytest.raises(UsageError, match="can't be read"):
        read_passphrase(tmp_path / "passphrase")


@pytest.mark.parametrize("put", [a_pipe, a_device, a_socket, a_directory, a_loop])
def test_an_asset(tmp_path: Path, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that is replaced between looking and opening. It may be of any size: it is streamed."""
    put(tmp_path / "asset")
    monkeypatch.setattr("pulumi_rewind.assets.hash._size", lambda _path: 1)
    with pytest.raises(RewindError):
        hash_path(ASSET, str(tmp_path / "asset"))


def test_a_passphrase_may_come_through_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_text("correct horse\n"))
    writer.start()
    assert read_passphrase(tmp_path / "pipe") == "correct horse"
    writer.join()


def test_a_passphrase_may_be_a_process_substitution() -> None:
    mine, theirs = os.pipe()
    os.write(theirs, b"correct horse\n")
    os.close(theirs)
    try:
        assert read_given(f"/dev/fd/{mine}") == b"correct horse\n"
    finally:
        os.close(mine)


def test_what_comes_through_a_pipe_has_an_end() -> None:
    mine, theirs = os.pipe()
    os.write(theirs, bytes(2_000))
    try:
        with pytest.raises(OSError, match="KiB"):
            read_given(f"/dev/fd/{mine}", 1_000)
    finally:
        os.close(theirs)
        os.close(mine)


def test_a_file_that_grows_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "growing"
    path.write_bytes(bytes(untrusted.SMALL + 1))
    real = os.read
    monkeypatch.setattr(os, "read", lambda fd, size: real(fd, size) or bytes(size))
    with pytest.raises(OSError, match="KiB"):
        read_bytes(path, 1 << 30)


def test_the_content_is_that_of_the_moment_it_was_opened(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for size in (0, 1, untrusted.SMALL - 1, untrusted.SMALL, untrusted.SMALL + 1, untrusted.LARGE * 2 + 7):
        path.write_bytes(os.urandom(size))
        assert read_bytes(path, 1 << 30) == path.read_bytes()
    with pytest.raises(OSError, match="more than"):
        read_bytes(path, 100)
    assert read_bytes("/proc/self/stat")  # a file of the kernel says that it is empty
    path.write_bytes(b"a\r\nb\rc")
    assert read_text(path) == path.read_text()


# -- compressed -------------------------------------------------------------------------------------------------------


def bombs() -> Iterator[bytes]:
    packed = gzip.compress(bytes(64 << 20))
    yield packed * 4
    yield zstandard.compress(bytes(256 << 20))
    stream = zstandard.ZstdCompressor().compressobj()
    yield b"".join([*(stream.compress(bytes(1 << 20)) for _ in range(200)), stream.flush()])


@pytest.mark.parametrize("bomb", list(bombs()), ids=["members", "said size", "stream"])
def test_a_bomb_is_not_unpacked(store: FileStore, bomb: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(untrusted, "RATIO", 100)
    store.path("checkpoint", 1).write_bytes(bomb)
    with pytest.raises(CheckpointError, match="unpacks to more than"):
        store.open().history(store.ref).checkpoint(1)
    store.path("history", 1).write_bytes(bomb)
    assert "unpacks to more than" in store.open().history(store.ref).update(1).problem


def test_a_frame_that_wants_a_huge_window() -> None:
    wide = zstandard.ZstdCompressionParameters(window_log=30, compression_level=1)
    stream = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    with pytest.raises(ValueError, match="too much memory"):
        decompress(stream.compress(b"a" * 5000) + stream.flush())


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_what_is_whole_is_unpacked_whole(pack: Callable[[bytes], bytes]) -> None:
    plain = b"".join(b'{"urn": "%d"}' % number for number in range(300_000))
    assert decompress(pack(plain)) == plain
    assert decompress(pack(plain) + pack(b"more")) == plain + b"more"
    assert decompress(pack(b"")) == b""
    for cut in (1, 3, 100):
        with pytest.raises(ValueError, match=r"zip|zstd"):
            decompress(pack(plain)[:-cut])


def test_repeated_json_of_any_usual_size_is_no_bomb() -> None:
    """Ten thousand resources that differ in a number alone."""
    plain = b"".join(b'{"urn": "%d", "inputs": {%b}}' % (n, b'"name": "value", ' * 200) for n in range(10_000))
    assert decompress(zstandard.compress(plain, 19 if len(plain) < 1 << 20 else 3)) == plain


def test_a_named_pipe_has_no_size(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    storage = FileStorage(tmp_path.as_uri())
    assert storage.size("pipe") is None
    with pytest.raises(BackendError, match="it is a named pipe, not a regular file"):
        storage.read("pipe", 100)
