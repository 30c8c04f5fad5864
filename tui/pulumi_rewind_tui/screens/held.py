"""What is held of the stack, and the way to delete it for good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from pulumi_rewind.choices import Choices
from pulumi_rewind.rollback.resuming import LIVE
from pulumi_rewind_tui import messages as msg
from pulumi_rewind_tui.screens.text_modal import TextModal
from pulumi_rewind_tui.text.held import held_lines

if TYPE_CHECKING:
    from pulumi_rewind.session import Session
    from pulumi_rewind.window.held import Held


class HeldScreen(TextModal):
    """The objects by the update that let go of them."""

    HELP = (
        "What updates and rollbacks let go of alive. A rollback to an update that has them returns them, with the same "
        "id. c reviews an update that deletes them for good; nothing is deleted before you confirm that."
    )
    FOOTER: ClassVar[tuple[str, ...]] = ("held.confirm", "text.copy", "dialog.leave")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "confirm", "delete…", id="held.confirm", tooltip="Review the update that deletes what is held"),
    ]

    def __init__(self, session: Session, found: Sequence[Held], now: float) -> None:
        stateful = session.settings.stateful_types
        super().__init__("Held", lambda _: list(held_lines(found, session.stack.word, stateful, now)))

    def action_confirm(self) -> None:
        """Asks for the review."""
        self.dismiss(None)
        self.rewind.post_message(msg.RollbackRequested(LIVE, Choices(drop_held=("*",))))
