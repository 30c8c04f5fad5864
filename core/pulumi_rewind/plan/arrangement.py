"""What is rewritten in the stack's state before the engine runs, as data; `plan.state_edits` finds it out. Pure."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pulumi_rewind.state.model import parse_urn


@dataclass(frozen=True)
class Returned:
    """An old copy that becomes the live entry again."""

    entry: int
    """Its place among the resources of live."""
    urn: str
    id: str
    replacement: int | None = None
    """The place of the entry that is marked for deletion instead; None where there is none."""
    replacement_id: str = ""
    carrier: bool = False
    """Whether it is only what a returning object needs: its component, or the provider that the engine made for it."""


@dataclass(frozen=True)
class Kept:
    """An object that is removed from the state alive."""

    entry: int
    urn: str
    id: str
    origin: str = ""
    """Where it comes from: ``was imported by #5``; empty for a copy to delete that is the live object itself.

    Such are files that were made again under their path, and objects whose id is their name.
    """
    held: bool = False
    """Whether it is to be held: it leaves the state alive, and can come back or be deleted later."""


@dataclass(frozen=True)
class Crossed:
    """An object of the target that lives under another URN, while its own stands for another object."""

    urn: str
    id: str
    live_urn: str
    other_id: str
    """The object that has its URN now; empty if that is free."""

    @property
    def movable(self) -> bool:
        """Whether the entry can get its URN back by renaming alone: types and parents must be the same."""
        return parse_urn(self.urn).qualified_type == parse_urn(self.live_urn).qualified_type


@dataclass(frozen=True)
class Arrangement:
    """What is rewritten; entries are named by their place in live, which must not have moved."""

    returned: tuple[Returned, ...] = ()
    kept: tuple[Kept, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Live URN → the URN that the target has for the same object."""
    displaced: tuple[int, ...] = ()
    """Entries whose URN is taken back by another object and which the target lacks: copies to delete."""
    stuck: tuple[Crossed, ...] = ()
    """Crossed names that can't be put right."""
    left_out: frozenset[int] = frozenset()
    """Held objects that don't come back: they are no part of the state."""
    dropped: tuple[int, ...] = ()
    """Held objects that are entered as copies to delete."""
    order: tuple[int, ...] = ()
    """All entries as they come afterwards: the live ones, each after what it refers to, then the copies to delete.

    Empty where the order stays.
    """

    def __bool__(self) -> bool:
        return bool(self.returned or self.kept or self.renamed or self.dropped)

    @property
    def mentioned_ids(self) -> frozenset[str]:
        """The ids of copies of which `plan.state_edit_risks` speaks."""
        return frozenset((*(one.replacement_id for one in self.returned), *(one.id for one in self.kept)))

    @property
    def dying(self) -> frozenset[int]:
        """Entries that become copies to delete."""
        return frozenset((*self.displaced, *(one.replacement for one in self.returned if one.replacement is not None)))


@dataclass(frozen=True)
class Holding:
    """What is to be held of a plan."""

    objects: frozenset[tuple[str, str]] = frozenset()
    """By URN of live and id."""
    because: Mapping[str, str] = field(default_factory=dict)
    """URN → the name of the object that needs it, for what is not held for its own sake."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """URN → why it can't be held."""
    until: float = 0
    """When the operator is asked about it, Unix seconds."""
    stay: frozenset[tuple[str, str]] = frozenset()
    """What would be held too, if the run ended it against its preview; by URN of live and id."""

    @property
    def deadline(self) -> str:
        """The same, in words."""
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(self.until))


NOTHING: Final = Holding()
"""Of a run that holds nothing."""
