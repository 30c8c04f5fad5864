"""The filter: a line to type in, and how many rows match."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static


class FilterInput(Input):
    """Enter keeps the filter, esc drops it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "keep", id="filter.keep"),
        Binding("escape", "drop", "clear", id="filter.clear"),
    ]

    def on_mount(self) -> None:
        """Nothing flickers."""
        self.cursor_blink = False

    def action_drop(self) -> None:
        """Clears and closes."""
        self.post_message(FilterBar.Closed())


class FilterBar(Horizontal):
    """Hidden until asked for; stays while a filter is on, with its count."""

    DEFAULT_CSS = """
    FilterBar {
        display: none; height: 1; width: 1fr; dock: bottom; background: $panel;
        &.-open { display: block; }
        & #filter-label { width: auto; padding: 0 0 0 1; color: $primary; text-style: bold; }
        & FilterInput { width: 1fr; padding: 0 1 0 0; }
        & #filter-count { width: auto; padding: 0 1; color: $rewind-dim; }
    }
    """

    @dataclass(eq=False, repr=False)
    class Typed(Message):
        """The words changed."""

        words: str

    class Kept(Message):
        """Enter: back to the list, filtered."""

    class Closed(Message):
        """Esc: no filter."""

    def compose(self) -> ComposeResult:
        """Label, input, count."""
        yield Static("/", id="filter-label", markup=False)
        yield FilterInput(placeholder="filter", select_on_focus=False)
        yield Static("", id="filter-count", markup=False)

    @property
    def is_open(self) -> bool:
        """Whether a filter is on or being typed."""
        return self.has_class("-open")

    @property
    def words(self) -> str:
        """What was typed."""
        return self.query_one(FilterInput).value

    def open(self) -> None:
        """Shows the line and takes the focus."""
        self.add_class("-open")
        self.query_one(FilterInput).focus()

    def close(self) -> None:
        """Hides the line and empties it."""
        self.remove_class("-open")
        with self.prevent(Input.Changed):
            self.query_one(FilterInput).value = ""
        self.count("")

    def count(self, text: str) -> None:
        """Shows how many match: ``3 of 9``."""
        self.query_one("#filter-count", Static).update(text)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Typed(event.value.strip().lower()))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Kept())

    def on_click(self, event: events.Click) -> None:
        """A click goes to the input."""
        self.query_one(FilterInput).focus()
