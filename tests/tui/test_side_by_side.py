"""The diff of a wide terminal: old left, new right, what differs marked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.diff.checkpoints import Change
from pulumi_rewind_tui.text.cells import inert, line_width, plain, spans
from pulumi_rewind_tui.text.side_by_side import change_beside, line_beside, marked_words, paired_lines
from pulumi_rewind_tui.theme import ROLES
from pulumi_rewind_tui.words.symbols import ASCII, UNICODE
from tests.support.tui.shop import Shop, screen_text, settle

KINDS = ("added", "removed", "changed")
BEFORE = (("    path  ", "path"),)


def change(old: Any, new: Any, kind: Any = "changed") -> Change:
    return Change("inputs.path", kind, old, new, False, True, "inputs")


def test_words_that_differ_are_marked() -> None:
    old, new = marked_words("image: api:1.3.0 from hub", "image: api:1.2.0 from hub")
    assert [text for text, role in spans(old) if role == "removed-word"] == ["3"]
    assert [text for text, role in spans(new) if role == "added-word"] == ["2"]
    assert {role for _, role in spans([*old, *new])} <= set(ROLES)


def test_texts_that_have_little_in_common_are_not_marked() -> None:
    assert marked_words("UTF-16", "latin1") == ([("UTF-16", "removed")], [("latin1", "added")])


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (change("a", "b"), "    path  - a        │ + b"),
        (change(None, "b", "added"), "    path             │ + b"),
        (change("a", None, "removed"), "    path  - a        │"),
    ],
)
def test_the_sides_stand_beside_the_line_in_the_middle(one: Change, text: str) -> None:
    assert plain(change_beside(one, BEFORE, 21, 40, UNICODE)).rstrip() == text


def test_a_long_value_is_paired_line_by_line() -> None:
    old, new = "one\ntwo\nthree\n", "one\n2\nthree\nfour\n"
    assert list(paired_lines(change(old, new))) == [
        ("=", "|", "|"),
        ("=", "one", "one"),
        ("~", "two", "2"),
        ("=", "three", "three"),
        ("+", "", "four"),
    ]


@pytest.mark.parametrize(
    ("sign", "old", "new", "text", "roles"),
    [
        ("=", "one", "one", "    one      │   one", {"dim"}),
        ("~", "two", "2", "  - two      │ + 2", {"removed", "added"}),
        ("-", "gone", "", "  - gone     │", {"removed"}),
        ("+", "", "new", "             │ + new", {"added"}),
    ],
)
def test_a_line_of_a_long_value_stands_on_its_side(sign: str, old: str, new: str, text: str, roles: set[str]) -> None:
    line = line_beside(sign, old, new, "  ", 13, 26, UNICODE)
    assert plain(line).rstrip() == text
    assert {role for text, role in spans(line) if text.strip()} - {"guide"} == roles


@given(st.text(max_size=90), st.text(max_size=90), st.integers(90, 200), st.sampled_from(KINDS))
def test_no_side_is_wider_than_its_half(old: str, new: str, cells: int, kind: str) -> None:
    line = change_beside(change(inert(old), inert(new), kind), BEFORE, cells // 2, cells, ASCII)
    assert line_width(line) <= cells
    assert line_width(line[: [role for _, role in spans(line)].index("guide")]) == cells // 2 - 1


async def test_from_160_columns_on_the_sides_stand_beside_each_other(shop: Shop) -> None:
    async with shop.app().run_test(size=(160, 45)) as pilot:
        await settle(pilot)
        assert "- shop/worker:1.3.1" in screen_text(pilot.app)
        assert "│ + shop/worker:1.2.0" in screen_text(pilot.app)
        await pilot.press("j", "j", "tab")
        await settle(pilot)
        diff = pilot.app.home.diff  # type: ignore[attr-defined]
        diff.move_to(
            next(at for at, row in enumerate(diff.rows) if row.change and row.change.path.endswith("userData"))
        )
        await pilot.press("enter")
        await settle(pilot)
        bars = {line.rindex("│ +") for line in screen_text(pilot.app).splitlines() if "│ + " in line}
        assert len(bars) == 1, "one line between all old and new sides"
        assert "- ulimit -n 65536" in screen_text(pilot.app)
        await pilot.resize_terminal(159, 45)
        await settle(pilot)
        assert "│ + " not in screen_text(pilot.app)
