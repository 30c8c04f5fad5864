"""An error that stays: what happened, what it means for the stack, what to do next."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Button

from pulumi_rewind.errors import EngineError, RewindError
from pulumi_rewind_tui.screens.dialog import CANCEL, Dialog
from pulumi_rewind_tui.text.cells import Line, heading, paragraph
from pulumi_rewind_tui.text.home_page import next_step
from pulumi_rewind_tui.widgets.text_page import TextView


def full_text(error: BaseException) -> str:
    """Everything that is known: output of the engine, or where it happened (never local variables)."""
    parts = []
    if isinstance(error, EngineError) and error.output:
        parts.append(error.output.rstrip())
    if error.__traceback__ is not None and not isinstance(error, RewindError):
        parts.append("".join(traceback.format_exception(error)).rstrip())
    parts.append(f"{type(error).__name__}: {error}")
    return "\n\n".join(parts)


class ErrorScreen(Dialog[None]):
    """Shown until it is closed."""

    HELP = "An operation failed. The text says what happened and what it means; t shows everything that is known."
    FOOTER = ("error.retry", "error.text", "error.copy", "dialog.leave")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "text", "full text", id="error.text"),
        Binding("y", "copy", "copy", id="error.copy"),
        Binding("r", "retry", "try again", id="error.retry"),
    ]

    def __init__(self, error: BaseException, *, meaning: str, retry: Callable[[], None] | None = None) -> None:
        super().__init__("✗ Something went wrong")
        self.error = error
        self._meaning = meaning
        self._retry = retry
        self._full = False

    def compose_text(self) -> Iterator[Widget]:
        """The text, which may be long."""
        yield TextView(self.lines, id="error-text")

    def buttons(self) -> Iterator[Button]:
        """Trying again, if that is possible, and closing."""
        if self._retry is not None:
            yield Button("Try again", action="screen.retry")
        yield Button("Close", id=CANCEL, action="screen.leave")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Trying again is possible only after some operations."""
        return self._retry is not None if action == "retry" else True

    def lines(self, cells: int) -> list[Line]:
        """What happened, what it means, and what to do next."""
        error = self.error
        known = isinstance(error, RewindError)
        what = str(error) if known else f"Unexpected {type(error).__name__}: this is a bug in pulumi-rewind."
        lines = paragraph(what or type(error).__name__, cells, "failed")
        lines += [(("", ""),), *paragraph(self._meaning, cells)]
        report = "Please report it with the full text (t, then y)."
        hint = next_step(error, self._meaning) if isinstance(error, RewindError) else report
        if hint:
            lines += [(("", ""),), (("Next", "title"),), *paragraph(hint, cells)]
        if self._full:
            lines += heading("Full text")
            lines += paragraph(self.rewind.redact(full_text(error)), cells, "dim")
        return lines

    def action_text(self) -> None:
        """Shows or hides everything that is known."""
        self._full = not self._full
        self.query_one(TextView).show(self.lines)

    def action_copy(self) -> None:
        """Copies everything that is known."""
        self.rewind.copy(full_text(self.error))

    def action_retry(self) -> None:
        """Closes and tries again."""
        self.dismiss(None)
        if self._retry is not None:
            self._retry()
