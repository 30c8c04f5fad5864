"""Blame: which update set each property of a resource last."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from pulumi_rewind.history.blame import Blamed
from pulumi_rewind.state.model import parse_urn, urn_name
from pulumi_rewind.state.values import MASK
from pulumi_rewind_tui import messages as msg
from pulumi_rewind_tui.screens.base import RewindScreen
from pulumi_rewind_tui.text.cells import Line, cut, fit, plain, width
from pulumi_rewind_tui.text.home_page import error_lines
from pulumi_rewind_tui.text.timeline_rows import moment
from pulumi_rewind_tui.text.values import short_path, shown_text
from pulumi_rewind_tui.widgets.lines import LinesView, RowsView
from pulumi_rewind_tui.words.words import PATIENCE, checked, first_line, plural, short_commit
from pulumi_rewind_tui.workers.background import CancelCheck, Post, in_thread
from pulumi_rewind_tui.workers.decrypting import decrypter

if TYPE_CHECKING:
    from textual.worker import Worker

    from pulumi_rewind.session import Session

MESSAGE = 12
"""Cells from which on a message is shown beside its commit; that of the selected row stands in the frame, too."""

BATCH = 0.1
"""Seconds between two messages while history is read."""


@dataclass
class BlameFound(Message):
    """Properties whose origin is known."""

    items: list[Blamed]
    done: bool
    problem: str = ""


@dataclass
class BlameProgress(Message):
    """How far the search is."""

    done: int
    total: int


@dataclass
class BlameFailed(Message):
    """The history can't be searched."""

    error: BaseException


class Stopped(Exception):
    """The search was stopped."""


def read_blame(session: Session, urn: str, post: Post, cancelled: CancelCheck) -> None:
    """Searches the history backwards; posts results in batches, and its progress; in a thread."""

    from pulumi_rewind.history.blame import blame

    decrypt, problem = decrypter(session)
    batch: list[Blamed] = []
    sent = told = time.monotonic()
    patience = PATIENCE

    def observe(done: int, total: int) -> None:
        nonlocal told, patience
        if cancelled():
            raise Stopped
        if time.monotonic() - told > patience:
            post(BlameProgress(done, total))
            told, patience = time.monotonic(), BATCH

    with contextlib.suppress(Stopped):
        for item in blame(session.timeline, urn, decrypt=decrypt, observe=observe):
            batch.append(item)
            if time.monotonic() - sent > BATCH:
                post(BlameFound(batch, False))
                batch, sent = [], time.monotonic()
    post(BlameFound(batch, not cancelled(), problem()))


class BlameList(RowsView[Blamed]):
    """One row a property."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.note = ((("reading the history…", "dim"),),)
        self.by_update = False

    def row_line(self, row: Blamed, width: int) -> Line:
        """One property."""
        return blame_line(row, self.rows, width)

    def order(self) -> None:
        """Sorts by path, or by update with the newest first."""
        if self.by_update:
            self.rows.sort(key=lambda item: (-(item.update.number if item.update else 1 << 60), item.path))
        else:
            self.rows.sort(key=lambda item: item.path)
        self.changed()


def blame_line(item: Blamed, items: list[Blamed], cells: int) -> Line:
    """Path, value, update, time, commit, author, message."""
    column = min(max(width(short_path(each.path)) for each in items), max(12, cells // 3))
    update = item.update
    value_cells = max(8, min(max(32, cells // 4), cells - column - 44))
    value = "●●●" if item.secret and item.value == MASK else _short(item.value)
    left: Line = ((fit(short_path(item.path), column) + "  ", "path"), (fit(value, value_cells) + "  ", "dim"))
    room = (
        cells - column - value_cells - 36 - min(16, width((item.source or item.update).author if item.update else ""))
    )
    if update is None:
        return (*left, ("changed outside updates", "hazard"))
    sure = " " if item.certain else "?"
    return (
        *left,
        (f"{'#' + str(update.number):>5}{sure} ", "bold" if item.certain else "hazard"),
        (moment(update.start_time, dated=True) + "  ", "dim"),
        (f"{short_commit(item.source or update):<8} ", "commit"),
        (cut((item.source or update).author, 16) + "  ", ""),
        (first_line(update.message) if room >= MESSAGE else "", "dim"),
    )


def _short(value: object) -> str:
    """A value on one line; URNs by their names."""
    if isinstance(value, list):
        return ", ".join(_short(inner) for inner in value)
    return urn_name(value) if isinstance(value, str) and value.startswith("urn:pulumi:") else shown_text(value)


class BlameScreen(RewindScreen[None]):
    """The properties of one resource."""

    HELP = (
        "For each property of the resource as it is now: the update, commit and author that set it last. "
        "? beside a number: an older state can't be read or its secret can't be compared, so the change "
        "may be older. esc or ctrl+c stops a long search; what it has found stays."
    )
    FOOTER = ("blame.rollback", "blame.order", "list.open", "blame.copy", "screen.back")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "order", "order", id="blame.order", tooltip="By path, or by update"),
        Binding(
            "r", "roll_back", "before it…", id="blame.rollback", tooltip="Review the rollback to before this change"
        ),
        Binding("y", "copy", "copy", id="blame.copy"),
    ]

    def __init__(self, session: Session, urn: str, path: str = "") -> None:
        super().__init__()
        self.session = session
        self.urn = urn
        self.path = path
        self._reader: Worker[None] | None = None
        self._reached = ""
        self._problem = ""

    def compose_body(self) -> ComposeResult:
        """The list."""
        yield BlameList(id="blame", classes="pane")

    def on_mount(self) -> None:
        """Reads the history in the background."""
        parsed = parse_urn(self.urn)
        view = self.query_one(BlameList)
        view.border_title = Content(f"Blame {parsed.name}")
        view.focus()
        self.status.show([((str(self.session.stack), "title"),), ((parsed.name, "bold"),), ((parsed.type, "dim"),)])
        session, urn = self.session, self.urn
        self._reader = in_thread(
            self, "blame", lambda cancelled: read_blame(session, urn, self.post_message, cancelled), BlameFailed
        )

    @on(BlameProgress)
    def _progress(self, event: BlameProgress) -> None:
        if self._reader is not None:
            self._reached = checked(event.done, event.total)
            self.query_one(BlameList).border_subtitle = Content(f"{self._reached}   esc stops")

    def interrupted(self) -> bool:
        """Stops the search; what it has found stays."""
        if self._reader is None:
            return False
        self._reader.cancel()
        self._reader = None
        view = self.query_one(BlameList)
        view.border_subtitle = Content(f"stopped: {self._reached or 'nothing checked'}; the rest was set earlier")
        if not view.rows:
            view.note = ((("Stopped before anything was found.", "dim"),),)
            view.changed()
        return True

    def action_back(self) -> None:
        """Stops the search first, if that takes long; then one level back."""
        if not (self._reached and self.interrupted()):
            super().action_back()

    @on(BlameFound)
    def _found(self, event: BlameFound) -> None:
        view = self.query_one(BlameList)
        view.rows.extend(event.items)
        if event.done and not view.rows:
            view.note = ((("This resource has no properties.", "dim"),),)
            view.border_subtitle = Content("")
        view.order()
        if event.done:
            self._reader = None
            self._problem = event.problem
            self._go_to(self.path)
            self._say_which()

    @on(LinesView.Moved)
    def _say_which(self) -> None:
        """The update that set the selected property, by its message: rows are cut where the terminal is narrow."""
        view = self.query_one(BlameList)
        if self._reader is not None or not view.rows:
            return
        item = view.current
        said = "secrets not comparable" if self._problem else plural(len(view.rows), "property", "properties")
        if item is not None and item.update is not None and item.update.message:
            said = f"#{item.update.number}: {cut(first_line(item.update.message), 48)}   {said}"
        view.border_subtitle = Content(said)

    def _go_to(self, path: str) -> None:
        view = self.query_one(BlameList)
        at = next((index for index, item in enumerate(view.rows) if path and item.path.startswith(path)), None)
        if at is not None:
            view.move_to(at)

    @on(BlameFailed)
    def _failed(self, event: BlameFailed) -> None:
        self._reader = None
        view = self.query_one(BlameList)
        view.rows = []
        view.note = error_lines(event.error, "The stack is not affected.")
        view.changed()

    @property
    def current(self) -> Blamed | None:
        """The property under the cursor."""
        return self.query_one(BlameList).current

    @on(LinesView.Opened)
    def _opened(self) -> None:
        item = self.current
        if item is not None and item.update is not None:
            self.rewind.post_message(msg.DetailsRequested(item.update, None))

    def action_order(self) -> None:
        """The other order."""
        view = self.query_one(BlameList)
        view.by_update = not view.by_update
        view.order()

    def action_roll_back(self) -> None:
        """Reviews going back to the update before the one that set the property."""
        item = self.current
        if item is None or item.update is None or item.update.number < 2:
            self.app.bell()
            return
        self.rewind.post_message(msg.RollbackRequested(f"#{item.update.number - 1}"))

    def action_copy(self) -> None:
        """Copies the row."""
        item = self.current
        if item is not None:
            self.rewind.copy(plain(blame_line(item, [item], 200)).rstrip())
