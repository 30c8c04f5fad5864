"""Runs the revisions of an update or a rollback: each noted when it has begun and when it has returned."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

from pulumi_rewind.callbacks.callback_context import revision_context
from pulumi_rewind.callbacks.calling import RESUME, Caller
from pulumi_rewind.callbacks.code import check_trusted, todays_code
from pulumi_rewind.callbacks.revisions.ledger import Ledger
from pulumi_rewind.callbacks.revisions.moves import carried, members
from pulumi_rewind.engine.events import Diagnostic, EngineEvent, Phase
from pulumi_rewind.errors import (
    CallbackError,
    IncompleteError,
    InterruptedRun,
    RefusedError,
    RewindError,
    UpdateFailed,
)
from pulumi_rewind.goal.model import GoalChanges
from pulumi_rewind.hooks.revisions import When
from pulumi_rewind.plan.called import Move, RevisionPlan
from pulumi_rewind.session import Session
from pulumi_rewind.state.model import Checkpoint


class RevisionRun(Caller):
    """The revisions of one run; `phase` runs those of one side of the engine's run."""

    def __init__(self, session: Session, plan: RevisionPlan | None, target: str = "") -> None:
        plan = plan or RevisionPlan()
        super().__init__(session, plan.codes, plan.python)
        self.target = target
        self.changed = False
        """Whether an up or down was called: something may have changed outside the stack."""
        self.restored: frozenset[str] = frozenset()
        """URNs of what came back as it was; the component around has its revisions again."""
        self.moves = plan.moves

    def check(self) -> None:
        """Raises RefusedError where an update would call another hooks file than was reviewed."""
        now = todays_code(self.session.workspace.root, self.session.settings) if self.moves else None
        if self.moves and (now is None or now.sha256 not in self.codes):
            raise RefusedError("the hooks file has changed since the review", hint="Review it again.", unchanged=True)

    def phase(
        self, when: When, before: Checkpoint, side: Callable[[], Checkpoint]
    ) -> Generator[EngineEvent, None, None]:
        """Runs the revisions of one phase. `before` is the state before the run, `side` gives the one now, decrypted.

        Raises:
            CallbackError: one failed; those before it are applied.
            InterruptedRun: it was asked to stop.
        """
        moves = [move for move in self.moves if move.when == when and (move.callback or move.problem)]
        if not moves:
            return
        yield Phase("revisions", f"running revisions: {len(moves)}")
        self.session.reload()  # the engine may have made an update since
        state = side()
        ledger = Ledger(self.session)
        try:
            with ledger.held():
                for move in moves:
                    yield from self._move(ledger, move, before, state)
        finally:
            self.close()

    def _move(self, ledger: Ledger, move: Move, before: Checkpoint, state: Checkpoint) -> Iterator[EngineEvent]:
        if self.stops:
            raise InterruptedRun("stopped while revisions were run")
        urn = _present(move, before, state)
        what = f"{move.name}: {move.revision}"
        applied, _ = ledger.now()
        if (move.revision in applied.get(urn, ())) == (move.direction == "up"):
            yield Diagnostic(f"another run has already run {what}", "info", urn)
            return
        if not urn:
            yield Diagnostic(f"{what} was not run: the component does not exist", "warning")
            return
        if self.restored.intersection(res.urn for res in members(urn, state)):
            ledger.done(urn, move)
            yield Diagnostic(f"{what} came back with the component's data", "info", urn)
            return
        assert move.callback is not None
        check_trusted(self.session, self.codes[move.callback.code])
        known = ledger.begun(urn, move)
        begun = ledger.begin(urn, move)
        self.changed = True
        context = revision_context(
            move,
            state.by_urn[urn],
            members(urn, state),
            stack=str(self.session.stack),
            target=self.target,
            key=begun.key,
            again=known is not None,
        )
        try:
            yield from self.call(move.callback, context, urn, note=move.revision)
        except CallbackError as err:
            if self.stops:
                raise InterruptedRun("stopped while revisions were run") from None
            raise CallbackError(f"the {move.direction} of {what} failed: {err}") from None
        ledger.done(urn, move)


def _present(move: Move, before: Checkpoint, state: Checkpoint) -> str:
    """The URN that a move's component has at this moment; empty if it isn't there."""
    for urn in (move.urn, move.live_urn):
        if urn and urn in state.by_urn:
            return urn
    return next(iter(carried({move.live_urn: ()}, before, state)), "") if move.live_urn else ""


class RollbackRevisions(RevisionRun):
    """The revisions of a rollback."""

    def before(self, live: Checkpoint) -> Iterator[EngineEvent]:
        """Those that run before the engine.

        Raises:
            IncompleteError, InterruptedRun: it can be resumed.
        """
        yield from self._phase("before", live, lambda: live, "the engine has changed nothing in the stack yet")

    def after(self, live: Checkpoint, changes: GoalChanges, imported: frozenset[str]) -> Iterator[EngineEvent]:
        """Those that run after it; `live` is the state before the run. Raises as `before`."""
        self.restored = imported.union(changes.adopt)

        def state() -> Checkpoint:
            return self.session.vault.decrypt(self.session.backend.live(self.session.stack), self.session.stack)

        yield from self._phase("after", live, state, "the resources are those of the target already")

    def _phase(
        self, when: When, live: Checkpoint, side: Callable[[], Checkpoint], stands: str
    ) -> Iterator[EngineEvent]:
        try:
            yield from self.phase(when, live, side)
        except InterruptedRun as err:
            raise InterruptedRun(f"{err}; {stands}", hint="Run `pulumi-rewind resume` to continue.") from None
        except RewindError as err:
            raise IncompleteError(f"{err}; {stands}", hint=RESUME, changed=self.changed) from None


class UpdateRevisions(RevisionRun):
    """The revisions of an update."""

    def run(self, when: When, before: Checkpoint, live: Callable[[], Checkpoint]) -> Iterator[EngineEvent]:
        """Those of one phase; both states as stored, `before` the one before the update.

        Raises:
            UpdateFailed: one failed; `changed` says whether anything was run.
            InterruptedRun: it was asked to stop.
        """
        if not any(move.when == when for move in self.moves):
            return
        session = self.session
        try:
            plain = session.vault.decrypt(before, session.stack)
            yield from self.phase(when, plain, lambda: session.vault.decrypt(live(), session.stack))
        except InterruptedRun:
            raise
        except RewindError as err:
            done = any(one.outcome == "done" for one in self.outcomes)
            again = f"Fix the cause; `pulumi-rewind up {session.stack.word}` continues with the missing revisions."
            hint = err.hint or again
            raise UpdateFailed(str(err), hint=hint, changed=done or when == "after") from None
