"""How a run ended, as command line and screens both say it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pulumi_rewind_tui.render.words import plural

if TYPE_CHECKING:
    from pulumi_rewind.journal import JournalEntry
    from pulumi_rewind.locks import Lock
    from pulumi_rewind.model import PendingOperation
    from pulumi_rewind.rollback_result import RollbackResult


@dataclass(frozen=True)
class Aftermath:
    """How the stack stands after a run that did not succeed."""

    entry: JournalEntry | None = None
    """The rollback can be resumed."""
    pending: tuple[PendingOperation, ...] = ()
    locks: tuple[Lock, ...] = ()
    remaining: tuple[str, ...] | None = None
    """What still differs from the target, one line each; None if that couldn't be found out."""
    problem: str = ""
    """Why something couldn't be found out."""
    newest: int = 0
    undo: int = 0
    """The update to go back to for taking all of this back, attempts that failed before it included; 0: not known."""
    reminder: str = ""
    """What the next ordinary deploy would do."""


@dataclass(frozen=True)
class Ending:
    """The words for a run that came to its end."""

    mark: Literal["same", "ok", "hazard"]
    """The symbol before them."""
    nothing: bool
    """Whether there was nothing to do."""
    where: str
    """How the stack stands to the target: ``is back at``."""
    differences: str
    """How many, empty for none."""
    stale: str
    """How many values may be stale, empty for none."""

    @property
    def counted(self) -> str:
        """What is not as it should be."""
        return ", ".join(filter(None, (self.differences, self.stale)))

    @property
    def equal(self) -> bool:
        """Whether the stack was brought back, and everything is as in the target."""
        return not (self.nothing or self.counted)


def ending_of(result: RollbackResult) -> Ending:
    """What is to be said of a result."""
    nothing = result.result == "nothing-to-do"
    differences = plural(len(result.differences), "difference") if result.differences else ""
    stale = f"{plural(len(result.stale_names), 'value')} may be stale" if result.stale else ""
    where = "is as it was at" if nothing else "is back at" if differences or stale else "equals"
    if stale or not (nothing or result.exact):
        return Ending("hazard", nothing, where, differences, stale)
    return Ending("same" if nothing else "ok", nothing, where, differences, stale)
