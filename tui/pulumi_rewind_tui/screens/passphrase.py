"""Asks for a passphrase, which stays in memory."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Static

from pulumi_rewind_tui.screens.base import RewindModal
from pulumi_rewind_tui.widgets.cells import inert


class PassphraseScreen(RewindModal[str]):
    """Answers with what was typed, None if it was left."""

    HELP = "Secrets of this stack are encrypted with a passphrase. It is kept in memory until you quit, nowhere else."
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "back", id="passphrase.leave")]

    def __init__(self, reason: str) -> None:
        super().__init__()
        self._reason = reason

    def compose(self) -> ComposeResult:
        """Why, the field, the buttons."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content("Passphrase")
            reason = inert(" ".join(self._reason.split())) if self._reason else "Secrets are compared decrypted."
            yield Static(Content(reason), id="reason")
            yield Static(
                Content("Kept in memory until you quit; never written. Without it secrets are not comparable."),
                classes="dim",
            )
            yield Input(password=True, placeholder="passphrase", id="passphrase")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel")
                yield Button("Unlock", id="unlock")

    def on_mount(self) -> None:
        """Typing goes into the field."""
        field = self.query_one(Input)
        field.cursor_blink = False
        field.focus()

    @on(Input.Submitted)
    @on(Button.Pressed, "#unlock")
    def _answer(self) -> None:
        field = self.query_one(Input)
        text, field.value = field.value, ""
        self.dismiss(text or None)

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.action_leave()
