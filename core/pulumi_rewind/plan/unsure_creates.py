"""Messages on objects that may exist but are not in the state. Pure.

If a provider exits before it can answer, the engine counts a create as failed and forgets it, without a pending
operation. If a full disk damages the state, it may lose everything that the run created. Then only our messages name
these objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pulumi_rewind.plan.progress import RunProgress
from pulumi_rewind.state.model import urn_name


def unknown_to_state(progress: RunProgress) -> str:
    """What to tell where the state that comes back may know nothing of the run; empty if it made nothing."""
    return "\n".join(filter(None, (lost_sight_of(progress.made), unsure_creates_text(progress.unsure_creates))))


def unsure_creates_text(urns: Iterable[str]) -> str:
    """What to tell the operator about them; empty if there are none."""
    names = ", ".join(map(urn_name, urns))
    return f"an object may exist that is not in the state: {names}; look for it and remove it" if names else ""


def lost_sight_of(made: Mapping[str, str]) -> str:
    """What to tell of what was made, where the state of that time is lost; empty if it was nothing."""
    names = ", ".join(f"{urn_name(urn)} ({identifier})" for urn, identifier in made.items())
    return (
        (f"created in this run; once you have restored the state, remove those that it does not contain: {names}")
        if names
        else ""
    )
