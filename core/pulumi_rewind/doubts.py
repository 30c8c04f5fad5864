"""Objects that may exist without the state knowing. Pure.

Where a provider goes away before it can answer, the engine counts a create as failed and forgets it, without a pending
operation. Where a full disk damages the state, everything that was made in the run may be lost from it. Then only the
names, told by us, tell anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pulumi_rewind.engine_messages import says_cut_off
from pulumi_rewind.events import Diagnostic, EngineEvent, ResourceDone, ResourceFailed
from pulumi_rewind.model import urn_name

_CREATES = frozenset({"create", "create-replacement"})


class Doubts:
    """Watches the events of a run."""

    def __init__(self) -> None:
        self._failed: list[str] = []
        self._cut_off: set[str] = set()
        self.made: dict[str, str] = {}
        """URN → id of what was created in the run."""

    def see(self, event: EngineEvent) -> None:
        """Takes note of what matters."""
        if isinstance(event, ResourceFailed) and event.step.op in _CREATES:
            self._failed.append(event.step.urn)
        elif isinstance(event, ResourceDone) and event.step.op in _CREATES and event.step.new is not None:
            if event.step.new.id:
                self.made[event.step.urn] = event.step.new.id
        elif isinstance(event, Diagnostic) and event.severity == "error" and event.urn and says_cut_off(event.message):
            self._cut_off.add(event.urn)

    @property
    def urns(self) -> tuple[str, ...]:
        """The resources in doubt."""
        return tuple(dict.fromkeys(urn for urn in self._failed if urn in self._cut_off))

    def told(self) -> str:
        """What to tell where the state that comes back may know nothing of the run; empty if it made nothing."""
        return "\n".join(filter(None, (lost_sight_of(self.made), doubt(self.urns))))


def doubt(urns: Iterable[str]) -> str:
    """What to tell the operator about them; empty if there are none."""
    names = ", ".join(map(urn_name, urns))
    return f"an object may exist that the state doesn't know: {names}; look for it, and remove it" if names else ""


def lost_sight_of(made: Mapping[str, str]) -> str:
    """What to tell of what was made, where the state of that time is lost; empty if it was nothing."""
    names = ", ".join(f"{urn_name(urn)} ({identifier})" for urn, identifier in made.items())
    return f"made in this run, so remove what the state that you put back lacks of it: {names}" if names else ""
