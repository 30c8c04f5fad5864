"""What a check of the operator's has said of an update. Pure; `history.origins` says what follows from it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple, Protocol

import msgspec

from pulumi_rewind.state.model import Update


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """One verdict. An update can have several; the newest one counts."""

    good: bool
    command: str
    """What judged, secrets masked."""
    at: int
    """When it did, Unix seconds."""
    code: int | None = None
    """The command's exit code, negative for a signal; None: it did not end within its time."""
    output: str = ""
    """The end of what it printed, secrets masked."""
    source: str = "verify"
    """The option that the command was given with."""


class Said(NamedTuple):
    """A verdict as it counts for an update."""

    verdict: Verdict
    number: int
    """The update that was judged; another one where a rollback brought that one's state back."""


class Verdicts(Protocol):
    """The verdicts on the updates of one stack."""

    def numbers(self) -> Collection[int]:
        """The numbers of the updates that may have one; empty if none of the stack has."""
        ...

    def of(self, update: Update, /) -> Verdict | None:
        """The verdict on this very update; None if nobody judged it."""
        ...


class _NoVerdicts:
    def numbers(self) -> Collection[int]:
        return ()

    def of(self, _: Update) -> Verdict | None:
        return None


NO_VERDICTS: Final[Verdicts] = _NoVerdicts()
"""Of a stack that nobody ever judged."""
