"""Creates of which nobody knows whether they were done: their provider went away before it could answer. Pure.

The engine counts such a create as failed and forgets it, without a pending operation; if the object was made all the
same, only its name can tell anybody.
"""

from __future__ import annotations

from pulumi_rewind.events import Diagnostic, EngineEvent, ResourceFailed
from pulumi_rewind.model import urn_name

_CREATES = frozenset({"create", "create-replacement"})
_GONE = ("error reading from server", "transport is closing", "connection reset", "broken pipe", "unavailable")
"""What the engine says when a provider that it has asked ends; a refused connection was never asked."""


class Doubts:
    """Watches the events of a run."""

    def __init__(self) -> None:
        self._failed: list[str] = []
        self._cut_off: set[str] = set()

    def see(self, event: EngineEvent) -> None:
        """Takes note of what matters."""
        if isinstance(event, ResourceFailed) and event.step.op in _CREATES:
            self._failed.append(event.step.urn)
        elif isinstance(event, Diagnostic) and event.severity == "error" and event.urn:
            message = event.message.lower()
            if "connection refused" not in message and any(words in message for words in _GONE):
                self._cut_off.add(event.urn)

    @property
    def urns(self) -> tuple[str, ...]:
        """The resources in doubt."""
        return tuple(dict.fromkeys(urn for urn in self._failed if urn in self._cut_off))


def doubt(urns: tuple[str, ...]) -> str:
    """What to tell the operator about them; empty if there are none."""
    if not urns:
        return ""
    names = ", ".join(map(urn_name, urns))
    return (
        f"the provider ended while it was creating {names}: an object may exist that the state doesn't know; look for "
        "it, and remove it or import it"
    )
