"""Asks whether to trust what a target would newly use, before the engine starts any of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Button

from pulumi_rewind_tui.screens.dialog import CANCEL, Dialog
from pulumi_rewind_tui.text.cells import Line, inert, paragraph
from pulumi_rewind_tui.widgets.text_page import TextView

if TYPE_CHECKING:
    from pulumi_rewind.trust.targets import UntrustedTarget


class TrustScreen(Dialog[bool]):
    """*Cancel* is focused; answers True if the operator trusts everything that is listed."""

    HELP = (
        "Planning runs the real engine, which downloads plugins, gives providers their credentials and runs the code "
        "of dynamic providers of the target. None of that has started yet. y trusts what is listed; pulumi-rewind does "
        "not ask about it again for this stack. esc goes back."
    )
    FOOTER = ("trust.yes", "trust.copy", "dialog.leave")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "agree", "trust and plan", id="trust.yes"),
        Binding("c", "copy", "copy", id="trust.copy"),
        Binding("left", "app.focus_previous", "previous", id="trust.previous", show=False),
        Binding("right", "app.focus_next", "next", id="trust.next", show=False),
        Binding("up", "scroll_list(-1)", "scroll up", id="trust.up", show=False),
        Binding("down", "scroll_list(1)", "scroll down", id="trust.down", show=False),
    ]

    def __init__(self, error: UntrustedTarget) -> None:
        super().__init__(f"Trust {error.label}?")
        self.error = error

    def compose_text(self) -> Iterator[Widget]:
        """The list, which may be long."""
        yield TextView(self.lines, id="findings")

    def buttons(self) -> Iterator[Button]:
        """No, and yes."""
        yield Button("Cancel", id=CANCEL, action="screen.leave")
        yield Button("Trust and plan", id="agree", variant="error", action="screen.agree")

    def lines(self, cells: int) -> list[Line]:
        """The question and each finding."""
        from pulumi_rewind.trust.targets import WORDS

        error, mark = self.error, self.table["hazard"]
        lines = paragraph(
            f"{error.label} would make the engine use what the live stack does not use. Nothing was started.", cells
        )
        if error.reason:
            lines += paragraph(f"Others may have written it: {error.reason}.", cells)
        for finding in error.findings:
            where = f" ({finding.what})" if finding.what else ""
            lines += [(("", ""),), *paragraph(inert(f"{mark} {WORDS[finding.code]}{where}"), cells, "hazard")]
            lines += paragraph(inert(f"live    {finding.live or 'none'}"), cells, "dim", indent=2)
            lines += paragraph(inert(f"target  {finding.target}"), cells, indent=2)
        return lines

    # Keys

    def action_agree(self) -> None:
        """Trusts all of it."""
        self.dismiss(True)

    def action_scroll_list(self, lines: int) -> None:
        """Scrolls the list, which may be long."""
        self.query_one(TextView).scroll_relative(y=lines, animate=False)

    def action_copy(self) -> None:
        """Copies the list."""
        self.rewind.copy(self.query_one(TextView).text)
