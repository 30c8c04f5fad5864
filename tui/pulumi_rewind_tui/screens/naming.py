"""A question that, where it is dangerous, is answered by typing the stack's name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from pulumi_rewind_tui.screens.base import ResultT
from pulumi_rewind_tui.screens.dialog import Dialog
from pulumi_rewind_tui.widgets.note_line import NoteLine


class NameInput(Input):
    """Where the stack's name is typed; space belongs to the dialog, names contain none."""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Everything printable except the space."""
        return key != "space" and super().check_consume_key(key, character)

    async def _on_key(self, event: events.Key) -> None:
        if event.key != "space":
            await super()._on_key(event)


class NamingDialog(Dialog[ResultT]):
    """*Cancel* is focused; what is typed goes into the field wherever the focus is."""

    CSS_PATH = "confirm.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,up", "app.focus_previous", "previous", id="confirm.previous", show=False),
        Binding("right,down", "app.focus_next", "next", id="confirm.next", show=False),
    ]

    def __init__(self, question: str, stack: str, *, typed: bool) -> None:
        super().__init__(question, danger=typed)
        self.stack = stack.rsplit("/", 1)[-1]
        self.typed = typed
        """Whether the stack's name has to be typed."""

    def compose_text(self) -> Iterator[Widget]:
        """What is about to happen, the field, and what is missing."""
        yield from super().compose_text()
        yield from self.compose_more()
        if self.typed:
            with Horizontal(id="typing"):
                yield Static(
                    Content.assemble("Type the stack's name (", (self.stack, "bold"), "), then press enter: "),
                    id="prompt",
                )
                yield NameInput(id="name", select_on_focus=False)
        yield NoteLine(id="missing")

    def compose_more(self) -> Iterator[Widget]:
        """What stands above the field."""
        yield from ()

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

    @property
    def named(self) -> bool:
        """Whether the name is there, if one is needed; says so where it is missing."""
        if not self.typed or self.query_one(NameInput).value.strip() == self.stack:
            return True
        self.missing(f"Type {self.stack} to continue; esc leaves everything as it is.")
        self.query_one(NameInput).focus()
        return False

    def missing(self, text: str) -> None:
        """Says what is missing."""
        self.query_one("#missing", NoteLine).show(((text, "hazard"),))
