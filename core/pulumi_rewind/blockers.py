"""What stands in the way of a rollback, and what was left out because of it. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from pulumi_rewind.events import Diagnostic, EngineEvent, ResourceFailed
from pulumi_rewind.goal import Goal
from pulumi_rewind.model import ROOT_STACK_TYPE, parse_urn, urn_name
from pulumi_rewind.recommend import PATH_CONTENT, PATH_UNTRACKED
from pulumi_rewind.skipping import SKIPPED, listed
from pulumi_rewind.verify import Difference

_ANNOUNCED = frozenset({SKIPPED, PATH_CONTENT, PATH_UNTRACKED})


def left_alone(goal: Goal) -> Iterable[Difference]:
    """What is not as in the target because it was left out, or has its content elsewhere: announced, so no surprise."""
    return [Difference(note.urn, "", note.message, expected=True) for note in goal.notes if note.code in _ANNOUNCED]


class Blockers:
    """The resources on which a preview or a run failed."""

    def __init__(self) -> None:
        self._failed: dict[str, None] = {}
        self._named: dict[str, None] = {}
        """Those that an error speaks of; that counts where no step failed, as in a preview."""

    def add(self, event: EngineEvent) -> None:
        """Looks at one event."""
        match event:
            case ResourceFailed(step):
                self._failed[step.urn] = None
            case Diagnostic(_, "error", urn):
                if urn and parse_urn(urn).type != ROOT_STACK_TYPE:
                    self._named[urn] = None

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, each once."""
        return tuple(dict.fromkeys(urn_name(urn) for urn in self._failed or self._named))

    def hint(self, stack: str) -> str:
        """How to pass them by, with a space before it; empty if there are none."""
        if not self.names:
            return ""
        flags = " ".join(f"--skip {shlex.quote(name)}" for name in self.names)
        return f" `pulumi-rewind resume {stack} {flags}` leaves {listed(self.names)} as it is and does the rest."
