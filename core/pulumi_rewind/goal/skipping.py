"""Leaving resources as they are although the rest goes to the target: ``resume --skip``. Pure.

A text that begins with ``!`` in a selection means: not this one. A resource that is left out keeps its live entry, so
the engine has no reason to change it. What it uses stays with it if it is not in the target, or if going to the target
would change the resource (a preview shows that, see `plan.staying_along`). What can't exist without it is left out,
too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pulumi_rewind.goal.model import Goal, GoalChanges, Selection, references, registers
from pulumi_rewind.risk import SKIPPED, Risk
from pulumi_rewind.state.model import Checkpoint, Resource, urn_name
from pulumi_rewind.state.naming import listed
from pulumi_rewind.state.sent_inputs import sent_inputs
from pulumi_rewind.state.values import reveal


@dataclass(frozen=True)
class LeftAlone(Risk):
    """The note on a resource that is left out."""

    because: str = ""
    """The resource that needs it to stay, itself if its data is kept; empty if the operator asked for it."""
    why: str = ""
    """The reason in the message, as a clause."""
    briefly: str = ""
    """The short message for a list of what stays as it is; empty if only the full message will do."""

    @property
    def for_data(self) -> bool:
        """Whether it stays because its own data would be lost."""
        return self.because == self.urn


KEEPS_DATA: Final = "its data would be lost"
_STAYS: Final = "stays as it is"


class Sides:
    """The resources of both sides that can be chosen, and which is which."""

    def __init__(self, entries: Sequence[Resource], live: Checkpoint, pairs: Mapping[str, str]) -> None:
        self.target = {res.urn: res for res in entries if not res.is_stack}
        self.live = {res.urn: res for res in live.resources if registers(res) and not res.is_stack}
        self.roots = [res.urn for res in live.resources if res.is_stack]
        self.pairs = pairs
        self.back = {live_urn: urn for urn, live_urn in pairs.items()}


def adjusted(changes: GoalChanges, selection: Selection, live: Checkpoint, pairs: Mapping[str, str]) -> Selection:
    """A selection without what is skipped, with what is kept and everything that needs to be there for it."""
    back = {live_urn: urn for urn, live_urn in pairs.items()}
    notes = list(selection.notes)
    chosen = set(selection.chosen) - set(changes.skip)
    kept = set(selection.kept)
    notes += [LeftAlone(SKIPPED, f"is left out: {reason}", urn) for urn, reason in changes.skip.items()]
    waiting = [(urn, f"stays as it is: {reason}") for urn, reason in changes.keep.items()]
    while waiting:
        urn, why = waiting.pop()
        res = live.by_urn.get(urn)
        if res is None or urn in kept or not registers(res):
            continue
        kept.add(urn)
        chosen.discard(back.get(urn, ""))
        notes.append(LeftAlone(SKIPPED, why, urn))
        for needed in references(res):
            partner = back.get(needed)
            if (partner is None or partner not in chosen) and needed not in kept:
                waiting.append((needed, f"stays as it is, because {res.name} needs it"))
    return Selection(frozenset(chosen), frozenset(kept), tuple(notes), selection.untouched)


def needing_skipped(changes: GoalChanges, goal: Goal) -> dict[str, list[str]]:
    """What was skipped → names of what is in the goal and refers to it, which would point at nothing."""
    found: dict[str, list[str]] = {}
    for item in goal.registrations:
        for urn in references(item.source) if not item.from_live else ():
            if urn in changes.skip and item.urn not in changes.skip and not item.source.is_stack:
                found.setdefault(urn, []).append(item.name)
    return found


class Exclusion(Sides):
    """A selection from which some resources are taken, with everything that has to stay with them."""

    def __init__(
        self, selection: Selection, entries: Sequence[Resource], live: Checkpoint, pairs: Mapping[str, str]
    ) -> None:
        super().__init__(entries, live, pairs)
        self.root_chosen = any(res.is_stack and res.urn in selection.chosen for res in entries)
        self.chosen = set(selection.chosen)
        self.kept = set(selection.kept)
        self.notes = list(selection.notes)
        self.left: dict[str, tuple[str, str]] = {}
        """URN (of live, or of the target where live has none) of what is left out → why, and the URN that it is for."""
        self.users: dict[tuple[bool, str], list[str]] = {}
        """Whether it is a URN of live, and the URN → names of what refers to it; filled when the goal is settled."""

    def without(self, unwanted: frozenset[str], stays: Mapping[str, str]) -> Selection:
        """The selection without some resources (URNs of live or the target); `stays` as for `goal.selection.select`."""
        for urn in self.target:
            if urn in unwanted:
                self._skip(urn, "", "")
        for urn in self.live:
            if urn in unwanted:
                self._keep(urn, "", "")
        for urn, user in stays.items():
            if urn in self.live:
                self._keep(urn, KEEPS_DATA if user == urn else f"{urn_name(user)}, which stays, uses it", user)
        before = -1
        while before != len(self.left):
            before = len(self.left)
            self._children()
            self._needed()
            self._dependents()
        if not self.root_chosen:
            self.kept.update(self.roots)
        notes = [self._note(urn, why, for_) for urn, (why, for_) in self.left.items()]
        return Selection(frozenset(self.chosen), frozenset(self.kept), (*self.notes, *notes), frozenset(self.left))

    def _skip(self, urn: str, why: str, for_: str) -> None:
        """Leaves a resource of the target as it is live, or away where live has none."""
        live_urn = self.pairs.get(urn, "")
        if live_urn in self.live:
            self._keep(live_urn, why, for_)
        elif urn in self.chosen:
            self.chosen.discard(urn)
            self.left.setdefault(urn, (why, for_))

    def _keep(self, live_urn: str, why: str, for_: str) -> None:
        if live_urn in self.kept and for_:
            return
        self.kept.add(live_urn)
        self.chosen.discard(self.back.get(live_urn, ""))
        self.left.setdefault(live_urn, (why, for_))

    def _children(self) -> None:
        """A component means what is in it."""
        for urn, res in self.live.items():
            parent = self.live.get(res.parent)
            if parent is not None and parent.is_component and parent.urn in self.left:
                self._keep(urn, f"it is part of {parent.name}", parent.urn)
        for urn, res in self.target.items():
            parent = self.target.get(res.parent)
            if parent is not None and parent.is_component and self._place(parent.urn) in self.left:
                self._skip(urn, f"it is part of {parent.name}", self._place(parent.urn))

    def _needed(self) -> None:
        """What stays needs what it uses today."""
        for urn in [urn for urn in self.left if urn in self.live]:
            for needed in references(self.live[urn]):
                if needed in self.live and self.back.get(needed) not in self.chosen:
                    self._keep(needed, f"{urn_name(urn)}, which stays, uses it", urn)

    def _dependents(self) -> None:
        """What would need something that isn't there can't be as in the target."""
        for urn in [urn for urn in self.chosen if urn in self.target]:
            away = [other for other in references(self.target[urn]) if other in self.left and other not in self.live]
            if away:
                self._skip(urn, f"it needs {urn_name(away[0])}, which is left out", away[0])

    def _place(self, urn: str) -> str:
        """The key in `left` of a resource of the target."""
        live_urn = self.pairs.get(urn, "")
        return live_urn if live_urn in self.live else urn

    def _note(self, urn: str, why: str, for_: str) -> LeftAlone:
        state, more = self._said(urn)
        message = f"{state}, because {why or 'you skip it'}{more}"
        briefly = state + more if not why else why + more if state == _STAYS else ""
        return LeftAlone(SKIPPED, message, urn, because=for_, why=why, briefly=briefly)

    def _said(self, urn: str) -> tuple[str, str]:
        """What becomes of it, and what else there is to say."""
        here, there = self.live.get(urn), self.target.get(self.back.get(urn, urn))
        if here is None:
            return "is not brought back", self._users(urn)
        if there is None:
            return "stays although the target lacks it", self._users(urn)
        keys = _different(here, there)
        what = f"it differs from the target in {listed(keys)}" if keys else "its inputs are as in the target"
        return _STAYS, f"; {what}{self._users(urn)}"

    def _users(self, urn: str) -> str:
        """Who depends on it."""
        if not self.users:
            for side, members in ((self.target, self.chosen), (self.live, self.kept)):
                for key, res in side.items():
                    for other in references(res) if key in members else ():
                        self.users.setdefault((side is self.live, other), []).append(res.name)
        partner = self.back.get(urn, urn)
        names = dict.fromkeys((*self.users.get((False, partner), ()), *self.users.get((True, urn), ())))
        return f"; used by {listed(names)}" if names else ""


def _different(here: Resource, there: Resource) -> list[str]:
    old, new = sent_inputs(here), sent_inputs(there)
    return sorted(key for key in old.keys() | new.keys() if reveal(old.get(key)) != reveal(new.get(key)))
