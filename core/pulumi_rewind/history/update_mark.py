"""What a rollback of ours writes into the update that it becomes, so that it is known again. Pure.

The engine keeps ``--exec-agent`` with an update as it was given. A message can be anybody's, and where an update
stands in the history depends on the clock of the machine that ran it.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import msgspec

from pulumi_rewind.state.model import REPLAY_AGENT, Update

PROGRAM_AGENT: Final = "pulumi-rewind/program"
"""A rollback that ran an old program: its commit is what it deployed, so it isn't `Update.is_rollback`."""

_LABEL: Final = re.compile(r"rollback to #([0-9]{1,18})(?![0-9])")
_PART: Final = re.compile(r"(run|to|from)=([0-9a-f]{1,32})(?:@([0-9]{1,18}))?")


class Mark(NamedTuple):
    """An update, to be found again also where others have come before it in the history since."""

    number: int
    time: int
    """When it began, Unix seconds; 0: not known."""

    @classmethod
    def of(cls, update: Update) -> Mark:
        """The mark of an update."""
        return cls(update.number, update.start_time)


class Stamp(msgspec.Struct, frozen=True):
    """What one rollback writes into each of its updates."""

    target: Mark | None = None
    """The update that it goes back to; None: a state that no update left."""
    before: Mark | None = None
    """The update that live equalled when it began."""
    partial: bool = False
    """Whether it goes back with chosen resources alone."""
    run: str = msgspec.field(default_factory=lambda: _new_name())

    def text(self, agent: str = REPLAY_AGENT) -> str:
        """For ``--exec-agent``."""
        marks = [f"{name}={mark.number}@{mark.time}" for name, mark in self._marks() if mark is not None]
        return ";".join([agent, f"run={self.run}", *marks, *(["partial"] if self.partial else [])])

    def _marks(self) -> tuple[tuple[str, Mark | None], ...]:
        return ("to", self.target), ("from", self.before)


def _new_name() -> str:
    from secrets import token_hex

    return token_hex(8)


def read_stamp(update: Update) -> Stamp | None:
    """What a rollback of ours wrote into an update; None where it is none of ours.

    Earlier releases wrote the agent alone: then the message names the target.
    """
    agent, *parts = update.environment.get("exec.agent", "").split(";")
    if agent not in {REPLAY_AGENT, PROGRAM_AGENT}:
        return None
    found = {match[1]: match for part in parts if (match := _PART.fullmatch(part))}
    label = _LABEL.match(update.message)
    named = Mark(int(label[1]), 0) if label is not None and not found else None
    run = found["run"][2] if "run" in found else ""
    return Stamp(_mark(found.get("to")) or named, _mark(found.get("from")), "partial" in parts, run)


def _mark(match: re.Match[str] | None) -> Mark | None:
    return Mark(int(match[2]), int(match[3] or 0)) if match is not None and match[2].isdigit() else None
