"""The stack picker: every stack of the backend, this project's first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

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
    from pulumi_rewind.backends.protocol import Backend
    from pulumi_rewind.state.model import StackRef, Update
    from pulumi_rewind_tui.host import Host


@dataclass
class StacksListed(Message):
    """The backend's stacks."""

    url: str
    project: str
    stacks: list[StackRef]


@dataclass
class StackRead(Message):
    """What is known of one stack."""

    stack: StackRef
    updates: int
    last: Update | None
    resources: int | None


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


def read_stacks(app: Host, post: Post, cancelled: CancelCheck) -> None:
    """Lists the stacks, then looks at each; in a thread."""
    backend, project, refs = list_stacks(app)
    post(StacksListed(backend.url, project, refs))
    for ref in refs:
        if cancelled():
            return
        post(_look_at(backend, ref))


def _look_at(backend: Backend, ref: StackRef) -> StackRead:
    updates, last, resources = 0, None, None
    try:
        history = backend.history(ref)
        updates = len(history)
        last = next(iter(history.newest(1)), None)
        resources = sum(not res.is_stack for res in backend.live(ref).resources)
    except (RewindError, OSError):
        pass  # one unreadable stack must not hide the others; its row simply says less
    return StackRead(ref, updates, last, resources)


class StackList(RowsView["StackRef"]):
    """One row a stack."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.known: dict[StackRef, StackRead] = {}
        self.note = ((("reading…", "dim"),),)

    def row_line(self, ref: StackRef, width: int) -> Line:
        """One stack."""
        names = max(max(width_of(str(each)) for each in self.rows), 12)
        head: Line = ((fit(str(ref), min(names, width // 2)) + "  ", "bold"),)
        read = self.known.get(ref)
        if read is None:
            return (*head, ("…", "dim"))
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
        view.rows = event.stacks
        if not event.stacks:
            view.note = (
                (("This backend holds no stacks yet.", "bold"),),
                (("", ""),),
                (("Make one with `pulumi stack init`, deploy it with `pulumi up`, then press ctrl+r.", "dim"),),
            )
        self.status.show(
            [
                (("Choose a stack", "title"),),
                ((shorten_url(shown_url(event.url)), "dim"),),
                ((plural(len(event.stacks), "stack"), ""),),
                ((f"project: {event.project}", "dim"),),
            ]
        )
        session = self.rewind.session
        if session is not None and session.stack in event.stacks:
            view.cursor = event.stacks.index(session.stack)
        view.changed()

    @on(StackRead)
    def _read(self, event: StackRead) -> None:
        view = self.query_one(StackList)
        view.known[event.stack] = event
        view.changed()

    @on(StacksFailed)
    def _failed(self, event: StacksFailed) -> None:
        view = self.query_one(StackList)
        view.rows = []
        view.note = error_lines(event.error, "The stacks are not affected.")
        view.changed()

    @on(LinesView.Opened)
    def _opened(self, event: LinesView.Opened) -> None:
        view = self.query_one(StackList)
        if event.index < len(view.rows):
            name = str(view.rows[event.index])
            self.rewind.post_message(msg.StackSelected(name))
