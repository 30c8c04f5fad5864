"""The dialog for an interrupted rollback, found at the start."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Button

from pulumi_rewind.choices import Choices
from pulumi_rewind.errors import RewindError
from pulumi_rewind.rollback.resuming import RESUME, resumed_target
from pulumi_rewind.state.model import urn_name
from pulumi_rewind.state.naming import NOT
from pulumi_rewind.strategies.choosing import holding_as_set
from pulumi_rewind_tui import messages as msg
from pulumi_rewind_tui.screens.dialog import CANCEL, Dialog
from pulumi_rewind_tui.text.cells import Line, facts, paragraph
from pulumi_rewind_tui.widgets.text_block import TextBlock
from pulumi_rewind_tui.workers.background import CancelCheck, in_thread
from pulumi_rewind_tui.workers.runner import log_path

if TYPE_CHECKING:
    from pulumi_rewind.project.journal import JournalEntry
    from pulumi_rewind.session import Session


@dataclass
class Found(Message):
    """How the stack stands now."""

    pending: tuple[str, ...]
    lock: str
    newest: int
    log: str
    gone: str
    """Why it can't be resumed, empty if it can."""
    target: int = 0
    """The number that its target has now."""
    error: str = ""
    """Why it did not come to its end; empty if nobody could keep that."""


def look(session: Session, entry: JournalEntry) -> Found:
    """Reads live, locks and the target's checkpoint; in a thread."""
    from pulumi_rewind.rollback.report import kept_report, report_after

    live = session.backend.live(session.stack)
    locks = session.operations()
    newest = len(session.history())
    path = log_path(session)
    gone, target = "", 0
    try:
        target = resumed_target(session, entry).update.number
    except RewindError as err:
        gone = session.redactor.said(err)
    pending = tuple(f"{one.type} {urn_name(one.resource.urn)}" for one in live.pending_operations)
    log = str(path) if path.exists() else ""
    report = kept_report(session, newest) or report_after(session, newest) if newest else None
    error = report.error if report is not None and report.ended >= entry.started else ""
    return Found(pending, str(locks[0]) if locks else "", newest, log, gone, target, error)


class InterruptedScreen(Dialog[None]):
    """*Later* is focused; every choice is reviewed before anything is changed."""

    CSS_PATH = "running.tcss"
    HELP = (
        "A rollback of this stack was interrupted. Resuming plans the remaining steps; finished steps stay done. You "
        "review every plan before anything is changed."
    )
    FOOTER = ("interrupted.resume", "interrupted.back", "interrupted.forget", "dialog.leave")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "resume", "resume", id="interrupted.resume", tooltip="Review the remaining steps to the target"),
        Binding("u", "way_back", "undo", id="interrupted.back", tooltip="Review the rollback to its start"),
        Binding(
            "F", "forget", "forget", id="interrupted.forget", tooltip="Keep the stack as it is and don't ask again"
        ),
        Binding("escape,l", "leave", "later", id="dialog.leave"),
        Binding("left,up", "app.focus_previous", "previous", id="interrupted.previous", show=False),
        Binding("right,down", "app.focus_next", "next", id="interrupted.next", show=False),
    ]

    def __init__(self, session: Session, entry: JournalEntry) -> None:
        super().__init__("An interrupted rollback")
        self.session = session
        self.entry = entry
        self.found: Found | None = None
        self.problem = ""

    def buttons(self) -> Iterator[Button]:
        """The choices."""
        yield Button("Later", id=CANCEL, action="screen.leave")
        yield Button("Resume", id="resume", action="screen.resume")
        yield Button("Undo", id="back", action="screen.way_back")
        yield Button("Forget", id="forget", variant="error", action="screen.forget")

    def on_mount(self) -> None:
        """Reads how far it got."""
        self.query_one("#back", Button).disabled = not self.entry.start
        session, entry = self.session, self.entry

        def work(_: CancelCheck) -> None:
            self.post_message(look(session, entry))

        in_thread(self, "look", work, lambda err: Found((), "", 0, "", session.redactor.said(err)))

    @on(Found)
    def _looked(self, event: Found) -> None:
        self.found = event
        self.query_one("#resume", Button).disabled = bool(event.gone)
        self.query_one(TextBlock).show(self.lines)
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Resuming requires the same target as before; undoing requires an update to go back to."""
        if action == "way_back" and not self.entry.start:
            return False
        return not (action == "resume" and self.found is not None and self.found.gone)

    def lines(self, cells: int) -> list[Line]:
        """What was found."""
        entry, found = self.entry, self.found
        hazard = self.table["hazard"]
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.started))
        what = f"A rollback of {self.session.stack} to {entry.label} began {moment} and was interrupted."
        if entry.update:
            what = (
                f"An update of {self.session.stack} began {moment} and was interrupted. Resuming plans the rollback to "
                f"{entry.label}, the rollback target if it failed."
            )
        lines = paragraph(what, cells)
        lines += paragraph(f"The stack may be between #{entry.start} and {entry.label}.", cells, "hazard")
        if found is None:
            return [*lines, (("", ""),), (("reading the stack…", "dim"),)]
        pairs = [
            ("began after", f"#{entry.start}" + (f", now #{found.newest}" if found.newest > entry.start else "")),
            ("why it stopped", found.error),
            ("only", ", ".join(urn_name(text) for text in entry.choices.only if not text.startswith(NOT))),
            ("left out", ", ".join(map(urn_name, entry.choices.left_out))),
            ("data", "is kept: resources that would lose it stay as they are" if entry.choices.keep_data else ""),
            ("pending operations", ", ".join(found.pending) or "none"),
            ("lock", found.lock or "none"),
            ("log", found.log),
        ]
        lines += [(("", ""),), *facts(pairs, cells)]
        if found.gone:
            lines += [(("", ""),), *paragraph(f"{hazard} It can't be resumed: {found.gone}.", cells, "hazard")]
        return lines

    def _review(self, target: str, choices: Choices) -> None:
        self.dismiss(None)
        self.rewind.post_message(msg.RollbackRequested(target, choices))

    def action_resume(self) -> None:
        """Reviews the remaining steps."""
        entry = self.entry
        target = self.found.target if self.found is not None and not entry.kept else 0
        self._review(f"#{target}" if target else RESUME, entry.choices)

    def action_way_back(self) -> None:
        """Reviews the rollback to its start."""
        self._review(f"#{self.entry.start}", holding_as_set(self.entry.choices.undoing(), self.session.settings))

    def action_forget(self) -> None:
        """Drops the entry; the stack stays as it is."""
        try:
            self.session.journal.forget()
        except RewindError as err:
            self.notify(f"{self.session.redactor.said(err)}\n{err.hint}", severity="error", markup=False)
        self.dismiss(None)
