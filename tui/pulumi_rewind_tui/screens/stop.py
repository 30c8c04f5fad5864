"""What ctrl+c asks during a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal, TypeAlias

from textual.binding import Binding, BindingType
from textual.widgets import Button

from pulumi_rewind_tui.screens.dialog import CANCEL, Dialog
from pulumi_rewind_tui.text.cells import Line, paragraph

Stop: TypeAlias = Literal["gently", "now", "kill"]


class StopScreen(Dialog[Stop]):
    """*Keep going* is focused; answers how to stop, None to continue."""

    CSS_PATH = "running.tcss"
    HELP = "A stopped rollback can be resumed. Esc and enter keep it going."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,up", "app.focus_previous", "previous", id="stop.previous", show=False),
        Binding("right,down", "app.focus_next", "next", id="stop.next", show=False),
        Binding("s", "answer('gently')", "stop", id="stop.gently"),
        Binding("n", "answer('now')", "stop now", id="stop.now"),
        Binding("K", "answer('kill')", "kill", id="stop.kill"),
        Binding("escape", "leave", "keep going", id="dialog.leave"),
        # q and ctrl+c open this dialog; inside it they must not open another one.
        Binding("q", "leave", "keep going", id="stop.leave", show=False),
    ]
    FOOTER = ("dialog.leave", "stop.gently", "stop.now", "stop.kill")

    def __init__(self, *, stopping: bool) -> None:
        super().__init__("Stop the rollback?")
        self.stopping = stopping
        """Whether it was asked to stop gently already."""

    def buttons(self) -> Iterator[Button]:
        """Keeping on, and the ways to stop."""
        yield Button("Keep going" if not self.stopping else "Wait", id=CANCEL, action="screen.leave")
        if self.stopping:
            yield Button("Stop now", id="now", variant="error", action="screen.answer('now')")
        else:
            yield Button("Stop after the running steps", id="gently", action="screen.answer('gently')")
        yield Button("Kill", id="kill", variant="error", action="screen.answer('kill')")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Stopping now comes after stopping gently."""
        if action == "answer":
            return parameters[0] != ("gently" if self.stopping else "now")
        return True

    def lines(self, cells: int) -> list[Line]:
        """What stopping means."""
        hazard = self.table["hazard"]
        if self.stopping:
            lines = paragraph("It stops as soon as the running steps are done.", cells)
            lines += paragraph(f"{hazard} Stopping now may leave pending operations.", cells, "hazard")
        else:
            lines = paragraph("After the running steps: no new steps start, the state stays consistent.", cells)
        lines += paragraph(f"{hazard} Killing may leave pending operations and a lock.", cells, "hazard")
        lines += paragraph(
            "In both cases the stack is then between two states, and the rollback can be resumed.", cells
        )
        return lines

    def action_answer(self, how: Stop) -> None:
        """Stops one way or another."""
        self.dismiss(how)
