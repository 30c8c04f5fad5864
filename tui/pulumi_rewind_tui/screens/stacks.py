"""The stack picker: every stack of the backend, this project's first."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from pulumi_rewind.backends.urls import shown_url
from pulumi_rewind.errors import RewindError
from pulumi_rewind_tui import messages as msg
from pulumi_rewind_tui.screens.base import RewindScreen
from pulumi_rewind_tui.text.cells import Line, fit
from pulumi_rewind_tui.text.cells import width as width_of
from pulumi_rewind_tui.text.home_page import error_lines, shorten_url
from pulumi_rewind_tui.widgets.lines import LinesView, RowsView
from pulumi_rewind_tui.words.words import local_time, plural
from pulumi_rewind_tui.workers.background import CancelCheck, Post, in_thread

if TYPE_CHECKING:
    from textual.timer import Timer
    from textual.worker import Worker

    from pulumi_rewind.backends.protocol import Backend
    from pulumi_rewind.state.model import StackRef, Update
    from pulumi_rewind_tui.host import Host


AT_ONCE: Final = 8
"""Stacks that are looked at at the same time: most of that is waiting for an answer."""


@dataclass
class StacksListed(Message):
    """The backend's stacks."""

    backend: Backend
    project: str
    stacks: list[StackRef]


@dataclass
class StackRead(Message):
    """What is known of one stack."""

    stack: StackRef
    updates: int
    last: Update | None
    resources: int | None
    readable: bool = True


@dataclass
class StacksFailed(Message):
    """The backend could not be listed."""

    error: BaseException


def list_stacks(app: Host) -> tuple[Backend, str, list[StackRef]]:
    """The backend, the project's name and all stacks, the project's first; in a thread."""
    from pulumi_rewind.backends import open_backend
    from pulumi_rewind.project.workspace import find_workspace

    workspace = find_workspace(app.cwd, backend=app.backend_url, environ=app.environ)
    backend = open_backend(workspace.backend_url, workspace.environ)
    refs = sorted(backend.stacks(), key=lambda ref: (ref.project not in ("", workspace.project), ref))
    return backend, workspace.project, refs


def read_stacks(app: Host, post: Post, _: CancelCheck) -> None:
    """Lists the stacks; in a thread."""
    post(StacksListed(*list_stacks(app)))


def look_at_stacks(backend: Backend, waiting: deque[StackRef], post: Post, cancelled: CancelCheck) -> None:
    """Looks at the stacks that wait for it, what came into sight last first; in several threads at once."""
    while not cancelled():
        try:
            ref = waiting.pop()
        except IndexError:
            return
        post(_look_at(backend, ref))


def _look_at(backend: Backend, ref: StackRef) -> StackRead:
    updates, last, resources, readable = 0, None, None, True
    try:
        history = backend.history(ref)
        updates = len(history)
        last = next(iter(history.newest(1)), None)
        resources = sum(not res.is_stack for res in backend.live(ref).resources)
    except (RewindError, OSError):  # one unreadable stack must not hide the others; its row simply says less
        readable = last is not None
    return StackRead(ref, updates, last, resources, readable)


class StackList(RowsView["StackRef"]):
    """One row a stack; says which rows are in sight that nobody has looked at yet."""

    @dataclass
    class Wanted(Message):
        """A stack came into sight."""

        stack: StackRef

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.known: dict[StackRef, StackRead] = {}
        self.note = ((("reading…", "dim"),),)
        self._asked: set[StackRef] = set()
        self._names = 0

    def show(self, stacks: list[StackRef]) -> None:
        """Shows these stacks, and asks for each again when it is in sight; what was known stays until then."""
        self.rows = stacks
        self._asked.clear()
        self._names = max((width_of(str(each)) for each in stacks), default=0)

    def row_line(self, ref: StackRef, width: int) -> Line:
        """One stack."""
        if ref not in self._asked:
            self._asked.add(ref)
            self.post_message(self.Wanted(ref))
        head: Line = ((fit(str(ref), min(max(self._names, 12), width // 2)) + "  ", "bold"),)
        read = self.known.get(ref)
        if read is None:
            return (*head, ("…", "dim"))
        if not read.readable:
            return (*head, ("can't be read", "failed"))
        table = self.table
        if read.last is None:
            return (*head, ("no updates yet", "dim"))
        ok = read.last.succeeded
        when = local_time(read.last.start_time, "%Y-%m-%d %H:%M")
        resources = "?" if read.resources is None else plural(read.resources, "resource")
        return (
            *head,
            (f"{when}  ", "dim"),
            (table["ok"] if ok else table["failed"], "ok" if ok else "failed"),
            (f" {read.last.result:<11}", "" if ok else "failed"),
            (f"{plural(read.updates, 'update'):>12}  {resources:>14}", "dim"),
        )


class StacksScreen(RewindScreen[None]):
    """Enter opens a stack."""

    HELP = "All stacks of the backend. Enter opens one; its timeline replaces the one you came from."
    FOOTER = ("list.open", "stacks.refresh", "screen.back")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+r,f5", "refresh", "read again", id="stacks.refresh")]

    def __init__(self) -> None:
        super().__init__()
        self._backend: Backend | None = None
        self._waiting: deque[StackRef] = deque()
        """Stacks that came into sight and that nobody looks at yet."""
        self._readers: list[Worker[None]] = []
        self._again: Timer | None = None

    def compose_body(self) -> ComposeResult:
        """The list."""
        yield StackList(id="stacks", classes="pane")

    def on_mount(self) -> None:
        """Reads the backend in the background."""
        stacks = self.query_one(StackList)
        stacks.border_title = Content("Stacks")
        stacks.focus()
        self.status.show([(("Choose a stack", "title"),)])
        self.action_refresh()

    def action_refresh(self) -> None:
        """Reads the backend again."""
        app = self.rewind
        in_thread(self, "stacks", lambda cancelled: read_stacks(app, self.post_message, cancelled), StacksFailed)

    @on(StacksListed)
    def _listed(self, event: StacksListed) -> None:
        view = self.query_one(StackList)
        self._backend = event.backend
        self._waiting.clear()
        view.show(event.stacks)
        if not event.stacks:
            view.note = (
                (("This backend holds no stacks yet.", "bold"),),
                (("", ""),),
                (("Make one with `pulumi stack init`, deploy it with `pulumi up`, then press ctrl+r.", "dim"),),
            )
        self.status.show(
            [
                (("Choose a stack", "title"),),
                ((shorten_url(shown_url(event.backend.url)), "dim"),),
                ((plural(len(event.stacks), "stack"), ""),),
                ((f"project: {event.project}", "dim"),),
            ]
        )
        session = self.rewind.session
        if session is not None and session.stack in event.stacks:
            view.cursor = event.stacks.index(session.stack)
        view.changed()

    @on(StackList.Wanted)
    def _wanted(self, event: StackList.Wanted) -> None:
        self._waiting.append(event.stack)
        self._look_at_waiting()

    def _look_at_waiting(self) -> None:
        backend, waiting = self._backend, self._waiting
        if backend is None or not waiting:
            return
        self._readers = [reader for reader in self._readers if not reader.is_finished]
        if len(self._readers) == AT_ONCE:
            self._again = self._again or self.set_timer(0.2, self._look_again)  # one of them may just be ending
            return
        reader = in_thread(
            self,
            f"stack {waiting[-1]}",
            lambda cancelled: look_at_stacks(backend, waiting, self.post_message, cancelled),
            StacksFailed,
        )
        self._readers.append(reader)

    def _look_again(self) -> None:
        self._again = None
        self._look_at_waiting()

    @on(StackRead)
    def _read(self, event: StackRead) -> None:
        view = self.query_one(StackList)
        view.known[event.stack] = event
        view.changed()

    @on(StacksFailed)
    def _failed(self, event: StacksFailed) -> None:
        view = self.query_one(StackList)
        view.show([])
        view.note = error_lines(event.error, "The stacks are not affected.")
        view.changed()

    @on(LinesView.Opened)
    def _opened(self, event: LinesView.Opened) -> None:
        view = self.query_one(StackList)
        if event.index < len(view.rows):
            name = str(view.rows[event.index])
            self.rewind.post_message(msg.StackSelected(name))
