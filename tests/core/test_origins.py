"""What rollbacks write into their updates, and what is made of it: verdicts, commits, the way back."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.history.commits import commits_between
from pulumi_rewind.history.failed_update import before_attempts, half_way, undo_number
from pulumi_rewind.history.origins import is_good, origin, own_record
from pulumi_rewind.history.targets import resolve_target
from pulumi_rewind.history.timeline import Timeline
from pulumi_rewind.history.update_mark import PROGRAM_AGENT, Mark, Stamp, read_stamp
from pulumi_rewind.session import open_session
from pulumi_rewind.state.model import REPLAY_AGENT, Update
from tests.support.filestore import START, FileStore
from tests.support.gitrepo import GitRepo


def mark(number: int) -> Mark:
    """The mark of an update that a store has written."""
    return Mark(number, START + (number - 1) * 60)


def rolled_back(
    store: FileStore, value: object, to: int, *, agent: str = REPLAY_AGENT, result: str = "succeeded", commit: str = ""
) -> int:
    """Adds an update as a rollback writes it."""
    written = {"exec.agent": Stamp(mark(to), mark(store.updates)).text(agent)}
    return store.add(value, message=f"rollback to #{to}", environment=written, result=result, commit=commit)


marks = st.none() | st.builds(Mark, st.integers(1, 10**9), st.integers(0, 2**33))


@given(marks, marks, st.booleans(), st.sampled_from([REPLAY_AGENT, PROGRAM_AGENT]))
def test_a_stamp_is_read_back_as_it_was_written(to: Mark | None, before: Mark | None, part: bool, agent: str) -> None:
    stamp = Stamp(to, before, part)
    update = Update(number=5, kind="update", result="succeeded", environment={"exec.agent": stamp.text(agent)})
    assert read_stamp(update) == stamp
    assert update.is_rollback == (agent == REPLAY_AGENT)


@given(st.text(max_size=40), st.text("rollback to #1;=@un", max_size=30))
def test_what_others_write_is_none_of_ours(agent: str, message: str) -> None:
    update = Update(number=5, kind="update", result="succeeded", message=message, environment={"exec.agent": agent})
    assert (read_stamp(update) is not None) == (agent.split(";")[0] in {REPLAY_AGENT, PROGRAM_AGENT})


def good(timeline: Timeline) -> int | None:
    found = timeline.last_good()
    return found.number if found else None


def test_a_rollback_is_as_good_as_its_target(store: FileStore) -> None:
    store.add("v1")
    store.add("half", result="failed")
    rolled_back(store, "half", 2)
    rolled_back(store, "half", 3)
    store.add("half", kind="refresh")
    timeline = store.timeline()
    assert [is_good(timeline.history, timeline.update(number)) for number in range(1, 6)] == [True] + [False] * 4
    assert origin(timeline.history, timeline.update(4)).number == 2
    assert good(timeline) == 1
    warnings = resolve_target(timeline, "#4").warnings
    assert warnings == ("#4 went back to #2, which failed",)
    store.add("v2")
    assert good(store.timeline()) == 1


def test_so_is_one_that_ran_the_program_and_one_that_went_on_after_a_failure(store: FileStore) -> None:
    store.add("v1")
    store.add("half", result="failed")
    rolled_back(store, "half", 2, agent=PROGRAM_AGENT)
    store.add("v2")
    assert good(store.timeline()) == 1
    rolled_back(store, "v1", 1)
    assert good(store.timeline()) == 4
    store.add("v3")
    assert good(store.timeline()) == 5


def test_only_content_tells_whether_live_is_another(store: FileStore) -> None:
    """Every update of an unchanged program writes its state anew: `-1` and `last-good` pass such ones over."""
    store.add("old")
    for _ in range(3):
        store.add("now")
    rolled_back(store, "now", 3)
    store.add("now", result="failed")
    timeline = store.timeline()
    assert good(timeline) == 1
    found = resolve_target(timeline, "-1")
    assert found.update.number == 1
    assert "#5, #4, #3, #2 skipped" in found.reason
    assert half_way(timeline) is None


def test_a_damaged_circle_of_rollbacks_has_an_end(store: FileStore) -> None:
    store.add("v1")
    rolled_back(store, "v1", 3)
    rolled_back(store, "v1", 2)
    timeline = store.timeline()
    assert is_good(timeline.history, timeline.update(3))
    assert origin(timeline.history, timeline.update(3)).number in {2, 3}
    assert undo_number(timeline, 3) in {0, 1, 2, 3}


def test_a_record_that_sorts_elsewhere_is_found_and_undone(store: FileStore) -> None:
    """The runner of v2 goes an hour ahead, so that its record comes after all that follow it."""
    for value in ("v1", "v2", "v3"):
        store.add(value)
    for path in list(store.history.glob(f"dev-{(START + 60) * 10**9 + 17}.*")):
        path.rename(path.with_name(path.name.replace(str((START + 60) * 10**9 + 17), str((START + 3660) * 10**9))))
    timeline = store.timeline()
    assert [timeline.update(number).start_time - START for number in (1, 2, 3)] == [0, 120, 60]
    assert timeline.live_update() == 2
    stamp = Stamp(Mark.of(timeline.update(1)), Mark.of(timeline.update(2)))
    store.add("v1", message="rollback to #1", environment={"exec.agent": stamp.text()})
    timeline = store.timeline()
    own = own_record(timeline.history, stamp)
    assert own is not None
    assert (own.number, timeline.live_update(), len(timeline)) == (3, 3, 4)
    assert undo_number(timeline, own.number) == 2
    # And where what was live before is the record that sorts last.
    ahead = Stamp(Mark.of(timeline.update(1)), Mark.of(timeline.update(4)))
    store.add("v1", message="rollback to #1", environment={"exec.agent": ahead.text()})
    timeline = store.timeline()
    own = own_record(timeline.history, ahead)
    assert own is not None
    assert (own.number, undo_number(timeline, own.number)) == (4, 5)


def test_attempts_that_failed_are_one_way(store: FileStore) -> None:
    store.add("v1")
    store.add("v2")
    rolled_back(store, "between", 1, result="failed")
    assert before_attempts(store.timeline()) == 2
    rolled_back(store, "v1", 1)
    timeline = store.timeline()
    assert undo_number(timeline, 4) == 2
    assert before_attempts(timeline) == 4


def test_commits_of_a_rollback_are_those_of_what_it_brought_back(store: FileStore, repo: GitRepo) -> None:
    one = repo.commit("one")
    two = repo.commit("two")
    three = repo.commit("three")
    store.add("v1", commit=one)
    store.add("v2", commit=two)
    rolled_back(store, "v1", 1, commit=two)
    store.add("v3", commit=three)
    timeline = store.timeline(repo.open())
    back = commits_between(timeline, timeline.update(3))
    assert (back.since, back.came, [commit.title for commit in back.went]) == (2, (), ["two"])
    came = commits_between(timeline, timeline.update(4))
    assert (came.since, [commit.title for commit in came.came]) == (3, ["three", "two"])


def test_reading_again_shows_tags_that_were_made_since(store: FileStore, repo: GitRepo, tmp_path: Path) -> None:
    sha = repo.commit("one")
    (repo.root / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    store.add("v1", commit=sha)
    session = open_session(repo.root, "dev", backend=store.url, environ={"HOME": str(tmp_path)})
    assert [entry.tags for entry in session.timeline.entries()] == [()]
    repo.git("tag", "v1.0")
    session.reload()
    assert [entry.tags for entry in session.timeline.entries()] == [("v1.0",)]
    assert resolve_target(session.timeline, "v1.0").update.number == 1
