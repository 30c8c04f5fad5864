"""The last question before anything is changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Static

from pulumi_rewind_tui.screens.base import RewindModal
from pulumi_rewind_tui.screens.review_text import destructive
from pulumi_rewind_tui.screens.text_page import paragraph
from pulumi_rewind_tui.selecting import left_out, names_left
from pulumi_rewind_tui.symbols import counts_text, symbols
from pulumi_rewind_tui.widgets.cells import Line
from pulumi_rewind_tui.widgets.footer import KeyFooter
from pulumi_rewind_tui.widgets.note_line import NoteLine
from pulumi_rewind_tui.widgets.text_block import TextBlock

if TYPE_CHECKING:
    from pulumi_rewind.plan import Plan


@dataclass(frozen=True)
class Agreement:
    """The operator said yes."""

    allow_data_loss: bool = False


class NameInput(Input):
    """Where the stack's name is typed; space belongs to the dialogue, names hold none."""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Everything printable except the space."""
        return key != "space" and super().check_consume_key(key, character)

    async def _on_key(self, event: events.Key) -> None:
        if event.key != "space":
            await super()._on_key(event)


class ConfirmScreen(RewindModal[Agreement]):
    """*Cancel* is focused; what is dangerous wants the stack's name typed, a loss of data its own yes."""

    CSS_PATH = "confirm.tcss"
    HELP = (
        "The last question. For production stacks, and where something is deleted or replaced, type the stack's "
        "name and press enter. If data is lost, agree to that with space first. Esc leaves everything as it is."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "accept_loss", "agree to the loss", id="confirm.loss", priority=True),
        Binding("y", "say_yes", "yes", id="confirm.yes"),
        Binding("left,up", "app.focus_previous", "previous", id="confirm.previous", show=False),
        Binding("right,down", "app.focus_next", "next", id="confirm.next", show=False),
    ]

    def __init__(self, plan: Plan, *, production: bool) -> None:
        super().__init__()
        self.plan = plan
        self.production = production
        self.stack = plan.stack.rsplit("/", 1)[-1]
        self.losing = plan.losers
        self.typed = production or bool(destructive(plan)) or plan.loses_data
        """Whether the stack's name has to be typed."""
        self.accepted = False
        """Whether the loss of data was agreed to."""

    FOOTER = ("confirm.loss", "confirm.yes", "dialog.leave")

    def compose(self) -> ComposeResult:
        """What is about to happen, what is wanted for it, the buttons."""
        with Vertical(classes="dialog danger" if self.typed else "dialog") as dialog:
            dialog.border_title = Content(f"Roll back {self.plan.stack} to {self.plan.target.label}?")
            yield TextBlock(self._lines, id="what")
            if self.losing:
                yield NoteLine(id="loss")
            if self.typed:
                with Horizontal(id="typing"):
                    yield Static(Content.assemble("Type the stack's name (", (self.stack, "bold"), "): "), id="prompt")
                    yield NameInput(id="name", select_on_focus=False)
            yield NoteLine(id="missing")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel")
                yield Button("Roll back", id="yes", variant="error" if self.typed else "default")
            yield KeyFooter()

    def on_mount(self) -> None:
        """Cancel is focused."""
        self.query_one("#cancel", Button).focus()
        self._show_loss()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A plain yes only where no name is wanted; agreeing to a loss only where there is one."""
        if action == "say_yes":
            return not self.typed
        return bool(self.losing) if action == "accept_loss" else True

    def _lines(self, cells: int) -> list[Line]:
        plan, table = self.plan, symbols(self.rewind.ascii_only)
        counts = counts_text({op: n for op, n in plan.changes.items() if op != "same"}, self.rewind.ascii_only)
        what = f"{counts}  with the real engine." if counts else "The state alone changes."
        lines = paragraph(what, cells, "bold")
        number = destructive(plan)
        if number:
            names = [s.name for s in plan.steps if s.op in ("delete", "replace") and s.forecast != "kept"]
            shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
            lines += paragraph(f"Deleted or replaced: {shown}.", cells)
        left = left_out(plan)
        if left:
            lines += paragraph(f"Left as they are: {names_left(left)}.", cells)
        if self.losing:
            lines += paragraph(
                f"{table['hazard']} Data is lost in: {', '.join(self.losing)}. Back it up first.", cells, "hazard"
            )
        if self.production:
            lines += paragraph("This is a production stack.", cells, "hazard")
        return lines

    def _show_loss(self) -> None:
        if self.losing:
            mark = "x" if self.accepted else " "
            role = "hazard" if self.accepted else ""
            self.query_one("#loss", NoteLine).show(
                ((f"[{mark}] ", role), ("I agree to the loss of this data", role), ("  (space)", "dim"))
            )

    # Keys

    def on_key(self, event: events.Key) -> None:
        """Typing goes into the field wherever the focus is."""
        if not self.typed or not event.is_printable or event.key == "space" or not event.character:
            return
        field = self.query_one(NameInput)
        if not field.has_focus:
            event.stop()
            event.prevent_default()
            field.focus()
            field.value += event.character
            field.cursor_position = len(field.value)

    def action_accept_loss(self) -> None:
        """Agrees to the loss of data, or takes that back."""
        self.accepted = not self.accepted
        self._show_loss()
        self._missing("")

    def action_say_yes(self) -> None:
        """The plain yes."""
        self._answer()

    @on(Input.Submitted)
    @on(Button.Pressed, "#yes")
    def _answer(self) -> None:
        if self.typed and self.query_one(NameInput).value.strip() != self.stack:
            self._missing(f"Type {self.stack} to go on; esc leaves everything as it is.")
            self.query_one(NameInput).focus()
        elif self.losing and not self.accepted:
            self._missing("Agree to the loss of data with space first.")
        else:
            self.dismiss(Agreement(allow_data_loss=self.accepted))

    def _missing(self, text: str) -> None:
        self.query_one("#missing", NoteLine).show(((text, "hazard"),))

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.action_leave()
