"""The screen for no project, no backend or no stack, always with a next step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content

from pulumi_rewind.errors import BackendError, ProjectNotFound, RewindError, StackNotFound, UsageError
from pulumi_rewind_tui import messages as msg
from pulumi_rewind_tui.screens.base import RewindScreen
from pulumi_rewind_tui.text.cells import Line, heading, paragraph
from pulumi_rewind_tui.widgets.text_page import TextView


def what_to_do(error: BaseException) -> tuple[str, list[str]]:
    """A headline and the next steps."""
    match error:
        case ProjectNotFound():
            return "No Pulumi project here", ["q quits. Nothing was changed."]
        case StackNotFound():
            return "No such stack", ["s shows the stacks of this backend.", "ctrl+r tries again."]
        case BackendError():
            return "The backend can't be read", [
                "The URL comes from --backend, PULUMI_BACKEND_URL, Pulumi.yaml or `pulumi login`.",
                "ctrl+r tries again once it is reachable. The stacks are not affected.",
            ]
        case UsageError():
            return "No stack is open", [
                "s shows the stacks of this backend; enter opens one.",
                "ctrl+r tries again, once what is said above is corrected.",
            ]
        case _:
            return "The stack can't be opened", ["ctrl+r tries again. The stack is not affected."]


class EmptyScreen(RewindScreen[None]):
    """What happened and what to do next."""

    HELP = "No stack could be opened. The page says why and what to do."
    FOOTER = ("empty.stacks", "empty.retry")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "stacks", "stacks", id="empty.stacks"),
        Binding("ctrl+r,f5,r", "retry", "try again", id="empty.retry"),
    ]

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def footer_ids(self) -> Sequence[str]:
        """Without a project there are no stacks to show."""
        return ("empty.retry",) if isinstance(self.error, ProjectNotFound) else self.FOOTER

    def compose_body(self) -> ComposeResult:
        """One page."""
        yield TextView(self._lines, classes="pane")

    def on_mount(self) -> None:
        """Shows the page."""
        headline, _ = what_to_do(self.error)
        self.status.show([(("pulumi-rewind", "title"),), (("no stack open", "dim"),)])
        page = self.query_one(TextView)
        page.border_title = Content(headline)
        page.focus()

    def _lines(self, cells: int) -> list[Line]:
        cells = min(cells - 4, 90)
        headline, steps = what_to_do(self.error)
        known = isinstance(self.error, RewindError)
        message = str(self.error) if known else f"unexpected {type(self.error).__name__}: {self.error}"
        lines: list[Line] = [(("", ""),), (("  " + headline, "failed"),), (("", ""),)]
        lines += paragraph(message, cells, indent=2)
        hint = getattr(self.error, "hint", "")
        lines += heading("  What to do")
        for step in dict.fromkeys([hint, *steps]):
            if step:
                first, *rest = paragraph(step, cells, indent=4)
                lines.append((("  · ", "dim"), (first[0][0].lstrip(), "")))
                lines += rest
        return lines

    def action_retry(self) -> None:
        """Tries to open the stack again."""
        self.app.pop_screen()
        self.rewind.open_stack(self.rewind.stack_name)

    def action_stacks(self) -> None:
        """Opens the picker."""
        self.rewind.post_message(msg.StacksRequested())

    def action_back(self) -> None:
        """Does nothing: this is the first screen."""
