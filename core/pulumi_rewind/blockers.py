"""What stands in the way of a rollback, and what was left out because of it. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from pulumi_rewind.advice import says_taken
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
        self._taken: dict[str, None] = {}
        """Those that were to be made and exist already, as their provider says."""
        self._creates: set[str] = set()

    def add(self, event: EngineEvent) -> None:
        """Looks at one event."""
        match event:
            case ResourceFailed(step):
                self._failed[step.urn] = None
                if step.op == "create":
                    self._creates.add(step.urn)
            case Diagnostic(message, "error", urn):
                if urn and parse_urn(urn).type != ROOT_STACK_TYPE:
                    self._named[urn] = None
                    if says_taken(message):
                        self._taken[urn] = None

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, each once."""
        return tuple(dict.fromkeys(urn_name(urn) for urn in self._failed or self._named))

    def hint(self, stack: str) -> str:
        """How to pass them by, with a space before it; empty if there are none."""
        if not self.names:
            return ""
        taken = [urn_name(urn) for urn in self._taken if urn in self._creates]
        adopt = (
            f" {listed(taken)} exists already: if it is what the target had, `pulumi-rewind resume {stack} "
            "--adopt found` takes it over (or `--adopt NAME=ID`)."
            if taken
            else ""
        )
        flags = " ".join(f"--skip {shlex.quote(name)}" for name in self.names)
        return f" `pulumi-rewind resume {stack} {flags}` leaves {listed(self.names)} as it is and does the rest.{adopt}"
