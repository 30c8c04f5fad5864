"""The ways of going back; those that are not available say why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType

from pulumi_rewind.strategies.choosing import STRATEGIES
from pulumi_rewind_tui.screens.dialog import ListDialog
from pulumi_rewind_tui.text.cells import Line, paragraph
from pulumi_rewind_tui.widgets.lines import LinesView

if TYPE_CHECKING:
    from pulumi_rewind.plan.model import Recommendation


class StrategyList(LinesView):
    """A line for each: its name, and whether it can be used."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "open", "use it", id="strategy.use")]

    def __init__(self, entries: Sequence[tuple[str, str]], current: str, recommended: str) -> None:
        super().__init__(id="strategies")
        self.entries = entries
        self.current = current
        self.recommended = recommended

    def count(self) -> int:
        """How many there are."""
        return len(self.entries)

    def line(self, index: int, width: int) -> Line:
        """One strategy."""
        table = self.table
        name, reason = self.entries[index]
        here = name == self.current
        mark = (table["ok"] if here else " ").ljust(2)
        word = "not available" if reason else "in use" if here else "available"
        best = ", recommended" if name == self.recommended else ""
        return (
            (f"{mark} ", "ok"),
            (name.ljust(12), "dim" if reason else "bold"),
            (word, "dim" if reason else ""),
            (best, "ok"),
        )


class StrategyScreen(ListDialog[str]):
    """Answers with the chosen strategy, None if none was."""

    CSS_PATH = "running.tcss"
    HELP = "How to go back. Enter takes the strategy under the cursor; one that is not available says why."
    FOOTER = ("strategy.use", "dialog.leave")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t,tab", "next", "next", id="strategy.next", show=False),
    ]

    def __init__(
        self, entries: Sequence[tuple[str, str]], current: str, recommendation: Recommendation | None = None
    ) -> None:
        best = recommendation.strategy if recommendation else ""
        super().__init__("Strategy", StrategyList(entries, current, best))
        self._entries = entries
        self._current = current
        self._recommendation = recommendation

    def on_mount(self) -> None:
        """The cursor begins on the one in use."""
        names = [name for name, _ in self._entries]
        self._view.cursor = names.index(self._current) if self._current in names else 0

    def about(self, cells: int) -> list[Line]:
        """What the strategy does, why it is not available, and which one is recommended."""
        name, reason = self._entries[self._view.cursor]
        about = STRATEGIES[name].about
        lines = paragraph(f"{about[0].upper()}{about[1:]}.", cells)
        if reason:
            lines += paragraph(f"Not available: {reason}.", cells, "hazard")
        best = self._recommendation
        if best is not None:
            lines += [(("", ""),), *paragraph(f"Recommended is {best.strategy}: {best.reason}.", cells, "dim")]
        return lines

    def action_next(self) -> None:
        """Round and round."""
        self._view.move_to((self._view.cursor + 1) % self._view.count())

    @on(LinesView.Opened)
    def _chosen(self, event: LinesView.Opened) -> None:
        name, reason = self._entries[event.index]
        if reason:
            self.app.bell()
        else:
            self.dismiss(name)
