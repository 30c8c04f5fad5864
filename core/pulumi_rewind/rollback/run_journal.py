"""What one run of a plan writes into the journal: begun before any callback, ended at the target, taken back where
nothing was changed.
"""

from __future__ import annotations

from pulumi_rewind.engine.system_errors import with_system_cause
from pulumi_rewind.errors import IncompleteError, RewindError, StateDirectoryError
from pulumi_rewind.guard.state_editing import Rewriting
from pulumi_rewind.plan.model import Plan
from pulumi_rewind.session import Session
from pulumi_rewind.system.shell import command


class RunJournal:
    """The journal of one run."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._begun = False
        self.newest = 0
        """Number of the newest update when it was begun."""
        self.follows_another = False
        """Whether an earlier run had begun and not ended, which may have done more than the state says."""

    def begin(self, plan: Plan) -> None:
        """Writes the entry; raises as `Journal.begin`. The second time in a run only the plan is another one."""
        if not self._begun:
            self.newest = len(self._session.history())
            self.follows_another = self._session.journal.peek() is not None
        target, prepared = plan.target, plan.prepared
        self._session.journal.begin(
            target=target.update.number,
            label=target.label,
            digest=prepared.target.digest,
            start=self.newest,
            choices=prepared.choices,
            checkpoint=target.checkpoint,
        )
        self._begun = True

    def end(self) -> tuple[str, ...]:
        """Removes the entry; what there is to say where that can't be done, though the target is reached."""
        try:
            self._session.journal.end()
        except StateDirectoryError as err:
            forget = command("resume", self._session.stack.word, "--forget")
            return (f"the target is reached, but its journal entry stays: {err}; `{forget}` removes it",)
        return ()

    def settled(self, error: RewindError | OSError, rewriting: Rewriting, *, changed: bool) -> RewindError:
        """The error to report; if nothing was changed, state and journal are as before."""
        told = with_system_cause(error, changed=changed, resume=command("resume", self._session.stack.word))
        if changed or isinstance(told, IncompleteError) or not self._begun:
            return told
        try:
            rewriting.undo()
            self._session.journal.withdraw()
        except IncompleteError as worse:
            return worse
        except StateDirectoryError as err:
            told.advise(f"The journal could not be cleared: {err}.")
        return told
