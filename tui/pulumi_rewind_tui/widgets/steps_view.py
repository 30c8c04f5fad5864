"""The steps of a plan, with a cursor; enter unfolds what changes in one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi_rewind_tui.text.cells import Line
from pulumi_rewind_tui.text.steps_rows import StepRow, build_rows, row_line
from pulumi_rewind_tui.widgets.lines import RowsView

if TYPE_CHECKING:
    from pulumi_rewind.plan.model import Plan


class StepsView(RowsView[StepRow]):
    """Shows a plan's steps, or a note while there is no plan."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.opened: set[str] = set()
        self.typed = True
        """Whether the rows say the types."""
        self._plan: Plan | None = None

    def show_note(self, *lines: Line) -> None:
        """Shows lines of text instead of steps."""
        self._plan, self.rows, self.note = None, [], lines
        self.changed()

    def show_plan(self, plan: Plan, note: tuple[Line, ...] = ()) -> None:
        """Shows a plan; the cursor stays on its resource."""
        urn = self.current_urn or self._last
        self._plan, self.note = plan, note
        self.rows = build_rows(plan, self.opened)
        self.changed()
        self.go_to(urn)

    _last = ""

    @property
    def current_urn(self) -> str:
        """The resource under the cursor, empty without one."""
        row = self.current
        if row is not None and row.urn:
            self._last = row.urn
        return row.urn if row is not None else ""

    def row_line(self, row: StepRow, width: int) -> Line:
        """A step, or what is unfolded below it."""
        return row_line(row, self.rows, width, self.table, typed=self.typed)

    def go_to(self, urn: str) -> bool:
        """Puts the cursor on a resource; False if it has no row."""
        for index, row in enumerate(self.rows):
            if row.urn == urn and urn:
                self.move_to(index, tell=False)
                return True
        return False

    def unfold(self, urn: str, *, always: bool = False) -> None:
        """Opens or folds the properties of a resource."""
        if self._plan is None or not urn:
            return
        if always:
            self.opened.add(urn)
        else:
            self.opened ^= {urn}
        self.rows = build_rows(self._plan, self.opened)
        self.changed()
        self.go_to(urn)

    def action_open(self) -> None:
        """Opens or folds the resource under the cursor."""
        self.unfold(self.current_urn)
        super().action_open()
