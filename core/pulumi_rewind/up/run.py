"""One `pulumi up` of the operator's own program: run, watched, and, if it fails, its evidence frozen first."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pulumi_rewind.callbacks.revisions.run import UpdateRevisions
from pulumi_rewind.choices import USUAL, Choices
from pulumi_rewind.engine.cli import EngineRun, clean_error
from pulumi_rewind.engine.events import Diagnostic, EngineEvent, Phase
from pulumi_rewind.engine.messages import says_failed
from pulumi_rewind.engine.system_errors import errors_as_warnings, with_system_cause
from pulumi_rewind.errors import (
    BackendError,
    EngineError,
    InterruptedRun,
    RefusedError,
    RewindError,
    RollbackFailedToo,
    StateDirectoryError,
    UpdateFailed,
)
from pulumi_rewind.guard.checks import check_engine, check_free, lock_left, lock_refusal
from pulumi_rewind.history.targets import Target, resolve_target
from pulumi_rewind.holding.holds import check_not_held
from pulumi_rewind.hooks.revisions import When
from pulumi_rewind.plan.arrangement import NOTHING, Holding
from pulumi_rewind.plan.called import RevisionPlan
from pulumi_rewind.plan.delete_first import check_meant
from pulumi_rewind.records.evidence import Evidence, EvidenceStore, name_of
from pulumi_rewind.records.withheld import about, masked_events, withheld
from pulumi_rewind.rollback.driving import EngineDriver
from pulumi_rewind.rollback.resuming import state_target
from pulumi_rewind.session import Session
from pulumi_rewind.state.model import Checkpoint, urn_name
from pulumi_rewind.state.same import same_bytes
from pulumi_rewind.system.private_directory import private_directory
from pulumi_rewind.system.shell import command
from pulumi_rewind.up.flags import given_options, rooted_flags
from pulumi_rewind.up.holding_back import HoldingBack


@dataclass(frozen=True)
class Before:
    """The state just before an update, taken in memory before the update runs."""

    checkpoint: Checkpoint
    """As stored."""
    newest: int
    """The newest update then, 0 if there was none."""
    target: Target
    """What going back to it means: an update's checkpoint where it equals one, else the state itself."""


def take_before(session: Session) -> Before:
    """The state now, as something that can be gone back to.

    Raises:
        BackendError: it can't be read.
    """
    session.reload()
    timeline = session.timeline
    live, newest, number = timeline.live(), len(timeline), timeline.live_update()
    if number is not None:
        return Before(live, newest, replace(resolve_target(timeline, f"#{number}"), known=live))
    title = f"the state before #{newest + 1}"
    return Before(live, newest, state_target(timeline, live, newest, title))


def check_rollback_possible(session: Session, before: Before, delete_first: Sequence[str] = ()) -> None:
    """Finds out before the update what would stop an automatic rollback after it.

    Raises:
        UsageError: `delete_first` names what isn't there.
        RefusedError: an operation that an earlier, killed update left open would be in its way.
        SecretsError: the state can't be decrypted.
    """
    check_meant(delete_first, before.checkpoint.resources)
    creating = [one for one in before.checkpoint.pending_operations if one.type == "creating"]
    if creating:
        names = ", ".join(urn_name(one.resource.urn) for one in creating)
        raise RefusedError(
            f"a killed update may have created {names}, which is not in the state; a rollback would be refused",
            hint="Look for it, then adopt or clear it with `pulumi-rewind resolve`.",
            unchanged=True,
        )
    session.vault.decrypt(before.checkpoint, session.stack)


@dataclass(frozen=True)
class UpResult:
    """An update that the engine calls a success."""

    version: int
    changes: dict[str, int]
    seconds: float
    held: tuple[str, ...] = ()
    """The names of the objects that it let go of alive."""


FAILED = "the update failed: "


class UpRun(EngineDriver):
    """One run. Iterate `events`, then read `result`.

    The iteration raises RefusedError before anything was changed, InterruptedRun when stopped, and UpdateFailed when
    the engine says so; in the latter two the evidence is frozen already. With `rolls_back` the journal knows the
    update from before it starts until `accept`, or until a rollback has reached `before`.
    """

    def __init__(
        self,
        session: Session,
        before: Before,
        flags: Sequence[str] = (),
        *,
        rolls_back: bool = False,
        delete_first: Sequence[str] = (),
        revisions: RevisionPlan | None = None,
        holding: Holding = NOTHING,
    ) -> None:
        super().__init__(session.backend)
        self.session = session
        self.before = before
        self.flags = tuple(flags)
        self.rolls_back = rolls_back
        self.choices = USUAL.but(delete_first=tuple(delete_first))
        self.result: UpResult | None = None
        self.evidence: Evidence | None = None
        """What was kept of a failure."""
        self.notes: tuple[str, ...] = ()
        """What else the operator has to know."""
        self._revisions = UpdateRevisions(session, revisions)
        self._holding = HoldingBack(session, before.checkpoint, holding)
        self._log = b""

    def interrupt(self) -> None:
        """First call: stop after the running steps. Second call: stop now (pending operations may stay)."""
        super().interrupt()
        self._revisions.interrupt()

    def kill(self) -> None:
        """Ends the engine at once."""
        super().kill()
        self._revisions.kill()

    def _not_begun(self) -> InterruptedRun:
        if self._revisions.changed:
            return InterruptedRun("stopped after revisions were run, before the update began", hint=self._goes_on())
        self._holding.undo()
        self.accept()
        return InterruptedRun("stopped before it began", unchanged=True)

    def _goes_on(self) -> str:
        """What there is to do where only revisions were run."""
        name = self.session.stack.word
        back = f"`pulumi-rewind resume {name}` takes back what was run; " if self.rolls_back else ""
        return f"{back}`pulumi-rewind up {name}` continues with what is missing."

    def _not_started(self, error: EngineError) -> RewindError:
        return error

    def _locked_after_revisions(self, error: EngineError) -> RewindError:
        """Somebody took the lock while revisions were run; a rollback now would meet it, or take back what they do."""
        hint = f"{error.advice} Then: {self._goes_on()}"
        if self.rolls_back:
            return RollbackFailedToo(
                f"{error}\nand the revisions that were run before it were not taken back", hint=hint
            )
        return UpdateFailed(f"{error}\nafter revisions were run", hint=hint, changed=False)

    def events(self) -> Iterator[EngineEvent]:
        """Guards and runs; yields what the engine reports and our own phases."""
        try:
            yield from self._events()
        except (RewindError, OSError) as err:
            told = self._settled(err)
            yield from errors_as_warnings(self._recorded())
            raise told from err
        yield from errors_as_warnings(self._recorded())

    def _settled(self, error: RewindError | OSError) -> RewindError:
        """The error to report; a system error before the update runs is a refusal."""
        if isinstance(error, RewindError) and not isinstance(error, StateDirectoryError):
            return error
        name = self.session.stack.word
        if self.engine_run is None and not self._revisions.changed:
            self._holding.undo()
            with contextlib.suppress(StateDirectoryError):
                self.session.journal.withdraw()
            return with_system_cause(error, changed=False, resume=command("resume", name))
        told = with_system_cause(error, changed=True, resume=command("resume" if self.rolls_back else "history", name))
        return UpdateFailed(f"{FAILED}{told}", hint=told.hint, left=self._left())

    def _recorded(self) -> Iterator[EngineEvent]:
        """Keeps the update as a record in git, with the evidence if it failed."""
        if self.engine_run is not None:
            from pulumi_rewind.rollback.recording import after_run

            yield from after_run(self.session, self.before.newest, self.evidence.files() if self.evidence else {})

    def _events(self) -> Iterator[EngineEvent]:
        started = time.monotonic()
        yield Phase("guard", "checking that nothing has changed since the review")
        self._guard()
        if self.rolls_back:
            begin_journal(self.session, self.before, self.choices, update=True)
        self._open(self.before.checkpoint)
        yield from self._revised("before")
        yield from self._holding.events()
        yield Phase("run", "running pulumi up")
        failed = False
        for event in self._update():
            failed = failed or (isinstance(event, Diagnostic) and says_failed(event.message))
            if not (failed and isinstance(event, Diagnostic) and event.severity.startswith("info")):
                yield event
        run = self.engine_run
        assert run is not None
        if run.returncode != 0:
            raise self._failure(run)
        yield from self._revised("after")
        self.session.reload()
        self.notes = (*self.notes, *self._holding.ended())
        changes = self.progress.counted(run.summary.changes if run.summary else {}, self._holding.urns)
        self.result = UpResult(self._number(), changes, time.monotonic() - started, self._holding.names())

    def _revised(self, when: When) -> Iterator[EngineEvent]:
        """Runs the revisions of one side of the update; one that fails counts as a failure of the update."""
        live = self.session.backend.live
        try:
            yield from self._revisions.run(when, self.before.checkpoint, lambda: live(self.session.stack))
        except UpdateFailed as err:
            if not err.changed:
                self.accept()
                hint = f"{err.hint} Nothing in the stack was changed."
                raise UpdateFailed(f"{FAILED}{err}", hint=hint, changed=False) from None
            self.session.reload()
            kept = self._freeze((("", str(err)),))
            raise UpdateFailed(FAILED + "; ".join(kept), hint=err.hint, left=self._left()) from None
        except InterruptedRun as err:
            if when == "before" and not self._revisions.changed:
                self.accept()
            elif when == "before":
                err.advice = self._goes_on()
            raise

    def accept(self) -> None:
        """The update is good: nothing will be rolled back."""
        if self.rolls_back:
            try:
                self.session.journal.end()
            except StateDirectoryError as err:
                forget = command("resume", self.session.stack.word, "--forget")
                self.notes = (*self.notes, f"its journal entry stays: {err}; `{forget}` removes it")

    def judged_failed(self, error: UpdateFailed) -> UpdateFailed:
        """An update that the engine called a success was judged and isn't good: freezes the evidence of that."""
        self.session.reload()
        what = f"update #{self._number()} is not good: {self._freeze((('', str(error)),))[0]}"
        for _ in self._recorded():  # once more, now with the evidence
            pass
        return UpdateFailed(what, left=self._left())

    def _guard(self) -> None:
        session = self.session
        check_free(session)
        check_not_held(session)
        if session.backend.live(session.stack).digest != self.before.checkpoint.digest:
            raise RefusedError(
                "the stack's state has changed since the review", hint="Review it again.", unchanged=True
            )
        check_engine(session)
        self._revisions.check()

    def _update(self) -> Iterator[EngineEvent]:
        session = self.session
        flags = rooted_flags(self.flags, session.workspace.cwd)
        arguments = ["up", "--yes", "--skip-preview", "-s", session.stack.fqn, *flags]
        with private_directory() as private:
            log = private / "events.jsonl"
            environ = {
                **given_options(session.workspace.environ),
                **session.vault.environment(self.before.checkpoint),
            }
            yield from self.stream(session.engine, arguments, private, environ, log)
            with contextlib.suppress(OSError):
                self._log = log.read_bytes()

    def _failure(self, run: EngineRun) -> RewindError:
        session = self.session
        error = run.error("the update failed")
        errors = _errors(run)
        session.reload()
        newest = len(session.timeline)
        moved = self._changed or not self._as_begun()
        if not moved:
            self._holding.undo()
        changed = moved or self._revisions.changed
        if not moved and newest == self.before.newest and isinstance(error, EngineError) and error.locked:
            if self._revisions.changed:
                return self._locked_after_revisions(error)
            self.accept()
            return lock_refusal(session, error)
        error.unchanged = False  # as the engine sees it
        kept = self._freeze(errors or (("", str(error)),))
        what = "\n".join((FAILED + kept[0], *kept[1:])) if errors else kept[0]
        if run.interrupted or self.asked_to_stop():
            if not changed:
                self.accept()
                return InterruptedRun("stopped before anything was changed")
            if not moved:
                return InterruptedRun(
                    "stopped after revisions were run, before the update changed a resource", hint=self._goes_on()
                )
            how = "running steps were finished and saved" if self._stops == 1 else "operations may be left pending"
            return InterruptedRun(f"the update was stopped half-way; {how}")
        if not changed:
            self.accept()
            hint = f"{error.hint} {lock_left(session)}".strip()
            return UpdateFailed(what, hint=hint, unchanged=True, changed=False)
        if self.rolls_back and newest > self.before.newest + 1:
            # Going back to before ours would take the other one back as well.
            self.accept()
            return RollbackFailedToo(
                f"{what}\nand it was not rolled back, because another update came in between: the newest is #{newest}, "
                f"before ours it was #{self.before.newest}",
                hint="Look at `pulumi-rewind history` and choose a target.",
            )
        return UpdateFailed(what, hint=f"{error.hint} {lock_left(session)}".strip(), left=self._left())

    def _number(self) -> int:
        """The update that this became: what live equals now, wherever the clocks of others put it."""
        return self.session.timeline.live_update() or len(self.session.timeline)

    def _left(self) -> str:
        try:
            return self.session.timeline.live().digest
        except BackendError:
            return ""

    def _open(self, *checkpoints: Checkpoint) -> None:
        """Lets the session know the secrets of states, as far as they can be decrypted."""
        for checkpoint in checkpoints:
            with contextlib.suppress(RewindError):
                self.session.vault.decrypt(checkpoint, self.session.stack)

    def _as_begun(self) -> bool:
        """Whether the stack's state is the one that the engine began with; no if it can't be read."""
        try:
            return same_bytes(self.session.timeline.live().raw, self._holding.begun_from.raw)
        except BackendError:
            return False

    def _freeze(self, errors: Sequence[tuple[str, str]]) -> tuple[str, ...]:
        """Keeps the evidence; what can't be kept must not stand in the way of a rollback. Returns the masked errors.

        An error is the URN that it is about, empty for none, and what it says. What only the failed operation knew as a
        secret is shown to the operator, as the engine has done, and not kept.
        """
        session = self.session
        live: list[Checkpoint] = []
        with contextlib.suppress(RewindError):
            live = [session.timeline.live()]
        self._open(self.before.checkpoint, *live)
        redact = session.redactor
        state = live[0].raw if live else b""
        entered = {urn for one in live for urn in one.by_urn} - self.before.checkpoint.by_urn.keys()
        hidden = withheld(self._log, entered)
        kept = tuple(redact(about(urn, hidden.message(urn, text))) for urn, text in errors)
        evidence = Evidence(masked_events(hidden.log(self._log), redact), kept, state)
        self.evidence = evidence
        with contextlib.suppress(StateDirectoryError):
            name = name_of(self.before.newest, len(session.timeline))
            EvidenceStore(session.journal).freeze(name, evidence)
        return tuple(redact(about(urn, text)) for urn, text in errors)


def _errors(run: EngineRun) -> tuple[tuple[str, str], ...]:
    """What failed, as URN and message; empty where nothing more is known than that it failed."""
    cleaned = ((event.urn, clean_error(event.message)) for event in run.errors)
    return tuple(dict.fromkeys((urn, message) for urn, message in cleaned if message))


def begin_journal(session: Session, before: Before, choices: Choices, *, update: bool) -> None:
    """Lets the journal know that the stack is, or is about to be, away from `before` and is to go back to it."""
    target = before.target
    checkpoint = target.checkpoint or session.timeline.checkpoint(target.update.number)
    session.journal.begin(
        target=target.update.number,
        label=target.label,
        digest=checkpoint.digest,
        start=before.newest,
        update=update,
        choices=choices,
        checkpoint=target.checkpoint,
    )
