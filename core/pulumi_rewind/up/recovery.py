"""Going back to the state just before an update that failed, without anybody at hand to say yes.

The same plan and run as any rollback. What differs is the question of data: objects that the failed update made itself
may go again, for nothing older is in them; whatever held data before it needs the operator's leave, as always.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from pulumi_rewind.choices import USUAL
from pulumi_rewind.engine.events import EngineEvent
from pulumi_rewind.engine.system_errors import with_system_cause
from pulumi_rewind.errors import InterruptedRun, RefusedError, RewindError, RollbackFailedToo, UpdateFailed
from pulumi_rewind.goal.replay_report import Observe
from pulumi_rewind.plan.model import Plan, Step
from pulumi_rewind.plan.risks import pending_risk
from pulumi_rewind.risk import REVISION, BlockedError, Risk
from pulumi_rewind.rollback.planning import build_plan
from pulumi_rewind.rollback.result import RollbackResult
from pulumi_rewind.rollback.run import RollbackRun
from pulumi_rewind.session import Session
from pulumi_rewind.state.identity import may_be_one
from pulumi_rewind.state.model import Checkpoint, Resource, parse_urn
from pulumi_rewind.strategies.preview import PreviewControl
from pulumi_rewind.system.shell import command
from pulumi_rewind.up.run import Before, begin_journal

MADE_BY_UPDATE = "made-by-update"
"""The code of a loss of data that isn't one: the object is no older than the update that is taken back."""


def open_operations(session: Session) -> tuple[Risk, ...]:
    """Pending operations that a killed engine left: nothing else names them, and an update keeps them."""
    try:
        return tuple(
            pending_risk(one, session.stack.word) for one in session.backend.live(session.stack).pending_operations
        )
    except RewindError:
        return ()


class Recovery:
    """One automatic rollback: `plan`, then iterate `events`, then read `result`.

    Whatever goes wrong, the journal knows that the stack is to go back to `before`, so that it can be resumed.
    """

    def __init__(
        self,
        session: Session,
        before: Before,
        failure: UpdateFailed,
        *,
        allow_data_loss: bool = False,
        delete_first: Sequence[str] = (),
    ) -> None:
        self.session = session
        self.before = before
        self.failure = failure
        self.allow_data_loss = allow_data_loss
        self.choices = USUAL.but(delete_first=tuple(delete_first))
        self._control = PreviewControl()
        self._run: RollbackRun | None = None

    @property
    def result(self) -> RollbackResult | None:
        """How it ended, None if it did not reach `before`."""
        return self._run.result if self._run is not None else None

    def interrupt(self) -> None:
        """Stops planning, or the run: first gently, then now."""
        self._control.stop()
        if self._run is not None:
            self._run.interrupt()

    def kill(self) -> None:
        """Ends planning, or the run, at once."""
        self._control.stop()
        if self._run is not None:
            self._run.kill()

    def plan(self, observe: Observe) -> Plan:
        """Plans the rollback.

        Raises:
            RollbackFailedToo: there is no way that may be gone without leave.
            InterruptedRun: it was stopped.
        """
        with self._guarded():
            self.session.reload()
            begin_journal(self.session, self.before, self.choices, update=False)
            made = build_plan(self.session, self.before.target, self.choices, observe=observe, control=self._control)
            if self.failure.left and made.prepared.live.digest != self.failure.left:
                made.close()
                raise RefusedError(
                    "the stack's state has changed since the update failed", hint="Check what happened in the meantime."
                )
        return without_own_losses(made, self.before.checkpoint, made.prepared.live)

    def events(self, plan: Plan) -> Iterator[EngineEvent]:
        """Runs the plan; raises as `plan` does."""
        with self._guarded():
            run = self._run = RollbackRun(self.session, plan, allow_data_loss=self.allow_data_loss)
            run.undo.cause = self.session.redactor.said(self.failure)
            yield from run.events()

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Turns every failure into one that tells both, and keeps the journal."""
        try:
            yield
        except (InterruptedRun, KeyboardInterrupt) as err:
            self._keep()
            resume = command("resume", self.session.stack.word)
            raise InterruptedRun(
                f"{self.failure}\nthe rollback was interrupted{f': {err}' if str(err) else ''}",
                hint=f"`{resume}` continues back to {self.before.target.label}.",
            ) from err
        except (RewindError, OSError) as err:
            self._keep()
            raise self._failed_too(err) from err

    def _failed_too(self, error: RewindError | OSError) -> RollbackFailedToo:
        if isinstance(error, OSError):
            error = with_system_cause(error, changed=True, resume=command("resume", self.session.stack.word))
        said = f"and the rollback to {self.before.target.label} failed too: {self.session.redactor.said(error)}"
        named = {(risk.code, risk.urn) for risk in error.risks} if isinstance(error, BlockedError) else set()
        open_ = [risk.told for risk in open_operations(self.session) if (risk.code, risk.urn) not in named]
        return RollbackFailedToo("\n".join((str(self.failure), said, *open_)), hint=self._hint(error))

    def _keep(self) -> None:
        """A rollback that could not even begin takes its entry out of the journal: the stack still needs it."""
        with contextlib.suppress(RewindError):  # where it can't be read or written, why it failed matters more
            if self.session.journal.read() is None:
                begin_journal(self.session, self.before, self.choices, update=False)

    def _hint(self, error: RewindError) -> str:
        error.unchanged = False  # by the rollback, but the update has changed the stack
        if error.resumes:
            return error.hint
        resume = command("resume", self.session.stack.word)
        return f"{error.hint} Then `{resume}` goes back to {self.before.target.label}.".strip()


def without_own_losses(plan: Plan, before: Checkpoint, live: Checkpoint | None = None) -> Plan:
    """The plan without losses of data that only the update since `before` created. Pure.

    So are those of revisions: what is taken back of them has gone up since `before`. `live` tells when an object was
    made, for ids alone say little: every password of one provider has the same.
    """
    older: dict[tuple[str, str], list[Resource]] = defaultdict(list)
    for res in before.resources:
        older[res.type, res.id].append(res)
    risks = tuple(
        _harmless(risk)
        if risk.object_id and (parse_urn(risk.urn).type, risk.object_id) not in older
        else dataclasses.replace(risk, unusual=None)
        if risk.loses_data and risk.code == REVISION
        else risk
        for risk in plan.risks
    )
    now = live.by_urn if live is not None else {}
    steps = tuple(_spared(step, older, now.get(step.renamed_from or step.urn)) for step in plan.steps)
    return dataclasses.replace(plan, steps=steps, risks=risks)


def _spared(step: Step, older: Mapping[tuple[str, str], Sequence[Resource]], now: Resource | None) -> Step:
    known = older.get((step.type, step.old_id), ())
    if now is not None and now.id == step.old_id and not now.import_id:
        known = [res for res in known if may_be_one(res, now)]
    own = bool(known) or not step.old_id or (now is not None and now.import_id == step.old_id)

    def of_the_update(risk: Risk) -> bool:
        return (step.type, risk.object_id) not in older if risk.object_id else not own

    return dataclasses.replace(
        step,
        risks=tuple(_harmless(risk) if risk.loses_data and of_the_update(risk) else risk for risk in step.risks),
    )


def _harmless(risk: Risk) -> Risk:
    message = "holds only data that it received since this update created it; that data is lost with it"
    return dataclasses.replace(risk, code=MADE_BY_UPDATE, message=message, unusual=None)
