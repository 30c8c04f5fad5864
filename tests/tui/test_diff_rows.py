"""Rows of the diff that an operator reads at a glance."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_rewind.diff.checkpoints import Change
from pulumi_rewind_tui.text.cells import plain
from pulumi_rewind_tui.text.comparison import Comparison, Details, Heading
from pulumi_rewind_tui.text.diff import change_lines
from pulumi_rewind_tui.text.diff_lines import DiffText
from pulumi_rewind_tui.text.diff_rows import Row, Shown
from pulumi_rewind_tui.text.steps_rows import StepRow, row_line
from pulumi_rewind_tui.text.values import change_values
from pulumi_rewind_tui.words.symbols import UNICODE

URN = "urn:pulumi:dev::shop::t:m:R::"


def change(path: str, old: Any, new: Any) -> Change:
    return Change(path, "changed", old, new, False, True, "inputs")


def test_long_paths_are_cut_where_the_word_that_differs_begins() -> None:
    one = change("inputs.path", "/machine/databases/db-294c3372.sqlite", "/machine/databases/db-f5a34a99.sqlite")
    assert plain(change_values(one, 54, UNICODE)) == "…/db-294c3372.sqlite → …/db-f5a34a99.sqlite"


def test_known_when_run_is_never_cut() -> None:
    one = change("inputs.url", "http://127.0.0.1:21731/shop", "(known when run)")
    assert plain(change_values(one, 33, UNICODE)) == "http://127.0.… → (known when run)"
    assert plain(change_values(one, 46, UNICODE)) == "http://127.0.0.1:21731/shop → (known when run)"


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (["db", "orders"], ["db"], "options.dependencies  - orders"),
        (["db"], ["db", "orders", "web"], "options.dependencies  + orders, web"),
        (["db", "orders"], ["db", "web"], "options.dependencies  orders → web"),
        (["a", "b"], ["b", "a"], "options.dependencies  a, b → b, a"),
    ],
)
def test_dependencies_are_shown_by_name_and_only_what_differs(old: list[str], new: list[str], text: str) -> None:
    one = change("options.dependencies", [URN + name for name in old], [URN + name for name in new])
    done = Comparison((0, 1), (Heading(URN + "api", URN + "api", "update", "t:m:R"),), "none")
    done.seen[0, False] = Details((one,))
    line = DiffText(done, Shown(), UNICODE, lambda _: False).text(Row("change", 0, 0, one))
    assert line.strip() == text


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (["db", "orders"], ["db"], ['- options.dependencies: "orders"']),
        (["db", "orders"], ["db", "web"], ['- options.dependencies: "orders"', '+ options.dependencies: "web"']),
    ],
)
def test_so_they_are_on_the_command_line(old: list[str], new: list[str], text: list[str]) -> None:
    one = change("options.dependencies", [URN + name for name in old], [URN + name for name in new])
    assert [plain(line) for line in change_lines([one], indent="")] == text


def test_so_they_are_in_a_plan() -> None:
    one = change("options.dependencies", [URN + "db", URN + "orders"], [URN + "db"])
    step = StepRow("change", URN + "api", 1, change=one)
    assert plain(row_line(step, [step], 90, UNICODE)).split() == ["options.dependencies", "-", "orders"]


def test_names_are_not_cut_beside_empty_space() -> None:
    one = change("inputs.size", "s", "m")
    done = Comparison((0, 1), (Heading(URN + "api", URN + "api", "update", "t:m:R"),), "compared")
    done.seen[0, False] = Details((one,), ("connectionPassword",))
    line = DiffText(done, Shown(), UNICODE, lambda _: False).line
    assert plain(line(Row("secret", 0, 0, text="connectionPassword"), 60)) == "  connectionPassword  ●●● same"
    assert plain(line(Row("change", 0, 0, one), 60)) == "  size                s → m"
    path = 'inputs.metadata.annotations["example.com/checksum"]'
    step = StepRow("change", URN + "api", 1, change=change(path, "1a2b", "3c4d"))
    assert 'annotations["example.com/checksum"]' in plain(row_line(step, [step], 90, UNICODE))
