"""Notes beside a stack, on every kind of backend: written by one of two writers, read by every machine."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from pulumi_rewind.backends import cloud, file_writing, object_writing, open_backend
from pulumi_rewind.backends.protocol import Backend
from pulumi_rewind.errors import BackendError, NoteMoved, UsageError
from pulumi_rewind.state.locks import Lock
from pulumi_rewind.state.model import StackRef
from tests.backends.conftest import SERVICES, only_on
from tests.backends.served_stack import ServedStack
from tests.servers import aws
from tests.servers.faulty import FORWARD, Asked, Reply, faulty
from tests.servers.xml_gcs import xml_gcs
from tests.support.filestore import FileStore
from tests.support.stack import REFUSED

NOTE = b'{"why":"a bad release"}'


@pytest.fixture(autouse=True)
def soon_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service on this machine answers within milliseconds."""
    monkeypatch.setattr(cloud, "SETTLED", 0.3)


@dataclass(frozen=True)
class Beside:
    """A stack, and how it is opened by us."""

    stack: ServedStack
    environ: Mapping[str, str]

    @property
    def backend(self) -> Backend:
        """As another machine opens it, each time anew."""
        return open_backend(self.stack.backend_url, self.environ)

    @property
    def ref(self) -> StackRef:
        return self.backend.find(self.stack.name, self.stack.project)


@pytest.fixture
def written(shop: ServedStack) -> Iterator[Beside]:
    """The stack of a kind, where its server can be written as we write, without notes before and after."""
    with contextlib.ExitStack() as servers:
        environ = dict(shop.environ)
        if address := environ.get("STORAGE_EMULATOR_HOST"):
            environ["STORAGE_EMULATOR_HOST"] = servers.enter_context(xml_gcs(address))
        beside = Beside(shop, environ)
        yield beside
        if (left := beside.backend.note(beside.ref, "sample")) is not None:
            beside.backend.remove_note(beside.ref, "sample", instead_of=left.mark)


def test_a_note_is_seen_by_all_and_replaced_by_who_has_read_it(written: Beside) -> None:
    dev = written.ref
    assert written.backend.note(dev, "sample") is None
    written.backend.write_note(dev, "sample", NOTE, instead_of=None)
    first = written.backend.note(dev, "sample")
    assert first is not None
    assert first.content == NOTE
    with pytest.raises(NoteMoved):
        written.backend.write_note(dev, "sample", b"{}", instead_of=None)
    written.backend.write_note(dev, "sample", NOTE, instead_of=first.mark)
    second = written.backend.note(dev, "sample")
    assert second is not None
    assert (second.content, second.mark == first.mark) == (NOTE, False)
    with pytest.raises(NoteMoved) as raised:
        written.backend.write_note(dev, "sample", b"{}", instead_of=first.mark)
    assert raised.value.hint
    with pytest.raises(NoteMoved):
        written.backend.remove_note(dev, "sample", instead_of=first.mark)
    assert written.backend.note(dev, "sample") == second
    assert written.backend.note(dev, "held") is None
    written.backend.remove_note(dev, "sample", instead_of=second.mark)
    assert written.backend.note(dev, "sample") is None
    written.backend.write_note(dev, "sample", NOTE, instead_of=None)


def test_of_writers_at_the_same_time_one_wins(written: Beside) -> None:
    dev = written.ref
    written.backend.write_note(dev, "sample", NOTE, instead_of=None)
    read = written.backend.note(dev, "sample")
    assert read is not None
    start, won = threading.Barrier(3), list[int]()

    def write(number: int) -> None:
        own = written.backend
        start.wait()
        try:
            own.write_note(dev, "sample", json.dumps(number).encode(), instead_of=read.mark)
            won.append(number)
        except NoteMoved:
            pass

    writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    there = written.backend.note(dev, "sample")
    assert there is not None
    assert won == [json.loads(there.content)]


@only_on("s3", "gs", "azblob", "postgres")
def test_who_writes_between_reading_and_writing_is_noticed(written: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the store knows conditions the second one wins; else the first one has shut it out."""
    monkeypatch.setattr(object_writing, "PATIENCE", 0.0)
    storage, won = written.backend._storage, list[str]()  # type: ignore[attr-defined]
    key = ".pulumi/rewind/race.json"

    def change(_: bytes | None) -> bytes:
        with contextlib.suppress(BackendError):
            if written.backend._storage.swap(key, lambda _: b"second"):  # type: ignore[attr-defined]
                won.append("second")
        return b"first"

    try:
        if storage.swap(key, change):
            won.append("first")
        assert len(won) == 1
        assert storage.read(key, 100).decode() == won[0]
    finally:
        storage.remove(key)


def test_the_cli_and_the_history_pass_over_notes(written: Beside) -> None:
    dev, before = written.ref, len(written.backend.history(written.ref))
    written.backend.write_note(dev, "sample", NOTE, instead_of=None)
    listed = json.loads(written.stack.pulumi("stack", "ls", "--json").stdout)
    assert [one["name"] for one in listed if dev.name in one["name"]]
    assert json.loads(written.stack.pulumi("stack", "export").stdout)["deployment"]["resources"]
    assert written.backend.stacks().count(dev) == 1
    assert len(written.backend.history(dev)) == before
    assert written.backend.locks(dev) == []
    assert not any(key.startswith("rewind:") for key in written.backend.about(dev).tags)


def test_a_lock_file_of_ours_stops_the_cli_and_goes_again(written: Beside) -> None:
    dev = written.ref
    lock = Lock("ada: a bad release", "build1", timestamp="2026-11-29T05:00:00Z")
    placed = written.backend.place_lock(dev, "11111111-0000-4000-8000-000000000000", lock)
    try:
        assert placed is not written.stack.backend_url.startswith("http")
        if placed:
            assert [(one.username, one.dead) for one in written.backend.locks(dev)] == [("ada: a bad release", False)]
            refused = written.stack.pulumi("refresh", "--yes", "--skip-preview", check=False)
            assert refused.returncode in REFUSED
            assert "created by ada: a bad release@build1" in refused.stdout + refused.stderr
            assert json.loads(written.stack.pulumi("stack", "export").stdout)["deployment"]["resources"]
    finally:
        for _ in (1, 2):
            written.backend.remove_lock(dev, "11111111-0000-4000-8000-000000000000")
    assert written.backend.locks(dev) == []


@only_on("cloud")
def test_in_tags_a_note_has_room_for_some_kilobytes_and_the_other_tags_stay(written: Beside) -> None:
    dev = written.ref
    service = SERVICES[written.stack.server.url]
    (stack,) = [one for name, one in service.stacks.items() if name[2] == dev.name and name[1] == dev.project]
    tags = dict(stack.tags)
    assert tags
    large = json.dumps([os.urandom(8).hex() for _ in range(700)]).encode()
    written.backend.write_note(dev, "sample", large, instead_of=None)
    assert all(len(key) <= 40 and len(value) <= 256 for key, value in stack.tags.items())
    assert tags.items() <= stack.tags.items()
    found = written.backend.note(dev, "sample")
    assert found is not None
    assert found.content == large
    with pytest.raises(BackendError, match="have room there"):
        written.backend.write_note(
            dev, "sample", large[:-1] + b"," + large[1:] + os.urandom(9000), instead_of=found.mark
        )
    stack.tags = {**stack.tags, "rewind:sample.3": "AAAA"}
    with pytest.raises(BackendError, match="parts of it are missing or changed") as raised:
        written.backend.note(dev, "sample")
    assert "pulumi stack tag rm rewind:sample" in raised.value.hint
    stack.tags = tags
    assert written.backend.note(dev, "sample") is None


@only_on("postgres")
def test_who_may_only_read_the_table_is_told_what_to_grant(written: Beside) -> None:
    import psycopg

    url = written.stack.backend_url.partition("&table=")
    with psycopg.connect(url[0], autocommit=True) as admin:
        admin.execute("CREATE ROLE looking LOGIN")
        admin.execute(f"GRANT SELECT ON {written.stack.prefix} TO looking")
        own = open_backend(written.stack.backend_url.replace("pulumi@", "looking@"), written.environ)
        with pytest.raises(BackendError, match=r"can't be written: this user has no right to write") as raised:
            own.write_note(written.ref, "sample", NOTE, instead_of=None)
        assert "GRANT SELECT, INSERT, UPDATE, DELETE" in raised.value.hint
        admin.execute("DROP OWNED BY looking")
        admin.execute("DROP ROLE looking")


@pytest.mark.s3
@pytest.mark.xdist_group("s3")
def test_a_bucket_that_knows_conditions_is_written_by_them(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "state")
    store.add("a")
    with aws.moto(tmp_path, store.directory) as url:
        keys = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "HOME": str(tmp_path)}
        own = open_backend(f"s3://{aws.BUCKET}?endpoint={url}&use_path_style=true&region=us-east-1", keys)
        own.write_note(store.ref, "sample", NOTE, instead_of=None)
        with pytest.raises(NoteMoved):
            own.write_note(store.ref, "sample", NOTE, instead_of=None)
        read = own.note(store.ref, "sample")
        assert read is not None
        assert own._storage._writer._conditions is True  # type: ignore[attr-defined]  # how it was done
        own.remove_note(store.ref, "sample", instead_of=read.mark)
        assert own.note(store.ref, "sample") is None


@pytest.mark.s3
@pytest.mark.xdist_group("s3")
@pytest.mark.parametrize(("status", "code"), [(501, ""), (400, "NotImplemented"), (400, "InvalidRequest")])
def test_a_bucket_whose_server_says_that_it_knows_no_conditions(tmp_path: Path, status: int, code: str) -> None:
    """Claims decide there; any other refusal is an error, whatever the stack is called."""
    store = FileStore(tmp_path / "state", stack="NotImplemented")
    store.add("a")

    def script(asked: Asked) -> Reply:
        refused = asked.headers.keys() & {"if-match", "if-none-match"}
        return Reply(status, f"<Error><Code>{code}</Code></Error>".encode()) if refused else FORWARD

    with aws.moto(tmp_path, store.directory) as url, faulty(script, url) as front:
        keys = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "HOME": str(tmp_path)}
        own = open_backend(f"s3://{aws.BUCKET}?endpoint={front.url}&use_path_style=true&region=us-east-1", keys)
        if code == "InvalidRequest":
            with pytest.raises(BackendError, match="can't be written"):
                own.write_note(store.ref, "sample", NOTE, instead_of=None)
            return
        own.write_note(store.ref, "sample", NOTE, instead_of=None)
        with pytest.raises(NoteMoved):
            own.write_note(store.ref, "sample", NOTE, instead_of=None)
        assert own._storage._writer._conditions is False  # type: ignore[attr-defined]  # how it was done


class Directory:
    """A stack in a directory of a test's own."""

    def __init__(self, place: Path, *, legacy: bool = False) -> None:
        self.store = FileStore(place, legacy=legacy)
        self.store.add("a")
        self.ref = self.store.ref
        self.folder = self.store.pulumi / "rewind" / self.ref.project / self.ref.name

    @property
    def backend(self) -> Backend:
        return self.store.open()


@pytest.mark.parametrize("legacy", [False, True])
def test_in_a_directory_it_is_a_file_beside_what_the_cli_keeps(tmp_path: Path, *, legacy: bool) -> None:
    stack = Directory(tmp_path, legacy=legacy)
    own = stack.backend
    assert own.note(stack.ref, "sample") is None
    own.write_note(stack.ref, "sample", NOTE, instead_of=None)
    assert json.loads((stack.folder / "sample.json").read_text())["note"] == json.loads(NOTE)
    read = own.note(stack.ref, "sample")
    assert read is not None
    with pytest.raises(NoteMoved):
        own.write_note(stack.ref, "sample", NOTE, instead_of="another")
    own.remove_note(stack.ref, "sample", instead_of=read.mark)
    assert stack.backend.note(stack.ref, "sample") is None
    assert {path.name for path in stack.folder.iterdir()} == {"sample.json", "sample.lock"}


def test_of_writers_in_a_directory_one_wins(tmp_path: Path) -> None:
    stack = Directory(tmp_path)
    start, won = threading.Barrier(8), list[int]()

    def write(number: int) -> None:
        own = stack.backend
        start.wait()
        try:
            own.write_note(stack.ref, "sample", str(number).encode(), instead_of=None)
            won.append(number)
        except NoteMoved:
            pass

    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    there = stack.backend.note(stack.ref, "sample")
    assert there is not None
    assert won == [int(there.content)]


def test_in_a_directory_others_wait_for_who_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_writing, "PATIENCE", 0.0)
    stack = Directory(tmp_path)
    own = stack.backend

    def change(_: bytes | None) -> bytes:
        with pytest.raises(BackendError, match="another process has been writing it"):
            stack.backend.write_note(stack.ref, "sample", NOTE, instead_of=None)
        return b"{}"

    assert own._storage.swap(own._notes(stack.ref)._key("sample"), change)  # type: ignore[attr-defined]


@pytest.mark.parametrize("content", [b"", b"{}", b"null", b'{"mark": "a", "note": {"x"', b"\xff", b"[" * 5000])
def test_what_somebody_else_has_put_there_is_an_error_and_stays(tmp_path: Path, content: bytes) -> None:
    stack = Directory(tmp_path)
    stack.folder.mkdir(parents=True)
    (stack.folder / "sample.json").write_bytes(content)
    damaged = r"sample\.json is no note of pulumi-rewind"
    with pytest.raises(BackendError, match=damaged) as raised:
        stack.backend.note(stack.ref, "sample")
    assert "remove it" in raised.value.hint
    with pytest.raises(BackendError, match=damaged):
        stack.backend.write_note(stack.ref, "sample", NOTE, instead_of=None)
    assert (stack.folder / "sample.json").read_bytes() == content


def test_no_link_leads_it_out_of_the_backend(tmp_path: Path) -> None:
    stack = Directory(tmp_path / "state")
    outside = tmp_path / "outside"
    outside.mkdir()
    stack.folder.parent.mkdir(parents=True)
    stack.folder.symlink_to(outside)
    with pytest.raises(BackendError, match="can't be written"):
        stack.backend.write_note(stack.ref, "sample", NOTE, instead_of=None)
    assert list(outside.iterdir()) == []


def test_what_stands_in_the_way_of_the_folder_is_named(tmp_path: Path) -> None:
    stack = Directory(tmp_path)
    (stack.store.pulumi / "rewind").write_text("a file")
    with pytest.raises(BackendError, match=r"sample\.json can't be written: Not a directory") as raised:
        stack.backend.write_note(stack.ref, "sample", NOTE, instead_of=None)
    assert "permissions" in raised.value.hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_without_the_right_to_write_it_says_which_directory(tmp_path: Path) -> None:
    stack = Directory(tmp_path)
    stack.store.pulumi.chmod(0o555)
    with pytest.raises(BackendError, match=r"sample\.json can't be written: Permission denied"):
        stack.backend.write_note(stack.ref, "sample", NOTE, instead_of=None)
    stack.store.pulumi.chmod(0o755)


def test_names_and_sizes_have_limits(tmp_path: Path) -> None:
    stack = Directory(tmp_path)
    for name in ("", "../x", "Hold", "a" * 21):
        with pytest.raises(UsageError):
            stack.backend.write_note(stack.ref, name, NOTE, instead_of=None)
    with pytest.raises(BackendError, match="have room there"):
        stack.backend.write_note(stack.ref, "sample", b'"' + b"x" * (2 << 20) + b'"', instead_of=None)
