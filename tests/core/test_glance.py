"""A glance tells whether anything has happened to a stack, without reading what it holds."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pulumi_rewind.errors import BackendError
from tests.support.filestore import FileStore, denied
from tests.support.watched import watched


@pytest.fixture(params=[False, True], ids=["scoped", "legacy"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    store = FileStore(tmp_path / "backend", legacy=request.param)
    for number in range(3):
        store.add(number)
    for path in (store.state, store.history):
        os.utime(path, (0, 0))  # a clock's tick is long for a test
    return store


def test_it_reads_neither_state_nor_history(store: FileStore) -> None:
    backend = store.open()
    with watched(store.directory) as events:
        backend.glance(store.ref)
        assert events("open") == []
        assert not [path for path in events("os.scandir") if Path(path) != store.locks]


def replace_state(store: FileStore) -> None:
    new = store.state.with_name("new")
    new.write_bytes(store.state.read_bytes())
    new.replace(store.state)


def restore_with_its_time(store: FileStore) -> None:
    """As ``cp -p`` and ``rsync -t`` do, which keep the size as well here."""
    before = store.state.stat()
    while store.state.stat().st_ctime_ns == before.st_ctime_ns:
        store.state.write_bytes(store.state.read_bytes())
        os.utime(store.state, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    ("part", "happens"),
    [
        ("live", restore_with_its_time),
        ("live", lambda store: store.write_live(99)),
        ("live", replace_state),
        ("live", lambda store: store.state.rename(store.state.with_suffix(".json.gz"))),
        ("live", lambda store: store.state.unlink()),
        ("history", lambda store: store.add(None, live=False)),
        ("history", lambda store: next(store.history.iterdir()).unlink()),
        ("locks", lambda store: store.lock()),
        ("locks", lambda store: store.lock(content="")),
    ],
)
def test_what_happens_makes_it_another_one(store: FileStore, part: str, happens: Callable[[FileStore], object]) -> None:
    backend = store.open()
    before = backend.glance(store.ref)
    assert backend.glance(store.ref) == before
    happens(store)
    after = backend.glance(store.ref)
    assert [name for name in ("live", "history", "locks") if getattr(before, name) != getattr(after, name)] == [part]


def test_a_backend_that_is_gone_or_forbidden_is_an_error(store: FileStore) -> None:
    backend = store.open()
    with denied(store.pulumi / "stacks"), pytest.raises(BackendError, match="can't be read"):
        backend.glance(store.ref)
    store.directory.rename(store.directory.with_name("away"))
    with pytest.raises(BackendError, match="does not exist"):
        backend.glance(store.ref)


def test_a_stack_that_was_never_updated_has_one(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "backend")
    store.history.rmdir()
    before = store.open().glance(store.ref)
    assert before.history == ""
    store.history.mkdir()
    store.add(1)
    assert store.open().glance(store.ref) != before
