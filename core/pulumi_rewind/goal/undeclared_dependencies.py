"""Which resources a registration speaks of although nothing records that it depends on them. Pure.

Of a component's outputs no state tells what they were made of, and of inputs of remote components not where resource
references lead. What is sent before the resource it speaks of has answered would name the object of then.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from pulumi_rewind.goal.model import Goal, Registration
from pulumi_rewind.state.values import RESOURCE_REF, Json, kind_of, reveal, walk

_TOKEN: Final = re.compile(r"[\w-]+")

_SHORTEST: Final = 6
"""Shorter ids stand in too many texts by chance."""


class Mentions:
    """Looks resources of one goal up by what values say of them. The cost follows the length of the values."""

    def __init__(self, goal: Goal) -> None:
        self._order = {item.urn: index for index, item in enumerate(goal.registrations)}
        self._goal = goal
        self._ids: dict[bool, dict[str, list[tuple[str, str]]]] = {}

    def before(self, item: Registration) -> Iterator[str]:
        """URNs of what the inputs refer to, as far as it comes first: else two could wait for each other."""
        for urn in _references(item.inputs):
            if self._order.get(urn, len(self._order)) < self._order[item.urn]:
                yield urn

    def outputs(self, item: Registration) -> list[str]:
        """URNs of what the recorded outputs refer to, or name by its recorded id."""
        outputs = item.source.decoded_outputs()
        found = dict.fromkeys(urn for urn in _references(outputs) if urn in self._order)
        by_token = self._by_token(from_live=item.from_live)
        for text in walk(reveal(outputs)):
            if isinstance(text, str):
                for token in {text, *_TOKEN.findall(text)}:
                    found.update((urn, None) for identifier, urn in by_token.get(token, ()) if identifier in text)
        found.pop(item.urn, None)
        return list(found)

    def _by_token(self, *, from_live: bool) -> Mapping[str, list[tuple[str, str]]]:
        """The longest word of an id → the id and the URN in the goal."""
        if from_live not in self._ids:
            index: dict[str, list[tuple[str, str]]] = {}
            for item in self._goal.registrations:
                recorded = item.recorded(from_live=from_live)
                if recorded is not None and recorded.custom and len(recorded.id) >= _SHORTEST:
                    token = max(_TOKEN.findall(recorded.id), key=len, default=recorded.id)
                    index.setdefault(token, []).append((recorded.id, item.urn))
            self._ids[from_live] = index
        return self._ids[from_live]


def _references(value: Mapping[str, Json]) -> Iterator[str]:
    """URNs of the resource references in a value, secrets included."""
    for inner in walk(reveal(dict(value))):
        if kind_of(inner) == RESOURCE_REF:
            yield str(inner.get("urn"))
