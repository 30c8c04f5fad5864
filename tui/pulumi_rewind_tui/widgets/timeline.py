"""The timeline: live on top, then every update, newest first; rows appear as they are read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message

from pulumi_rewind.history.update_mark import read_stamp
from pulumi_rewind.state.model import Update
from pulumi_rewind_tui.text.cells import Line
from pulumi_rewind_tui.text.comparison import LIVE
from pulumi_rewind_tui.text.timeline_rows import Marks, day, update_line
from pulumi_rewind_tui.widgets.lines import LinesView

if TYPE_CHECKING:
    from pulumi_rewind.history.timeline import Entry


class TimelineView(LinesView):
    """Rows: live, then updates by descending number."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "mark", "base", id="timeline.mark", tooltip="Compare everything with this one; again: with live"),
        Binding("i", "details", "details", id="timeline.details", tooltip="Show everything recorded about the update"),
        Binding("o", "open_page", "web page", id="timeline.page", tooltip="Open the update's page in the browser"),
    ]

    @dataclass(eq=False, repr=False)
    class Wanted(Message):
        """Rows came into sight that were not read yet."""

        before: int
        """Read updates with a smaller number than this."""

    @dataclass(eq=False, repr=False)
    class MarkToggled(Message):
        """The row was marked, or unmarked, as the base of comparison."""

        number: int

    @dataclass(eq=False, repr=False)
    class DetailsWanted(Message):
        """Details of an update are asked for."""

        number: int

    @dataclass(eq=False, repr=False)
    class PageWanted(Message):
        """The web page of an update, or of the stack, is asked for."""

        number: int

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.total = 0
        self.newest = 0
        self.updates: dict[int, Update] = {}
        self.entries: dict[int, Entry] = {}
        self.marks = Marks()
        self.filtered: Sequence[int] | None = None
        self._wide_times = False
        self._asked = 0

    # Data

    def reset(self, total: int) -> None:
        """Starts again with a history of `total` updates."""
        self.total = total
        self.newest = total
        self.updates.clear()
        self.entries.clear()
        self.marks = Marks(base=self.marks.base)
        self.filtered = None
        self._wide_times = False
        self.changed()
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """A row for each update, whatever is filtered: the panes stay where they are while one types."""
        return 1 + self.total

    def add_updates(self, updates: Iterable[Update]) -> None:
        """Rows that were read."""
        today = day(self.rewind.clock())
        for update in updates:
            self.updates[update.number] = update
            self.newest = max(self.newest, update.number)
            if update.start_time and day(update.start_time) != today:
                self._wide_times = True
        self._asked = 0
        self.changed()

    def add_entries(self, entries: Iterable[Entry]) -> None:
        """Annotations (tags) for rows."""
        for entry in entries:
            self.entries[entry.update.number] = entry
        self.changed()

    def grow(self, entries: Sequence[Entry]) -> None:
        """Newer updates, newest first; the cursor stays on its row, and that on its line unless the top is in sight.

        One that is known already was read once more.
        """
        number, before, top = self.number, self.cursor, self.scroll_offset.y
        for entry in entries:
            self.marks.broken.pop(entry.update.number, None)
        self.total += sum(entry.update.number > self.newest for entry in entries)
        self.add_updates(entry.update for entry in entries)
        self.add_entries(entries)
        self._cursor = self.index_of(number) or 0
        self.changed()
        self.refresh(layout=True)
        if top:
            self.scroll_to(y=top + self._cursor - before, animate=False, immediate=True)
        self.reveal(self._cursor)

    def tags(self, number: int) -> tuple[str, ...]:
        """The tags of an update's commit, as far as they are known."""
        entry = self.entries.get(number)
        return entry.tags if entry is not None else ()

    def set_filter(self, numbers: Sequence[int] | None) -> None:
        """Shows only these updates, newest first; None shows all."""
        number = self.number
        self.filtered = numbers
        self.changed()
        self.select(number)

    def count(self) -> int:
        """Live and the updates."""
        return 1 + (self.total if self.filtered is None else len(self.filtered))

    @property
    def number(self) -> int:
        """The update under the cursor, `LIVE` for live."""
        return self.number_at(self.cursor)

    def number_at(self, index: int) -> int:
        """The update of a row."""
        if index <= 0:
            return LIVE
        if self.filtered is not None:
            return self.filtered[index - 1] if index <= len(self.filtered) else LIVE
        return self.newest - index + 1

    def index_of(self, number: int) -> int | None:
        """The row of an update."""
        if number == LIVE:
            return 0
        if self.filtered is not None:
            return self.filtered.index(number) + 1 if number in self.filtered else None
        index = self.newest - number + 1
        return index if 0 < index <= self.total else None

    def select(self, number: int, *, tell: bool = True) -> None:
        """Puts the cursor on an update, if it is shown."""
        index = self.index_of(number)
        self.move_to(index if index is not None else min(1, self.count() - 1), tell=tell)

    # Drawing

    def line(self, index: int, width: int) -> Line:
        """One row."""
        number = self.number_at(index)
        if number == LIVE:
            return self._live_line(width)
        update = self.updates.get(number)
        if update is None:
            if self._asked < number:
                self._asked = number
                self.post_message(self.Wanted(number + 1))
            return ((f" #{number} …", "dim"),)
        return update_line(
            update,
            self.entries.get(number),
            self.marks,
            cells=width,
            digits=len(str(self.newest)),
            dated=self._wide_times,
            ascii_only=self.rewind.ascii_only,
        )

    def _live_line(self, width: int) -> Line:
        table = self.table
        base = table["base"] if self.marks.base == LIVE else " "
        head: Line = ((base, "star"), (table["live"] + " live", "bold"))
        marks = self.marks
        if marks.problem:
            return (*head, ("  " + marks.problem, "failed"))
        if not marks.known:
            return (*head, ("  …", "dim"))
        newest = self.updates.get(self.newest)
        if marks.live is not None:
            more = ""
            if marks.live == self.newest and newest is not None and not newest.succeeded:
                more = ", which failed half-way"
            elif marks.live == self.newest and (left := self._left_half_way(newest)):
                more = f", as failed #{left} left it"
            return (*head, (f"  = #{marks.live}", "bold"), (more, "hazard"))
        if not self.total:
            return (*head, ("  no updates yet", "dim"))
        why = "" if marks.locked else "  changed outside updates"  # whoever holds the lock may be in the middle of one
        return (*head, (why, "hazard"), (f"  differs from #{self.newest}", "dim"))

    def _left_half_way(self, newest: Update | None) -> int:
        """The failed update whose state the newest one brought back as a whole; 0 if there is none."""
        stamp = read_stamp(newest) if newest is not None else None
        if stamp is None or stamp.target is None or stamp.partial:
            return 0
        target = self.updates.get(stamp.target.number)
        return target.number if target is not None and target.result == "failed" else 0

    # Keys

    def action_mark(self) -> None:
        """Marks the row as base, or takes the mark off."""
        self.post_message(self.MarkToggled(self.number))

    def action_details(self) -> None:
        """Opens the details of the update."""
        self.post_message(self.DetailsWanted(self.number))

    def action_open_page(self) -> None:
        """Asks for the web page of the update, or for that of the stack."""
        self.post_message(self.PageWanted(self.number))
