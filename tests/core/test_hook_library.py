"""Ready-made callbacks without an engine or a server: how they are declared, and files that come back into a pod."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pulumi_rewind.callbacks.callback_context import update_context
from pulumi_rewind.errors import CallbackError
from pulumi_rewind.hooks import library
from pulumi_rewind.hooks.library.programs import size
from pulumi_rewind.state.model import Update
from tests.support.hooked import Hooked, side

HEAD = "import pulumi_rewind as rewind\nfrom pulumi_rewind.hooks.library import *\n"
LOCAL = """
KUBECTL = ("sh", "-c", 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"', "kubectl")  # exec without a cluster
rewind.undo(type="*:StatefulSet", timeout=60)(
    PodFiles(pod=lambda db: ("shop", "db-0"), path=PATH, kubectl=KUBECTL, folder=FOLDER)
)
"""


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """What a pod has on its volume."""
    place = tmp_path / "volume"
    (place / "inside").mkdir(parents=True)
    (place / "inside" / "one").write_bytes(b"1" * 70_000)
    (place / "two words").write_text("2")
    (place / "link").symlink_to("two words")
    return place


@pytest.fixture
def hooked(tmp_path: Path, volume: Path) -> Iterator[Hooked]:
    """The hooks file, loaded; copies are kept in a folder of their own."""
    code = LOCAL.replace("PATH", repr(str(volume))).replace("FOLDER", repr(str(tmp_path / "shared")))
    made = Hooked(tmp_path / "hooks", HEAD + code)
    yield made
    made.close()


DB = side("kubernetes:apps/v1:StatefulSet", "db", "shop/db")


def emptied(volume: Path) -> None:
    """A new volume."""
    shutil.rmtree(volume)
    volume.mkdir()


def test_the_files_of_a_pod_come_back(hooked: Hooked, volume: Path, tmp_path: Path) -> None:
    assert hooked.call("undo_create", new=DB, dry_run=True)["note"].startswith("copies it first: ")
    assert hooked.call("undo_create", new=DB)["note"].startswith("kept 3 files, ")
    [copy] = (tmp_path / "shared").rglob("*.tar")
    assert copy.parents[3] == tmp_path / "shared" / "pulumi-rewind"
    assert [path.stat().st_mode & 0o777 for path in (copy, copy.parent)] == [0o600, 0o700]
    emptied(volume)
    hooked.call("undo_delete", old=DB)
    (volume / "lost+found").mkdir()
    assert hooked.go_on("undo_delete", DB)
    assert (volume / "inside" / "one").read_bytes() == b"1" * 70_000
    assert (volume / "link").readlink() == Path("two words")
    assert hooked.said[-1] == "db: 3 files back in shop/db"


def test_a_copy_that_was_not_finished_is_none(hooked: Hooked, volume: Path, tmp_path: Path) -> None:
    volume.rename(volume.with_name("elsewhere"))
    with pytest.raises(CallbackError, match=r"failed: tar: .*No such file"):
        hooked.call("undo_create", new=DB)
    volume.with_name("elsewhere").rename(volume)
    assert not [path for path in (tmp_path / "shared").rglob("*") if path.is_file()]
    [place] = (tmp_path / "shared").glob("pulumi-rewind/copies/shop.dev/*")
    (place / f"20260101T000000-{'k' * 12}.tar.part").touch()  # what a killed try left
    hooked.call("undo_create", new=DB, idempotency_key="k" * 32)
    assert not list(place.glob("*.part"))
    [note] = (tmp_path / "shared").rglob("*.json")
    whole = note.read_bytes()
    note.unlink()
    with pytest.raises(CallbackError, match="there is no copy of shop/db, which was db"):
        hooked.call("undo_delete", old=DB)
    note.write_bytes(whole[:-5])
    with pytest.raises(CallbackError, match="is damaged"):
        hooked.call("undo_delete", old=DB)
    note.write_bytes(whole)
    other = {**DB, "id": "shop/db-2"}  # another object that the same resource was
    with pytest.raises(CallbackError, match="there is no copy of shop/db-2, which was db"):
        hooked.call("undo_delete", old=other)


def test_what_is_not_back_is_an_error(hooked: Hooked, volume: Path) -> None:
    hooked.call("undo_create", new=DB)
    emptied(volume)
    (volume / "two words").mkdir()
    (volume / "two words" / "in the way").touch()
    hooked.call("undo_delete", old=DB)
    with pytest.raises(CallbackError, match=r"failed: tar: .*two words"):
        hooked.go_on("undo_delete", DB)


def test_fewer_files_than_the_copy_has_are_an_error(hooked: Hooked, volume: Path, tmp_path: Path) -> None:
    hooked.call("undo_create", new=DB)
    [note] = (tmp_path / "shared").rglob("*.json")
    note.write_text(note.read_text().replace(f'"{volume}": 3', f'"{volume}": 4'))
    emptied(volume)
    hooked.call("undo_delete", old=DB)
    with pytest.raises(CallbackError, match=r"db has 3 files in .* after it was loaded, and the copy has 4"):
        hooked.go_on("undo_delete", DB)


def test_a_callback_hears_when_the_update_began() -> None:
    told = update_context(Update(number=2, kind="update", result="succeeded", start_time=5, end_time=9))
    assert (told["start"], told["time"]) == (5, 9)


def test_without_a_copy_it_comes_empty_only_if_that_is_said(tmp_path: Path) -> None:
    code = "rewind.undo(urn='*')(SqliteCopy(file=lambda db: 'nowhere', without_copy='empty'))\n"
    hooked = Hooked(tmp_path, HEAD + code)
    try:
        told = hooked.call("undo_delete", old=DB)
    finally:
        hooked.close()
    assert told == {"result": "recreate", "inputs": {}, "note": "empty: there is no copy of shop/db, which was db"}


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "rewind.undo(name='x')(object())",
            "undo needs an object with a method undo_delete, undo_update or undo_create",
        ),
        ("rewind.undo()(RdsSnapshot())", "undo needs a type, urn, name or component to choose resources by"),
        ("rewind.undo(name='x', retries=-1)(RdsSnapshot())", "retries is a whole number"),
        ("SqliteCopy()", "missing 1 required keyword-only argument: 'file'"),
    ],
)
def test_a_wrong_declaration_is_an_error(tmp_path: Path, code: str, message: str) -> None:
    hooked = Hooked(tmp_path, f"{HEAD}{code}\n")
    with pytest.raises(CallbackError, match=message):
        hooked.process.load()


def test_one_declaration_is_three_callbacks_where_it_stands(tmp_path: Path) -> None:
    code = f"{HEAD}\nrewind.undo(\n    type='aws:rds/*', timeout=3600, retries=2,\n)(RdsSnapshot())\n"
    hooked = Hooked(tmp_path, f"{code}import sys\nassert not {{'boto3', 'msgspec'}} & set(sys.modules), sys.modules\n")
    try:
        found = hooked.process.load()
    finally:
        hooked.close()
    told: list[Any] = [(item.kind, item.function, item.line, item.timeout, item.retries) for item in found]
    assert told == [(kind, f"RdsSnapshot.{kind}", 4, 3600, 2) for kind in ("undo_delete", "undo_update", "undo_create")]
    assert all(item.dry_run_safe for item in found)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (12_345_678, "12.3 MB"), (5e15, "5000.0 TB")],
)
def test_sizes_are_for_people(count: float, text: str) -> None:
    assert size(int(count)) == text


def test_the_example_declares_a_callback_for_each_kind_of_data(tmp_path: Path) -> None:
    example = Path(__file__).resolve().parents[2] / "examples" / "hooks" / "ready_made.py"
    hooked = Hooked(tmp_path, example.read_text())
    try:
        found = {item.function.partition(".")[0] for item in hooked.process.load()}
    finally:
        hooked.close()
    assert found == {name for name in library.__all__ if name != "before_delete"}
