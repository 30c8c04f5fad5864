"""An update that waits for a confirmation, on the command line: armed, waited for, taken back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from pulumi_rewind.engine.events import Diagnostic
from pulumi_rewind.errors import ROLLED_BACK, InterruptedRun, RefusedError, UsageError
from pulumi_rewind.system.durations import seconds_of
from pulumi_rewind.system.shell import command
from pulumi_rewind_tui.terminal.failures import report_error
from pulumi_rewind_tui.terminal.options import collected
from pulumi_rewind_tui.terminal.planning import handling, working
from pulumi_rewind_tui.terminal.running import STOPS, follow, last_line, print_plan
from pulumi_rewind_tui.terminal.writer import Screen
from pulumi_rewind_tui.text.cells import Line, Span
from pulumi_rewind_tui.text.plan import plan_json, plan_lines
from pulumi_rewind_tui.text.result import result_lines
from pulumi_rewind_tui.text.up import rolled_back_json
from pulumi_rewind_tui.text.waiting import armed_lines, deadline_json, ended_line, left_line

if TYPE_CHECKING:
    from pulumi_rewind.confirming.arming import Terms as ArmTerms
    from pulumi_rewind.confirming.waiting import Wait
    from pulumi_rewind.session import Session
    from pulumi_rewind.up.run import Before
    from pulumi_rewind.window.deadline import Deadline, How, Kind
    from pulumi_rewind_tui.terminal.options import Terms


@dataclass(frozen=True)
class WaitOptions:
    """What the operator asked for, as text."""

    within: str = ""
    """How long to wait; empty: not at all."""
    watch: str | None = None
    every: str = "30s"
    fail_after: int = 3
    no_wait: bool = False
    """Whether the command ends at once, and leaves it to `due`."""

    def check(self) -> None:
        """Refuses what is no length of time, or has no effect.

        Raises:
            UsageError: one of them.
        """
        if not self.within:
            if self.watch is not None:
                raise UsageError("--watch is about an update that waits", hint="Add --confirm-within, or use --verify.")
            return
        seconds_of(self.within, "--confirm-within")
        seconds_of(self.every, "--every")
        if self.fail_after < 1:
            raise UsageError("--fail-after must be 1 or more", hint="It counts failures in a row.")

    def terms(self, *, kind: Kind, allow_data_loss: bool, delete_first: tuple[str, ...]) -> ArmTerms:
        """The same for the core."""
        from pulumi_rewind.confirming.arming import Terms
        from pulumi_rewind.window.deadline import WatchCommand

        watch = None
        if self.watch is not None:
            watch = WatchCommand(self.watch, seconds_of(self.every, "--every"), self.fail_after)
        return Terms(kind, seconds_of(self.within, "--confirm-within"), watch, allow_data_loss, delete_first)


NO_WAITING: Final = WaitOptions()


def waiting_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of what waits for a confirmation; the command gets them as one `WaitOptions`."""
    function = collected(function, "waiting", WaitOptions, ("within", "watch", "every", "fail_after", "no_wait"))
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


_OPTIONS: Final = (
    click.option(
        "--confirm-within",
        "within",
        metavar="TIME",
        default="",
        help="Take it back unless `confirm` comes within this time, for example 15m.",
    ),
    click.option("--watch", metavar="COMMAND", help="Shell command that is run again and again while it waits."),
    click.option("--every", metavar="TIME", default="30s", show_default=True, help="How often --watch is run."),
    click.option(
        "--fail-after",
        metavar="N",
        type=int,
        default=3,
        show_default=True,
        help="After how many failures of --watch in a row it is taken back.",
    ),
    click.option("--no-wait", is_flag=True, help="Don't stay until it is decided: leave it to `due`."),
)


class Confirmation:
    """The waiting of one update."""

    def __init__(self, session: Session, screen: Screen, *, as_json: bool) -> None:
        self.session = session
        self.screen = screen
        self.as_json = as_json

    def before(self, options: WaitOptions) -> Before:
        """The state before a run that is to wait, and whether it can.

        Raises:
            UsageError, RefusedError: it can't, or another one waits.
        """
        from pulumi_rewind.confirming.arming import check_can_wait, check_nothing_waits
        from pulumi_rewind.up.run import take_before
        from pulumi_rewind.up.verify_command import TIMEOUT, check_command

        workspace = self.session.workspace
        if options.watch is not None:
            check_command(options.watch, TIMEOUT, workspace.environ, workspace.cwd)
        check_nothing_waits(self.session)
        before = take_before(self.session)
        check_can_wait(before)
        return before

    def after(self, before: Before, options: WaitOptions, terms: Terms, delete_first: tuple[str, ...]) -> int:
        """Lets the newest update wait, if there is one since `before`; returns the exit code."""
        self.session.reload()
        version = len(self.session.timeline)
        if version == before.newest:
            return 0
        kind: Kind = "rollback" if self.session.timeline.update(version).is_rollback else "update"
        asked = options.terms(kind=kind, allow_data_loss=terms.allow_data_loss, delete_first=delete_first)
        deadline = self.arm(before, version, asked)
        return 0 if deadline is None or options.no_wait else self.wait(deadline)

    def arm(self, before: Before, version: int, terms: ArmTerms) -> Deadline | None:
        """Lets the update wait; raises as `confirming.arming.arm`."""
        from pulumi_rewind.confirming.arming import arm
        from pulumi_rewind.strategies.preview import PreviewControl

        with working(self.screen, f"planning the way back to {before.target.label}") as observe:
            deadline = arm(self.session, before, version, terms, observe=observe, control=PreviewControl())
        if deadline is not None and self.as_json:
            last_line(self.screen, {"event": "waiting", **deadline_json(deadline)})
        elif deadline is not None:
            self.screen.out.lines(armed_lines(deadline, self.session.stack.word, str(self.session.workspace.root)))
            self.screen.out.flush()
        return deadline

    def wait(self, deadline: Deadline) -> int:
        """Waits until it is decided; takes it back where nobody confirms it. Returns the exit code.

        Raises:
            InterruptedRun: the operator does not wait any longer; the update waits on.
        """
        from pulumi_rewind.confirming.waiting import Wait

        wait = Wait(self.session, deadline)
        stopped: list[int] = []

        def stop(*_: object) -> None:
            stopped.append(1)
            wait.stop()

        with handling(STOPS, stop):
            self._watch_it(wait)
        if stopped:
            name = self.session.stack.word
            raise InterruptedRun(
                f"#{deadline.update} still waits for a confirmation, but nobody here takes it back",
                hint=f"`{command('confirm', name)}` keeps it, `{command('abort', name)}` takes it back, and "
                f"`{command('due', name)}` does when its time is over.",
            )
        if wait.ended is not None:
            self.screen.err.line(*ended_line(wait.ended))
            return 0 if wait.ended.how == "confirmed" else ROLLED_BACK
        if wait.deadline.taken_by:
            self.screen.err.line(Span("! taken back", "warn"), f": by {wait.deadline.taken_by}")
            return ROLLED_BACK
        return self.take_back(wait.deadline)

    def _watch_it(self, wait: Wait) -> None:
        def lines() -> list[Line]:
            return [left_line(wait.deadline, wait.problem)]

        shown = self.screen.err.live(lines) if self.screen.err.color and not self.as_json else contextlib.nullcontext()
        with shown:
            for _ in wait.ticks():
                pass

    def take_back(self, deadline: Deadline, how: How = "gone-back", *, over: bool = False, trust: bool = False) -> int:
        """Takes it back; returns the exit code, or raises what kept it from that."""
        from pulumi_rewind.confirming.taking_back import TakingBack, tell_unable
        from pulumi_rewind.window.deadline import Deadlines

        session, screen = self.session, self.screen
        try:
            back = TakingBack(session, deadline, how, over=over, trust=trust)
        except RefusedError as err:
            ended = Deadlines(session).read().ended
            if ended is not None and (ended.run, ended.how) == (deadline.run, "moved"):
                for event in tell_unable(session, deadline, err):
                    if isinstance(event, Diagnostic):
                        screen.err.line(event.message)
            raise
        failure = back.reason()
        session.redactor.error(failure)
        report_error(screen.err, failure)
        with working(screen, f"planning {session.stack} → {deadline.label}") as observe:
            plan = back.plan(observe)
        print_plan(screen, plan, plan_json, plan_lines, as_json=self.as_json, of="rollback")
        title = f"TAKING #{deadline.update} BACK: {session.stack} → {deadline.label}"
        follow(back, back.events(plan), plan.steps, screen, title, as_json=self.as_json)
        result = back.result
        assert result is not None
        if self.as_json:
            last_line(screen, rolled_back_json(result, session.redactor.said(failure)))
        else:
            screen.out.lines(result_lines(result, plan.target, str(session.stack)))
            screen.out.line(
                Span(f"✗ #{deadline.update} is taken back", "failed"), f": {session.stack} is at {deadline.label}"
            )
        return ROLLED_BACK


def the_waiting(session: Session) -> Deadline:
    """What waits.

    Raises:
        RefusedError: nothing does.
        RewindError: it can't be read.
    """
    from pulumi_rewind.window.deadline import Deadlines, told

    now = Deadlines(session).read()
    if now.deadline is None:
        last = f"; the last one: {told(now.ended)}" if now.ended is not None else ""
        raise RefusedError(
            f"no update of {session.stack} waits for a confirmation{last}",
            hint="`pulumi-rewind up --confirm-within 15m` makes one wait.",
            unchanged=True,
        )
    return now.deadline
