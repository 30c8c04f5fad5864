"""Making a plan from the command line: its options, its warnings, and a sign of life meanwhile."""

from __future__ import annotations

import contextlib
import functools
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from pulumi_rewind.choices import CHECKPOINT, Choices, adoptions
from pulumi_rewind.strategies import STRATEGIES
from pulumi_rewind_tui.render.words import elapsed
from pulumi_rewind_tui.render.writer import Screen

if TYPE_CHECKING:
    from pulumi_rewind.events import EngineEvent
    from pulumi_rewind.plan import Plan
    from pulumi_rewind.session import Session
    from pulumi_rewind.target_trust import UntrustedTarget

_SHORT = [entry.short for entry in STRATEGIES.values()]


delete_first_option = click.option(
    "--delete-first",
    metavar="URN|NAME|GLOB",
    multiple=True,
    help="Where this is replaced, delete the old object before the new one is made; repeatable.",
)


trust_option = click.option(
    "--trust-target",
    is_flag=True,
    help="Agree to plugins, endpoints and code of the target that live doesn't use; remembered.",
)


def goal_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that choose what is brought back, and how; the command gets them as one `Choices`."""

    @functools.wraps(function)
    def collected(*args: Any, **given: Any) -> Any:
        chosen = {field: given.pop(field) for field in Choices.__struct_fields__}
        return function(*args, choices=Choices(**chosen), **given)

    result: Callable[..., Any] = collected
    for option in (
        click.option(
            "--recorded-credentials",
            is_flag=True,
            help="Explicit providers get the secrets of the target instead of today's.",
        ),
        click.option(
            "--todays-config",
            is_flag=True,
            help="Default providers get today's settings instead of the target's.",
        ),
        click.option(
            "--adopt",
            metavar="NAME=ID|found",
            multiple=True,
            callback=lambda _context, _option, words: adoptions(words),
            help="Keep an object that left the state instead of creating it anew; `found`: all that still exist.",
        ),
        delete_first_option,
        click.option(
            "--delete-imported",
            metavar="URN|NAME|GLOB",
            multiple=True,
            help="Delete this although it existed before the stack managed it; repeatable.",
        ),
        click.option(
            "--hooks",
            "recorded_hooks",
            callback=lambda _context, _option, word: word == "recorded",
            type=click.Choice(["today", "recorded"]),
            default="today",
            show_default=True,
            help="Call today's undo callbacks, or those recorded when what they undo was deployed.",
        ),
        click.option(
            "--no-install",
            is_flag=True,
            help="Run the old program without installing its dependencies, whose install scripts would run.",
        ),
        click.option("--refresh", is_flag=True, help="Compare the state with the real resources first."),
        click.option(
            "--only",
            metavar="URN|NAME|GLOB",
            multiple=True,
            callback=lambda _context, _option, texts: tuple(texts),
            help="Only these resources, with what they need; !NAME: all but this one; repeatable.",
        ),
        click.option(
            "--strategy",
            type=click.Choice(tuple(STRATEGIES)),
            default=CHECKPOINT,
            show_default=True,
            help=f"How to go back: {', '.join(_SHORT[:-1])}, or {_SHORT[-1]}.",
        ),
    ):
        result = option(result)
    return result


@contextlib.contextmanager
def planned(
    session: Session, screen: Screen, text: str, choices: Choices, consent: Callable[[UntrustedTarget], None]
) -> Iterator[Plan]:
    """Resolves a target and asks the engine what going there would do; what the plan holds is given up at the end.

    `consent` is asked where the target needs a yes before: it remembers that, or raises.

    Raises:
        UsageError: the strategy can't be used for this target, or the target is unknown.
        RewindError: everything that `build_plan` raises.
    """
    from pulumi_rewind.resuming import find_target
    from pulumi_rewind.rollback import build_plan
    from pulumi_rewind.target_trust import UntrustedTarget

    quiet()
    target = find_target(session, text)

    def made() -> Plan:
        with stoppable(), working(screen, f"planning {session.stack} → {target.label}") as observe:
            return build_plan(session, target, choices, observe=observe)

    plan: Plan | None = None
    while plan is None:
        try:
            plan = made()
        except UntrustedTarget as err:
            consent(err)
    try:
        yield plan
    finally:
        plan.close()


def quiet() -> None:
    """Keeps gRPC and others, which log unless somebody listens, off standard error: what matters comes as events."""
    logging.getLogger().addHandler(logging.NullHandler())


def unheard(name: str) -> bool:
    """Whether a lost terminal is to be no reason to stop: that is what nohup is for."""
    return name == "SIGHUP" and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """A SIGTERM or a lost terminal ends what is going on like Ctrl-C, so that no engine is left behind."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if not unheard(name)]
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def working(screen: Screen, what: str) -> Iterator[Callable[[EngineEvent], None]]:
    """A line with the elapsed time and a count while something takes long; only in a terminal."""
    if not screen.err.color:
        yield lambda _: None
        return
    from rich.live import Live
    from rich.text import Text

    from pulumi_rewind.events import ResourceDone, ResourcePre

    started = time.monotonic()
    seen: set[str] = set()

    def observe(event: EngineEvent) -> None:
        if isinstance(event, ResourcePre | ResourceDone):
            seen.add(event.step.urn)

    def line() -> Text:
        count = f"   {len(seen):,} looked at" if seen else ""
        return Text(screen.err.clean(f"◐ {what}   {elapsed(time.monotonic() - started)}{count}"), style="dim")

    with Live(get_renderable=line, console=screen.err.console, transient=True, refresh_per_second=4):
        yield observe
