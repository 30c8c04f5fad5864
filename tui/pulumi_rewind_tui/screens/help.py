"""Help for the focused pane: what it is for, and every key that works in it now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.screen import Screen

from pulumi_rewind_tui.screens.text_modal import TextModal
from pulumi_rewind_tui.text.cells import Line, heading, paragraph, width
from pulumi_rewind_tui.words.palette import key_actions, keys_of

SYMBOLS_HELP = (
    "+ create   ~ update   - delete   ± replace   « return   ○ forget   = same   ● secret   ? known only when run   "
    "⚠ hazard   [P] protected   * dirty tree   ★ last good   ◆ base   ↺ rollback"
)
KEYS_HELP = "[keys] in rewind.toml sets other keys: `pulumi-rewind keys` lists the names of all actions."


class HelpScreen(TextModal):
    """Closes with esc, ? or q."""

    FOOTER = ("dialog.leave",)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,q,enter", "leave", "back", id="help.leave", show=False),
    ]

    def __init__(self, about: str, keys: Sequence[tuple[str, str, str]]) -> None:
        super().__init__("Help", self._lines)
        self._about = about
        self._keys = keys

    @classmethod
    def of(cls, screen: Screen[Any]) -> HelpScreen:
        """Help for a screen as it is focused now."""
        about = str(getattr(screen, "HELP", ""))
        keys = []
        for _, binding in key_actions(screen):
            keys.append((" ".join(keys_of(screen, binding.id or "")), binding.description, binding.tooltip))
        return cls(about, keys)

    def _lines(self, cells: int) -> list[Line]:
        lines: list[Line] = []
        if self._about:
            lines += paragraph(self._about, cells)
        lines += heading("Keys")
        column = max((width(key) for key, _, _ in self._keys), default=0) + 2
        for key, what, more in self._keys:
            pieces = paragraph(f"{what}: {more}" if more else what, cells - column - 2)
            for index, piece in enumerate(pieces):
                head = ("  " + key.ljust(column) if not index else " " * (column + 2), "key")
                lines.append((head, *piece))
        lines += paragraph(KEYS_HELP, cells, "dim", indent=2)
        lines += heading("Symbols")
        lines += paragraph(SYMBOLS_HELP, cells, "dim", indent=2)
        return lines
