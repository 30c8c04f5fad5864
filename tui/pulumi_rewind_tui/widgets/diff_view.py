"""The diff pane: a foldable tree of changed resources and their properties."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from pulumi_rewind_tui.text.cells import Line
from pulumi_rewind_tui.text.comparison import LIVE, Comparison
from pulumi_rewind_tui.text.diff_lines import DiffText
from pulumi_rewind_tui.text.diff_place import RowKey, find, places
from pulumi_rewind_tui.text.diff_rows import READING, Row, Shown, build_rows, complete, end_of, is_open, refold, unread
from pulumi_rewind_tui.widgets.lines import RowsView

if TYPE_CHECKING:
    from pulumi_rewind.diff.checkpoints import Change


class DiffView(RowsView[Row]):
    """Shows one comparison, or a note while there is none."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "fold", "fold", id="diff.toggle", tooltip="Open or fold a resource or a long value"),
        Binding("right_square_bracket", "next_change(1)", "next change", id="diff.next", key_display="]"),
        Binding("left_square_bracket", "next_change(-1)", "previous change", id="diff.previous", key_display="["),
        Binding("u", "show('unchanged')", "unchanged", id="diff.unchanged", tooltip="Show or hide unchanged values"),
        Binding("o", "show('outputs')", "outputs", id="diff.outputs", tooltip="Show or hide outputs and generated ids"),
        Binding("c", "show('consequential')", "consequential", id="diff.consequential",
                tooltip="Show or fold changes that only follow from others"),
        Binding("E", "show('all_open')", "open all", id="diff.open-all", tooltip="Open or fold every resource"),
        Binding("v", "reveal", "reveal", id="diff.reveal", tooltip="Show one secret until the cursor leaves it"),
        Binding("y", "copy", "copy", id="diff.copy", tooltip="Copy the row by OSC 52, secrets masked"),
    ]  # fmt: skip

    @dataclass(eq=False, repr=False)
    class UnlockWanted(Message):
        """A secret is to be shown, but none could be decrypted."""

    @dataclass(eq=False, repr=False)
    class RevealWanted(Message):
        """A secret is to be shown."""

        position: int
        index: int
        path: str

    @dataclass(eq=False, repr=False)
    class DetailsWanted(Message):
        """A resource was opened whose properties are still to be read."""

        comparison: Comparison
        index: int

    @dataclass(eq=False, repr=False)
    class Entered(Message):
        """The operator is in the pane."""

    @dataclass(eq=False, repr=False)
    class RebuildWanted(Message):
        """Other rows are to be shown; building them may take a while."""

    def __init__(
        self,
        *,
        stateful: Callable[[str], bool] = lambda _: False,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.comparison: Comparison | None = None
        self.shown = Shown()
        self.stateful = stateful
        self._revealed: tuple[int, Change] | None = None

    def stand_beside(self, beside: bool) -> None:
        """Whether old and new values stand side by side."""
        if beside != self.shown.side_by_side:
            self.shown.side_by_side = beside
            self.rebuild()

    # Data

    def show_note(self, *lines: Line) -> None:
        """Shows lines of text instead of a diff."""
        self.comparison = None
        self.rows = []
        self.note = lines
        self._revealed = None
        self._cursor = 0
        self.changed()
        self.scroll_to(y=0, animate=False)

    def show_comparison(self, comparison: Comparison, rows: Sequence[Row] | None = None) -> None:
        """Shows a comparison; the cursor stays on its row if it is the same pair of sides."""
        same = self.comparison is not None and self.comparison.key == comparison.key
        place = self._place() if same else None
        if not same:
            shown = self.shown
            rows = None if shown.words or shown.chosen or shown.long else rows  # they were made with these
            shown.chosen.clear()
            shown.long.clear()
        self.comparison = comparison
        self.note = ()
        self._revealed = None
        self.rows = list(rows) if rows is not None else build_rows(comparison, self.shown)
        self._restore(place)

    def rebuild(self) -> None:
        """Builds the rows again after a choice of what is shown."""
        if self.comparison is not None and not complete(self.comparison, self.shown):
            self.post_message(self.RebuildWanted())
        elif self.comparison is not None:
            place = self._place()
            self._revealed = None
            self.rows = build_rows(self.comparison, self.shown)
            self._restore(place)

    def show_details(self, index: int) -> None:
        """Shows the properties of a resource that have been read, where it is still open."""
        for at, row in enumerate(self.rows):
            if row.index == index and row.text == READING:
                self._refold(at - 1)
                if self.cursor == at - 1:
                    self._show_inside()
                return

    def _refold(self, at: int | None = None) -> None:
        """Builds the rows inside a resource again, of which one is at `at`; without it, that of the cursor's row."""
        assert self.comparison is not None
        place, at = self._place(), self.cursor if at is None else at
        while self.rows[at].kind != "resource":
            at -= 1
        self._revealed = None
        refold(self.rows, at, self.comparison, self.shown)
        self._restore(place)

    def _show_inside(self) -> None:
        """Scrolls so that what is inside the resource under the cursor is visible, as far as there is room."""
        height = self.scrollable_content_region.height
        self.reveal(min(end_of(self.rows, self.cursor), self.cursor + height) - 1)

    def _place(self) -> tuple[list[RowKey], int] | None:
        """The row under the cursor, and on which line of the pane it stands."""
        if self.comparison is None or not self.rows:
            return None
        return places(self.comparison, self.rows, self.cursor), self.cursor - self.scroll_offset.y

    def _restore(self, place: tuple[list[RowKey], int] | None) -> None:
        """Puts the cursor on the row of before, on the same line of the pane; on the first row without one."""
        assert self.comparison is not None
        wanted, line = place or ([], 0)
        self._cursor = find(wanted, self.comparison, self.rows)
        self.changed()
        self.scroll_to(y=max(0, self._cursor - line), animate=False, immediate=True)
        self.reveal(self._cursor)

    def rows_of_resources(self) -> dict[str, int]:
        """The row of each resource that has one, by URN."""
        if self.comparison is None:
            return {}
        resources = self.comparison.resources
        rows = ((at, row) for at, row in enumerate(self.rows) if row.kind in ("resource", "same"))
        return {resources[row.index].urn if row.index >= 0 else row.urn: at for at, row in rows}

    @property
    def current_urn(self) -> str:
        """The resource under the cursor."""
        row = self.current
        if row is None or self.comparison is None:
            return ""
        return self.comparison.resources[row.index].urn if row.index >= 0 else row.urn

    @property
    def live_urn(self) -> str:
        """What live calls the resource under the cursor: one of the sides may know it by an older name."""
        row, done = self.current, self.comparison
        if row is None or done is None or row.index < 0 or done.key[0] != LIVE:
            return self.current_urn
        return done.resources[row.index].old_urn or self.current_urn

    def row_line(self, row: Row, width: int) -> Line:
        """One row, with its secret while that is revealed."""
        assert self.comparison is not None
        at = self._revealed
        revealed = at[1] if at is not None and self.current is row and at[0] == self.cursor else None
        return self._texts(self.comparison).line(row, width, revealed=revealed)

    def _texts(self, comparison: Comparison) -> DiffText:
        return DiffText(comparison, self.shown, self.table, self.stateful)

    # Keys

    def move_to(self, index: int, *, tell: bool = True) -> None:
        """Leaving a row masks its secret again."""
        if self._revealed is not None and index != self._revealed[0]:
            self.mask()
        super().move_to(index, tell=tell)

    def on_focus(self) -> None:
        """What may be opened soon is got ready."""
        self.post_message(self.Entered())

    def on_blur(self) -> None:
        """Leaving the pane masks as well."""
        self.mask()

    def mask(self) -> None:
        """Hides a revealed secret."""
        if self._revealed is not None:
            self._revealed = None
            self.changed()

    def action_reveal(self) -> None:
        """Shows the secret under the cursor, or hides it."""
        row = self.current
        if self._revealed is not None:
            self.mask()
            return
        if self.comparison is None or row is None or row.change is None or not row.change.secret:
            self.app.bell()
            return
        if self.comparison.secrets != "compared":
            self.post_message(self.UnlockWanted())
            return
        self.post_message(self.RevealWanted(self.cursor, row.index, row.change.path))

    def show_revealed(self, position: int, change: Change) -> None:
        """Shows a secret, if the cursor is still on it."""
        row = self.current
        there = row is not None and row.change is not None and row.change.path == change.path
        if there and position == self.cursor and self.has_focus:
            self._revealed = (position, change)
            self.changed()

    def action_fold(self) -> None:
        """Opens or folds what is under the cursor."""
        row = self.current
        if row is None or self.comparison is None:
            return
        if row.kind == "fold":
            self.action_show("consequential")
        elif row.kind in ("change", "more") and row.change is not None:
            self.shown.long ^= {(self.comparison.resources[row.index].key, row.change.path)}
            self._refold()
        elif row.kind == "resource":
            done, shown = self.comparison, self.shown
            shown.chosen[done.resources[row.index].key] = not is_open(done, row.index, shown)
            self._refold()
            self._show_inside()
            if unread(done, row.index, shown):
                self.post_message(self.DetailsWanted(done, row.index))

    def action_open(self) -> None:
        """A double click folds like enter."""
        self.action_fold()

    def action_show(self, what: str) -> None:
        """Switches one of the choices of what is shown."""
        setattr(self.shown, what, not getattr(self.shown, what))
        if what == "all_open":
            self.shown.chosen.clear()
        self.post_message(self.RebuildWanted())

    def action_next_change(self, direction: int) -> None:
        """Goes to the next or previous resource."""
        at = self.cursor + direction
        while 0 <= at < len(self.rows):
            if self.rows[at].kind == "resource":
                self.move_to(at)
                return
            at += direction

    def action_copy(self) -> None:
        """Copies the row with secrets masked; on a resource, all its rows."""
        row = self.current
        if row is None or self.comparison is None:
            return
        rows = [row]
        if row.kind == "resource":
            at = self.cursor + 1
            while at < len(self.rows) and self.rows[at].index == row.index:
                rows.append(self.rows[at])
                at += 1
        self.rewind.copy("\n".join(map(self._texts(self.comparison).text, rows)))
