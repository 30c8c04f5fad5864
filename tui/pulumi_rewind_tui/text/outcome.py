"""How a run ended, as command line and screens both say it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_rewind_tui.words.words import plural

if TYPE_CHECKING:
    from pulumi_rewind.project.journal import JournalEntry
    from pulumi_rewind.rollback.result import RollbackResult
    from pulumi_rewind.state.locks import Lock
    from pulumi_rewind.state.model import PendingOperation


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


def standing(result: RollbackResult) -> str:
    """How the stack stands to the target now: ``is back at``."""
    if result.result == "nothing-to-do":
        return "is as it was at"
    return "is back at" if result.differences or result.stale else "equals"


def differences_count(result: RollbackResult) -> str:
    """``2 differences``, empty for none."""
    return plural(len(result.differences), "difference") if result.differences else ""


def stale_count(result: RollbackResult) -> str:
    """``1 value may be stale``, empty for none."""
    return f"{plural(len(result.stale_names), 'value')} may be stale" if result.stale else ""
