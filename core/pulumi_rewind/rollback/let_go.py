"""What a run has let go of alive."""

from __future__ import annotations

from pulumi_rewind.plan.arrangement import Holding
from pulumi_rewind.session import Session
from pulumi_rewind.window.ledger import Window


def let_go(session: Session, found: Holding) -> tuple[str, ...]:
    """The names of the objects of `found` that are held now; raises as `Window.read`."""
    if not found.objects:
        return ()
    now = Window(session).now(session.timeline.live())
    return tuple(one.name for one in now if (one.urn, one.id) in found.objects)
