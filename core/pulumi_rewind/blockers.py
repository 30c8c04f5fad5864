"""What stands in the way of a rollback, and what was left out because of it. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from pulumi_rewind.delete_first import named, says_taken
from pulumi_rewind.events import Diagnostic, EngineEvent, ResourceFailed
from pulumi_rewind.goal import Goal
from pulumi_rewind.model import ROOT_STACK_TYPE, parse_urn, urn_name
from pulumi_rewind.skipping import SKIPPED, listed
from pulumi_rewind.verify import Difference


def left_alone(goal: Goal) -> Iterable[Difference]:
    """What is not as in the target because it was left out: announced, so no surprise."""
    return [Difference(note.urn, "", note.message, expected=True) for note in goal.notes if note.code == SKIPPED]


class Blockers:
    """The resources on which a preview or a run failed."""

    def __init__(self) -> None:
        self._failed: dict[str, None] = {}
        self._named: dict[str, None] = {}
        """Those that an error speaks of; that counts where no step failed, as in a preview."""
        self._beside: set[str] = set()
        """Those of which a replacement could not be made beside the old object."""
        self._taken: dict[str, None] = {}
        """Those of which the provider said that they are there already."""

    def add(self, event: EngineEvent) -> None:
        """Looks at one event."""
        match event:
            case ResourceFailed(step):
                self._failed[step.urn] = None
                if step.op == "create-replacement":
                    self._beside.add(step.urn)
            case Diagnostic(message, "error", urn):
                if urn and parse_urn(urn).type != ROOT_STACK_TYPE:
                    self._named[urn] = None
                    if says_taken(message):
                        self._taken[urn] = None

    @property
    def failed(self) -> frozenset[str]:
        """The URNs of the steps that failed."""
        return frozenset(self._failed)

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, each once."""
        return tuple(dict.fromkeys(urn_name(urn) for urn in self._failed or self._named))

    @property
    def taken(self) -> tuple[str, ...]:
        """URNs of replacements that could not be made because the old object has what must be unique."""
        return tuple(urn for urn in self._taken if urn in self._beside)

    def hint(self, stack: str) -> str:
        """How to pass them by, with a space before it; empty if there are none."""
        if not self.names:
            return ""
        flags = " ".join(f"--skip {shlex.quote(name)}" for name in self.names)
        first = f" `pulumi-rewind resume {stack} {named(self.taken)}` deletes the old one first." if self.taken else ""
        return f"{first} `pulumi-rewind resume {stack} {flags}` leaves {listed(self.names)} as it is and does the rest."
