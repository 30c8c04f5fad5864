"""Everything recorded about one update: what, who, where from, configuration, commits, evidence of a failure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from pulumi_rewind_tui import messages as msg
from pulumi_rewind_tui.screens.base import RewindScreen
from pulumi_rewind_tui.screens.web_page import open_page
from pulumi_rewind_tui.text.cells import Line
from pulumi_rewind_tui.text.details_page import Evidence, details, read_evidence
from pulumi_rewind_tui.widgets.text_page import TextView
from pulumi_rewind_tui.words.words import elapsed, local_time, plural
from pulumi_rewind_tui.workers.background import in_thread

if TYPE_CHECKING:
    from pulumi_rewind.history.timeline import Entry
    from pulumi_rewind.session import Session
    from pulumi_rewind.state.model import Update


@dataclass
class EvidenceRead(Message):
    """What the neighbours, the checkpoint and git say."""

    evidence: Evidence


class DetailsScreen(RewindScreen[None]):
    """One scrolling page."""

    HELP = "Everything that is recorded about this update. r reviews the rollback to it."
    FOOTER = ("details.rollback", "details.copy", "screen.back")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "roll_back", "roll back…", id="details.rollback"),
        Binding("y", "copy", "copy", id="details.copy"),
        Binding("o", "open_page", "web page", id="details.page", tooltip="Open the update's page in the browser"),
        Binding("i", "back", "back", id="details.back", show=False),
    ]

    def __init__(self, session: Session, update: Update, entry: Entry | None) -> None:
        super().__init__()
        self.session = session
        self.update_record = update
        self.entry = entry
        self.evidence: Evidence | None = None

    def compose_body(self) -> ComposeResult:
        """The page."""
        yield TextView(self._lines_for, classes="pane")

    def on_mount(self) -> None:
        """Shows what is at hand and reads the rest."""
        update = self.update_record
        page = self.query_one(TextView)
        page.border_title = Content(f"Update #{update.number}")
        page.focus()
        took = elapsed(update.end_time - update.start_time) if update.end_time >= update.start_time else ""
        steps = sum(count for op, count in update.changes.items() if op != "same")
        self.status.show(
            [
                ((str(self.session.stack), "title"),),
                ((f"#{update.number}", "bold"), (f" {update.kind} ", ""), (update.result, _role(update))),
                ((local_time(update.start_time), "dim"),),
                ((f"took {took}" if took else "", "dim"),),
                ((plural(steps, "change"), "dim"),),
            ]
        )
        session = self.session
        in_thread(
            self,
            "evidence",
            lambda _: self._read_evidence(session, update),
            lambda err: EvidenceRead(Evidence(problem=session.redactor.said(err))),
        )

    def _read_evidence(self, session: Session, update: Update) -> None:
        self.post_message(EvidenceRead(read_evidence(session, update)))

    @on(EvidenceRead)
    def _evidence_read(self, event: EvidenceRead) -> None:
        self.evidence = event.evidence
        self.query_one(TextView).show(self._lines_for)

    def _lines_for(self, cells: int) -> list[Line]:
        tags = self.entry.tags if self.entry is not None else ()
        return details(self.update_record, tags, self.evidence, cells)

    def action_copy(self) -> None:
        """Copies the page."""
        self.rewind.copy(self.query_one(TextView).text)

    def action_open_page(self) -> None:
        """Opens the update's page."""
        open_page(self, self.session, self.update_record)

    def action_roll_back(self) -> None:
        """Asks for the review."""
        self.rewind.post_message(msg.RollbackRequested(f"#{self.update_record.number}"))


def _role(update: Update) -> str:
    return "ok" if update.succeeded else "failed"
