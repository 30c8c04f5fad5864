"""One row of the timeline in a given width."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.history.timeline import Entry
from pulumi_rewind.state.model import REPLAY_AGENT, Update
from pulumi_rewind_tui.text.cells import fit_line, inert, line_width, plain
from pulumi_rewind_tui.text.timeline_rows import Marks, update_line
from pulumi_rewind_tui.words.symbols import canonical_changes, counts_text

GOOD = Update(
    number=7,
    kind="update",
    result="succeeded",
    start_time=1_795_516_859,
    message="Hotfix for the checkout",
    environment={"git.head": "6f73e70aa", "git.dirty": "true", "git.headName": "refs/heads/main"},
    changes={"replace": 1, "create-replacement": 1, "delete-replaced": 1, "create": 1, "update": 2, "same": 30},
)


def row(update: Update = GOOD, entry: Entry | None = None, marks: Marks | None = None, cells: int = 60) -> str:
    line = update_line(update, entry, marks or Marks(), cells=cells, digits=2, dated=False)
    return plain(fit_line(line, cells))


def change(**fields: object) -> Update:
    return Update(**({name: getattr(GOOD, name) for name in GOOD.__struct_fields__} | fields))


def test_a_good_update_shows_number_result_changes_and_commit() -> None:
    text = row()
    assert " #7 " in text
    assert "✓ ±1 +1 ~2" in text
    assert "Hotfix for the checkout" in text
    assert text.endswith("6f73e70*")


def test_last_good_and_tags_stand_before_the_commit() -> None:
    entry = Entry(GOOD, tags=("v1.2", "latest"))
    assert row(entry=entry, marks=Marks(last_good=7)).endswith("★ v1.2 +1 6f73e70*")


def test_what_only_a_record_knows_is_marked() -> None:
    assert "~2 record  Hotfix" in row(change(from_record="update"))
    assert "~2 recorded  Hotfix" in row(change(from_record="checkpoint"))
    assert "record" not in row()


def test_a_rollback_says_what_it_went_back_to() -> None:
    update = change(message="rollback to #3 (v1.0)", environment={"exec.agent": REPLAY_AGENT, "git.head": "6f73e70aa"})
    assert "↺ rollback to #3 (v1.0)" in row(update)


def test_a_failed_rollback_says_what_it_was_to_go_back_to() -> None:
    agent = {"exec.agent": REPLAY_AGENT, "git.head": "6f73e70aa"}
    update = change(message="rollback to #3 (v1.0)", environment=agent, result="failed")
    assert "✗ failed rollback to #3" in row(update, cells=44)
    assert "✗ failed rollback to #3 (v1.0) ±1 +1 ~2" in row(update)
    assert "6f73e70" not in row(update), "that commit was only checked out"


@pytest.mark.parametrize("cells", range(36, 70))
def test_the_message_takes_the_room_there_is(cells: int) -> None:
    line = row(cells=cells)
    before, message = line.split("~2")[0] + "~2", line.split("~2")[1].removesuffix("6f73e70*")
    room = cells - len(before) - 8
    if room >= 8:
        shown = message.strip()
        assert shown == GOOD.message or (shown.endswith("…") and len(message) - len(shown) <= 4)
    else:
        assert not message.strip()


@pytest.mark.parametrize(
    ("update", "words"),
    [
        (change(result="failed"), "✗ failed"),
        (change(result="failed", kind="refresh"), "✗ failed refresh"),
        (change(result="in-progress"), "◐ running"),
        (change(kind="refresh"), "✓ refresh"),
        (change(kind="resource-import"), "✓ import"),
        (change(changes={"same": 3}), "✓ no changes"),
        (change(result="unreadable", problem="its record is damaged: x"), "? damaged record"),
        (change(has_checkpoint=False, problem="no checkpoint was kept"), "? no checkpoint"),
    ],
)
def test_every_result_has_a_symbol_and_a_word(update: Update, words: str) -> None:
    assert words in row(update)


def test_a_damaged_checkpoint_is_said_on_the_row() -> None:
    assert "damaged state" in row(marks=Marks(broken={7: "damaged state"}))


def test_replacements_are_counted_once() -> None:
    assert canonical_changes(GOOD.changes) == {"replace": 1, "create": 1, "update": 2}
    assert counts_text(GOOD.changes, ascii_only=True) == "+-1 +1 ~2"


@given(st.text(max_size=80), st.text(max_size=30), st.integers(30, 140))
def test_rows_are_as_wide_as_the_pane_whatever_the_message(message: str, tag: str, cells: int) -> None:
    update = change(message=inert(message))
    line = update_line(update, Entry(update, tags=(inert(tag),)), Marks(), cells=cells, digits=2, dated=True)
    assert line_width(fit_line(line, cells)) <= cells
    assert plain(line).rstrip().endswith("6f73e70*")


def test_a_tag_is_cut_only_where_the_row_has_no_room() -> None:
    entry = Entry(GOOD, tags=("release-2026-11-28",))
    assert "release-2026-11-28 6f73e70*" in row(entry=entry, cells=60)
    assert "release-2… 6f73e70*" in row(entry=entry, cells=40)
