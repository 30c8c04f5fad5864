"""The rows of a plan's steps: differences in sight, each property once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pulumi_rewind.diff.checkpoints import Change
from pulumi_rewind.plan.verify import Difference
from pulumi_rewind.state.show import KNOWN_WHEN_RUN
from pulumi_rewind_tui.text.cells import plain
from pulumi_rewind_tui.text.step_about import about_lines
from pulumi_rewind_tui.text.steps import counted
from pulumi_rewind_tui.text.steps_rows import StepRow, build_rows, row_line
from pulumi_rewind_tui.text.values import change_values
from pulumi_rewind_tui.words.symbols import symbols
from tests.support.plans import plan_of

URN = "urn:pulumi:dev::shop::a:b:C::db"
OLD = "/srv/shop/machine/databases/db-1d96b858.sqlite"
NEW = "/srv/shop/machine/databases/db-7352d0b0.sqlite"


def change(path: str, old: Any, new: Any) -> Change:
    section: Any = path.split(".")[0]
    return Change(path, "changed", old, new, secret=False, comparable=True, section=section)


@pytest.mark.parametrize("room", [*range(11, 60), 200])
def test_the_difference_is_in_sight_however_narrow_it_is(room: int) -> None:
    shown = change_values(change("inputs.path", OLD, NEW), room, symbols(ascii_only=False))
    old, new = plain(shown[:1]), plain(shown[-1:])
    assert "1" in old
    assert "7" in new


def test_an_output_that_repeats_an_input_has_no_row_of_its_own() -> None:
    changes = (
        change("inputs.size", "m", "s"),
        change("inputs.path", OLD, NEW),
        change("outputs.size", "m", "s"),
        change("outputs.path", OLD, NEW + "-new"),
        change("outputs.address", "10.0.0.1", "10.0.0.2"),
    )
    resource: Any = SimpleNamespace(urn=URN, changes=lambda **_: changes)
    plan = plan_of(
        strategy="state",
        undo=None,
        revisions=None,
        diff=SimpleNamespace(resources=(resource,)),
        state_only=(Difference(URN, "", "is recorded as it was"),),
        prepared=SimpleNamespace(notes=()),
    )
    rows = build_rows(plan, set())
    table = symbols(ascii_only=False)
    said = [plain(row_line(row, rows, 70, table)).split()[0] for row in rows if row.kind == "change"]
    assert said == ["size", "path", "outputs.path", "address"]


@pytest.mark.parametrize(
    ("new", "uses", "told"),
    [(KNOWN_WHEN_RUN, (), True), (KNOWN_WHEN_RUN, (f"{URN}-new",), False), ("s", (), False)],
)
def test_an_update_that_may_turn_out_not_needed_says_so(new: str, uses: tuple[str, ...], told: bool) -> None:
    step: Any = SimpleNamespace(urn=URN, op="update", type="a:b:C", replace_keys=(), risks=())
    diff: Any = SimpleNamespace(
        urn=URN, old=SimpleNamespace(uses=uses), changes=lambda: (change("inputs.size", "m", new),)
    )
    row = StepRow("step", URN, step=step, diff=diff, anew=frozenset({f"{URN}-new"}))
    assert row.if_needed is told
    plan = plan_of(steps=(step,), changes={"update": 1, "same": 4}, diff=SimpleNamespace(resources=(diff,)))
    if not uses:
        assert counted(plan) == (({}, {"update": 1}) if told else ({"update": 1}, {}))
    text = "\n".join(map(plain, about_lines(row, 70, 9, symbols(ascii_only=False))))
    assert ("it may stay the same" in text) is told
    assert f"m → {new}" in text
    assert "b:C" in text
