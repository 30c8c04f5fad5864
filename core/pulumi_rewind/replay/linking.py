"""What a replay sends in place of recorded values, and what it could not tell. Pure.

Keeps the links of everything that has been registered, applies them, and notes for each registration what was
relinked, what may be stale, and what was left alone.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pulumi_rewind.goal.model import Goal, Registration
from pulumi_rewind.goal.replay_report import ReplayReport
from pulumi_rewind.relinking.links import Link, make_link
from pulumi_rewind.relinking.literals import Literals
from pulumi_rewind.relinking.relink import Relinker
from pulumi_rewind.state.sent_inputs import written_inputs
from pulumi_rewind.state.values import Json, contains_unknown


@dataclass(frozen=True)
class Response:
    """What the engine answered for one registration."""

    urn: str
    id: str
    outputs: Mapping[str, Json]
    """As answered; empty for components and the stack, whose outputs are ours to compute."""


class Linking:
    """The links of one replay; `responses` grows as the engine answers."""

    def __init__(self, goal: Goal, report: ReplayReport, responses: Mapping[str, Response], *, preview: bool) -> None:
        self.references: dict[str, tuple[str, str]] = {}
        """URN of the goal → URN and id in this run."""
        self._goal = goal
        self._items = goal.by_urn()
        self._report = report
        self._responses = responses
        self._preview = preview
        self._links: dict[tuple[str, bool], Link] = {}
        self._literals: dict[bool, Literals] = {}
        self._follows: set[str] = set()
        """URNs of the goal whose inputs were computed from something that gets a new id."""

    def link(self, urn: str, from_live: bool) -> Link:
        """What a registered resource was, in the checkpoint that the reader's values come from, and is."""
        key = (urn, from_live)
        if key not in self._links:
            response, item = self._responses[urn], self._items[urn]
            recorded = item.recorded(from_live=from_live)
            if recorded is None or item.has_outputs:
                self._links[key] = Link(urn)
            else:
                self._links[key] = make_link(
                    urn,
                    recorded.id,
                    recorded.decoded_outputs(),
                    response.id,
                    response.outputs,
                    preview=self._preview,
                    follows=urn in self._follows,
                    written=functools.partial(written_inputs, recorded),
                )
        return self._links[key]

    def inputs(self, item: Registration, known: Mapping[str, Link]) -> dict[str, Json]:
        """The inputs of a registration with everything relinked that `known` links say; the rest is reported."""
        result: dict[str, Json] = {}
        exact = bool(item.source.property_dependencies)
        missing: dict[str, bool] = {}
        for key, value in item.inputs.items():
            links = [known[urn] for urn in item.property_dependencies.get(key, ())]
            if key in item.live_keys:
                links += [self.link(link.urn, from_live=True) for link in links if link.urn in self._responses]
            relinked = self._relinker(links, item, direct=exact).apply(value, key)
            result[key] = relinked.value
            if self._preview and contains_unknown(relinked.value):
                partly = self._relinker(links, item, direct=exact, partly=True).apply(value, key).value
                self._report.partly.setdefault(item.urn, {})[key] = partly
            if relinked.changed:
                self._report.relinked.setdefault(item.urn, set()).add(key)
            if relinked.unsure:
                self._report.unsure.setdefault(item.urn, set()).update(relinked.unsure)
            renewed = {link.urn for link in links if link.renewed}
            if renewed:
                self._follows.add(item.urn)
            if value is None or isinstance(value, bool) or value in ("", {}, []):
                continue  # nothing that could have been derived
            for urn in renewed:
                lost = urn not in relinked.found
                if lost and exact:
                    self._report.opaque.setdefault(item.urn, {}).setdefault(key, set()).add(urn)
                missing[urn] = missing.get(urn, True) and lost
        nowhere = {urn for urn, lost in missing.items() if lost}
        if nowhere and not exact:
            self._report.opaque[item.urn] = {"": nowhere}
        return result

    def outputs(self, item: Registration, links: Iterable[Link]) -> tuple[dict[str, Json], set[str]]:
        """The outputs of a component or the stack, and paths of what may be stale in them."""
        relinker = self._relinker([link for link in links if link.moved], item, direct=False)
        found = {key: relinker.apply(value, key) for key, value in item.source.decoded_outputs().items()}
        unsure = {f"outputs.{path}" for one in found.values() for path in one.unsure}
        return {key: one.value for key, one in found.items()}, unsure

    def _relinker(self, links: Sequence[Link], item: Registration, *, direct: bool, partly: bool = False) -> Relinker:
        literals = functools.partial(self._literals_of, item.from_live)
        return Relinker(links, references=self.references, literals=literals, direct=direct, partly=partly)

    def _literals_of(self, from_live: bool) -> Literals:
        """What the checkpoint that a registration's values come from has as literals; made when first needed."""
        if from_live not in self._literals:
            sources = (item.recorded(from_live=from_live) for item in self._goal.registrations)
            self._literals[from_live] = Literals(res for res in sources if res is not None)
        return self._literals[from_live]
