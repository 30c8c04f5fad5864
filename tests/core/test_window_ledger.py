"""Where it is kept what is held: the file and the note, of which one is enough, and two machines that write at once."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pulumi_rewind.errors import RewindError
from pulumi_rewind.plan.arrangement import Holding
from pulumi_rewind.project.journal import Journal
from pulumi_rewind.state.model import Checkpoint, StackRef
from pulumi_rewind.window.held import completed
from pulumi_rewind.window.ledger import Window
from tests.support.checkpoints import checkpoint, res, urn
from tests.support.notes import Notes

BEFORE = checkpoint(res("db", id="1", inputs={"size": "large" * 100}), res("web", id="2"))
AFTER = checkpoint(res("web", id="2"))
FOUND = Holding(frozenset({(urn("db"), "1")}), until=2.0)


class Timeline(list[int]):
    """Two updates, whose checkpoints are known; no records."""

    history = None

    def checkpoint(self, _: int) -> Checkpoint:
        return BEFORE

    def live(self) -> Checkpoint:
        return AFTER


def machine(home: Path, notes: Any) -> Any:
    stack = StackRef("shop", "dev")
    journal = Journal("file:///b", stack, {"XDG_STATE_HOME": str(home)})
    return SimpleNamespace(backend=notes, stack=stack, journal=journal, timeline=Timeline([1, 2]), records=None)


def held(session: Any) -> list[str]:
    return [one.id for one in Window(session).now(AFTER)]


def test_each_of_both_is_enough(tmp_path: Path) -> None:
    notes = Notes()
    one, other = machine(tmp_path / "one", notes), machine(tmp_path / "other", notes)
    Window(one).begin("update", BEFORE, FOUND)
    assert held(one) == held(other) == ["1"]
    notes.kept.clear()
    assert (held(one), held(other)) == (["1"], [])
    notes.gone = True
    lost = Window(one)
    assert [item.id for item in lost.now(AFTER)] == ["1"]
    assert "what other machines hold can't be read" in lost.problem


def test_a_note_without_room_names_the_objects(tmp_path: Path) -> None:
    notes = Notes(room=700)
    one, other = machine(tmp_path / "one", notes), machine(tmp_path / "other", notes)
    Window(one).begin("update", BEFORE, FOUND)
    assert held(other) == ["1"]
    there = Window(other).read()
    assert all(entry.named_only for entry in there.batches[0].entries)
    whole = completed(there, lambda _: BEFORE).batches[0].entries
    assert [entry.resource for entry in whole if not entry.needed_only] == [BEFORE.by_urn[urn("db")]]
    gone = completed(there, lambda _: AFTER).batches[0].entries
    assert not [entry for entry in gone if not entry.needed_only]


def test_a_note_with_no_room_at_all_leaves_the_file(tmp_path: Path) -> None:
    one = machine(tmp_path / "one", Notes(room=10))
    window = Window(one)
    window.begin("update", BEFORE, FOUND)
    assert held(one) == ["1"]
    assert "other machines don't know what is held" in window.problem


def test_two_machines_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    notes = Notes()
    one, other = machine(tmp_path / "one", notes), machine(tmp_path / "other", notes)
    notes.between = lambda: Window(other).begin("update", BEFORE, Holding(frozenset({(urn("web"), "2")}), until=2.0))
    Window(one).begin("update", BEFORE, FOUND)
    empty = checkpoint()
    for session in (one, other):
        assert sorted(item.id for item in Window(session).now(empty)) == ["1", "2"]


def test_a_damaged_file_is_no_empty_one(tmp_path: Path) -> None:
    one = machine(tmp_path / "one", Notes())
    Window(one).begin("update", BEFORE, FOUND)
    Window(one).path.write_text("{")
    with pytest.raises(RewindError, match="can't be read from"):
        held(one)


def test_what_two_machines_wrote_without_the_backend_is_put_together(tmp_path: Path) -> None:
    notes = Notes(room=10)
    one, other = machine(tmp_path / "one", notes), machine(tmp_path / "other", notes)
    Window(one).begin("update", BEFORE, FOUND)
    notes.room = 1 << 20
    Window(other).begin("update", BEFORE, Holding(frozenset({(urn("web"), "2")}), until=2.0))
    assert sorted(item.id for item in Window(one).now(checkpoint())) == ["1", "2"]
