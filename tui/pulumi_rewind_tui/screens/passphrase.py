"""Asks for a passphrase, which stays in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Input, Static

from pulumi_rewind_tui.screens.base import RewindModal
from pulumi_rewind_tui.text.cells import inert
from pulumi_rewind_tui.widgets.note_line import NoteLine
from pulumi_rewind_tui.workers.background import CancelCheck, in_thread


@dataclass
class Tried(Message):
    """A passphrase was tried."""

    text: str = field(repr=False)
    problem: str
    """Why it does not work, empty if it decrypts something."""


class PassphraseScreen(RewindModal[str]):
    """Answers with the passphrase once it is known to be right, None if the dialog was closed."""

    HELP = "Secrets of this stack are encrypted with a passphrase. It is kept in memory until you quit, nowhere else."
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "back", id="passphrase.leave")]

    def __init__(self, reason: str, problem: Callable[[str], str]) -> None:
        """`problem` returns why a passphrase does not work, or nothing; it runs in a thread."""
        super().__init__()
        self._reason = reason
        self._problem = problem

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
            yield NoteLine(id="wrong")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel", action="screen.leave")
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
        if not text:
            self._say("Type the passphrase; esc keeps secrets hidden.", "hazard")
            return
        self._say("checking it…", "dim")
        problem = self._problem

        def work(_: CancelCheck) -> None:
            self.post_message(Tried(text, problem(text)))

        in_thread(self, "passphrase", work, lambda err: Tried(text, f"The passphrase can't be checked: {err}."))

    @on(Tried)
    def _tried(self, event: Tried) -> None:
        if event.problem:
            self._say(event.problem, "failed")
            self.query_one(Input).focus()
        else:
            self.dismiss(event.text)

    def _say(self, text: str, role: str) -> None:
        self.query_one("#wrong", NoteLine).show(((text, role),))
