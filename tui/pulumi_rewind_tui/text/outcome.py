"""How a run ended, as command line and screens both say it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pulumi_rewind.system.shell import command
from pulumi_rewind_tui.words.words import listed, local_time, plural, resource_name

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
    """The update to go back to for undoing the rollback and the failed attempts before it; 0: not known."""
    reminder: str = ""
    """What the next ordinary deploy would do."""
    revert: str = ""
    """The command that keeps it from that."""


class Finding(NamedTuple):
    """One result of a run: its symbol, its subject (may be empty), and a text."""

    mark: str
    """Name of the symbol, and role."""
    about: str
    text: str

    def __str__(self) -> str:
        return f"{self.about}: {self.text}" if self.about else self.text


def ending(result: RollbackResult, stack: str, label: str) -> Finding:
    """``done, 2 differences``: the result, and how the stack differs from the target now."""
    stale = f"{plural(len(result.stale_names), 'value')} may be stale" if result.stale else ""
    count = len(result.differences)
    if result.result == "nothing-to-do":
        left = f", but for {plural(count, 'resource')} left out" if count else ""
        but = f", but {stale}" if stale else ""
        return Finding("hazard" if stale else "same", f"nothing to do{but}", f"{stack} is as it was at {label}{left}")
    done = ", ".join(filter(None, ("done", plural(count, "difference") if count else "", stale)))
    stands = "is back at" if count or stale else "equals"
    return Finding("ok" if result.exact else "hazard", done, f"{stack} {stands} {label}")


def differences(result: RollbackResult) -> list[Finding]:
    """What is not as in the target, and why."""
    found = []
    for one in result.differences:
        about = " ".join(filter(None, (resource_name(one.urn) if one.urn else "", one.path)))
        text = f"{one.message} (as announced)" if one.expected else one.message
        found.append(Finding("waiting" if one.expected else "hazard", about, text))
    return found


def stale_values(result: RollbackResult) -> list[Finding]:
    """What may be stale, and why."""
    return [Finding("hazard", one.name, one.message) for one in result.stale]


def callbacks(result: RollbackResult) -> list[Finding]:
    """What the project's own callbacks and hooks did."""
    found = []
    for one in result.callbacks:
        about = f"{one.function} for {resource_name(one.urn)}" if one.urn else one.function
        failed = one.outcome == "failed"
        more = (f": {one.message}" if failed else f" ({one.message})") if one.message else ""
        found.append(Finding("failed" if failed else "ok", about, f"{one.outcome}{more}"))
    return found


def held_text(names: Sequence[str], stack: str, until: float = 0) -> str:
    """What a run has let go of alive, until when, and the command that deletes it; `stack` is a command line's word."""
    if not names:
        return ""
    when = f" (to be decided until {local_time(until, '%Y-%m-%d %H:%M')})" if until else ""
    stay = "stays" if len(names) == 1 else "stay"
    return f"{listed(names)} {stay} alive outside the state{when}; `{command('confirm', stack)}` deletes what is held"


def advice(result: RollbackResult | None, undo: str, reminder: str, revert: str, stack: str) -> list[Finding]:
    """Notes, what is held, the command that undoes the rollback, what the next deploy would do, and what stops that."""
    notes = [Finding("", "note", note) for note in result.notes] if result is not None else []
    held = held_text(result.held, stack, result.held_until) if result is not None else ""
    next_ = (Finding("hazard", "next", reminder), Finding("", "revert", revert))
    more = (Finding("hold", "held", held), Finding("", "undo", undo), *next_)
    return [*notes, *(one for one in more if one.text)]
