"""Reading a file backend: layouts, laziness, compression, damage."""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from types import ModuleType

import pytest
import zstandard

from pulumi_rewind.backends import KINDS, open_backend
from pulumi_rewind.backends.urls import absolute_url
from pulumi_rewind.errors import BackendError, CheckpointError, EngineError, StackNotFound, UsageError
from pulumi_rewind.history.targets import resolve_target
from pulumi_rewind.rollback.planning import build_plan
from pulumi_rewind.session import open_session
from pulumi_rewind.state.model import StackRef
from pulumi_rewind.system.toolchain import EngineInfo, parse_version
from tests.support.filestore import Compression, FileStore, compress, denied
from tests.support.stack import EngineStack
from tests.support.watched import watched

NO_LEGACY = (3, 275, 0)
"""The first CLI that refuses the legacy layout altogether."""


# -- stacks -----------------------------------------------------------------------------------------------------------


def test_stacks_of_all_projects_without_what_is_not_a_stack(store: FileStore) -> None:
    stacks = store.pulumi / "stacks"
    (stacks / "shop" / "prod.json.gz").write_bytes(b"")
    (stacks / "shop" / "eu.west-1.json.zst").write_bytes(b"")
    (stacks / "blog").mkdir()
    (stacks / "blog" / "dev.json").write_bytes(b"")
    for foreign in ("dev.json.bak", "dev.json.bak.attrs", "dev.pulumi-tags", "notes.txt", "x y.json", ".json"):
        (stacks / "shop" / foreign).write_bytes(b"")
    (stacks / "shop" / "folder.json").mkdir()
    (stacks / "README").write_bytes(b"")
    assert [str(ref) for ref in store.open().stacks()] == ["blog/dev", "shop/dev", "shop/eu.west-1", "shop/prod"]


def test_legacy_layout_has_stacks_without_projects(tmp_path: Path) -> None:
    store = FileStore(tmp_path, legacy=True)
    store.add("one")
    store.lock()
    backend = store.open()
    assert backend.stacks() == [StackRef("", "dev")]
    ref = backend.find("dev", "shop")
    assert ref == backend.find("organization/shop/dev", "other") == StackRef("", "dev")
    history = backend.history(ref)
    assert [update.number for update in history.newest(9)] == [1]
    assert history.checkpoint(1).raw == backend.live(ref).raw
    assert backend.locks(ref)[0].username == "ada"


@pytest.mark.parametrize("name", ["dev", "shop/dev", "organization/shop/dev"])
def test_a_stack_is_found_by_each_form_of_its_name(store: FileStore, name: str) -> None:
    assert store.open().find(name, "shop") == StackRef("shop", "dev")


@pytest.mark.parametrize("name", ["prod", "blog/dev", "acme/shop/dev"])
def test_an_unknown_stack_is_an_error_that_lists_the_others(store: FileStore, name: str) -> None:
    with pytest.raises(StackNotFound, match=name) as caught:
        store.open().find(name, "shop")
    assert "shop/dev" in caught.value.hint
    assert caught.value.exit_code == 2


def test_a_stack_in_the_old_layout_is_pointed_out(store: FileStore) -> None:
    (store.pulumi / "stacks" / "old.json").write_bytes(store.checkpoint(1))
    with pytest.raises(StackNotFound) as caught:
        store.open().find("old", "shop")
    assert "pulumi state upgrade" in caught.value.hint


@pytest.mark.parametrize(
    "name", ["..", "../dev", "shop/..", "../../etc/passwd", "/dev", "a/b/c/d", "", "shop/", "d\0v", "..\\dev", "d v"]
)
def test_names_that_could_leave_the_backend_are_refused(store: FileStore, name: str) -> None:
    secret = store.directory / "dev.json"
    secret.write_bytes(store.checkpoint("outside"))
    with pytest.raises(UsageError, match="not the name of a stack"):
        store.open().find(name, "shop")


@pytest.mark.parametrize("ref", [StackRef("..", "x"), StackRef("shop", "../../dev"), StackRef("", "dev")])
def test_made_up_references_are_refused_too(store: FileStore, ref: StackRef) -> None:
    backend = store.open()
    for read in (backend.live, backend.history, backend.locks):
        with pytest.raises(UsageError, match="not the name of a stack"):
            read(ref)


# -- history ----------------------------------------------------------------------------------------------------------


def test_updates_are_numbered_by_their_nanoseconds_oldest_first(store: FileStore) -> None:
    for stamp in (1000, 999, 20, 1764000000000000017):
        record = {"kind": "update", "result": "succeeded", "message": str(stamp)}
        (store.history / f"dev-{stamp}.history.json").write_text(json.dumps(record))
    history = store.open().history(store.ref)
    assert [history.update(number).message for number in (1, 2, 3, 4)] == ["20", "999", "1000", "1764000000000000017"]
    assert [update.number for update in history.newest(10)] == [4, 3, 2, 1]
    assert [update.number for update in history.newest(2, before=4)] == [3, 2]
    assert [update.number for update in history.newest(2, before=99)] == [4, 3]
    assert list(history.newest(0)) == []


def test_a_record_is_read_in_full(store: FileStore) -> None:
    store.add(1, commit="a" * 40, branch="topic", dirty=True, message="ship it", kind="refresh", result="failed")
    update = store.open().history(store.ref).update(1)
    assert (update.kind, update.result, update.message) == ("refresh", "failed", "ship it")
    assert (update.commit, update.branch, update.dirty, update.author) == ("a" * 40, "topic", True, "Ada")
    assert update.end_time - update.start_time == 30
    assert update.changes == {"update": 1, "same": 2}
    assert json.loads(bytes(update.config)) == {"shop:size": "3"}
    assert update.has_checkpoint
    assert update.problem == ""


def test_foreign_files_in_the_history_are_ignored(store: FileStore) -> None:
    store.add(1)
    for name in (
        "dev-eu-1764000000000000000.history.json",
        "other-1764000000000000000.history.json",
        "foo-1764000000000000000.history.json",
        "dev-1764000000000000099.history.json.attrs",
        "dev-1764000000000000099.history.json.swp",
        "dev-notanumber.history.json",
        "dev-1764000000000000099.checkpoint.json",
        "notes.md",
    ):
        (store.history / name).write_text("{")
    assert len(store.open().history(store.ref)) == 1


def test_the_first_page_reads_nothing_but_its_own_records(store: FileStore) -> None:
    for value in range(500):
        store.add(value)
    backend = store.open()
    with watched(store.history) as seen:
        history = backend.history(store.ref)
        page = list(islice(history.newest(60), 60))
    assert [update.number for update in page] == list(range(500, 440, -1))
    assert len(seen("os.scandir")) + len(seen("os.listdir")) == 1
    assert sorted(seen("open")) == sorted(str(store.path("history", number)) for number in range(441, 501))


def test_a_long_listing_gives_the_garbage_collector_nothing_to_go_through(store: FileStore) -> None:
    """It would go through all that is listed again and again, which took a quarter of the time."""
    for value in range(1, 2_001):
        store.add(value, live=value == 2_000)
    backend = store.open()
    gc.collect()
    began = []

    def note(phase: str, _info: object) -> None:
        began.append(phase)

    gc.callbacks.append(note)
    try:
        history = backend.history(store.ref)
    finally:
        gc.callbacks.remove(note)
    assert len(history) == 2_000
    assert len(began) <= 2, "one collection begins and ends at most, whatever the number of updates"


def test_a_new_stack_has_an_empty_history(store: FileStore) -> None:
    store.history.rmdir()
    history = store.open().history(store.ref)
    assert len(history) == 0
    with pytest.raises(UsageError, match="no update #1"):
        history.update(1)


def test_an_unknown_number_names_the_range(store: FileStore) -> None:
    store.add(1)
    history = store.open().history(store.ref)
    for number in (0, -1, 2):
        with pytest.raises(UsageError, match=f"no update #{number}") as caught:
            history.checkpoint(number)
        assert "#1 to #1" in caught.value.hint


def test_an_update_without_checkpoint_says_so(store: FileStore) -> None:
    store.add(1, stored=False)
    history = store.open().history(store.ref)
    update = history.update(1)
    assert not update.has_checkpoint
    assert "no checkpoint" in update.problem
    with pytest.raises(CheckpointError, match="#1 does not exist"):
        history.checkpoint(1)


@pytest.mark.parametrize(
    "content", [b"", b'{"kind":"upd', b"[]", b"{}", b'{"kind":1}', b"\xff\xfe{}", b'"text"', b"\x1f\x8bnot gzip"]
)
def test_a_damaged_record_stays_in_the_list(store: FileStore, content: bytes) -> None:
    store.add(1)
    store.add(2)
    store.add(3)
    store.write("history", content, number=2)
    updates = list(store.open().history(store.ref).newest(10))
    assert [update.result for update in updates] == ["succeeded", "unreadable", "succeeded"]
    assert "#2" in updates[1].problem
    assert updates[1].has_checkpoint
    assert updates[1].start_time == updates[0].start_time - 60
    assert store.open().history(store.ref).checkpoint(2).resources


# -- compression ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_content_decides_on_compression_whatever_the_name(
    store: FileStore, compression: Compression, suffix: str
) -> None:
    store.add(1, stored=False)
    raw = store.checkpoint("packed")
    store.path("checkpoint", 1, suffix).write_bytes(compress(raw, compression))
    record = store.path("history", 1)
    store.path("history", 1, suffix).write_bytes(compress(record.read_bytes(), compression))
    if suffix:
        record.unlink()
    store.state.unlink()
    store.state.with_name(f"dev.json{suffix}").write_bytes(compress(raw, compression))
    backend = store.open()
    history = backend.history(store.ref)
    assert history.update(1).kind == "update"
    assert history.checkpoint(1).raw == backend.live(store.ref).raw == raw
    assert history.size(1) == (None if compression else len(raw))
    assert backend.stacks() == [store.ref]


def test_a_large_state_is_read_to_its_end(store: FileStore) -> None:
    for size in (0, 1 << 16, 9 << 20):
        raw = store.checkpoint("x" * size)
        store.write_live(raw + b" " * ((1 << 16) - len(raw) % (1 << 16)))  # ends where a block of reading does
        assert store.open().live(store.ref).raw.rstrip() == raw


def test_several_zstd_frames_are_one_file(store: FileStore) -> None:
    raw = store.checkpoint("framed")
    frames = [zstandard.ZstdCompressor().compress(part) for part in (raw[:20], raw[20:])]
    store.write_live(b"".join(frames))
    assert store.open().live(store.ref).raw == raw


def test_of_several_variants_the_newest_wins(store: FileStore) -> None:
    store.add("plain")
    for name, kind in (("gz", "gzip"), ("zst", "zstd")):
        for plain in (store.path("checkpoint", 1), store.path("history", 1), store.state):
            content = plain.read_bytes().replace(b"plain", kind.encode()).replace(b'"update"', f'"{kind}"'.encode(), 1)
            plain.with_name(f"{plain.name}.{name}").write_bytes(compress(content, "gzip" if name == "gz" else "zstd"))
    for newest in ("", ".gz", ".zst"):
        for suffix in ("", ".gz", ".zst"):
            moment = 2_000_000_000 if suffix == newest else 1_900_000_000
            for plain in (store.path("checkpoint", 1), store.path("history", 1), store.state):
                os.utime(plain.with_name(plain.name + suffix), (moment, moment))
        backend = store.open()
        history = backend.history(store.ref)
        assert len(history) == 1
        expected = {"": "plain", ".gz": "gzip", ".zst": "zstd"}[newest]
        for checkpoint in (history.checkpoint(1), backend.live(store.ref)):
            assert checkpoint.resources[0].decoded_outputs() == {"value": expected}
        assert history.update(1).kind == {"": "update"}.get(newest, expected)


# -- bad states -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
def test_a_truncated_checkpoint_is_an_error(store: FileStore, compression: Compression) -> None:
    store.add(1)
    stored = compress(store.checkpoint("x" * 500), compression)
    for missing in (1, 9, len(stored) // 2):
        store.write("checkpoint", stored[:-missing])
        store.write_live(stored[:-missing])
        backend = store.open()
        with pytest.raises(CheckpointError, match=f"the checkpoint of #1 .*{compression}") as caught:
            backend.history(store.ref).checkpoint(1)
        assert caught.value.hint
        with pytest.raises(CheckpointError, match="the live state of shop/dev"):
            backend.live(store.ref)


def test_unknown_versions_and_features_are_errors(store: FileStore) -> None:
    store.write_live(store.checkpoint(1, version=5))
    with pytest.raises(CheckpointError, match="version 5"):
        store.open().live(store.ref)
    store.write_live(store.checkpoint(1, version=4, features=["hooks", "teleport"]))
    with pytest.raises(CheckpointError, match="teleport"):
        store.open().live(store.ref)
    store.write_live(store.checkpoint(1, version=4, features=["hooks"]))
    assert store.open().live(store.ref).resources


def test_a_checkpoint_removed_after_the_listing(store: FileStore) -> None:
    store.add(1)
    store.add(2)
    history = store.open().history(store.ref)
    store.path("checkpoint", 1).unlink()
    assert history.update(1).has_checkpoint
    with pytest.raises(CheckpointError, match="#1 is no longer there") as caught:
        history.checkpoint(1)
    assert "reload" in caught.value.hint
    store.path("history", 2).unlink()
    assert history.update(2).result == "unreadable"
    assert len(store.open().history(store.ref)) == 1


def test_the_backend_disappears_while_browsing(store: FileStore) -> None:
    store.add(1)
    backend = store.open()
    history = backend.history(store.ref)
    store.directory.rename(store.directory.with_name("unmounted"))
    for read in (
        lambda: history.update(1),
        lambda: history.checkpoint(1),
        lambda: backend.live(store.ref),
        lambda: backend.history(store.ref),
        lambda: backend.locks(store.ref),
        lambda: backend.find("dev", "shop"),
        backend.stacks,
    ):
        with pytest.raises(BackendError, match="does not exist") as caught:
            read()
        assert not isinstance(caught.value, CheckpointError)
        assert "Mount it" in caught.value.hint


def test_a_removed_stack_is_told_from_a_lost_backend(store: FileStore) -> None:
    backend = store.open()
    store.state.unlink()
    with pytest.raises(BackendError, match="the live state of shop/dev is gone"):
        backend.live(store.ref)


def test_permission_denied_is_an_error_not_an_empty_list(store: FileStore) -> None:
    store.add(1)
    store.lock()
    backend = store.open()
    history = backend.history(store.ref)
    with denied(store.pulumi):
        for read in (
            lambda: history.update(1),
            lambda: history.checkpoint(1),
            lambda: backend.live(store.ref),
            lambda: backend.history(store.ref),
            lambda: backend.locks(store.ref),
            backend.stacks,
            store.open,
        ):
            with pytest.raises(BackendError, match=r"[Pp]ermission denied") as caught:
                read()
            assert "permissions" in caught.value.hint


def test_one_record_that_cannot_be_read_does_not_hide_the_others(store: FileStore) -> None:
    store.add(1)
    store.add(2)
    path = store.path("history", 2)
    path.unlink()
    path.symlink_to(path.name)  # a loop: the file system refuses to read it
    newest, oldest = store.open().history(store.ref).newest(2)
    assert newest.result == "unreadable"
    assert "can't be read" in newest.problem
    assert oldest.succeeded


def test_where_there_is_no_backend(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"nowhere does not exist") as caught:
        open_backend(f"file://{tmp_path}/nowhere")
    assert "PULUMI_BACKEND_URL" in caught.value.hint
    with pytest.raises(BackendError, match="holds no Pulumi state"):
        open_backend(f"file://{tmp_path}")


def test_a_newer_or_damaged_layout_is_refused(store: FileStore) -> None:
    meta = store.pulumi / "meta.yaml"
    meta.write_text("version: 2\n")
    with pytest.raises(BackendError, match="layout 2"):
        store.open()
    meta.write_text("")
    with pytest.raises(BackendError, match="has no version"):
        store.open()


@pytest.mark.parametrize(
    ("url", "said"),
    [("ftp://bucket/x", "ftp://"), ("postgresql://host/db", "postgresql://"), ("./state", "not the URL of a backend")],
)
def test_other_kinds_of_backend_are_named(url: str, said: str) -> None:
    with pytest.raises(BackendError, match=said) as caught:
        open_backend(url)
    assert ("postgres://" if url.startswith("postgresql") else "file://") in caught.value.hint


def test_a_new_kind_is_a_module_and_an_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("toy")
    monkeypatch.setattr(module, "open_toy", lambda url, environ: f"opened {url} as {environ['WHO']}", raising=False)
    monkeypatch.setitem(sys.modules, "pulumi_rewind.backends.toy", module)
    monkeypatch.setitem(KINDS, "toy://", ("toy", "open_toy"))
    assert str(open_backend("toy://box", {"WHO": "me"})) == "opened toy://box as me"
    with pytest.raises(BackendError) as caught:
        open_backend("ftp://bucket")
    assert "toy://" in caught.value.hint


def test_urls_have_one_spelling(tmp_path: Path) -> None:
    folder = tmp_path / "a #b 100%"
    FileStore(folder)
    url = absolute_url("file://./x/../a%20%23b%20100%25?no_tmp_dir=true", tmp_path)
    assert url == f"file://{tmp_path}/a %23b 100%25?no_tmp_dir=true"
    assert absolute_url(url, Path("/elsewhere")) == url
    assert open_backend(url).stacks() == [StackRef("shop", "dev")]
    assert absolute_url("s3://bucket/./x", tmp_path) == "s3://bucket/./x"


# -- locks ------------------------------------------------------------------------------------------------------------


def test_locks_name_their_holder(store: FileStore) -> None:
    backend = store.open()
    assert backend.locks(store.ref) == []
    path = store.lock()
    (lock,) = backend.locks(store.ref)
    assert (lock.username, lock.hostname, lock.pid, lock.path) == ("ada", "box", 4711, str(path))
    assert str(lock) == "ada@box (pid 4711) since 2025-11-24T16:00:00.5+01:00"
    path.unlink()
    assert backend.locks(store.ref) == []


@pytest.mark.parametrize("content", ["", '{"pid":', "[]", '{"pid":"x"}'])
def test_a_damaged_lock_is_a_lock(store: FileStore, content: str) -> None:
    store.lock(content=content)
    (lock,) = store.open().locks(store.ref)
    assert lock.path.endswith("a.json")
    assert str(lock) == f"someone: the lock file {lock.path} can't be read"


def test_a_lock_that_a_full_disk_cut_off_is_one_to_the_cli_and_to_us(store: FileStore) -> None:
    path = store.lock()
    path.with_name("a.json.attrs").write_text("{}")  # of a whole lock, as the CLI writes it
    path.with_name("folder").mkdir()
    path.replace(empty_sidecar_hint := path.with_name("a.json.18ec3e4d184b695f.tmp"))
    empty_sidecar_hint.write_bytes(b"")
    (lock,) = store.open().locks(store.ref)
    assert lock.path == str(empty_sidecar_hint)
    assert "`pulumi cancel` removes the lock" in lock.advice


# -- the real CLI -----------------------------------------------------------------------------------------------------


@pytest.mark.engine
@pytest.mark.parametrize(
    "variable",
    [
        "",
        "PULUMI_DIY_BACKEND_GZIP",
        pytest.param("PULUMI_DIY_BACKEND_ZSTD", marks=pytest.mark.since("3.224.0", "backends compressed by zstd")),
    ],
)
def test_what_the_real_cli_wrote(make_stack: Callable[..., EngineStack], variable: str) -> None:
    stack = make_stack()
    if variable:
        stack.extra_environ[variable] = "true"
    stack.config_set("shop:size", "3")
    program = "import pulumi\npulumi.export('size', {})"
    stack.up(program.format(1), "--message", "first")
    stack.up(program.format(2))
    stack.refresh()
    stack.up("raise Exception('no')", expect_failure=True)

    backend = open_backend(stack.environ["PULUMI_BACKEND_URL"])
    ref = backend.find("dev", "shop")
    history = backend.history(ref)
    ours = list(history.newest(10))
    theirs = stack.history()
    assert [(one.kind, one.result, one.message, one.changes) for one in ours] == [
        (one["kind"], one["result"], one["message"], one.get("resourceChanges") or {}) for one in theirs
    ]
    assert [update.result for update in ours] == ["failed", "succeeded", "succeeded", "succeeded"]
    assert ours[-1].message == "first"
    assert json.loads(bytes(ours[0].config)) == {"shop:size": "3"}
    assert [history.checkpoint(number).resources[0].decoded_outputs() for number in (1, 2)] == [
        {"size": 1},
        {"size": 2},
    ]
    exported = stack.export(show_secrets=False)["deployment"]
    assert json.loads(backend.live(ref).raw)["checkpoint"]["latest"] == exported
    assert (history.size(1) is None) == bool(variable)
    assert backend.locks(ref) == []


@pytest.mark.engine
def test_a_legacy_backend_of_the_real_cli(
    make_stack: Callable[..., EngineStack], engine: EngineInfo, tmp_path: Path
) -> None:
    stack = make_stack()
    legacy = tmp_path / "legacy"
    legacy.mkdir()
    if (parse_version(engine.version) or NO_LEGACY) < NO_LEGACY:
        stack.extra_environ = {
            "PULUMI_BACKEND_URL": legacy.as_uri(),
            "PULUMI_DIY_BACKEND_LEGACY_LAYOUT": "true",
            "PULUMI_DIY_BACKEND_IGNORE_DEPRECATION_ERROR": "true",
        }
        stack.pulumi("stack", "init", "old")
        stack.pulumi("refresh", "--yes", "-s", "old")
    else:  # it doesn't write this layout any more: what it writes, without the project's level
        stack.pulumi("stack", "init", "old")
        stack.pulumi("refresh", "--yes", "-s", "old")
        for kind in ("stacks", "history"):
            shutil.copytree(stack.backend / ".pulumi" / kind / stack.project, legacy / ".pulumi" / kind)
    backend = open_backend(legacy.as_uri())
    ref = backend.find("old", "shop")
    assert ref == StackRef("", "old")
    history = backend.history(ref)
    assert [update.kind for update in history.newest(9)] == ["refresh"]
    assert history.checkpoint(1).raw == backend.live(ref).raw


@pytest.mark.since("3.275.0", "no legacy layout any more")
def test_an_engine_that_refuses_the_legacy_layout_is_explained(stack: EngineStack) -> None:
    stack.up("import pulumi\npulumi.export('size', 1)")
    stack.up("import pulumi\npulumi.export('size', 2)")
    for kind in ("stacks", "history"):
        folder = stack.backend / ".pulumi" / kind
        for entry in (folder / stack.project).iterdir():
            entry.rename(folder / entry.name)
        (folder / stack.project).rmdir()
    (stack.backend / ".pulumi" / "meta.yaml").unlink()
    opened = open_session(stack.root, stack.name, environ=stack.environ)
    assert len(opened.timeline) == 2
    with pytest.raises(EngineError, match="no longer supported") as caught:
        build_plan(opened, resolve_target(opened.timeline, "1"))
    assert "pulumi state upgrade" in caught.value.hint
