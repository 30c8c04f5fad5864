"""Which texts of a checkpoint are literals of the program, and which objects others stand for. Pure.

An output that stands nowhere else belongs to its object. One that a program wrote down somewhere as well, or that an
unrelated object has too, may be either: it is left alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from pulumi_rewind.state.model import Resource
from pulumi_rewind.state.values import DEFAULTS, SIG, Json, as_float, is_secret, reveal
from pulumi_rewind.system.documents import load_json

_OWNERS = 8
"""Of more objects than these no more are remembered."""

_WALK = 500
"""As far as dependencies are followed."""


class Literals:
    """An index of one checkpoint, made once; its size and time are linear in the checkpoint."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._literals: dict[str | float, list[str]] = {}
        self._owners: dict[str | float, list[str]] = {}
        self._refers: dict[str, list[str]] = {}
        self._reached: dict[tuple[str, str], bool] = {}
        self._components: set[str] = set()
        for res in resources:
            self._add(res)

    def belongs(self, text: str, urn: str) -> bool:
        """Whether a text that `urn` has as an output stands for that object alone, as far as the checkpoint tells."""
        if text in self._literals:
            return False
        return all(
            owner == urn or self._reaches(owner, urn) or self._reaches(urn, owner)
            for owner in self._owners.get(text, ())
        )

    def written_beside(self, text: str, urn: str) -> bool:
        """Whether a program wrote the text down somewhere, besides on the object `urn` itself."""
        return any(writer != urn for writer in self._literals.get(text, ()))

    def _add(self, res: Resource) -> None:
        recorded = res.property_dependencies
        self._refers.setdefault(res.urn, []).extend(res.uses)
        if not (res.custom or res.is_stack):
            self._components.add(res.urn)
        if res.parent in self._components:  # who depends on a component depends on what is in it
            self._refers.setdefault(res.parent, []).append(res.urn)
        own: set[str | float] = set()
        for key, value in res.decoded_inputs().items():
            if key == DEFAULTS:
                continue
            derived = (recorded.get(key) if recorded else res.dependencies) or ()
            for leaf in _texts(value):
                own.add(leaf)
                if derived:
                    _note(self._owners, leaf, res.urn)
                else:
                    _note(self._literals, leaf, res.urn)
        if res.custom:
            _note(self._owners, res.id, res.urn)
            for leaf in _texts(res.decoded_outputs()):
                if leaf not in own:
                    _note(self._owners, leaf, res.urn)

    def _reaches(self, urn: str, other: str) -> bool:
        """Whether `urn` depends on `other`, directly or through others."""
        key = (urn, other)
        if key not in self._reached:
            seen, waiting = {urn}, [urn]
            while waiting and other not in seen and len(seen) < _WALK:
                for needed in self._refers.get(waiting.pop(), ()):
                    if needed not in seen:
                        seen.add(needed)
                        waiting.append(needed)
            self._reached[key] = other in seen
        return self._reached[key]


def _note(noted: dict[str | float, list[str]], leaf: str | float, urn: str) -> None:
    urns = noted.setdefault(leaf, [])
    if len(urns) < _OWNERS and (not urns or urns[-1] != urn):
        urns.append(urn)


def _texts(value: Json) -> Iterator[str | float]:
    """Every plain text and number in a value, those in JSON text too."""
    stack: list[Json] = [value]
    while stack:
        current = stack.pop()
        if is_secret(current):
            current = reveal(current)
        if isinstance(current, dict):
            stack.extend(inner for key, inner in current.items() if key not in {SIG, DEFAULTS})
        elif isinstance(current, list):
            stack.extend(current)
        elif isinstance(current, str):
            yield current
            if current[:1] in ("{", "[") and current[-1:] in ("}", "]"):
                with contextlib.suppress(ValueError):
                    stack.append(load_json(current))
        elif isinstance(current, float | int) and not isinstance(current, bool):
            yield as_float(current)
