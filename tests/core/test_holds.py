"""Holds: how they are written and read, what ends them, how two machines meet."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from pulumi_rewind.backends.rewriting import TRIES
from pulumi_rewind.errors import BackendError, NoteMoved, RefusedError
from pulumi_rewind.holding.holds import check_not_held, ended, place_hold, read_hold, release_hold, reverted, see_hold
from pulumi_rewind.holding.passing import passing
from pulumi_rewind.project.repository import Repository
from pulumi_rewind.session import Session
from pulumi_rewind.state.holds import LONGEST, Hold, decode_hold, one_line
from pulumi_rewind.state.locks import Lock, may_run, running
from tests.support.filestore import FileStore
from tests.support.gitrepo import GitRepo

TOKEN = "11111111-0000-4000-8000-000000000000"


@dataclass
class NoJournal:
    runs: bool = False

    def peek(self) -> object:
        return self

    def running(self, _: object) -> bool:
        return self.runs


@dataclass
class Place:
    """A session, as far as holds need one."""

    store: FileStore
    repository: Repository | None = None
    journal: NoJournal = field(default_factory=NoJournal)

    def __post_init__(self) -> None:
        self.backend, self.stack = self.store.open(), self.store.ref

    @property
    def locks(self) -> list[str]:
        return sorted(lock.hold for lock in self.backend.locks(self.stack))


@pytest.fixture
def place(tmp_path: Path) -> Any:
    store = FileStore(tmp_path / "state")
    store.add("a")
    return cast("Session", Place(store))


def test_what_is_written_is_read_again() -> None:
    made = Hold("ada", "build1", 1_700_000_000, "bad", 1_700_003_600, ("f" * 40,), 7, TOKEN)
    assert decode_hold(msgspec.json.encode(made)) == made
    assert (made.over(1_700_003_599), made.over(1_700_003_600)) == (False, True)
    assert not Hold("ada", "build1", 1).over(1e12), "until somebody releases it"


def test_nothing_of_a_foreign_hold_acts_on_a_terminal_or_leads_elsewhere() -> None:
    raw = {
        "user": "a\x1b[2J",
        "host": "h\n",
        "since": -1,
        "until": 10**18,
        "why": "x" * 999,
        "commits": ["-x", "a" * 40],
    }
    found = decode_hold(json.dumps({**raw, "token": "../x"}).encode())
    assert (found.user, found.host, found.token, found.commits) == ("a [2J", "h", "", ("a" * 40,))
    assert len(found.why) == LONGEST
    assert found.lock.timestamp == "1970-01-01T00:00:00Z"
    assert found.until < 10**12
    assert one_line("a\u202eb\tc") == "a b c"


def test_a_hold_is_no_operation() -> None:
    hold = Hold("ada", "build1", 1_700_000_000, "bad").lock
    assert hold.said == "held by ada@build1 since 2023-11-14T22:13:20Z: bad"
    assert "release" in hold.advice
    assert running([hold, Lock("ci")]) == [Lock("ci")]
    assert not may_run([hold])
    assert may_run([hold, Lock("ci")])


def test_placed_seen_released(place: Any) -> None:
    assert see_hold(place).hold is None
    placed = place_hold(place, why="bad\nrelease")
    assert placed.by_lock
    assert see_hold(place).hold == placed.hold
    assert place.locks == ["bad release"]
    with pytest.raises(RefusedError, match=r"held by .*: bad release"):
        check_not_held(place)
    assert release_hold(place) == placed.hold
    assert (place.locks, read_hold(place)) == ([], None)
    assert release_hold(place) is None
    check_not_held(place)


def test_a_lock_file_without_a_note_is_released_too(place: Any) -> None:
    place.backend.place_lock(place.stack, TOKEN, Hold("ada", "build1", 1).lock)
    assert release_hold(place) is None
    assert place.locks == []


def test_one_that_is_over_ends_at_sight(place: Any) -> None:
    place_hold(place, until=1)
    seen = see_hold(place)
    assert (seen.hold, seen.why) == (None, "its time is over")
    assert (place.locks, read_hold(place)) == ([], None)


def test_one_that_is_over_and_can_not_be_ended_is_still_told(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    place_hold(place, until=1)

    def refused(*_: object) -> None:
        raise BackendError("it can't be written", hint="Ask for the right.")

    monkeypatch.setattr(place.backend, "remove_lock", refused)
    seen = see_hold(place)
    assert seen.hold is not None
    assert (seen.why, seen.problem) == ("its time is over", "it can't be written. Ask for the right.")


def test_a_lock_file_comes_back_but_not_while_a_run_of_ours_passes(place: Any) -> None:
    hold = place_hold(place).hold
    place.backend.remove_lock(place.stack, hold.token)
    place.journal.runs = True
    see_hold(place)
    assert place.locks == []
    place.journal.runs = False
    see_hold(place)
    assert len(place.locks) == 1


def test_a_run_passes_and_what_it_meets_is_kept(place: Any) -> None:
    place_hold(place, why="one")
    seen = []

    def fails() -> None:
        with passing(place):
            seen.extend(place.locks)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert seen == []
    assert place.locks == ["one"]
    with passing(place):
        place_hold(place, why="two")
    assert place.locks == ["two"], "as it is now"
    with passing(place):
        release_hold(place)
    assert place.locks == [], "somebody has ended it"
    with passing(place):
        pass
    assert place.locks == []


def test_two_machines_place_and_release_at_once(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    write, meanwhile = place.backend.write_note, list[Callable[[], object]]()

    def write_note(*given: Any, **named: Any) -> None:
        if meanwhile:
            meanwhile.pop()()
        write(*given, **named)

    monkeypatch.setattr(place.backend, "write_note", write_note)
    meanwhile.append(lambda: place_hold(place, why="theirs", commits=("a" * 40,)))
    hold = place_hold(place, why="ours", commits=("b" * 40,)).hold
    assert hold.commits == ("a" * 40, "b" * 40)
    assert place.locks == ["ours"]

    tried: list[object] = []

    def always(*given: object, **__: object) -> None:
        tried.append(given)
        raise NoteMoved("somebody else wrote it")

    monkeypatch.setattr(place.backend, "write_note", always)
    with pytest.raises(NoteMoved, match="somebody else wrote it"):
        place_hold(place)
    assert len(tried) == TRIES


def test_it_ends_when_head_has_reverted_every_commit(place: Any, tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.commit("good")
    bad, worse = repo.commit("bad"), repo.commit("worse")
    place.repository = repo.open()
    hold = Hold("ada", "h", 1, commits=(bad, worse))

    def now() -> str:
        place.repository.refresh()
        return ended(place, hold)

    assert now() == ""
    repo.git("revert", "--no-edit", worse)
    assert now() == "", "one is left"
    repo.git("revert", "--no-edit", bad)
    assert "revert of every commit" in now()
    repo.git("revert", "--no-edit", "HEAD")
    assert now() == "", "the revert was reverted"
    repo.git("revert", "--no-edit", "HEAD")
    assert now() != ""
    assert ended(place, Hold("ada", "h", 1)) == "", "of no commits nothing is known"
    place.repository = None
    assert ended(place, hold) == ""


def test_the_revert_of_a_merge_counts_for_what_it_brought_in(place: Any, tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.commit("good")
    main = repo.git("symbolic-ref", "--short", "HEAD").strip()
    repo.git("checkout", "-q", "-b", "feature")
    bad = [repo.commit("one"), repo.commit("two")]
    repo.git("checkout", "-q", main)
    other = repo.commit("other")
    repo.git("merge", "-q", "--no-ff", "--no-edit", "feature")
    place.repository = repo.open()
    repo.git("revert", "--no-edit", "-m", "1", "HEAD")
    assert reverted(place, bad)
    assert not reverted(place, [*bad, other])
