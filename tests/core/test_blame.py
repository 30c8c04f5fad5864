"""Blame over the recorded shop: real checkpoints, read by the real backend."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pulumi_rewind.backends import open_backend
from pulumi_rewind.errors import UsageError
from pulumi_rewind.history.blame import Blamed, blame, find_resource, properties
from pulumi_rewind.history.timeline import Timeline
from pulumi_rewind.history.update_mark import Mark, Stamp
from pulumi_rewind.state.model import Checkpoint, Resource, StackRef
from tests.support.tui.shop_recording import RECORDINGS

RECORDING = RECORDINGS / "shop" / "backend" / "pulumi"
SHOP = StackRef("shop", "prod")


@pytest.fixture
def backend_directory(tmp_path: Path) -> Path:
    shutil.copytree(RECORDING, tmp_path / ".pulumi")
    return tmp_path


@pytest.fixture
def timeline(backend_directory: Path) -> Timeline:
    return timeline_in(backend_directory)


def timeline_in(backend_directory: Path) -> Timeline:
    backend = open_backend(backend_directory.as_uri())
    return Timeline(backend.history(SHOP), backend, SHOP, lambda: None)


def by_path(found: Iterator[Blamed]) -> dict[str, Blamed]:
    return {item.path: item for item in found}


def origin(item: Blamed) -> int | None:
    return item.update.number if item.update is not None else None


def checkpoint_file(directory: Path, number: int) -> Path:
    return sorted((directory / ".pulumi" / "history" / "shop" / "prod").glob("*.checkpoint.json"))[number - 1]


def test_each_property_is_attributed_to_the_update_that_set_it_last(timeline: Timeline) -> None:
    api = by_path(blame(timeline, "api"))
    assert origin(api["inputs.image"]) == 7
    assert origin(api["inputs.userData"]) == 6, "the hotfix from the dirty tree"
    assert origin(api["inputs.tags.tier"]) == 1
    assert api["inputs.image"].value == "shop/api:1.3.0"
    userdata = api["inputs.userData"].update
    assert userdata is not None
    assert userdata.dirty
    assert all(item.certain for item in api.values())


def test_a_replacement_shows_as_a_new_id(timeline: Timeline) -> None:
    database = by_path(blame(timeline, "orders-db"))
    assert origin(database["id"]) == 7
    assert origin(database["inputs.engine"]) == 7
    assert origin(database["options.protect"]) == 7


def test_a_failed_update_is_blamed_for_what_it_did_change(timeline: Timeline) -> None:
    assert origin(by_path(blame(timeline, "worker"))["inputs.image"]) == 8


def test_what_a_rollback_set_has_the_commit_of_what_it_went_back_to(backend_directory: Path) -> None:
    target = timeline_in(backend_directory).update(6)
    path = sorted((backend_directory / ".pulumi/history/shop/prod").glob("*.history.json"))[7]
    record = json.loads(path.read_text())
    record["environment"] |= {"exec.agent": Stamp(target=Mark.of(target)).text(), "git.head": "f" * 40}
    path.write_text(json.dumps(record))
    image = by_path(blame(timeline_in(backend_directory), "worker"))["inputs.image"]
    assert origin(image) == 8
    assert image.source is not None
    assert image.source.commit == target.commit


def test_an_encrypted_secret_is_never_shown_and_not_certain(timeline: Timeline) -> None:
    password = by_path(blame(timeline, "orders-db"))["inputs.password"]
    assert password.secret
    assert password.value == "[secret]"
    assert not password.certain


def test_what_settles_first_comes_first_and_history_is_read_no_further(timeline: Timeline) -> None:
    read: list[str] = []

    def note(checkpoint: Checkpoint, res: Resource) -> Resource:
        read.append(checkpoint.digest)
        return res

    found = blame(timeline, "worker", decrypt=note)
    assert next(found).path == "inputs.image"
    assert read == [timeline.live().digest, timeline.checkpoint(7).digest], "in #8 it is as in live"


def test_a_damaged_checkpoint_makes_the_answer_uncertain(timeline: Timeline, backend_directory: Path) -> None:
    checkpoint_file(backend_directory, 5).write_text("{")
    api = by_path(blame(timeline, "api"))
    assert origin(api["inputs.userData"]) == 6
    assert not api["inputs.userData"].certain, "it could be #5 as well"
    assert api["inputs.image"].certain


def test_a_change_outside_updates_has_no_update(timeline: Timeline, backend_directory: Path) -> None:
    live = backend_directory / ".pulumi" / "stacks" / "shop" / "prod.json"
    live.write_text(live.read_text().replace("shop/worker:1.3.1", "shop/worker:edited"))
    worker = by_path(blame(timeline, "worker"))
    assert worker["inputs.image"].update is None
    assert worker["inputs.dependsId"].update is not None


@pytest.mark.parametrize("how", ["worker", "bridged:index:Server::worker", "*::work*"])
def test_a_resource_is_found_by_name_and_pattern(timeline: Timeline, how: str) -> None:
    assert find_resource(timeline.live(), how).name == "worker"


@pytest.mark.parametrize(
    ("text", "message"), [("wrker", "no resource"), ("bridged:index:Server::*", "fits 5 resources")]
)
def test_unknown_and_ambiguous_names_list_what_there_is(timeline: Timeline, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        find_resource(timeline.live(), text)
    assert "worker" in caught.value.hint


def test_keys_that_are_no_names_are_quoted(timeline: Timeline) -> None:
    paths: Callable[[str], set[str]] = lambda name: set(properties(find_resource(timeline.live(), name)))  # noqa: E731
    assert "inputs.tags.right-to-left" in paths("assets")
    assert not any("__defaults" in path for path in paths("assets"))
