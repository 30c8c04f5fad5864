"""The views of home: between which two states a row of the timeline is compared, and what that is called. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from pulumi_rewind_tui.text.comparison import LIVE, NOTHING, Key

if TYPE_CHECKING:
    from pulumi_rewind.state.model import Update

View: TypeAlias = Literal["did", "back", "since"]
"""What an update did; what a rollback to it changes; what has changed since it."""

RowKind: TypeAlias = Literal["live", "failed", "update"]

DEFAULTS: Final[Mapping[RowKind, View]] = {"live": "since", "failed": "did", "update": "back"}
"""What a row of a kind shows until the operator chooses another view for that kind."""

_ORDER: Final[Mapping[RowKind, tuple[View, ...]]] = {
    "live": ("since", "did"),  # there is no rollback to live
    "failed": ("did", "back", "since"),
    "update": ("did", "back", "since"),
}


def row_kind(number: int, update: Update | None) -> RowKind:
    """Which default a row has; an update that isn't read yet, or can't be, counts as one that succeeded."""
    if number == LIVE:
        return "live"
    return "failed" if update is not None and update.result == "failed" else "update"


def next_view(kind: RowKind, view: View) -> View:
    """The view that the key leads to."""
    order = _ORDER[kind]
    return order[(order.index(view) + 1) % len(order)]


class Look(msgspec.Struct, frozen=True):
    """What home shows of one row."""

    number: int
    """The row."""
    view: View
    newest: int
    base: int | None = None
    """With this side everything is compared, if it is marked; there are no views then, only a direction."""
    reverse: bool = False
    """From the row to the base."""

    @property
    def key(self) -> Key | None:
        """The two sides; None if there is nothing to compare."""
        number = self.number
        if self.base is not None:
            sides = (number, self.base) if self.reverse else (self.base, number)
            return None if number == self.base else sides
        if number == LIVE:
            if not self.newest:
                return None
            return (self.newest, LIVE) if self.view == "since" else (self.newest - 1 or NOTHING, self.newest)
        if self.view == "did":
            return (number - 1 or NOTHING, number)
        return (LIVE, number) if self.view == "back" else (number, LIVE)

    @property
    def name(self) -> str:
        """What the two sides are to the row, for the title."""
        if self.base is not None:
            return "Against the base"
        if self.view == "did":
            return f"What #{self.number or self.newest} did"
        return f"Rollback to #{self.number}" if self.view == "back" else f"Since #{self.number or self.newest}"

    @property
    def signs(self) -> tuple[str, str]:
        """What ``-`` and ``+`` mean."""
        if self.base is not None:
            old, new = map(side_name, self.key or (self.base, self.number))
            return f"only in {old}", f"only in {new}"
        if self.view == "did":
            number = self.number or self.newest
            return f"before #{number}", f"after #{number}"
        if self.view == "back":
            return "goes away", "comes back"
        number = self.number or self.newest
        return f"gone since #{number}", f"new since #{number}"


def next_words(look: Look) -> str:
    """What the key leads to, for the footer."""
    if look.base is not None:
        return "other direction"
    match next_view(row_kind(look.number, None), look.view):
        case "did":
            return "what it did"
        case "back":
            return "rollback to it"
        case _:
            return "since then"


def side_name(number: int) -> str:
    """``LIVE`` or ``#7``."""
    return {LIVE: "LIVE", NOTHING: "nothing"}.get(number, f"#{number}")


def sides(key: Key, arrow: str = "→") -> str:
    """``LIVE → #7``."""
    old, new = key
    return f"{side_name(old)} {arrow} {side_name(new)}"
