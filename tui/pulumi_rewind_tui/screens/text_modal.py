"""A page of text in a dialog."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content

from pulumi_rewind_tui.screens.base import RewindModal
from pulumi_rewind_tui.text.cells import Build, inert
from pulumi_rewind_tui.widgets.footer import KeyFooter
from pulumi_rewind_tui.widgets.text_page import TextView


class TextModal(RewindModal[None]):
    """Scrolls; y copies it, esc closes it."""

    CSS_PATH = "running.tcss"
    HELP = "Scrolls; y copies everything, secrets masked."
    FOOTER: ClassVar[tuple[str, ...]] = ("text.copy", "dialog.leave")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("y", "copy", "copy", id="text.copy")]

    def __init__(self, title: str, build: Build) -> None:
        super().__init__()
        self._title = title
        self._build = build

    def compose(self) -> ComposeResult:
        """One page."""
        with Vertical(classes="dialog page") as dialog:
            dialog.border_title = Content(inert(self._title))
            yield TextView(self._build)
            yield KeyFooter()

    def on_mount(self) -> None:
        """The text scrolls."""
        self.query_one(TextView).focus()

    def action_copy(self) -> None:
        """Copies all of it."""
        self.rewind.copy(self.query_one(TextView).text)
