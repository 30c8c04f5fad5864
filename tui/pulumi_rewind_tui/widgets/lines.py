"""A list of any length of which only the visible rows are ever rendered."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from pulumi_rewind_tui.host import Hosted
from pulumi_rewind_tui.text.cells import Line, shown_line
from pulumi_rewind_tui.theme import role_styles

RowT = TypeVar("RowT")


class LinesView(ScrollView, Hosted, can_focus=True):
    """A virtual list with a cursor; subclasses say how many rows there are and what each one shows."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"lines--cursor", "lines--cursor-blur"}
    DEFAULT_CSS = """
    LinesView {
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        scrollbar-gutter: stable;
        & > .lines--cursor { background: $rewind-cursor; }
        & > .lines--cursor-blur { background: $rewind-cursor-blur; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor_by(-1)", "previous row", id="list.up"),
        Binding("down,j", "cursor_by(1)", "next row", id="list.down"),
        Binding("pageup,ctrl+b", "page(-1)", "page up", id="list.page-up"),
        Binding("pagedown,ctrl+f", "page(1)", "page down", id="list.page-down"),
        Binding("g,home", "to_start", "first row", id="list.first"),
        Binding("G,end", "to_end", "last row", id="list.last"),
        Binding("enter", "open", "open", id="list.open"),
    ]

    show_cursor = True
    """Whether one row is marked; logs have no cursor."""

    @dataclass(eq=False, repr=False)
    class OfRow(Message):
        """Something happened to a row."""

        view: LinesView
        index: int

        @property
        def control(self) -> LinesView:
            """The list, for selectors in `@on`."""
            return self.view

    class Moved(OfRow):
        """The cursor is on another row."""

    class Opened(OfRow):
        """Enter was pressed, or a row clicked twice."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._cursor = 0
        self._strips: LRUCache[tuple[int, int], Strip] = LRUCache(1024)
        self._base = Style()
        self.follow = False
        """Keeps the last row in sight when rows are added."""

    # What subclasses say

    def count(self) -> int:
        """How many rows there are."""
        return 0

    def line(self, index: int, width: int) -> Line:
        """What row `index` shows in `width` cells."""
        raise IndexError(index)

    # Cursor

    @property
    def cursor(self) -> int:
        """The row the cursor is on."""
        return self._cursor

    @cursor.setter
    def cursor(self, index: int) -> None:
        self.move_to(index, tell=False)

    def move_to(self, index: int, *, tell: bool = True) -> None:
        """Puts the cursor on a row (the nearest there is) and shows it."""
        index = max(0, min(index, self.count() - 1))
        moved = index != self._cursor
        if moved:
            old, self._cursor = self._cursor, index
            self.refresh_line(old)
            self.refresh_line(index)
        self.reveal(index)
        if moved and tell:
            self.post_message(self.Moved(self, index))

    def reveal(self, index: int) -> None:
        """Scrolls so that a row is visible."""
        height = self.scrollable_content_region.height
        if height <= 0:
            return
        top = self.scroll_offset.y
        if index < top:
            self.scroll_to(y=index, animate=False)
        elif index >= top + height:
            self.scroll_to(y=index - height + 1, animate=False)

    def changed(self, from_index: int = 0) -> None:
        """Rows from `from_index` on are different, more or fewer now."""
        if from_index <= 0:
            self._strips.clear()
        else:
            for key in [key for key in self._strips.keys() if key[0] >= from_index]:  # noqa: SIM118
                self._strips.discard(key)
        total = self.count()
        self._cursor = max(0, min(self._cursor, total - 1))
        self.virtual_size = Size(self.scrollable_content_region.width, total)
        self.refresh()
        if self.follow:
            self.scroll_to(y=max(0, total - self.scrollable_content_region.height), animate=False)

    # Drawing

    def render_lines(self, crop: Region) -> list[Strip]:
        """Several rows; their colours come from all ancestors, and are looked up once for all rows."""
        self._base = self.rich_style
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """One visible row."""
        index = y + self.scroll_offset.y
        width = self.scrollable_content_region.width
        base = self._base
        if index >= self.count():
            return Strip.blank(width, base)
        strip = self._strips.get((index, width))
        if strip is None:
            strip = self._strip(index, width)
            self._strips[(index, width)] = strip
        if self.show_cursor and index == self._cursor:
            name = "lines--cursor" if self.has_focus else "lines--cursor-blur"
            base = base + Style(bgcolor=self.get_component_rich_style(name).bgcolor, bold=self.has_focus or None)
            strip = Strip([Segment(self.table["cursor"], base), *list(strip)[1:]], strip.cell_length)
        return strip.adjust_cell_length(width, base).apply_style(base)

    def _strip(self, index: int, width: int) -> Strip:
        styles = role_styles(self.app.theme)
        margin = 1 if self.show_cursor else 0
        segments = [Segment(" ")] if margin else []
        for text, role in shown_line(self.line(index, width - margin), width - margin):
            segments.append(Segment(text, styles.get(role)))
        return Strip(segments)

    def watch_has_focus(self, value: bool) -> None:
        """The cursor row looks different with the focus."""
        super().watch_has_focus(value)
        self.refresh_line(self._cursor)

    def on_mount(self) -> None:
        """Colours follow the theme."""
        super().on_mount()  # type: ignore[no-untyped-call]
        self.app.theme_changed_signal.subscribe(self, lambda _: self.changed())

    def on_resize(self) -> None:
        """Another width means other lines."""
        self._strips.clear()
        self.changed()
        self.reveal(self._cursor)

    # Keys and mouse

    def action_cursor_by(self, rows: int) -> None:
        """One row up or down; without a cursor, scrolls."""
        if self.show_cursor:
            self.move_to(self._cursor + rows)
        else:
            self.follow = False
            self.scroll_to(y=self.scroll_offset.y + rows, animate=False)

    def action_page(self, direction: int) -> None:
        """A screenful up or down."""
        self.action_cursor_by(direction * max(1, self.scrollable_content_region.height - 1))

    def action_to_start(self) -> None:
        """The first row."""
        self.action_cursor_by(-self.count())

    def action_to_end(self) -> None:
        """The last row."""
        self.action_cursor_by(self.count())

    def action_open(self) -> None:
        """Drills in."""
        if self.count():
            self.post_message(self.Opened(self, self._cursor))

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor, a second one opens."""
        region = self.scrollable_content_region
        y = event.get_content_offset(self)
        if y is None or not self.show_cursor:
            return
        index = y.y + self.scroll_offset.y
        if 0 <= index < self.count() and region.height:
            self.move_to(index)
            if event.chain >= 2:
                self.action_open()


class RowsView(LinesView, Generic[RowT]):
    """A list of rows that are at hand, or a note in their place; subclasses say what a row shows."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.rows: list[RowT] = []
        self.note: Sequence[Line] = ()

    @abstractmethod
    def row_line(self, row: RowT, width: int) -> Line:
        """What a row shows in `width` cells."""

    @property
    def show_cursor(self) -> bool:  # type: ignore[override]
        """A note has no cursor."""
        return bool(self.rows)

    @property
    def current(self) -> RowT | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if 0 <= self.cursor < len(self.rows) else None

    def count(self) -> int:
        """Rows, or lines of the note."""
        return len(self.rows) or len(self.note)

    def line(self, index: int, width: int) -> Line:
        """One row, or one line of the note."""
        return self.row_line(self.rows[index], width) if self.rows else self.note[index]
