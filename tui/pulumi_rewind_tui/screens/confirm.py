"""The last question before anything is changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Button, Input

from pulumi_rewind_tui.screens.dialog import CANCEL
from pulumi_rewind_tui.screens.naming import NamingDialog
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


class ConfirmScreen(NamingDialog[Confirmation]):
    """*Cancel* is focused; a dangerous plan requires the stack's name, a loss of data its own confirmation."""

    HELP = (
        "The last question. If the stack is a production stack, or if something is deleted or replaced, type the "
        "stack's name and press enter. If data is lost, confirm that with space first. Esc leaves everything as it is."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "accept_loss", "confirm the loss", id="confirm.loss", priority=True),
        Binding("y", "say_yes", "roll back", id="confirm.yes"),
    ]

    def __init__(self, plan: Plan, *, production: bool) -> None:
        typed = production or bool(destructive(plan)) or plan.loses_data
        question = f"Roll back {plan.stack} to {plan.target.label}?"
        if plan.prepared.choices.drop_held:
            question = f"Delete what is held of {plan.stack}?"
        super().__init__(question, plan.stack, typed=typed)
        self.plan = plan
        self.production = production
        self.losing = plan.losers
        self.accepted = False
        """Whether the operator confirmed the loss of data."""

    FOOTER = ("confirm.loss", "confirm.yes", "dialog.leave")

    def compose_more(self) -> Iterator[Widget]:
        """The loss of data."""
        if self.losing:
            yield NoteLine(id="loss")

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

    def action_accept_loss(self) -> None:
        """Confirms the loss of data, or revokes that."""
        self.accepted = not self.accepted
        self._show_loss()
        self.missing("")

    def action_say_yes(self) -> None:
        """Confirms a plan that requires no name."""
        self._answer()

    @on(Input.Submitted)
    @on(Button.Pressed, "#yes")
    def _answer(self) -> None:
        if not self.named:
            return
        if self.losing and not self.accepted:
            self.missing("Confirm the loss of data with space first.")
        else:
            self.dismiss(Confirmation(allow_data_loss=self.accepted))
