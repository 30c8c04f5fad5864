"""What ctrl+c asks during a run."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button

from pulumi_rewind_tui.screens.base import RewindModal
from pulumi_rewind_tui.symbols import symbols
from pulumi_rewind_tui.widgets.cells import Line, paragraph
from pulumi_rewind_tui.widgets.footer import KeyFooter
from pulumi_rewind_tui.widgets.text_block import TextBlock

Stop: TypeAlias = Literal["gently", "now", "kill"]


class StopScreen(RewindModal[Stop]):
    """*Keep going* is focused; answers how to stop, None for keeping on."""

    CSS_PATH = "running.tcss"
    HELP = "A rollback that was stopped can be resumed. Esc and enter keep it going."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,up", "app.focus_previous", "previous", id="stop.previous", show=False),
        Binding("right,down", "app.focus_next", "next", id="stop.next", show=False),
        Binding("s", "answer('gently')", "stop", id="stop.gently"),
        Binding("n", "answer('now')", "stop now", id="stop.now"),
        Binding("K", "answer('kill')", "kill", id="stop.kill"),
        Binding("escape", "leave", "keep going", id="dialog.leave"),
        # The dialogue is what q and ctrl+c open; in it they must not open another one.
        Binding("q", "leave", "keep going", id="stop.leave", show=False),
    ]
    FOOTER = ("dialog.leave", "stop.gently", "stop.now", "stop.kill")

    def __init__(self, *, stopping: bool) -> None:
        super().__init__()
        self.stopping = stopping
        """Whether it was asked to stop gently already."""

    def compose(self) -> ComposeResult:
        """Text and buttons."""
        with Vertical(classes="dialog danger") as dialog:
            dialog.border_title = Content("Stop the rollback?")
            yield TextBlock(self._lines, id="what")
            with Horizontal(classes="buttons"):
                yield Button("Keep going" if not self.stopping else "Wait", id="cancel")
                if self.stopping:
                    yield Button("Stop now", id="now", variant="error")
                else:
                    yield Button("Stop after the running steps", id="gently")
                yield Button("Kill", id="kill", variant="error")
            yield KeyFooter()

    def on_mount(self) -> None:
        """Keeping on is focused."""
        self.query_one("#cancel", Button).focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Stopping now comes after stopping gently."""
        if action == "answer":
            return parameters[0] != ("gently" if self.stopping else "now")
        return True

    def _lines(self, cells: int) -> list[Line]:
        hazard = symbols(self.rewind.ascii_only)["hazard"]
        if self.stopping:
            lines = paragraph("It stops as soon as the running steps are done.", cells)
            lines += paragraph(f"{hazard} Stopping now may leave pending operations.", cells, "hazard")
        else:
            lines = paragraph("After the running steps: no new ones begin, the state stays sound.", cells)
        lines += paragraph(f"{hazard} Killing may leave pending operations and a lock.", cells, "hazard")
        lines += paragraph("Either way the stack is then between two states, and the rollback can be resumed.", cells)
        return lines

    def action_answer(self, how: Stop) -> None:
        """Stops one way or another."""
        self.dismiss(how)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        match event.button.id:
            case "gently" | "now" | "kill" as how:
                self.dismiss(how)
            case _:
                self.dismiss(None)
