"""What is held of a stack, as an operator reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from pulumi_rewind_tui.text.cells import Line, Span
from pulumi_rewind_tui.words.words import ago, iso_time, listed, local_time, plural

if TYPE_CHECKING:
    from pulumi_rewind.window.held import Batch, Held


WHEN: Final = "%Y-%m-%d %H:%M"
"""How the moment is shown by which to decide."""


def held_lines(found: Sequence[Held], name: str, stateful: Sequence[str], now: float) -> Iterator[Line]:
    """What is held, by the update that let go of it; `name` is the stack's, for commands."""
    from pulumi_rewind.state.stateful_types import is_stateful

    if not found:
        yield ["nothing is held"]
        return
    yield [Span(f"{plural(len(found), 'object')} held", "title"), ": alive, but not in the state"]
    for batch, several in groupby(found, lambda one: one.batch):
        yield []
        yield [
            Span(f"  let go by the {batch.kind} after #{batch.after}", "title"),
            f", {ago(now - batch.since)}",
            *_due(batch, now),
        ]
        for one in several:
            why = f"   because {one.because} needs it" if one.because else ""
            data = Span("   holds data", "hazard") if is_stateful(one.type, stateful) else Span("")
            yield ["    ", Span(one.name, "bold"), f"  {one.type}  ", Span(one.id, "dim"), data, Span(why, "dim")]
    yield []
    yield [
        Span("next:", "commit"),
        f" `pulumi-rewind rollback {name} TARGET` returns those that the target has, same id;",
    ]
    yield [f"      `pulumi-rewind confirm {name}` deletes them for good"]


def _due(batch: Batch, now: float) -> Line:
    left = batch.until - now
    if left > 0:
        from pulumi_rewind.system.durations import length

        return [Span(f"; to be decided within {length(left)}", "dim")]
    return [Span(f"; the time to decide was over {ago(-left)}", "hazard")]


def by_update(found: Iterable[Held]) -> dict[int, list[Held]]:
    """Number of an update → what it let go of and is still held."""
    numbers: dict[int, list[Held]] = {}
    for one in found:
        numbers.setdefault(one.batch.after + 1, []).append(one)
    return numbers


def held_fact(found: Sequence[Held]) -> str:
    """``db, net, to be decided until 2026-07-02 09:00``: what one update let go of."""
    until = min(one.batch.until for one in found)
    return f"{listed([one.name for one in found])}, to be decided until {local_time(until, WHEN)}"


def held_mark(count: int, hold: str) -> tuple[str, str]:
    """``◇2 held``, for the row of an update; `hold` is the symbol."""
    return (f"{hold}{count} held", "hold")


def held_note(found: Sequence[Held], now: float, hold: str) -> tuple[tuple[str, str], ...]:
    """One line about all that is held, with the key that shows it; empty where nothing is."""
    if not found:
        return ()
    until = min(one.batch.until for one in found)
    late = until <= now
    when = f"the time to decide was over {ago(now - until)}" if late else f"decide until {local_time(until, WHEN)}"
    return (
        (f" {hold} ", "hold"),
        (f"{plural(len(found), 'object')} held", "bold"),
        (f", {when}", "hazard" if late else ""),
        ("  H ", "key"),
        ("shows them", ""),
    )


def held_json(found: Sequence[Held], stateful: Sequence[str], now: float) -> list[dict[str, Any]]:
    """The same for machines."""
    from pulumi_rewind.state.stateful_types import is_stateful

    return [
        {
            "urn": one.urn,
            "type": one.type,
            "name": one.name,
            "id": one.id,
            "provider": one.provider,
            "because": one.because or None,
            "holdsData": is_stateful(one.type, stateful),
            "by": one.batch.kind,
            "after": one.batch.after,
            "since": iso_time(int(one.batch.since)),
            "until": iso_time(int(one.batch.until)),
            "overdue": one.batch.until <= now,
        }
        for one in found
    ]
