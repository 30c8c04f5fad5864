"""A screen that saves what it shows in the user's state directory: the project's working tree stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on
from textual.message import Message

from pulumi_rewind_tui.screens.base import RewindScreen
from pulumi_rewind_tui.widgets.note_line import NoteLine
from pulumi_rewind_tui.workers.background import CancelCheck, in_thread

if TYPE_CHECKING:
    from pulumi_rewind.session import Session


@dataclass
class Written(Message):
    """A file was written, or could not be."""

    what: str
    """``The plan``."""
    path: Path | None
    error: BaseException | None = None


class SavingScreen(RewindScreen[None]):
    """Shows the path of the saved file in its line for notes."""

    session: Session

    def save(self, what: str, name: str, text: Callable[[], str]) -> None:
        """Saves a text in the background, secrets masked; `what` is called so where that fails."""
        state, redact = self.session.journal.state, self.session.redactor

        def work(_: CancelCheck) -> None:
            from pulumi_rewind_tui.workers.private_file import save_new

            self.post_message(Written(what, save_new(state, name, redact(text()))))

        in_thread(self, "write", work, lambda err: Written(what, None, err))

    @on(Written)
    def _written(self, event: Written) -> None:
        if event.error is not None:
            self.rewind.fail(event.error, meaning=f"{event.what} could not be saved. Nothing else was affected.")
        else:
            self.query_one("#note", NoteLine).show((("saved: ", "ok"), (str(event.path), "")))
