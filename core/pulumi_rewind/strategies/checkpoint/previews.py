"""The previews of one plan: about what differs alone, where that says enough, else about everything.

The engine starts before the goal is made, for it has much to read as well.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pulumi_rewind.engine.events import Phase
from pulumi_rewind.goal.model import Goal
from pulumi_rewind.goal.replay_report import Observe, Previewed
from pulumi_rewind.guard.state_editing import Rewritten
from pulumi_rewind.plan.asking import asked_about, unsettled
from pulumi_rewind.session import Session
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.values import Json
from pulumi_rewind.strategies.preview import Begun, PreviewControl, enough, explained, preview


class Previews:
    """Asks the engine what a goal would do, as often as the plan needs it. `close` it."""

    def __init__(
        self, session: Session, control: PreviewControl, commit: str, *, refresh: bool, subjects: Collection[str] = ()
    ) -> None:
        """`commit` is the target's; `subjects` are URNs that must be asked about, if not everything is."""
        self._session, self._control, self._commit, self._refresh = session, control, commit, refresh
        self._subjects = subjects
        self._early: Begun | None = None
        self.asked: tuple[str, ...] = ()
        """The URNs that the newest preview has asked about; none: everything."""

    def begin(self, stored: Checkpoint, live: Checkpoint, target: Checkpoint) -> None:
        """Starts an engine, unless one was started before; for live and target as stored, then for both decrypted.

        Where too much of what is stored differs it is for the second call to start it: secrets are encrypted anew.
        `stored` is live as stored in both.
        """
        if self._early is not None:
            return
        self.asked = () if self._refresh else asked_about(target, live)
        if self.asked or self._refresh or live.decrypted or not live.has_secrets:
            self._early = Begun.early(self._session, stored, self._control, refresh=self._refresh, targets=self.asked)

    def close(self) -> None:
        """Ends an engine that nobody has used."""
        if self._early is not None:
            self._early.close()

    def look(
        self, goal: Goal, live: Checkpoint, before: Rewritten, config: Mapping[str, Json], observe: Observe
    ) -> Previewed:
        """The preview of a goal: `live` is as stored, `before` what the run begins with, `config` as for `preview`.

        Raises:
            RefusedError: a protected resource is in the way.
            EngineError: the preview failed.
        """

        def ask(targets: Collection[str]) -> Previewed:
            early, self._early = self._early, None
            return preview(
                self._session,
                goal,
                live,
                observe,
                self._control,
                refresh=self._refresh,
                config=config,
                state=before.state,
                targets=targets,
                early=early,
            )

        must = {*map(goal.run_urn, self._subjects), *unsettled(goal, before.plain)} if self.asked else set[str]()
        if config or before.state is not None or not must <= {*self.asked}:
            self.asked = ()
        if (found := enough(ask, goal, before.plain, self.asked)) is not None:
            return found
        if self.asked:
            self.asked = ()
            observe(Phase("preview", "previewing once more, about everything"))
        with explained(self._session, goal, self._commit):
            return ask(())
