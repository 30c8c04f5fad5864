"""The questions about an update that waits for a confirmation: keep it, or take it back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widgets import Button, Input

from pulumi_rewind_tui.screens.dialog import CANCEL
from pulumi_rewind_tui.screens.naming import NameInput, NamingDialog
from pulumi_rewind_tui.text.cells import Line, paragraph
from pulumi_rewind_tui.widgets.note_line import NoteLine
from pulumi_rewind_tui.workers import taking_back as work
from pulumi_rewind_tui.workers.background import CancelCheck, in_thread
from pulumi_rewind_tui.workers.planner import PlanProgress

if TYPE_CHECKING:
    from pulumi_rewind.confirming.taking_back import TakingBack
    from pulumi_rewind.session import Session
    from pulumi_rewind.window.deadline import Deadline


class KeepScreen(NamingDialog[bool]):
    """*Cancel* is focused; keeping changes no resource, so nothing is typed."""

    HELP = "The update that waits for a confirmation stays. Esc decides nothing: it waits on."
    BINDINGS: ClassVar[list[BindingType]] = [Binding("y", "say_yes", "keep it", id="confirm.yes")]
    FOOTER = ("confirm.yes", "dialog.leave")

    def __init__(self, deadline: Deadline) -> None:
        super().__init__(f"Keep #{deadline.update}?", "", typed=False)
        self.deadline = deadline

    def buttons(self) -> Iterator[Button]:
        """Cancel and keep."""
        yield Button("Cancel", id=CANCEL, action="screen.leave")
        yield Button("Keep it", id="yes", action="screen.say_yes")

    def lines(self, cells: int) -> list[Line]:
        """What keeping means."""
        lines = paragraph(f"#{self.deadline.update} stays: nobody takes it back to {self.deadline.label}.", cells)
        return lines + paragraph("Objects that it left alive stay held; `pulumi-rewind confirm` deletes them.", cells)

    def action_say_yes(self) -> None:
        """Keeps it."""
        self.dismiss(True)


class TakeBackScreen(NamingDialog[work.BackPlanned | work.BackFailed]):
    """*Cancel* is focused; the stack's name is typed. Then it plans, and the run follows by itself."""

    HELP = (
        "The update that waits for a confirmation is taken back now, as it would be when its time is over. Type the "
        "stack's name and press enter: the way back is planned, then run. Esc leaves everything as it is."
    )
    FOOTER = ("dialog.leave",)

    def __init__(self, session: Session, deadline: Deadline) -> None:
        super().__init__(f"Take #{deadline.update} back to {deadline.label} now?", session.stack.name, typed=True)
        self.session = session
        self.deadline = deadline
        self._planning = False
        self._back: TakingBack | None = None

    def buttons(self) -> Iterator[Button]:
        """Cancel and take back."""
        yield Button("Cancel", id=CANCEL, action="screen.leave")
        yield Button("Take back", id="yes", variant="error")

    def lines(self, cells: int) -> list[Line]:
        """What taking back means."""
        deadline, hazard = self.deadline, self.table["hazard"]
        what = f"The way back to {deadline.label} is planned and run, with no further question."
        lines = paragraph(what, cells, "bold")
        about = f"{hazard} What #{deadline.update} created is deleted, with the data that it received since."
        lines += paragraph(about, cells, "hazard")
        if deadline.allow_data_loss:
            lines += paragraph(f"{hazard} The loss of older data was allowed when it began to wait.", cells, "hazard")
        if self.session.production:
            lines += paragraph("This is a production stack.", cells, "hazard")
        return lines

    @on(Input.Submitted)
    @on(Button.Pressed, "#yes")
    def _answer(self) -> None:
        if self._planning or not self.named:
            return
        self._planning = True
        self.query_one(NameInput).disabled = True
        self.query_one("#yes", Button).disabled = True
        self.query_one(f"#{CANCEL}", Button).focus()
        self.rewind.run_in_progress = self
        self._say("reading live and the target…")
        session, deadline = self.session, self.deadline

        def work_on(cancelled: CancelCheck) -> None:
            work.plan_back(session, deadline, self._begun, self.post_message, cancelled)

        in_thread(self, "plan", work_on, work.BackFailed)

    def _begun(self, back: TakingBack) -> None:
        self._back = back

    def _say(self, text: str) -> None:
        self.query_one("#missing", NoteLine).show(((text, "running"),))

    @on(PlanProgress)
    def _progress(self, event: PlanProgress) -> None:
        self._say(event.text)

    @on(work.BackPlanned)
    @on(work.BackFailed)
    def _planned(self, event: work.BackPlanned | work.BackFailed) -> None:
        self._back = None  # it belongs to the running screen now, or has ended
        while self.app.screen is not self:  # help, which was opened meanwhile
            self.app.pop_screen()
        self.dismiss(event)

    def on_unmount(self) -> None:
        """Planning ends with its dialog."""
        if self.rewind.run_in_progress is self:
            self.rewind.run_in_progress = None
            self.ask_interrupt()

    def ask_interrupt(self) -> None:
        """Stops planning: `resume` continues."""
        if self._back is not None:
            self._say("stopping…")
            self._back.interrupt()

    def action_leave(self) -> None:
        """Leaves, or stops planning."""
        if self._planning:
            self.ask_interrupt()
        else:
            self.dismiss(None)
