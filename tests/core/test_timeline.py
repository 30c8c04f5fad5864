"""The timeline: which update is live, which was the last good one, and what git adds."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from pulumi_rewind.backends import open_backend
from pulumi_rewind.errors import CheckpointError
from pulumi_rewind.history.timeline import Timeline
from pulumi_rewind.history.update_mark import Mark, Stamp
from pulumi_rewind.project.repository import Repository, open_repository
from pulumi_rewind.state.model import REPLAY_AGENT
from pulumi_rewind.state.same import same_bytes
from tests.support.filestore import FileStore
from tests.support.gitrepo import GitRepo
from tests.support.stack import EngineStack

MISSING = "0123456789" * 4


def marks(timeline: Timeline) -> tuple[list[int], list[int]]:
    """Numbers of the rows marked live and last good."""
    rows = list(timeline.entries(100))
    return [row.update.number for row in rows if row.live], [row.update.number for row in rows if row.last_good]


# -- live -------------------------------------------------------------------------------------------------------------


def test_live_equals_the_newest_update(store: FileStore) -> None:
    for value in (1, 2, 3):
        store.add(value)
    timeline = store.timeline()
    assert timeline.live_update() == 3
    assert marks(timeline) == ([3], [2])


def test_when_a_state_was_written_does_not_matter(store: FileStore) -> None:
    store.add(1)
    store.write_live(store.checkpoint(1, time="2031-01-01T00:00:00.123456789Z"))
    assert store.timeline().live_update() == 1


def test_formatting_does_not_matter(store: FileStore) -> None:
    store.add({"b": 1, "a": [1, 2]})
    document = json.loads(store.state.read_bytes())
    store.write_live(json.dumps(document, indent=4, sort_keys=True).encode())
    assert store.timeline().live_update() == 1


def test_a_state_edited_outside_updates(store: FileStore) -> None:
    store.add(1)
    store.add(2)
    store.write_live("edited")
    timeline = store.timeline()
    assert timeline.live_update() is None
    assert marks(timeline) == ([], [2])


def test_an_older_state_put_back_is_found(store: FileStore) -> None:
    for value in ("one", "two" * 500, "three" * 500):
        store.add(value)
    store.write_live("one")
    assert store.timeline().live_update() == 1
    assert marks(store.timeline()) == ([1], [3])


def test_of_equal_updates_the_newest_is_live(store: FileStore) -> None:
    for value in (1, 2, 1):
        store.add(value)
    assert marks(store.timeline()) == ([3], [2])


def test_an_update_without_checkpoint_is_passed_over(store: FileStore) -> None:
    store.add(1)
    store.add(2)
    store.add(2, stored=False)
    timeline = store.timeline()
    assert timeline.live_update() == 2
    rows = list(timeline.entries())
    assert [row.update.has_checkpoint for row in rows] == [False, True, True]
    assert "no checkpoint" in rows[0].update.problem


def test_an_unreadable_live_state_does_not_hide_the_history(store: FileStore) -> None:
    store.add(1)
    store.add(2)
    store.write_live(b'{"version":3,"checkp')
    timeline = store.timeline()
    assert [row.update.number for row in timeline.entries()] == [2, 1]
    assert timeline.live_update() is None
    assert timeline.last_good() is None
    with pytest.raises(CheckpointError, match="live state of shop/dev"):
        timeline.live()


def test_live_is_read_once(store: FileStore) -> None:
    store.add(1)
    timeline = store.timeline()
    assert (timeline.live_update(), len(timeline)) == (1, 1)
    first = timeline.live()
    store.add(2)
    store.add(3)
    assert timeline.live() is first
    assert (timeline.live_update(), len(timeline)) == (1, 1)
    timeline = store.timeline()
    assert (timeline.live_update(), len(timeline)) == (3, 3)
    good = timeline.last_good()
    assert good is not None
    assert good.number == 2


def test_an_empty_history(store: FileStore) -> None:
    timeline = store.timeline()
    assert (len(timeline), list(timeline.entries()), timeline.live_update(), timeline.last_good()) == (
        0,
        [],
        None,
        None,
    )


# -- last good --------------------------------------------------------------------------------------------------------


def test_the_last_good_one_succeeded_and_differs_from_live(store: FileStore) -> None:
    store.add("good")
    store.add("half", result="failed")
    store.add("bad")
    store.add("bad", kind="refresh")
    store.add("bad", result="failed")
    assert marks(store.timeline()) == ([5], [1])


def test_after_a_failure_the_last_good_one_is_the_one_before(store: FileStore) -> None:
    store.add("good")
    store.add("broken", result="failed")
    assert marks(store.timeline()) == ([2], [1])


def test_a_destroy_and_a_damaged_checkpoint_are_not_good(store: FileStore) -> None:
    store.add("good")
    store.add(None, kind="destroy")
    store.add("damaged")
    store.write("checkpoint", b'{"version":3,"che')
    store.add("missing", stored=False)
    store.add("now")
    assert marks(store.timeline()) == ([5], [1])


def test_the_search_goes_no_further_than_what_is_shown(store: FileStore) -> None:
    store.add("first")
    for _ in range(9):
        store.add("same")
    timeline = store.timeline()
    shown = list(timeline.entries(4))
    for number in range(1, 7):
        store.path("checkpoint", number).unlink()  # whatever was read of these would be missed below
    assert [row.last_good for row in shown] == [False] * 4
    assert [row.update.number for row in timeline.entries(3, before=7)] == [6, 5, 4]
    assert timeline.last_good() is None


def test_what_is_older_than_the_page_may_be_gone(store: FileStore) -> None:
    for value in range(200):
        store.add(value)
    timeline = store.timeline()
    for number in range(1, 141):
        store.path("history", number).unlink()
        store.path("checkpoint", number).unlink()
    page = list(timeline.entries(60))
    assert [row.update.number for row in page] == list(range(200, 140, -1))
    assert all(row.update.succeeded for row in page)
    assert (page[0].live, page[1].last_good) == (True, True)


# -- git --------------------------------------------------------------------------------------------------------------


def test_rows_carry_what_git_knows(store: FileStore, repo: GitRepo) -> None:
    one = repo.commit("first commit", "v1.0", "@stable")
    two = repo.commit("second commit")
    store.add(1, commit=one, branch="release/1", message="deploy")
    store.add(2, commit=two, dirty=True)
    newest, oldest = store.timeline(repo.open()).entries()
    assert oldest.tags == ("stable", "v1.0")
    assert oldest.commit is not None
    assert (oldest.commit.title, oldest.commit.author) == ("first commit", "Ada")
    assert (oldest.update.branch, oldest.update.dirty, oldest.update.author) == ("release/1", False, "Ada")
    assert newest.tags == ()
    assert newest.commit is not None
    assert newest.update.dirty
    assert newest.update.branch == "main"


def test_a_missing_commit_or_repository_is_no_error(store: FileStore, repo: GitRepo) -> None:
    store.add(1, commit=repo.commit("known", "v1"))
    store.add(2, commit=MISSING)
    store.add(3)
    rows = list(store.timeline(repo.open()).entries())
    assert [row.commit is not None for row in rows] == [False, False, True]
    assert rows[1].update.commit == MISSING
    for timeline in (store.timeline(None), store.timeline(repo.open())):
        git = timeline.repository is None
        assert [row.commit for row in timeline.entries(git=git)] == [None, None, None]


@pytest.mark.parametrize("ours", [{"exec.agent": REPLAY_AGENT}, {"exec.agent": Stamp(Mark(1, 7)).text()}])
def test_a_rollback_does_not_claim_the_commit_that_was_checked_out(
    store: FileStore, repo: GitRepo, ours: dict[str, str]
) -> None:
    sha = repo.commit("head", "v2")
    store.add(1, commit=sha)
    store.add(2, commit=sha, message="rollback to #1 (v2)", environment=ours)
    inline = {"runtime.name": "client", "exec.kind": "auto.inline"}
    store.add(3, commit=sha, message="rollback to #1 (of the user's own program)", environment=inline)
    rows = {row.update.number: row for row in store.timeline(repo.open()).entries()}
    assert [rows[number].update.is_rollback for number in (1, 2, 3)] == [False, True, False]
    assert [rows[number].tags for number in (1, 2, 3)] == [("v2",), (), ("v2",)]
    assert rows[2].commit is None


def test_the_repository_is_opened_only_when_needed(store: FileStore, repo: GitRepo) -> None:
    repo.commit("one")
    store.add(1)
    opened: list[Repository] = []

    def open_now() -> Repository:
        opened.append(repo.open())
        return opened[-1]

    backend = store.open()
    timeline = Timeline(backend.history(store.ref), backend, store.ref, open_now)
    assert timeline.live_update() == 1
    assert list(timeline.entries(git=False))
    assert not opened
    assert list(timeline.entries())
    assert opened


def test_new_tags_are_seen_after_a_refresh(store: FileStore, repo: GitRepo) -> None:
    sha = repo.commit("one")
    store.add(1, commit=sha)
    repository = repo.open()
    timeline = store.timeline(repository)
    assert [row.tags for row in timeline.entries()] == [()]
    repo.git("tag", "v1", sha)
    repository.refresh()
    assert [row.tags for row in timeline.entries()] == [("v1",)]


# -- comparing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"), [(1, True), (1, 2), ("1", 1), ([1, 2], [2, 1]), (None, "x"), ({"a": None}, {}), (0, False)]
)
def test_different_states_are_different(store: FileStore, one: object, other: object) -> None:
    assert not same_bytes(store.checkpoint(one), store.checkpoint(other))
    assert same_bytes(store.checkpoint(one), store.checkpoint(one, time="2030-01-01T00:00:00Z"))


def test_an_export_equals_the_stored_file(store: FileStore) -> None:
    stored = store.checkpoint({"x": 1})
    export = {"version": 3, "deployment": json.loads(stored)["checkpoint"]["latest"]}
    assert same_bytes(stored, json.dumps(export, indent=4).encode())


def test_a_property_that_looks_like_a_manifest_is_compared(store: FileStore) -> None:
    one, other = (store.checkpoint({"manifest": {"time": value}}) for value in ("a", "b"))
    assert not same_bytes(one, other)
    bare = [
        raw.replace(b'"manifest":{"time":"2025-11-24T16:00:00Z","magic":"m","version":"v3.276.0"},', b"")
        for raw in (one, other)
    ]
    assert len(bare[0]) < len(one)
    assert not same_bytes(*bare)
    assert same_bytes(bare[0], one)


def test_damaged_files_equal_only_their_like(store: FileStore) -> None:
    for damaged in (b"", b"{", b"[]", b"{}", b"\xff"):
        assert same_bytes(damaged, damaged)
        assert not same_bytes(damaged, store.checkpoint(1))


# -- the real CLI -----------------------------------------------------------------------------------------------------


@pytest.mark.engine
def test_what_the_real_cli_leaves(make_stack: Callable[..., EngineStack]) -> None:
    stack = make_stack()
    program = "import pulumi\npulumi.export('size', {})"
    stack.up(program.format(1))
    sha = stack.git_commit("resize", tag="v2")
    stack.up(program.format(2))
    stack.up()
    stack.up("import pulumi\npulumi.export('size', 3)\nraise Exception('no')", expect_failure=True)

    def timeline() -> Timeline:
        backend = open_backend(stack.environ["PULUMI_BACKEND_URL"])
        ref = backend.find("dev", "shop")
        return Timeline(backend.history(ref), backend, ref, open_repository(stack.root))

    rows = list(timeline().entries())
    assert [row.update.result for row in rows] == ["failed", "succeeded", "succeeded", "succeeded"]
    assert timeline().live_update() == 4
    assert [row.update.commit for row in rows] == [sha, sha, sha, ""]
    assert [row.tags for row in rows] == [("v2",), ("v2",), ("v2",), ()]
    assert [row.update.dirty for row in rows] == [True, True, True, False]

    old = timeline().checkpoint(1)
    stack.pulumi("stack", "import", "-s", "dev", stdin=json.dumps(export_of(old.raw)))
    assert timeline().live_update() == 1
    edited = export_of(old.raw)
    edited["deployment"]["resources"][0]["outputs"]["size"] = 77
    stack.pulumi("stack", "import", "-s", "dev", stdin=json.dumps(edited))
    assert timeline().live_update() is None


def export_of(raw: bytes) -> dict[str, dict]:
    """The shape that ``pulumi stack import`` takes."""
    return {"version": 3, "deployment": json.loads(raw)["checkpoint"]["latest"]}
