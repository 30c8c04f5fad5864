"""Leaving resources as they are although the rest goes to the target: ``resume --skip``. Pure.

A pattern that begins with ``!`` in a selection means: not this one. What is left out keeps its live entry, so that the
engine has no reason to touch it. What it uses stays with it; what can't be without it stays away with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pulumi_rewind.errors import UsageError
from pulumi_rewind.goal import GoalNote, Selection, registers
from pulumi_rewind.model import Checkpoint, Resource, urn_name
from pulumi_rewind.selection import matches, references
from pulumi_rewind.sent import sent_inputs
from pulumi_rewind.values import reveal

NOT = "!"
"""How a pattern of a selection begins that leaves something out."""

SKIPPED = "skipped"
"""The code of the notes about what is left out."""

LISTED = 6
"""How many names a message lists."""


def leave_out(
    patterns: Sequence[str],
    selection: Selection,
    entries: Sequence[Resource],
    live: Checkpoint,
    pairs: Mapping[str, str],
) -> Selection:
    """The selection without what the patterns (URNs, names, types; no ``!``) mean.

    Raises:
        UsageError: a pattern means nothing in live or the target.
    """
    return _LeavingOut(selection, entries, live, pairs).without(patterns)


class _LeavingOut:
    def __init__(
        self, selection: Selection, entries: Sequence[Resource], live: Checkpoint, pairs: Mapping[str, str]
    ) -> None:
        self.target = {res.urn: res for res in entries if not res.is_stack}
        self.live = {res.urn: res for res in live.resources if registers(res) and not res.is_stack}
        self.roots = [res.urn for res in live.resources if res.is_stack]
        self.root_chosen = any(res.is_stack and res.urn in selection.chosen for res in entries)
        self.pairs = pairs
        self.back = {live_urn: urn for urn, live_urn in pairs.items()}
        self.chosen = set(selection.chosen)
        self.kept = set(selection.kept)
        self.notes = list(selection.notes)
        self.left: dict[str, str] = {}
        """URN (of live, or of the target where live has none) of what is left out → why."""

    def without(self, patterns: Sequence[str]) -> Selection:
        for pattern in patterns:
            self._take_pattern(pattern)
        before = -1
        while before != len(self.left):
            before = len(self.left)
            self._children()
            self._needed()
            self._dependents()
        if not self.root_chosen:
            self.kept.update(self.roots)
        notes = [GoalNote(SKIPPED, self._message(urn, why), urn) for urn, why in self.left.items()]
        return Selection(frozenset(self.chosen), frozenset(self.kept), (*self.notes, *notes))

    def _take_pattern(self, pattern: str) -> None:
        found = [urn for urn, res in self.target.items() if matches(res, pattern)]
        there = [urn for urn, res in self.live.items() if matches(res, pattern)]
        if not found and not there:
            names = sorted({res.name for res in [*self.target.values(), *self.live.values()]})
            raise UsageError(
                f"--skip {pattern!r} means no resource of live or the target", hint=f"There are: {listed(names, 12)}."
            )
        for urn in found:
            self._skip(urn, "")
        for urn in there:
            self._keep(urn, "")

    def _skip(self, urn: str, why: str) -> None:
        """Leaves a resource of the target as it is live, or away where live has none."""
        live_urn = self.pairs.get(urn, "")
        if live_urn in self.live:
            self._keep(live_urn, why)
        elif urn in self.chosen:
            self.chosen.discard(urn)
            self.left.setdefault(urn, why)

    def _keep(self, live_urn: str, why: str) -> None:
        if live_urn not in self.kept:
            self.kept.add(live_urn)
            self.chosen.discard(self.back.get(live_urn, ""))
            self.left.setdefault(live_urn, why)

    def _children(self) -> None:
        """A component means what is in it."""
        for urn, res in self.live.items():
            parent = self.live.get(res.parent)
            if parent is not None and parent.is_component and parent.urn in self.left:
                self._keep(urn, f"it is part of {parent.name}")
        for urn, res in self.target.items():
            parent = self.target.get(res.parent)
            if parent is not None and parent.is_component and self._place(parent.urn) in self.left:
                self._skip(urn, f"it is part of {parent.name}")

    def _needed(self) -> None:
        """What stays needs what it uses today."""
        for urn in [urn for urn in self.left if urn in self.live]:
            for needed in references(self.live[urn]):
                if needed in self.live and self.back.get(needed) not in self.chosen:
                    self._keep(needed, f"{urn_name(urn)}, which stays, uses it")

    def _dependents(self) -> None:
        """What would need something that isn't there can't be as in the target."""
        for urn in [urn for urn in self.chosen if urn in self.target]:
            away = [other for other in references(self.target[urn]) if other in self.left and other not in self.live]
            if away:
                self._skip(urn, f"it needs {urn_name(away[0])}, which is left out")

    def _place(self, urn: str) -> str:
        """The key in `left` of a resource of the target."""
        live_urn = self.pairs.get(urn, "")
        return live_urn if live_urn in self.live else urn

    def _message(self, urn: str, why: str) -> str:
        because = f"because {why}" if why else "because you skip it"
        here, there = self.live.get(urn), self.target.get(self.back.get(urn, urn))
        if here is None:
            return f"is not brought back, {because}{self._users(urn)}"
        if there is None:
            return f"stays although the target lacks it, {because}{self._users(urn)}"
        keys = _different(here, there)
        what = f"it differs from the target in {listed(keys)}" if keys else "its inputs are as in the target"
        return f"stays as it is, {because}; {what}{self._users(urn)}"

    def _users(self, urn: str) -> str:
        """Who depends on it."""
        partner = self.back.get(urn, urn)
        users = [res.name for key, res in self.target.items() if key in self.chosen and partner in references(res)]
        users += [res.name for key, res in self.live.items() if key in self.kept and urn in references(res)]
        names = list(dict.fromkeys(users))
        return f"; used by {listed(names)}" if names else ""


def _different(here: Resource, there: Resource) -> list[str]:
    old, new = sent_inputs(here), sent_inputs(there)
    return sorted(key for key in old.keys() | new.keys() if reveal(old.get(key)) != reveal(new.get(key)))


def listed(names: Sequence[str], limit: int = LISTED) -> str:
    """Names in a row; of many the first ones."""
    return ", ".join(names[:limit]) + (" …" if len(names) > limit else "")
