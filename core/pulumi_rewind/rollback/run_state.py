"""What one run of a plan does to the stack's state before the engine, with what it notes of held objects."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

from pulumi_rewind.engine.events import EngineEvent
from pulumi_rewind.errors import RewindError
from pulumi_rewind.guard.state_editing import Rewriting
from pulumi_rewind.plan.model import Plan
from pulumi_rewind.session import Session
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.window.ledger import Window


class RunState:
    """The state of one run."""

    def __init__(self, session: Session) -> None:
        self.rewriting = Rewriting(session)
        self._window = Window(session)

    def events(self, plan: Plan) -> Generator[EngineEvent, None, Checkpoint]:
        """Notes what is to be held, then rewrites the state; returns what the engine begins with.

        Raises what `Rewriting.events` raises.
        """
        prepared = plan.prepared
        self._window.begin("rollback", prepared.live, prepared.holding)
        begun_from = yield from self.rewriting.events(prepared.live, prepared.rewritten, plan.steps)
        if prepared.choices.drop_held:
            self._window.deleting(begun_from)
        return begun_from

    def not_begun(self, plan: Plan) -> None:
        """Nothing was changed: nothing that is held is to be deleted."""
        if plan.prepared.choices.drop_held:
            self._window.not_deleting()

    def settle(self, began: float) -> None:
        """Forgets what is live again; where that can't be noted, the target is reached all the same."""
        with contextlib.suppress(RewindError):
            self._window.settle(began)
