"""What a plan can be asked for besides its target: drift, credentials, configuration, adoption."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType

from pulumi_rewind.choices import FOUND, Choices
from pulumi_rewind.strategies.choosing import STRATEGIES
from pulumi_rewind_tui.screens.dialog import ListDialog
from pulumi_rewind_tui.text.cells import Line, paragraph
from pulumi_rewind_tui.widgets.lines import LinesView

OPTIONS = {
    "refresh": ("drift", "compare the state with the real resources first"),
    "adopt_found": ("adopt", "resources that would be re-created but still exist are adopted"),
    "recorded_credentials": ("old credentials", "explicit providers get the target's secrets instead of today's"),
    "todays_config": ("today's config", "default providers keep today's settings instead of the target's"),
    "recorded_hooks": ("recorded hooks", "call the recorded undo callbacks instead of today's"),
    "replaced_first": ("delete first", "every replacement deletes the old object before the new one is created"),
}
"""What can be on or off → its name, and what it does when it is on."""


def options_of(choices: Choices) -> frozenset[str]:
    """The options that are on."""
    return frozenset(name for name in OPTIONS if _is_on(choices, name))


ALL = "*"
"""In `Choices.delete_first`: every replacement."""

_PARTS = {"adopt_found": "adopt", "replaced_first": "delete_first"}
"""Options that are a part of a choice; the others are a choice each."""


def available(strategy: str) -> tuple[str, ...]:
    """The options that a strategy knows."""
    knows = STRATEGIES[strategy].knows
    return tuple(name for name in OPTIONS if _PARTS.get(name, name) in knows)


def _is_on(choices: Choices, name: str) -> bool:
    match name:
        case "adopt_found":
            return not all(choices.adopt.values())
        case "replaced_first":
            return ALL in choices.delete_first
        case _:
            return bool(getattr(choices, name))


def with_options(choices: Choices, names: Iterable[str]) -> Choices:
    """The choices with exactly these options on."""
    chosen = frozenset(names)
    adopt = {name: identifier for name, identifier in choices.adopt.items() if identifier}
    if "adopt_found" in chosen:
        adopt[FOUND] = ""
    first = tuple(text for text in choices.delete_first if text != ALL)
    if "replaced_first" in chosen:
        first += (ALL,)
    switches = {name: name in chosen for name in OPTIONS if name not in _PARTS}
    return choices.but(adopt=adopt, delete_first=first, **switches)


class OptionList(LinesView):
    """A line for each, with a box."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "open", "on/off", id="options.toggle")]

    def __init__(self, chosen: Iterable[str], names: Sequence[str]) -> None:
        super().__init__(id="strategies")
        self.chosen = set(chosen)
        self.names = tuple(names)

    def count(self) -> int:
        """How many there are."""
        return len(self.names)

    def line(self, index: int, width: int) -> Line:
        """One option."""
        on_ = self.names[index] in self.chosen
        word = "on" if on_ else "off"
        return (
            ("[x] " if on_ else "[ ] ", "ok" if on_ else "dim"),
            (OPTIONS[self.names[index]][0].ljust(18), "bold" if on_ else ""),
            (word, "ok" if on_ else "dim"),
        )

    def toggle(self, index: int) -> None:
        """On, or off again."""
        self.chosen ^= {self.names[index]}
        self.changed()


class PlanOptionsScreen(ListDialog[frozenset[str]]):
    """Answers with the options that are on; the review then plans again if that changed."""

    CSS_PATH = "running.tcss"
    HELP = "Space or enter switches the option under the cursor; esc goes back and plans again if something changed."
    FOOTER = ("options.toggle", "dialog.leave")

    def __init__(self, chosen: Iterable[str], names: Sequence[str] = tuple(OPTIONS)) -> None:
        self._options = OptionList(chosen, names)
        super().__init__("Options of the plan", self._options)

    def about(self, cells: int) -> list[Line]:
        """What it does when it is on."""
        text = OPTIONS[self._options.names[self._options.cursor]][1]
        return paragraph(f"{text.capitalize()}. Esc goes back and plans again.", cells)

    @on(LinesView.Opened)
    def _switched(self, event: LinesView.Opened) -> None:
        self._options.toggle(event.index)

    def action_leave(self) -> None:
        """Back, with what is on now."""
        self.dismiss(frozenset(self._options.chosen))
