"""The two panes of a run: a row for each resource, and the log."""

from __future__ import annotations

import time
from collections.abc import Mapping

from pulumi_rewind.plan.progress import ResourceProgress
from pulumi_rewind_tui.text.cells import Line, fit, line_width, width
from pulumi_rewind_tui.text.run_state import LogLine, RunState, doing
from pulumi_rewind_tui.text.values import short_type
from pulumi_rewind_tui.theme import ROLES
from pulumi_rewind_tui.widgets.lines import LinesView
from pulumi_rewind_tui.words.words import resource_name

NAME = 32
"""Widest column of names."""


def seconds_text(seconds: float) -> str:
    """``0.3s``, ``12s`` or ``2m05s``; empty for less than a tenth."""
    whole = int(seconds)
    if whole < 1:
        return f"{seconds:.1f}s" if seconds >= 0.1 else ""
    return f"{whole}s" if whole < 60 else f"{whole // 60}m{whole % 60:02}s"


class RunRowsView(LinesView):
    """A row for each step, in the order of the plan."""

    state: RunState

    def __init__(self, state: RunState, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.state = state
        self.tracking = True
        """Whether the view keeps what is running in sight, until the operator moves the cursor."""
        self._column = 8

    def count(self) -> int:
        """One row a step."""
        return len(self.state.rows)

    def line(self, index: int, width: int) -> Line:
        """One resource."""
        return run_line(self.state.rows[index], self._column, width, self.table, self.rewind.clock())

    def show_from(self, first: int) -> None:
        """Rows from `first` on have changed."""
        names = (resource_name(row.urn) for row in self.state.rows[:500])
        self._column = max(8, min(NAME, max(map(width, names), default=8)))
        self.changed(first)
        if self.tracking:
            at = next((i for i, row in enumerate(self.state.rows) if row.status == "running"), None)
            if at is not None and at != self.cursor:
                self.move_to(at, tell=False)

    def tick(self) -> None:
        """Time has passed for what is running."""
        if self.state.count("running"):
            first = next(i for i, row in enumerate(self.state.rows) if row.status == "running")
            self.changed(first)

    def action_cursor_by(self, rows: int) -> None:
        """Moving by hand ends the tracking."""
        self.tracking = False
        super().action_cursor_by(rows)


def run_line(row: ResourceProgress, column: int, cells: int, table: Mapping[str, str], now: float) -> Line:
    """One resource as spans."""
    mark, role = table[row.status], row.status
    name = resource_name(row.urn)
    left: Line = (
        (mark.ljust(max(map(len, (table["ok"], table["running"])))) + " ", role),
        (fit(name, max(column, width(name))), "dim" if row.last is None and role == "waiting" else "bold"),
        ("  ", ""),
        (table.get(row.op, "").ljust(len(table["replace"])) + " ", row.op if row.op in ROLES else ""),
        (doing(row) or "waiting", role),
    )
    text = seconds_text(row.took(now))
    if text:
        left = (*left, (f"  {text}", "dim"))
    kind = short_type(row.type)
    room = cells - line_width(left) - 3
    if width(kind) > room:
        return left
    return (*left, (" " * (room - width(kind) + 2), ""), (kind, "dim"), (" ", ""))


class RunLogView(LinesView):
    """The log, which follows its end until the operator scrolls."""

    show_cursor = False

    def __init__(self, state: RunState, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.state = state
        self.raw = False
        self.follow = True
        self._shown = 0

    @property
    def lines(self) -> list[LogLine]:
        """The log that is shown."""
        return self.state.raw if self.raw else self.state.log

    def count(self) -> int:
        """Lines of it."""
        return len(self.lines)

    def line(self, index: int, width: int) -> Line:
        """One line, with its time of day."""
        entry = self.lines[index]
        moment = time.strftime("%H:%M:%S", time.localtime(entry.time))
        return ((f" {moment} ", "dim"), (entry.text, entry.role))

    def grown(self) -> None:
        """Lines were added at the end."""
        self.changed(max(1, self._shown))
        self._shown = self.count()
        self.call_after_refresh(self._to_end)

    def _to_end(self) -> None:
        """The end is only known when the layout knows the new lines."""
        if self.follow:
            self.scroll_end(animate=False, immediate=True)

    def on_resize(self) -> None:
        """Still at the end."""
        super().on_resize()
        self.call_after_refresh(self._to_end)

    def toggle_raw(self) -> None:
        """The other log."""
        self.raw = not self.raw
        self._shown = 0
        self.grown()

    def next_error(self, *, after: int | None = None) -> int | None:
        """Puts the next error at the top, after the last one from the first again; its line, None if there is none."""
        lines = self.lines
        wanted = [i for i, entry in enumerate(lines) if entry.error]
        if not wanted:
            return None
        start = self._error if after is None else after
        at = next((index for index in wanted if index > start), wanted[0])
        self._error = at
        self.follow = False
        self.scroll_to(y=max(0, at - 1), animate=False)
        return at

    _error = -1

    def action_to_end(self) -> None:
        """The end, and following it again."""
        self.follow = True
        self._to_end()
