"""How live stands to the updates and what is held: all that the timeline's marks take from states.

Of large states the process that compares finds it out (`diff_process`), and only this comes over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pulumi_rewind.history.failed_update import HalfWay
    from pulumi_rewind.history.live import Standing
    from pulumi_rewind.session import Session
    from pulumi_rewind.window.held import Held


class Found(msgspec.Struct, frozen=True):
    """What was found out."""

    standing: Standing
    half_way: HalfWay | None
    """Whether the newest update failed half-way."""
    held: tuple[Held, ...]
    """What updates let go of alive."""


def find_out(session: Session) -> Found:
    """Reads live and what it is compared with.

    Raises:
        BackendError: live can't be read.
    """
    from pulumi_rewind.history.failed_update import half_way
    from pulumi_rewind.rollback.let_go import held_here

    standing = session.timeline.standing()
    return Found(standing, half_way(session.timeline), held_here(session))
