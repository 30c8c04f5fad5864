"""What an update is kept from deleting: marked in the state before it runs, noted before that, counted afterwards."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from pulumi_rewind.engine.events import EngineEvent
from pulumi_rewind.errors import RewindError
from pulumi_rewind.guard.state_editing import Rewriting
from pulumi_rewind.plan.arrangement import Holding
from pulumi_rewind.plan.state_edits import held_back
from pulumi_rewind.rollback.let_go import let_go
from pulumi_rewind.session import Session
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.window.ledger import Window


class HoldingBack:
    """The holding of one update."""

    def __init__(self, session: Session, before: Checkpoint, found: Holding) -> None:
        self._session = session
        self._before = before
        self._found = found
        self._rewriting = Rewriting(session)
        self._began = time.time()
        self.begun_from = before
        """What the engine begins with, as stored."""

    def events(self) -> Iterator[EngineEvent]:
        """Marks what is to be held, so that the engine lets go of it alive; raises as `Rewriting.events`."""
        if self._found.objects:
            Window(self._session).begin("update", self._before, self._found)
            self.begun_from = yield from self._rewriting.events(self._before, held_back(self._before, self._found), ())

    def undo(self) -> None:
        """Takes the marks back, where nothing has run; raises as `Rewriting.undo`."""
        self._rewriting.undo()

    def ended(self) -> tuple[str, ...]:
        """What there is to say of objects that the update has taken out of the state against its preview.

        What was held and is live again is forgotten.
        """
        with contextlib.suppress(RewindError):  # the update has succeeded all the same
            Window(self._session).settle(self._began)
        left = {(res.type, res.id) for res in self._session.timeline.live().resources}
        gone = [
            res
            for res in self._before.resources
            if (res.urn, res.id) in self._found.stay and (res.type, res.id) not in left
        ]
        return tuple(
            f"{res.name} ({res.id}) is not held: its preview kept it, and the update deleted or replaced it"
            for res in gone
        )

    @property
    def urns(self) -> frozenset[str]:
        """The URNs of what is to be held."""
        return frozenset(urn for urn, _ in self._found.objects)

    def names(self) -> tuple[str, ...]:
        """The names of the objects that the update has let go of alive."""
        return let_go(self._session, self._found)
