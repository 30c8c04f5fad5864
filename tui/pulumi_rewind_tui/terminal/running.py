"""Runs a reviewed plan from the command line: asks, shows progress, forwards Ctrl-C, prints the result."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from pulumi_rewind.errors import (
    IncompleteError,
    InterruptedRun,
    RefusedError,
    RewindError,
    RollbackFailedToo,
    UsageError,
)
from pulumi_rewind.risk import BlockedError, DataLossError
from pulumi_rewind_tui.terminal.display import Display, JsonDisplay, LiveDisplay, PlainDisplay
from pulumi_rewind_tui.terminal.output import lost_output
from pulumi_rewind_tui.terminal.planning import handling
from pulumi_rewind_tui.terminal.writer import Screen
from pulumi_rewind_tui.text.cells import Line, Span
from pulumi_rewind_tui.text.result import failure_json, findings_json, next_lines, result_json, result_lines
from pulumi_rewind_tui.text.selection import keepable

if TYPE_CHECKING:
    from pulumi_rewind.engine.events import EngineEvent
    from pulumi_rewind.plan.model import Plan, Step
    from pulumi_rewind.session import Session
    from pulumi_rewind.trust.targets import UntrustedTarget
    from pulumi_rewind_tui.terminal.options import Shared, Terms


M = TypeVar("M")


def check_can_ask(terms: Terms, *, instead: str = "pulumi-rewind plan") -> None:
    """Refuses early if a confirmation is needed and nobody can give it.

    Raises:
        UsageError: a confirmation is required, and there is no terminal for it.
    """
    if terms.yes:
        return
    if terms.as_json:
        raise UsageError("--json does not ask, so it requires --yes", hint=f"Review with `{instead}` first.")
    if not can_ask():
        raise UsageError("there is no terminal for a confirmation", hint=f"Review with `{instead}`, then add --yes.")


def can_ask() -> bool:
    """Whether somebody sits at a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm_plan(session: Session, plan: Plan, screen: Screen, terms: Terms) -> bool:
    """Asks for every confirmation that a plan requires; returns whether data may be lost.

    Raises:
        RefusedError: something blocks the plan, data would be lost without --allow-data-loss, or the operator declined.
    """
    yes, allow_data_loss = terms.yes, terms.allow_data_loss
    if plan.blocking:
        raise BlockedError("the plan can't be run", plan.blocking)
    if not yes:
        question = f"Roll back {plan.stack} to {plan.target.label}"
        if plan.prepared.choices.drop_held:
            question = f"Delete what is held of {plan.stack}"
        ask_for_confirmation(session, screen, plan.steps, question)
    if plan.loses_data and not allow_data_loss:
        if not can_ask() or yes:
            raise DataLossError(plan.losers, keepable=keepable(plan))
        _typed(screen, [Span("⚠ data is lost", "hazard"), f" in: {', '.join(plan.losers)}."], "lose data")
        return True
    return allow_data_loss


def ask_for_confirmation(session: Session, screen: Screen, steps: Sequence[Step], question: str) -> None:
    """Asks for the confirmation, with the number of destructive steps.

    Raises:
        RefusedError: the operator declined.
    """
    if lost := lost_output():
        raise RefusedError(
            f"the confirmation can't be shown: standard output is not writable ({lost.strerror})",
            hint="Redirect it to a writable file, or use --yes.",
            unchanged=True,
        )
    destructive = sum(step.op in {"delete", "replace"} for step in steps)
    if session.production:
        line = [Span(f"{session.stack} is a production stack.", "hazard")]
        _typed(screen, line, session.stack.name)
        return
    count = f" ({destructive} destructive)" if destructive else ""
    if not click.confirm(screen.err.clean(f"{question}{count}?"), default=False, err=True):
        raise RefusedError("not confirmed; nothing was changed")


def consent_for(session: Session, screen: Screen, terms: Terms) -> Callable[[UntrustedTarget], None]:
    """A function that decides whether to trust what a target would newly use: by --trust-target, else by asking.

    If nobody trusts it, that function raises: the error that it was given, or RefusedError.
    """

    def consent(error: UntrustedTarget) -> None:
        from pulumi_rewind.guard.consent import agree

        trust = terms.trust_target
        if not trust and (terms.yes or terms.as_json or not can_ask()):
            raise error
        first, *rest = session.redactor.said(error).splitlines()
        screen.err.line(Span("⚠ trusted" if trust else "⚠ not trusted yet", "hazard"), f": {first}")
        for line in rest:
            screen.err.line("  ", line)
        if not trust:
            _typed(screen, ["Nothing was started."], "trust")
        agree(session, error.findings)

    return consent


def _typed(screen: Screen, line: Line, expected: str) -> None:
    screen.err.line(*line, f" Type {expected!r} to continue.")
    answer = click.prompt("", prompt_suffix="> ", default="", show_default=False, err=True)
    if answer.strip() != expected:
        raise RefusedError("not confirmed; nothing was changed")


def execute(
    session: Session, plan: Plan, screen: Screen, *, allow_data_loss: bool, as_json: bool, hold: bool | None = None
) -> int:
    """Runs a confirmed plan and prints its result; returns the exit code."""
    from pulumi_rewind.rollback.run import RollbackRun

    run = RollbackRun(session, plan, allow_data_loss=allow_data_loss, hold=hold)
    title = f"ROLLING BACK {plan.stack} → {plan.target.label}"
    if plan.prepared.choices.drop_held:
        title = f"DELETING WHAT IS HELD OF {plan.stack}"
    follow(run, run.events(), plan.steps, screen, title, as_json=as_json)
    result = run.result
    if result is None:
        raise IncompleteError("the rollback ended without a result", hint="Run `pulumi-rewind doctor`.")
    with contextlib.suppress(BrokenPipeError):
        if as_json:
            last_line(screen, result_json(result))
        else:
            screen.out.lines(result_lines(result, plan.target, plan.stack))
            screen.out.lines(next_lines(session, plan.target, result, plan.prepared.choices))
    return 0


def print_plan(
    screen: Screen,
    made: M,
    value: Callable[[M], dict[str, Any]],
    lines: Callable[[M], Iterable[Line]],
    *,
    as_json: bool,
    of: str = "",
) -> None:
    """Prints the plan, before any question."""
    if as_json:
        JsonDisplay(screen.out).object({"event": "plan", **({"of": of} if of else {}), **value(made)})
    else:
        screen.out.lines(lines(made))
        screen.out.flush()


def follow(
    run: Stoppable, events: Iterable[EngineEvent], steps: Sequence[Step], screen: Screen, title: str, *, as_json: bool
) -> None:
    """Shows a run of these steps to its end, signals forwarded to it."""
    display = open_display(screen, steps, title, as_json=as_json)
    with display, forwarded_signals(run, display):
        for event in events:
            display.event(event)


def open_display(screen: Screen, steps: Sequence[Step], title: str, *, as_json: bool) -> Display:
    """How a run of these planned steps is shown: as JSON, live in a terminal, else as plain lines."""
    if as_json:
        return JsonDisplay(screen.out)
    return LiveDisplay(screen.out, steps, title) if screen.out.color else PlainDisplay(screen.out, steps)


@contextlib.contextmanager
def json_outcome(shared: Shared, *, as_json: bool) -> Iterator[None]:
    """With --json, the last line is a result also where there was an error."""
    screen = shared.screen()
    try:
        yield
    except RewindError as err:
        if as_json:
            if shared.known is not None:
                shared.known.error(err)
            last_line(screen, failure_json(_outcome(err), str(err), err.hint) | findings_json(err))
        raise
    except (KeyboardInterrupt, click.Abort):
        if as_json:
            last_line(screen, failure_json("interrupted", "interrupted", ""))
        raise
    except Exception as err:
        if as_json:
            last_line(screen, failure_json("failed", f"unexpected {type(err).__name__}; this is a bug", ""))
        raise


def _outcome(err: RewindError) -> str:
    match err:
        case RefusedError():
            return "refused"
        case IncompleteError():
            return "incomplete"
        case RollbackFailedToo():
            return "rollback-failed"
        case InterruptedRun():
            return "interrupted"
        case _:
            return "failed"


def last_line(screen: Screen, value: dict[str, Any]) -> None:
    """The last line of ``--json``: how it ended."""
    with contextlib.suppress(BrokenPipeError, OSError):
        JsonDisplay(screen.out).object(value)


STOPS = ("SIGINT", "SIGTERM", "SIGHUP")


class Stoppable(Protocol):
    """Something under way that can be stopped."""

    def interrupt(self) -> None:
        """First gently, then now."""

    def kill(self) -> None:
        """At once."""


@contextlib.contextmanager
def forwarded_signals(run: Stoppable, display: Display) -> Iterator[None]:
    """While it runs: the first Ctrl-C stops gently, the second now, the third kills.

    SIGTERM counts like Ctrl-C. A lost terminal (SIGHUP) stops gently, once, and leaves it resumable, unless nohup had
    it ignored.
    """
    stops = 0
    said: list[threading.Thread] = []

    def say(text: str, style: str) -> None:
        """In a thread: the handler may have come in the middle of a write, which can't be entered again."""
        thread = threading.Thread(target=display.note, args=(Span(text, style),), daemon=True)
        said.append(thread)
        thread.start()

    def stop(number: int, _: object) -> None:
        nonlocal stops
        if number == signal.SIGHUP:
            if stops == 0:
                stops = 1
                run.interrupt()
            return
        stops += 1
        if stops == 1:
            say("! stopping after the running steps; Ctrl-C again stops now", "warn")
            run.interrupt()
        elif stops == 2:
            say("! stopping now; pending operations may be left; Ctrl-C again kills", "hazard")
            run.interrupt()
        else:
            run.kill()

    try:
        with handling(STOPS, stop):
            yield
    finally:
        for thread in said:
            thread.join(timeout=5)
