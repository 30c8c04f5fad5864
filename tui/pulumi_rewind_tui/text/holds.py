"""Holds and what else stands in the way of an update, in lines and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pulumi_rewind.system.durations import length
from pulumi_rewind.window.deadline import told
from pulumi_rewind_tui.text.cells import Line, Span
from pulumi_rewind_tui.text.waiting import deadline_json
from pulumi_rewind_tui.words.words import ago, iso_time, local_time, plural

if TYPE_CHECKING:
    from pulumi_rewind.holding.holds import Seen
    from pulumi_rewind.state.holds import Hold
    from pulumi_rewind.upkeep.status import StackStatus
    from pulumi_rewind.window.deadline import Deadline

SHOWN = 6
"""Commits that are named; the others are counted."""


def hold_text(hold: Hold, now: float) -> str:
    """``by ada@build1, 2 h ago: bad release``."""
    since = f", {ago(now - hold.since)}" if hold.since else ""
    return f"by {hold.who}{since}: {hold.reason}"


def hold_lines(hold: Hold, now: float) -> Iterator[Line]:
    """What a hold is, and what ends it."""
    yield [Span("held", "hazard"), f" {hold_text(hold, now)}"]
    ways = ["by `pulumi-rewind release`"]
    if hold.until:
        ways.append(f"by itself at {local_time(hold.until, '%Y-%m-%d %H:%M')}")
    if hold.commits:
        named = ", ".join(sha[:7] for sha in hold.commits[:SHOWN])
        more = f" and {len(hold.commits) - SHOWN} more" if len(hold.commits) > SHOWN else ""
        ways.append(f"once HEAD has reverted {plural(len(hold.commits), 'commit')} ({named}{more})")
    yield [f"  it ends {', or '.join(ways)}"]


def seen_lines(seen: Seen, now: float) -> Iterator[Line]:
    """What a look at the hold has found."""
    if seen.ended is not None:
        yield [Span("released", "ok"), f" the hold {hold_text(seen.ended, now)}"]
        yield [f"  {seen.why}"]
    if seen.hold is not None:
        yield from hold_lines(seen.hold, now)
    elif seen.ended is None:
        yield [Span("not held", "ok")]
    if seen.problem:
        yield [Span("! hold", "warn"), f": {f'{seen.why}, but it still stands: ' if seen.why else ''}{seen.problem}"]


def status_lines(status: StackStatus, stack: str, name: str, now: float) -> Iterator[Line]:
    """The page of `status`: one paragraph for each thing that can stand in the way."""
    yield [Span(stack, "title")]
    yield from seen_lines(status.seen, now)
    for lock in status.operations:
        yield [Span("locked", "warn"), f" by {lock}"]
        yield [f"  {lock.advice}"]
    if not status.operations:
        yield ["no update is running"]
    yield from _interrupted(status, name)
    yield from _undecided(status, name, now)


def _undecided(status: StackStatus, name: str, now: float) -> Iterator[Line]:
    deadline = status.waiting.deadline
    if deadline is not None:
        yield from _waiting(deadline, name, now)
    elif status.waiting.ended is not None:
        yield [f"no update waits for a confirmation; the last one: {told(status.waiting.ended)}"]
    else:
        yield ["no update waits for a confirmation"]
    if status.held:
        late = sum(one.batch.until <= now for one in status.held)
        due = f", {late} of them longer than was asked for" if late else ""
        yield [Span("held", "warn"), f" {plural(len(status.held), 'object')} alive outside the state{due}"]
        yield [f"  `pulumi-rewind held {name}` lists them, `pulumi-rewind confirm {name}` deletes them"]
    else:
        yield ["no object is held outside the state"]
    for problem in status.unknown:
        yield [Span("! unknown", "failed"), f": {problem}"]


def _waiting(deadline: Deadline, name: str, now: float) -> Iterator[Line]:
    if deadline.taken_by:
        yield [Span("waiting", "warn"), f" #{deadline.update} is being taken back by {deadline.taken_by}"]
        yield [f"  `pulumi-rewind due {name} --take-over` continues if that process is dead"]
        return
    due = deadline.failed or deadline.left(now) <= 0
    left = f"{length(deadline.left(now))} left"
    if due:
        left = "its watch command has failed" if deadline.failed else "its time is over"
    yield [Span("waiting", "warn"), f" #{deadline.update} is taken back to {deadline.label} unless confirmed; {left}"]
    yield [f"  `pulumi-rewind confirm {name}` keeps it"]
    yield [f"  `pulumi-rewind extend {name} 1h` waits longer"]
    yield [f"  `pulumi-rewind {'due' if due else 'abort'} {name}` takes it back"]


def _interrupted(status: StackStatus, name: str) -> Iterator[Line]:
    entry = status.entry
    if status.problem:
        yield [Span("! journal", "failed"), f": {status.problem}"]
    elif entry is None:
        yield ["no rollback was interrupted"]
    else:
        what = "an update" if entry.update else f"a rollback to {entry.label}"
        word = "running" if status.runs else "interrupted"
        yield [Span(word, "warn"), f" {what}, begun {local_time(entry.started)}"]
        if not status.runs:
            yield [f"  `pulumi-rewind resume {name}` continues it"]


def hold_json(hold: Hold) -> dict[str, Any]:
    """A hold for machines."""
    return {
        "who": hold.who,
        "since": iso_time(hold.since),
        "until": iso_time(hold.until),
        "why": hold.why or None,
        "update": hold.update or None,
        "commits": list(hold.commits),
    }


def seen_json(seen: Seen) -> dict[str, Any]:
    """What a look has found: ``held`` and ``hold``; ``released`` where one has just ended."""
    found: dict[str, Any] = {"held": seen.hold is not None, "hold": hold_json(seen.hold) if seen.hold else None}
    if seen.ended is not None:
        found |= {"released": hold_json(seen.ended), "why": seen.why}
    return found | ({"problem": seen.problem} if seen.problem else {})


def status_json(status: StackStatus, stack: str) -> dict[str, Any]:
    """The same page for machines."""
    entry = status.entry
    return {
        "stack": stack,
        **seen_json(status.seen),
        "running": [
            {"user": lock.username or None, "host": lock.hostname or None, "since": lock.timestamp or None}
            for lock in status.operations
        ],
        "interrupted": {"target": entry.label, "update": entry.update, "runs": status.runs} if entry else None,
        "waiting": deadline_json(status.waiting.deadline) if status.waiting.deadline else None,
        "heldObjects": len(status.held),
        "unknown": list(status.unknown),
    }
