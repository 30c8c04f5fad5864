"""A screen that saves what it shows to a file beside the operator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from textual import on
from textual.message import Message

from pulumi_rewind_tui.screens.base import RewindScreen
from pulumi_rewind_tui.widgets.note_line import NoteLine
from pulumi_rewind_tui.work.background import CancelCheck, in_thread


@dataclass
class Written(Message):
    """A file was written, or could not be."""

    what: str
    """``The plan``."""
    path: Path | None
    error: BaseException | None = None


class SavingScreen(RewindScreen[None]):
    """Says in its line for notes where the file is."""

    def save(self, what: str, write: Callable[[], Path]) -> None:
        """Writes a file in the background; `what` is called so where that fails."""

        def work(_: CancelCheck) -> None:
            self.post_message(Written(what, write()))

        in_thread(self, "write", work, lambda err: Written(what, None, err))

    @on(Written)
    def _written(self, event: Written) -> None:
        if event.error is not None:
            self.rewind.fail(event.error, meaning=f"{event.what} was not written; nothing else happened.")
        else:
            self.query_one("#note", NoteLine).show((("written: ", "ok"), (str(event.path), "")))
