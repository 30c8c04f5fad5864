"""Making a plan from the command line: its options, its warnings, and its progress."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from pulumi_rewind.choices import HOLD_STATEFUL, HOLDS, USUAL, Choices, adoptions
from pulumi_rewind.choices import option as option_name
from pulumi_rewind.strategies.choosing import STRATEGIES, holding_as_set
from pulumi_rewind.system.durations import seconds_of
from pulumi_rewind_tui.terminal.options import F, collected, offering
from pulumi_rewind_tui.terminal.writer import Screen
from pulumi_rewind_tui.text.cells import Line, Span
from pulumi_rewind_tui.words.words import PATIENCE, checked, elapsed

if TYPE_CHECKING:
    from rich.live import Live

    from pulumi_rewind.engine.events import EngineEvent
    from pulumi_rewind.plan.model import Plan
    from pulumi_rewind.session import Session
    from pulumi_rewind.trust.targets import UntrustedTarget

_WAYS: Final = [entry.short for entry in STRATEGIES.values()]

CHOICE_HELP: Final = {
    "strategy": f"How to roll back: {', '.join(_WAYS[:-1])}, or {_WAYS[-1]}.",
    "only": "Roll back only this resource and what it needs; !NAME: all but this one; repeatable.",
    "keep_data": "Keep resources that would lose data as they are, and the resources that have to stay with them.",
    "refresh": "Compare the state with the real resources first.",
    "hold_deletes": "Hold objects that would be deleted: they stay alive until confirm; those with data, all, or none.",
    "hold_for": "When to ask about what is held, for example 15m, 24h or 2d.",
    "drop_held": "Delete this held object in the run; repeatable.",
    "no_install": "Run the old program without installing its dependencies (no install scripts run).",
    "recorded_hooks": "Call today's undo callbacks or the recorded ones.",
    "delete_imported": "Delete this resource although it existed before the stack managed it; repeatable.",
    "delete_first": "When this resource is replaced, delete the old object before the new one is created; repeatable.",
    "adopt": "Adopt an existing object instead of creating a new one; `found`: all that still exist.",
    "todays_config": "Default providers use today's settings instead of the target's.",
    "recorded_credentials": "Explicit providers use the secrets of the target instead of today's.",
}
"""What the option of each field of `Choices` does, in the order of the help."""

trust_option = click.option(
    "--trust-target",
    is_flag=True,
    help="Trust plugins, endpoints and code of the target that the live stack does not use; your answer is remembered.",
)


def choice_option(field: str, about: str = "", *, shown: str = "") -> Callable[[F], F]:
    """The option of one field of `Choices`: a flag, a list or a word, as the field is.

    `about` is told instead of its help, and `shown` instead of its default.
    """
    name, usual = option_name(field), getattr(USUAL, field)
    text = about or CHOICE_HELP[field]
    match usual:
        case bool() if field == "recorded_hooks":  # a word, since today's is a choice as well
            return click.option(
                name,
                field,
                type=click.Choice(["today", "recorded"]),
                default="today",
                show_default=True,
                callback=lambda _context, _option, word: word == "recorded",
                help=text,
            )
        case bool():
            return click.option(name, field, is_flag=True, help=text)
        case str() if field == "hold_deletes":
            return click.option(
                name,
                field,
                type=click.Choice(HOLDS),
                is_flag=False,
                flag_value=HOLD_STATEFUL,
                default=usual,
                show_default=shown or True,
                help=text,
            )
        case str() if field == "hold_for":
            return click.option(
                name, field, metavar="TIME", default=usual, show_default=True, callback=_length_of_time, help=text
            )
        case str():
            return click.option(
                name, field, type=click.Choice(tuple(STRATEGIES)), default=usual, show_default=True, help=text
            )
        case dict():
            read = lambda _context, _option, words: adoptions(words)  # noqa: E731 - click's signature
            return click.option(
                name,
                field,
                metavar="NAME=ID|found",
                multiple=True,
                callback=read,
                help=text,
                shell_complete=offering("adopt"),
            )
        case _:
            return click.option(
                name, field, metavar="URN|NAME|GLOB", multiple=True, help=text, shell_complete=offering("selection")
            )


_SET: Final = "hold_deletes in rewind.toml: stateful"


def _length_of_time(_context: click.Context, option: click.Parameter, text: str) -> str:
    """The same text, which must be a length of time."""
    seconds_of(text, option.opts[0])
    return text


def goal_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that choose what is brought back, and how; the command gets them as one `Choices`."""
    function = collected(function, "choices", Choices, Choices.__struct_fields__)
    order = list(CHOICE_HELP)
    for field in sorted(Choices.__struct_fields__, key=order.index, reverse=True):
        function = choice_option(field, shown=_SET if field == "hold_deletes" else "")(function)
    return function


def as_asked(session: Session, choices: Choices, *, allow_data_loss: bool = False) -> Choices:
    """The choices of a command line; without --hold-deletes, what is held is as the settings say.

    Nothing is, where the operator has agreed to a loss of data.
    """
    source = click.get_current_context().get_parameter_source("hold_deletes")
    if allow_data_loss or source is not ParameterSource.DEFAULT:
        return choices
    return holding_as_set(choices, session.settings)


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
    from pulumi_rewind.rollback.planning import build_plan
    from pulumi_rewind.rollback.resuming import find_target
    from pulumi_rewind.trust.targets import UntrustedTarget

    target = find_target(session, text)
    plan: Plan | None = None
    while plan is None:
        try:
            with working(screen, f"planning {session.stack} → {target.label}") as observe:
                plan = build_plan(session, target, choices, observe=observe)
        except UntrustedTarget as err:
            consent(err)
    try:
        yield plan
    finally:
        plan.close()


@contextlib.contextmanager
def handling(names: Sequence[str], handler: Callable[[int, object], None]) -> Iterator[None]:
    """Gives these signals to a handler; not SIGHUP where nohup had it ignored, and nothing outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    heard = [one for one in numbers if one != signal.SIGHUP or signal.getsignal(one) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in heard}
    try:
        yield
    finally:
        for number, was in before.items():
            signal.signal(number, was)


def stoppable() -> contextlib.AbstractContextManager[None]:
    """A SIGTERM or a lost terminal ends what is going on like Ctrl-C, so that no engine is left behind."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    return handling(("SIGTERM", "SIGHUP"), stop)


@contextlib.contextmanager
def counted(
    screen: Screen, what: str, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[int, int], None]]:
    """What looks through updates, stoppable; in a terminal, with a line that says how far it is once it takes long."""
    started = clock()
    at = (0, 0)
    live: Live | None = None

    def lines() -> list[Line]:
        return [[Span(f"◐ {what}   {checked(*at)}   {elapsed(clock() - started)}   ctrl+c stops", "dim")]]

    def observe(done: int, total: int) -> None:
        nonlocal at, live
        at = (done, total)
        if live is None and screen.err.color and clock() - started > PATIENCE:
            live = screen.err.live(lines)
            live.start(refresh=True)

    try:
        with stoppable():
            yield observe
    finally:
        if live is not None:
            live.stop()


_NOBODY: Final = logging.NullHandler()


@contextlib.contextmanager
def working(screen: Screen, what: str) -> Iterator[Callable[[EngineEvent], None]]:
    """What the engine is asked for, stoppable; in a terminal, with a line that counts while it takes long.

    gRPC and others, which log unless somebody listens, are kept off standard error: what matters comes as events.
    """
    logging.getLogger().addHandler(_NOBODY)
    if not screen.err.color:
        with stoppable():
            yield lambda _: None
        return
    from pulumi_rewind.engine.events import ResourceDone, ResourcePre

    started = time.monotonic()
    seen: set[str] = set()

    def observe(event: EngineEvent) -> None:
        if isinstance(event, ResourcePre | ResourceDone):
            seen.add(event.step.urn)

    def lines() -> list[Line]:
        count = f"   {len(seen):,} checked" if seen else ""
        return [[Span(f"◐ {what}   {elapsed(time.monotonic() - started)}{count}", "dim")]]

    with stoppable(), screen.err.live(lines):
        yield observe
