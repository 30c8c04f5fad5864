"""Runs a reviewed plan from the command line: shows progress, forwards Ctrl-C, prints the result."""

from __future__ import annotations

import contextlib
import signal
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
)
from pulumi_rewind_tui.terminal.display import Display, JsonDisplay, LiveDisplay, PlainDisplay
from pulumi_rewind_tui.terminal.planning import handling
from pulumi_rewind_tui.terminal.writer import Screen
from pulumi_rewind_tui.text.cells import Line, Span
from pulumi_rewind_tui.text.result import failure_json, findings_json, next_lines, result_json, result_lines

if TYPE_CHECKING:
    from pulumi_rewind.engine.events import EngineEvent
    from pulumi_rewind.plan.model import Plan, Step
    from pulumi_rewind.session import Session
    from pulumi_rewind_tui.terminal.options import Shared


M = TypeVar("M")


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
