"""Runs `up`: review, update, verification, and the automatic rollback if the update fails."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pulumi_rewind.choices import HOLD_FOR, HOLD_NOTHING
from pulumi_rewind.engine.events import Phase
from pulumi_rewind.errors import ROLLED_BACK, InterruptedRun, RefusedError, RewindError, UpdateFailed, UsageError
from pulumi_rewind.plan.arrangement import NOTHING
from pulumi_rewind.risk import BlockedError
from pulumi_rewind.system.durations import seconds_of
from pulumi_rewind_tui.terminal.confirmation import NO_WAITING, Confirmation, WaitOptions
from pulumi_rewind_tui.terminal.consent import ask_for_confirmation
from pulumi_rewind_tui.terminal.failures import report_error
from pulumi_rewind_tui.terminal.notices import interrupted_notice, overdue_notice
from pulumi_rewind_tui.terminal.planning import working
from pulumi_rewind_tui.terminal.running import follow, forwarded_signals, last_line, open_display, print_plan
from pulumi_rewind_tui.terminal.writer import Screen
from pulumi_rewind_tui.text.cells import Span
from pulumi_rewind_tui.text.plan import plan_json, plan_lines
from pulumi_rewind_tui.text.result import result_lines
from pulumi_rewind_tui.text.up import (
    review_json,
    review_lines,
    rolled_back_json,
    rolled_back_lines,
    updated_json,
    updated_lines,
)

if TYPE_CHECKING:
    from pulumi_rewind.plan.called import RevisionPlan
    from pulumi_rewind.plan.model import Step
    from pulumi_rewind.rollback.result import RollbackResult
    from pulumi_rewind.session import Session
    from pulumi_rewind.up.run import Before, UpRun
    from pulumi_rewind_tui.terminal.options import Terms


@dataclass(frozen=True)
class UpOptions:
    """What the operator asked for."""

    terms: Terms
    flags: tuple[str, ...] = ()
    """For `pulumi up`."""
    rolls_back: bool = False
    verify: str | None = None
    verify_timeout: float = 300.0
    delete_first: tuple[str, ...] = ()
    """For the automatic rollback."""
    hold_deletes: str = HOLD_NOTHING
    hold_for: str = HOLD_FOR
    waiting: WaitOptions = NO_WAITING

    def check(self) -> None:
        """Refuses contradictory options before anything is read.

        Raises:
            UsageError: flags that can't be passed on, or options that have no effect.
        """
        from pulumi_rewind.up.flags import check_flags

        seconds_of(self.hold_for, "--for")
        self.waiting.check()
        check_flags(self.flags, rolls_back=self.rolls_back)
        about = {"--allow-data-loss": self.terms.allow_data_loss, "--delete-first": bool(self.delete_first)}
        goes_back = self.rolls_back or bool(self.waiting.within)
        for name in [name for name, given in about.items() if given and not goes_back]:
            raise UsageError(
                f"{name} is an option of the automatic rollback",
                hint="Leave it out, or add --rollback-on-failure or --confirm-within.",
            )


class Deployment:
    """One update with everything around it."""

    def __init__(self, session: Session, screen: Screen, options: UpOptions) -> None:
        self.session = session
        self.screen = screen
        self.options = options
        self._revisions: RevisionPlan | None = None
        self._holding = NOTHING

    @property
    def name(self) -> str:
        """The stack's short name, for commands."""
        return self.session.stack.word

    @cached_property
    def before(self) -> Before:
        """The state just before."""
        from pulumi_rewind.up.run import take_before

        return take_before(self.session)

    def run(self) -> int:
        """Reviews, asks, runs, verifies, and rolls back after a failure; returns the exit code."""
        from pulumi_rewind.up.run import UpRun

        session, options = self.session, self.options
        self._check()
        steps = self._review()
        run = UpRun(
            session,
            self.before,
            options.flags,
            rolls_back=options.rolls_back,
            delete_first=options.delete_first,
            revisions=self._revisions,
            holding=self._holding,
        )
        try:
            self._update(run, steps)
            self._verify(run)
        except UpdateFailed as failure:
            if options.rolls_back and failure.changed:
                return self._go_back(failure)
            raise self._with_hint(failure, failure.changed) from None
        except InterruptedRun as err:
            raise self._with_hint(err, not self._as_before()) from None
        run.accept()
        for note in run.notes:
            self.screen.err.line(Span("! note", "warn"), f": {note}")
        assert run.result is not None
        with contextlib.suppress(BrokenPipeError):
            if options.terms.as_json:
                last_line(self.screen, updated_json(run.result, verified=options.verify is not None))
            else:
                verified = options.verify is not None
                self.screen.out.lines(
                    updated_lines(run.result, self.before, str(session.stack), self.name, verified=verified)
                )
        return self._confirmed() if options.waiting.within else 0

    def _confirmed(self) -> int:
        """Lets the update wait for a confirmation; returns the exit code."""
        options = self.options
        confirmation = Confirmation(self.session, self.screen, as_json=options.terms.as_json)
        return confirmation.after(self.before, options.waiting, options.terms, options.delete_first)

    # -- before ---------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        """Checks everything that can be checked before the engine starts."""
        from pulumi_rewind.confirming.arming import check_can_wait, check_nothing_waits
        from pulumi_rewind.guard.checks import check_unlocked
        from pulumi_rewind.holding.holds import check_not_held
        from pulumi_rewind.up.run import check_rollback_possible
        from pulumi_rewind.up.verify_command import TIMEOUT as VERIFY_TIME
        from pulumi_rewind.up.verify_command import check_command

        session, options = self.session, self.options
        if options.verify is not None:
            workspace = session.workspace
            check_command(options.verify, options.verify_timeout, workspace.environ, workspace.cwd)
        if options.waiting.watch is not None:
            check_command(options.waiting.watch, VERIFY_TIME, session.workspace.environ, session.workspace.cwd)
        check_unlocked(session)
        check_nothing_waits(session)
        if options.waiting.within:
            check_can_wait(self.before)
        check_not_held(session)
        entry = session.journal.read()
        if entry is not None and options.rolls_back:
            what = "is still running" if session.journal.running(entry) else "was interrupted"
            raise RefusedError(
                f"a rollback to {entry.label} {what}; this update would drop it",
                hint=f"`pulumi-rewind resume {self.name}` continues it, `resume {self.name} --forget` drops it.",
                unchanged=True,
            )
        interrupted_notice(session, self.screen)
        overdue_notice(session, self.screen)
        if options.rolls_back:
            check_rollback_possible(session, self.before, options.delete_first)
        elif self.before.checkpoint.has_secrets and session.vault.has_passphrases:
            session.vault.decrypt(self.before.checkpoint, session.stack)  # finds the passphrase for the engine

    def _review(self) -> list[Step]:
        """Shows what it would do and asks; returns the steps."""
        from pulumi_rewind.up.review import review_up

        session, screen, options = self.session, self.screen, self.options
        with working(screen, f"previewing {session.stack}") as observe:
            review = review_up(
                session,
                self.before.checkpoint,
                options.flags,
                hold=options.hold_deletes,
                hold_for=options.hold_for,
                observe=observe,
            )
        print_plan(screen, review, review_json, review_lines, as_json=options.terms.as_json, of="update")
        if review.blocking:
            raise BlockedError("the update can't be run", review.blocking, hint="Resolve what blocks it.")
        self._revisions, self._holding = review.revisions, review.holding
        if not options.terms.yes:
            ask_for_confirmation(session, screen, review.steps, f"Update {session.stack}")
        return [step for step in review.steps if step.op not in {"same", "read"}]

    # -- during ---------------------------------------------------------------------------------------------------

    def _update(self, run: UpRun, steps: list[Step]) -> None:
        title, as_json = f"UPDATING {self.session.stack}", self.options.terms.as_json
        follow(run, run.events(), steps, self.screen, title, as_json=as_json)

    def _verify(self, run: UpRun) -> None:
        """Runs the operator's command; its output goes to standard error."""
        command = self.options.verify
        if command is None:
            return
        from pulumi_rewind.up.judging import judge
        from pulumi_rewind.up.verify_command import VerifyCommand

        assert run.result is not None
        verify = VerifyCommand(self.session, command, self.options.verify_timeout, update=run.result.version)
        display = open_display(self.screen, (), "VERIFYING", as_json=self.options.terms.as_json)
        with forwarded_signals(verify, display):
            with display:
                display.event(Phase("verify-command", "running the verify command"))
            judge(run, verify)

    # -- after a failure --------------------------------------------------------------------------------------------

    def _go_back(self, failure: UpdateFailed) -> int:
        """Runs the automatic rollback; returns the exit code, or raises an error that reports both failures."""
        from pulumi_rewind.up.recovery import Recovery

        session, screen, options = self.session, self.screen, self.options
        session.redactor.error(failure)
        report_error(screen.err, failure)
        recovery = Recovery(
            session,
            self.before,
            failure,
            allow_data_loss=options.terms.allow_data_loss,
            delete_first=options.delete_first,
        )
        label = self.before.target.label
        with working(screen, f"planning {session.stack} → {label}") as observe:
            plan = recovery.plan(observe)
        title, as_json = f"ROLLING BACK {session.stack} → {label}", options.terms.as_json
        print_plan(screen, plan, plan_json, plan_lines, as_json=as_json, of="rollback")
        follow(recovery, recovery.events(plan), plan.steps, screen, title, as_json=as_json)
        result = recovery.result
        assert result is not None
        with contextlib.suppress(BrokenPipeError):
            self._tell(failure, result)
        return ROLLED_BACK

    def _tell(self, failure: UpdateFailed, result: RollbackResult) -> None:
        if self.options.terms.as_json:
            last_line(self.screen, rolled_back_json(result, self.session.redactor.said(failure)))
            return
        stack = str(self.session.stack)
        self.screen.out.lines(result_lines(result, self.before.target, stack))
        self.screen.out.lines(rolled_back_lines(self.before, stack, self.name))

    def _as_before(self) -> bool:
        from pulumi_rewind.state.same import same_bytes

        try:
            live = self.session.backend.live(self.session.stack)
        except RewindError:
            return False
        return same_bytes(live.raw, self.before.checkpoint.raw)

    def _with_hint(self, error: RewindError, changed: bool) -> RewindError:
        """Adds to the error how to roll back and how to continue; prints the operations that it left pending."""
        from pulumi_rewind.up.recovery import open_operations

        if not changed:
            return error
        error.unchanged = False
        for risk in open_operations(self.session):
            self.screen.err.line(Span("⚠", "warn"), f" {risk.told}")
        if self.options.rolls_back:  # only where the operator stopped it
            error.advice = (
                f"Roll back: `pulumi-rewind resume {self.name}`; or continue: `pulumi-rewind resume {self.name} "
                f"--forget`, then `pulumi-rewind up {self.name}`."
            )
            return error
        error.advice = f"{self._rollback_hint()}; or fix the program and continue with `pulumi-rewind up {self.name}`."
        return error

    def _rollback_hint(self) -> str:
        """The command that rolls back by hand."""
        target = self.before.target
        if not self.before.newest:
            return f"There is no update to go back to; to remove everything, run `pulumi destroy -s {self.name}`"
        good = target.checkpoint is None and self.session.timeline.is_good(target.update.number)
        return f"Roll back: `pulumi-rewind rollback {self.name} {target.update.number if good else 'last-good'}`"
