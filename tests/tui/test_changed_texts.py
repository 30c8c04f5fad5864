"""How the command line shows a long text that changed: the lines that differ, however far down they stand."""

from __future__ import annotations

from pulumi_rewind.diff.checkpoints import Change
from pulumi_rewind_tui.text.cells import plain
from pulumi_rewind_tui.text.diff import change_lines


def shown(old: object, new: object) -> list[str]:
    change = Change("inputs.data", "changed", old, new, secret=False, comparable=True, section="inputs")
    return [plain(line) for line in change_lines([change], indent="  ")]


def test_of_a_long_text_the_lines_that_differ_are_shown() -> None:
    lines = [f"line {number}" for number in range(200)]
    old, new = "\n".join([*lines, "one", "end"]), "\n".join(["begin\x1b[2J", *lines, "two", "end"])
    assert shown(old, new) == [
        "  ~ data: |",
        "  +   begin␛[2J",
        "      line 0",
        "      line 1",
        "      …",
        "      line 198",
        "      line 199",
        "  -   one",
        "  +   two",
        "      end",
    ]


def test_what_is_short_or_no_text_stands_whole() -> None:
    assert shown("a\nb", "a\nc") == ["  - data: |", "  -   a", "  -   b", "  + data: |", "  +   a", "  +   c"]
    assert shown("x\n" * 30, 3)[-1] == "  + data: 3"
