"""The footer: one line, at most 78 columns, and every key in it works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget

from pulumi_rewind_tui.text.cells import width
from pulumi_rewind_tui.theme import role_styles

LIMIT = 78


class FooterKey(msgspec.Struct, frozen=True):
    """One entry: the key as it is pressed, what it does, and the action it runs when clicked."""

    key: str
    label: str
    action: str = ""
    required: bool = False
    """Never dropped (``?`` and ``q``)."""

    @property
    def cells(self) -> int:
        """How wide the entry is."""
        return width(self.key) + 1 + width(self.label)


def fitting(keys: Sequence[FooterKey], cells: int) -> list[FooterKey]:
    """The keys that fit, in order; those that are required first of all, then by position."""
    room = min(cells, LIMIT) - 1
    kept = {index for index, key in enumerate(keys) if key.required}
    used = sum(keys[index].cells + 2 for index in kept) - 2
    for index, key in enumerate(keys):
        if index in kept:
            continue
        if used + key.cells + 2 > room:
            break
        kept.add(index)
        used += key.cells + 2
    return [key for index, key in enumerate(keys) if index in kept]


class KeyFooter(Widget):
    """Shows the keys of the focused pane; a click on one presses it."""

    DEFAULT_CSS = """
    KeyFooter { height: 1; dock: bottom; background: $panel; color: $foreground; }
    """

    @dataclass(eq=False, repr=False)
    class Pressed(Message):
        """An entry was clicked."""

        action: str

    def __init__(self) -> None:
        super().__init__()
        self._keys: tuple[FooterKey, ...] = ()

    def show(self, keys: Sequence[FooterKey]) -> None:
        """Replaces the entries."""
        if tuple(keys) != self._keys:
            self._keys = tuple(keys)
            self.refresh()

    @property
    def shown(self) -> list[FooterKey]:
        """The entries that fit."""
        return fitting(self._keys, self.size.width or LIMIT)

    def render(self) -> Text:
        """The line."""
        styles = role_styles(self.app.theme)
        text = Text(" ", no_wrap=True, end="")
        for index, key in enumerate(self.shown):
            text.append("  " if index else "")
            text.append(key.key, styles["key"])
            text.append(f" {key.label}", styles["dim"])
        return text

    def on_click(self, event: events.Click) -> None:
        """Finds the entry under the pointer."""
        at = 1
        for key in self.shown:
            if at <= event.x < at + key.cells and key.action:
                self.post_message(self.Pressed(key.action))
                return
            at += key.cells + 2
