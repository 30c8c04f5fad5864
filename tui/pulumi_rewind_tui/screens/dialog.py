"""Dialogues: a text with buttons below, and a list that explains what is under its cursor."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button

from pulumi_rewind_tui.screens.base import ResultT, RewindModal
from pulumi_rewind_tui.text.cells import Line, inert
from pulumi_rewind_tui.widgets.footer import KeyFooter
from pulumi_rewind_tui.widgets.lines import LinesView
from pulumi_rewind_tui.widgets.text_block import TextBlock

CANCEL = "cancel"
"""Id of the button that changes nothing, which has the focus."""


class Dialog(RewindModal[ResultT]):
    """A text and buttons; each button does what a key does."""

    def __init__(self, question: str, *, danger: bool = True) -> None:
        super().__init__()
        self._question = question
        self._danger = danger

    def compose(self) -> ComposeResult:
        """Text and buttons."""
        with Vertical(classes="dialog danger" if self._danger else "dialog") as dialog:
            dialog.border_title = Content(inert(self._question))
            yield from self.compose_text()
            with Horizontal(classes="buttons"):
                yield from self.buttons()
            yield KeyFooter()

    def compose_text(self) -> Iterator[Widget]:
        """What stands above the buttons."""
        yield TextBlock(self.lines, id="what")

    def lines(self, cells: int) -> list[Line]:
        """The text."""
        return []

    @abstractmethod
    def buttons(self) -> Iterator[Button]:
        """The buttons, `CANCEL` among them."""

    def on_mount(self) -> None:
        """Focuses the button that changes nothing."""
        self.query_one(f"#{CANCEL}", Button).focus()


class ListDialog(RewindModal[ResultT]):
    """A short list, and a text about the entry under its cursor."""

    def __init__(self, question: str, view: LinesView) -> None:
        super().__init__()
        self._question = question
        self._view = view

    def compose(self) -> ComposeResult:
        """The list, and what the one under the cursor is."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(self._question)
            yield self._view
            yield TextBlock(self.about, id="reason")
            yield KeyFooter()

    def on_mount(self) -> None:
        """Focuses the list and makes all of it visible."""
        self._view.styles.height = self._view.count()
        self._view.focus()

    @on(LinesView.Moved)
    def _explain(self) -> None:
        self.query_one(TextBlock).show(self.about)

    @abstractmethod
    def about(self, cells: int) -> list[Line]:
        """The text about the entry under the cursor."""
