"""What a text means among resources, wherever one is named on the command line. Pure.

Anything is allowed in a name, ``*``, ``[`` and ``?`` included. So what a text says exactly comes first: a URN, a name,
``type::name``, a type. Only a text that is none of these is a pattern (``*``, ``?``, ``[…]``) over all four.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from functools import cached_property
from typing import Final

from pulumi_rewind.errors import UsageError
from pulumi_rewind.state.model import Resource

NOT: Final = "!"
"""How a text of a selection begins that leaves something out."""

LISTED = 6
"""How many names a message lists."""

LONGEST = 1_000
"""Characters of a pattern; `fnmatch` takes time by the square of its length."""


class Names:
    """The names of some resources; those of live and target together, so that a text means the same in both."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._texts = {res.urn: (res.name, f"{res.type}::{res.name}", res.type) for res in resources}

    @cached_property
    def _exact(self) -> tuple[dict[str, set[str]], ...]:
        """URNs by name, by ``type::name`` and by type."""
        tiers: tuple[dict[str, set[str]], ...] = ({}, {}, {})
        for urn, texts in self._texts.items():
            for tier, text in zip(tiers, texts, strict=True):
                tier.setdefault(text, set()).add(urn)
        return tiers

    def __contains__(self, urn: str) -> bool:
        return urn in self._texts

    def exactly(self, text: str) -> frozenset[str]:
        """The URNs of what is called exactly that."""
        if text in self._texts:
            return frozenset((text,))
        return next((frozenset(tier[text]) for tier in self._exact if text in tier), frozenset())

    def meant(self, text: str) -> frozenset[str]:
        """The URNs of what a text means; empty if that is nothing."""
        found = self.exactly(text)
        if found:
            return found
        if len(text) > LONGEST:
            return frozenset()
        fits = re.compile(fnmatch.translate(text)).match
        return frozenset(urn for urn, texts in self._texts.items() if fits(urn) or any(map(fits, texts)))

    def demanded(self, texts: Iterable[str], option: str, where: str) -> frozenset[str]:
        """The URNs of what all texts of an option mean; `where` says in a message which resources there are.

        Raises:
            UsageError: one means nothing.
        """
        found: set[str] = set()
        for text in texts:
            meant = self.meant(text)
            if not meant:
                raise UsageError(
                    f"{option} {text!r} matches no resource of {where}", hint=f"There are: {self.listed() or 'none'}."
                )
            found |= meant
        return frozenset(found)

    def spoken(self, urn: str) -> str:
        """The shortest text that means this resource and no other."""
        name, typed, _ = self._texts.get(urn, (urn, urn, urn))
        alone = frozenset((urn,))
        plain = not name.startswith(NOT)  # which would be taken for "all but"
        return next((text for text in (name, typed) if plain and self.meant(text) == alone), urn)

    def listed(self, limit: int = 2 * LISTED) -> str:
        """The names there are, for a hint."""
        return listed(sorted({name for name, _, _ in self._texts.values()}), limit)


def listed(names: Iterable[str], limit: int = LISTED) -> str:
    """Names in a row; of many the first ones."""
    every = list(names)
    return ", ".join(every[:limit]) + (" …" if len(every) > limit else "")
