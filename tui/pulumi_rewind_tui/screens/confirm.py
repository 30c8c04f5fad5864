"""The last question before anything is changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from pulumi_rewind_tui.screens.dialog import CANCEL, Dialog
from pulumi_rewind_tui.text.cells import Line, paragraph
from pulumi_rewind_tui.text.review_page import destructive, held_words
from pulumi_rewind_tui.text.selection import holdable, left_out, names_left, selects
from pulumi_rewind_tui.text.steps import counted
from pulumi_rewind_tui.widgets.note_line import NoteLine
from pulumi_rewind_tui.words.symbols import counts_text
from pulumi_rewind_tui.words.words import listed, plural

if TYPE_CHECKING:
    from pulumi_rewind.plan.model import Plan


@dataclass(frozen=True)
class Confirmation:
    """The operator confirmed."""

    allow_data_loss: bool = False


class NameInput(Input):
    """Where the stack's name is typed; space belongs to the dialog, names contain none."""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Everything printable except the space."""
        return key != "space" and super().check_consume_key(key, character)

    async def _on_key(self, event: events.Key) -> None:
        if event.key != "space":
            await super()._on_key(event)


class ConfirmScreen(Dialog[Confirmation]):
    """*Cancel* is focused; a dangerous plan requires the stack's name, a loss of data its own confirmation."""

    CSS_PATH = "confirm.tcss"
    HELP = (
        "The last question. If the stack is a production stack, or if something is deleted or replaced, type the "
        "stack's name and press enter. If data is lost, confirm that with space first. Esc leaves everything as it is."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "accept_loss", "confirm the loss", id="confirm.loss", priority=True),
        Binding("y", "say_yes", "roll back", id="confirm.yes"),
        Binding("left,up", "app.focus_previous", "previous", id="confirm.previous", show=False),
        Binding("right,down", "app.focus_next", "next", id="confirm.next", show=False),
    ]

    def __init__(self, plan: Plan, *, production: bool) -> None:
        typed = production or bool(destructive(plan)) or plan.loses_data
        question = f"Roll back {plan.stack} to {plan.target.label}?"
        if plan.prepared.choices.drop_held:
            question = f"Delete what is held of {plan.stack}?"
        super().__init__(question, danger=typed)
        self.plan = plan
        self.production = production
        self.stack = plan.stack.rsplit("/", 1)[-1]
        self.losing = plan.losers
        self.typed = typed
        """Whether the stack's name has to be typed."""
        self.accepted = False
        """Whether the operator confirmed the loss of data."""

    FOOTER = ("confirm.loss", "confirm.yes", "dialog.leave")

    def compose_text(self) -> Iterator[Widget]:
        """What is about to happen, and the fields for the confirmation."""
        yield from super().compose_text()
        if self.losing:
            yield NoteLine(id="loss")
        if self.typed:
            with Horizontal(id="typing"):
                yield Static(
                    Content.assemble("Type the stack's name (", (self.stack, "bold"), "), then press enter: "),
                    id="prompt",
                )
                yield NameInput(id="name", select_on_focus=False)
        yield NoteLine(id="missing")

    def buttons(self) -> Iterator[Button]:
        """Cancel and roll back."""
        yield Button("Cancel", id=CANCEL, action="screen.leave")
        label = "Delete" if self.plan.prepared.choices.drop_held else "Roll back"
        yield Button(label, id="yes", variant="error" if self.typed else "default")

    def on_mount(self) -> None:
        """Starts without a confirmed loss."""
        self._show_loss()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """y works only if no name is required; space only if data is lost."""
        if action == "say_yes":
            return not self.typed
        return bool(self.losing) if action == "accept_loss" else True

    def lines(self, cells: int) -> list[Line]:
        """What is about to happen."""
        plan, table = self.plan, self.table
        counts, perhaps = (counts_text(one, self.rewind.ascii_only) for one in counted(plan))
        counts = " and ".join(filter(None, (counts, f"{perhaps} if needed" if perhaps else "")))
        what = (
            f"{plural(len(plan.steps), 'step')}, run by the real engine: {counts}"
            if counts
            else "Only the state changes; no resource does."
        )
        lines = paragraph(what, cells, "bold")
        for op, word in (("delete", "Deleted"), ("replace", "Replaced")):
            names = [step.name for step in plan.steps if step.op == op and step.forecast != "kept"]
            if names:
                lines += paragraph(f"{word}: {listed(names, 6)}.", cells)
        if plan.prepared.holding.objects:
            about = f"{held_words(plan)}. Only `pulumi-rewind confirm` deletes what is held."
            lines += paragraph(f"{table['hold']} {about}", cells, "hold")
        left = left_out(plan)
        if left:
            lines += paragraph(f"Left as they are: {names_left(left)}.", cells)
        if self.losing:
            instead = ", or keep it (esc, then K)" if selects(plan.strategy) and holdable(plan.prepared.choices) else ""
            what = f"{table['hazard']} Data is lost in: {', '.join(self.losing)}. Back it up first{instead}."
            lines += paragraph(what, cells, "hazard")
        if self.production:
            lines += paragraph("This is a production stack.", cells, "hazard")
        return lines

    def _show_loss(self) -> None:
        if self.losing:
            mark = "x" if self.accepted else " "
            role = "hazard" if self.accepted else ""
            self.query_one("#loss", NoteLine).show(
                ((f"[{mark}] ", role), ("I confirm the loss of this data", role), ("  (space)", "dim"))
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
        """Confirms the loss of data, or revokes that."""
        self.accepted = not self.accepted
        self._show_loss()
        self._missing("")

    def action_say_yes(self) -> None:
        """Confirms a plan that requires no name."""
        self._answer()

    @on(Input.Submitted)
    @on(Button.Pressed, "#yes")
    def _answer(self) -> None:
        if self.typed and self.query_one(NameInput).value.strip() != self.stack:
            self._missing(f"Type {self.stack} to continue; esc leaves everything as it is.")
            self.query_one(NameInput).focus()
        elif self.losing and not self.accepted:
            self._missing("Confirm the loss of data with space first.")
        else:
            self.dismiss(Confirmation(allow_data_loss=self.accepted))

    def _missing(self, text: str) -> None:
        self.query_one("#missing", NoteLine).show(((text, "hazard"),))
