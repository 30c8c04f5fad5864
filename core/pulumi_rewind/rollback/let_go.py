"""What runs have let go of alive, as those ask who show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi_rewind.errors import RewindError

if TYPE_CHECKING:
    from pulumi_rewind.plan.arrangement import Holding
    from pulumi_rewind.session import Session
    from pulumi_rewind.window.held import Held


def let_go(session: Session, found: Holding) -> tuple[str, ...]:
    """The names of the objects of `found` that are held now, sorted; raises as `Window.read`."""
    from pulumi_rewind.window.ledger import Window

    if not found.objects:
        return ()
    now = Window(session).now(session.timeline.live())
    return tuple(sorted(one.name for one in now if (one.urn, one.id) in found.objects))


def held_here(session: Session) -> tuple[Held, ...]:
    """What is held of the stack as far as this machine knows, for marks beside a history.

    Where nothing was ever held, nothing is loaded for it; what can't be read, the command `held` says.
    """
    if not session.journal.state.window(session.journal.key).exists():
        return ()
    from pulumi_rewind.window.ledger import Window

    try:
        return Window(session).now(session.timeline.live())
    except (RewindError, OSError):
        return ()
