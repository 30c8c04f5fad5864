"""Partial rollback: which resources a selection means, and what has to be included. Pure.

Chosen resources come from the target, all others stay as they are live. A chosen resource includes what it
needs and lacks, and what would be left pointing at something that goes. A text with ``!`` before it leaves
something out, see `skipping`; what a text means is decided by `naming`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pulumi_rewind.errors import UsageError
from pulumi_rewind.goal.model import Selection, references, registers
from pulumi_rewind.goal.skipping import Exclusion, Sides
from pulumi_rewind.risk import TAKEN_ALONG, Risk
from pulumi_rewind.state.model import Checkpoint, Resource, urn_name
from pulumi_rewind.state.naming import NOT, Names


def select(
    texts: Sequence[str],
    entries: Sequence[Resource],
    live: Checkpoint,
    pairs: Mapping[str, str],
    stays: Mapping[str, str] = {},
) -> Selection:
    """Resolves the texts of a selection against target and live, and closes it.

    A text with ``!`` before it leaves something out, unless only something is called exactly that. `stays` holds what
    else stays as it is (URN of live → the URN of what uses it and is left out; its own where its data is kept).

    Raises:
        UsageError: a text means nothing in either.
    """
    names = names_of(entries, live)
    wanted, unwanted = parted(texts, names)
    if wanted:
        selection = _Closure(_meant(wanted, names, live, "--only"), entries, live, pairs).close()
    else:
        selection = Selection(frozenset(res.urn for res in entries), frozenset(), ())
    if not (unwanted or stays):
        return selection
    left = _meant([text.removeprefix(NOT) for text in unwanted], names, live, "left out:")
    return Exclusion(selection, entries, live, pairs).without(left, stays)


def parted(texts: Sequence[str], names: Names) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The texts that choose something, and those that leave something out."""
    unwanted = tuple(
        text
        for text in texts
        if text.startswith(NOT) and (names.exactly(text.removeprefix(NOT)) or not names.exactly(text))
    )
    return tuple(text for text in texts if text not in unwanted), unwanted


def names_of(entries: Iterable[Resource], live: Checkpoint) -> Names:
    """The names of everything that can be chosen or left out."""
    return Names(res for res in (*entries, *live.resources) if registers(res) and not res.is_stack)


def _meant(texts: Sequence[str], names: Names, live: Checkpoint, option: str) -> frozenset[str]:
    old = Names(res for res in live.resources if res.delete)
    for text in texts:
        copies = old.meant(text)
        if copies and not names.meant(text):
            ids = ", ".join(res.id for res in live.resources if res.delete and res.urn in copies)
            raise UsageError(
                f"{text!r} is only an old copy that is pending deletion ({ids}): every run deletes it",
                hint="If the object is gone or should stay, remove the entry with `pulumi state delete`.",
            )
    return names.demanded(texts, option, "live or the target")


class _Closure(Sides):
    def __init__(
        self, wanted: frozenset[str], entries: Sequence[Resource], live: Checkpoint, pairs: Mapping[str, str]
    ) -> None:
        super().__init__(entries, live, pairs)
        self.chosen = {urn for urn in self.target if urn in wanted}
        self.gone: set[str] = set()
        self.notes: list[Risk] = []
        for urn in self.live:
            if urn in wanted:
                partner = self.back.get(urn)
                if partner is None:
                    self.gone.add(urn)
                else:
                    self.chosen.add(partner)

    def close(self) -> Selection:
        """Takes along until nothing more has to be."""
        before = -1
        while before != len(self.chosen) + len(self.gone):
            before = len(self.chosen) + len(self.gone)
            self._take_children()
            self._take_needed()
            self._take_dependents()
        paired = {self.pairs[urn] for urn in self.chosen if urn in self.pairs}
        kept = frozenset(urn for urn in self.live if urn not in paired and urn not in self.gone)
        return Selection(frozenset(self.chosen), kept | frozenset(self.roots), tuple(self.notes))

    def _take(self, urn: str, why: str) -> None:
        if urn in self.target:
            self._add(self.chosen, urn, why)

    def _lose(self, urn: str, why: str) -> None:
        self._add(self.gone, urn, why)

    def _add(self, side: set[str], urn: str, why: str) -> None:
        if urn not in side:
            side.add(urn)
            self.notes.append(Risk(TAKEN_ALONG, f"included because {why}", urn))

    def _take_children(self) -> None:
        """A component means what is in it."""
        for urn, res in self.target.items():
            parent = self.target.get(res.parent)
            if parent is not None and parent.urn in self.chosen and parent.is_component:
                self._take(urn, f"it is part of {parent.name}")
        for urn, res in self.live.items():
            partner = self.back.get(urn)
            parent = self.live.get(res.parent)
            if partner is not None or parent is None:
                continue
            if parent.urn in self.gone or (parent.is_component and self.back.get(parent.urn) in self.chosen):
                self._lose(urn, f"it is part of {parent.name}")

    def _take_needed(self) -> None:
        """What a chosen resource refers to must be there: as it is live, else from the target."""
        for urn in list(self.chosen):
            for needed in references(self.target[urn]):
                if needed in self.target and needed not in self.chosen:
                    live_urn = self.pairs.get(needed)
                    if live_urn is None or live_urn in self.gone:
                        self._take(needed, f"{urn_name(urn)} needs it and the live stack does not have it")

    def _take_dependents(self) -> None:
        """What refers to something that goes would point at nothing."""
        for urn, res in self.live.items():
            lost = [other for other in references(res) if other in self.gone]
            if not lost or urn in self.gone:
                continue
            why = f"it uses {urn_name(lost[0])}, which is deleted"
            partner = self.back.get(urn)
            if partner is None:
                self._lose(urn, why)
            else:
                self._take(partner, why)
