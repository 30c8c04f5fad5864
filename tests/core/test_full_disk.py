"""A state that was cut off on a full disk, and the room that an update needs; without an engine."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from pulumi_rewind.backends.directory import COPIES, MINIMUM_FREE, empty_sidecar_hint, space_warning
from pulumi_rewind.errors import CheckpointError
from pulumi_rewind.session import open_session
from tests.support.filestack import FileStack
from tests.support.filestore import FileStore


def test_a_state_that_was_cut_off_names_the_whole_one_before(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.add("one")
    backup = store.state.with_name(f"{store.state.name}.bak")
    shutil.copy(store.state, backup)
    whole = store.state.read_bytes()
    for content in (b"", whole[:50]):
        store.state.write_bytes(content)
        with pytest.raises(CheckpointError) as caught:
            store.open().live(store.ref)
        assert f"(1 resources): restore it with `cp '{backup}' '{store.state}'`" in caught.value.hint
    backup.write_bytes(whole[:50])
    older = store.pulumi / "backups" / store.ref.project / store.ref.name
    older.mkdir(parents=True)
    (older / "dev.18.json").write_bytes(whole)
    (older / "dev.19.json").write_bytes(whole[:50])
    with pytest.raises(CheckpointError) as caught:
        store.open().live(store.ref)
    assert f"an earlier update is intact (1 resources): restore it with `cp '{older / 'dev.18.json'}'" in (
        caught.value.hint
    )
    (older / "dev.18.json").unlink()
    with pytest.raises(CheckpointError) as caught:
        store.open().live(store.ref)
    assert "cp" not in caught.value.hint
    assert "backup" in caught.value.hint


def test_who_plans_is_told_of_the_copy_first(tmp_path: Path) -> None:
    """An engine of 3.206 leaves a cut state where the disk is full; the copy knows what the run had done until then."""
    stack = FileStack(tmp_path)
    stack.update(stack.resource("a", {"size": "s"}))
    whole = stack.checkpoint_file(1).read_bytes()
    stack.set_live(whole[:90])
    opened = open_session(stack.work, "dev", environ=stack.env)
    with pytest.raises(CheckpointError) as caught:
        opened.live()
    assert caught.value.hint.startswith("`--strategy state`")
    copy = stack.live_file.with_name(f"{stack.live_file.name}.bak")
    copy.write_bytes(whole)
    with pytest.raises(CheckpointError) as caught:
        opened.live()
    assert f"restore it with `cp '{copy}' '{stack.live_file}'`. `--strategy state`" in caught.value.hint


def test_room_is_measured_where_the_backend_is(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    assert space_warning(tmp_path, 1000) == ""
    assert str(tmp_path) in space_warning(tmp_path, free // COPIES + MINIMUM_FREE)
    assert space_warning(tmp_path / "gone", free) == ""


def test_a_sidecar_that_a_kill_left_empty_is_named(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.add("one")
    sidecar = store.state.with_name(f"{store.state.name}.attrs")
    assert empty_sidecar_hint(tmp_path) == ""
    sidecar.write_text('{"md5": "a"}')
    assert empty_sidecar_hint(tmp_path) == ""
    sidecar.write_text("")
    assert f"`rm '{sidecar}'`" in empty_sidecar_hint(tmp_path)


def test_a_file_that_somebody_is_just_writing_is_no_leftover(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.add("one")
    sidecar = store.state.with_name(f"{store.state.name}.attrs")
    sidecar.write_text("")
    writer = threading.Timer(0.1, sidecar.write_text, ['{"md5": "a"}'])
    writer.start()
    assert empty_sidecar_hint(tmp_path) == ""
    writer.join()
