"""Which resources the engine asks providers about (``--target``): what differs, and what that can reach. Pure.

All others are in live as the goal has them, entry by entry, so that nothing is to be done about them: the engine keeps
their entries, and is told only of those that what it asks about can't be without, or that refer to it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from operator import attrgetter
from typing import Final

from pulumi_rewind.diff.options import BOOKKEEPING
from pulumi_rewind.engine.events import ResourcePre
from pulumi_rewind.goal.default_values import as_recorded
from pulumi_rewind.goal.model import Goal, Registration, registers
from pulumi_rewind.goal.reach import of_state, reached
from pulumi_rewind.goal.replay_report import Previewed, ReplayReport
from pulumi_rewind.state.model import ROOT_STACK_TYPE, Checkpoint, Resource, parse_urn
from pulumi_rewind.state.sent_inputs import sent_inputs

LONGEST: Final = 100_000
"""Bytes of URNs on a command line; with more, providers are asked about everything. Linux takes 128 KiB a word."""

_UNFIT: Final = ("*", "\0")
"""What a target can't have in it: the first makes it a pattern that may mean others as well, the second ends a word."""

_entry: Final = attrgetter(*(name for name in Resource.__struct_fields__ if name not in BOOKKEEPING))

_STAYS: Final = frozenset({"same", "read"})
_GOES_ON: Final = frozenset({"same", "update", "read"})
"""Steps after which the object is the one that it was."""


def asked_about(target: Checkpoint, live: Checkpoint) -> tuple[str, ...]:
    """The URNs to ask about on the way from live to the target; none: ask about everything.

    Both as stored, or both decrypted: what is encrypted anew counts as different.
    """
    sides = (target, live)
    engine_made = [{res.urn for res in side.resources if res.is_default_provider} for side in sides]
    if engine_made[0] != engine_made[1] or live.pending_operations or not all(map(_usual, sides)):
        return ()
    before, after = live.by_urn, target.by_urn
    changed = {
        urn
        for urn in before.keys() | after.keys()
        if (one := before.get(urn)) is None or (other := after.get(urn)) is None or not settled(other, one)
    }
    return narrowed({urn for urn in changed if not (before.get(urn) or after[urn]).is_stack}, target, live)


def narrowed(changed: Collection[str], *states: Checkpoint) -> tuple[str, ...]:
    """What is to be asked about where that is changed: with all that it reaches in the states, where that is not too
    much; the changed ones alone, where those are few; else none, for everything.
    """
    for found in (reached(changed, *map(of_state, states)), changed):
        if len(found) <= len(states[-1].resources) // 2 and _fit(found):
            return tuple(sorted(found))
    return ()


def _fit(urns: Collection[str]) -> bool:
    """Whether they can be an engine's targets; a state may have been written by anybody."""
    text = "".join(urns)
    return len(text.encode()) <= LONGEST and not any(one in text for one in _UNFIT)


def settled(wanted: Resource, live: Resource) -> bool:
    """Whether live has the very entry that is wanted, and nothing about it calls for a step."""
    waiting = live.taint or live.pending_replacement or live.init_errors or live.refresh_before_update
    return not waiting and _entry(wanted) == _entry(live)


def unsettled(goal: Goal, live: Checkpoint) -> set[str]:
    """The URNs of all that is not in live as the goal has it: what must be asked about."""
    items = goal.by_run_urn
    found = {urn for urn, item in items.items() if not _as_live(item, urn)}
    return found | {res.urn for res in live.resources if registers(res) and res.urn not in items}


def reaches_further(previewed: Previewed, goal: Goal, live: Checkpoint, asked: Collection[str]) -> bool:
    """Whether a preview that asked about some shows that others are concerned: a step of theirs (a provider with
    another configuration), a value that follows something new, or what refers to an object that is replaced.
    """
    events, _, report = previewed
    about = frozenset(asked)
    steps = {event.step.urn: event.step.op for event in events if isinstance(event, ResourcePre)}
    renewed = (urn for urn, op in steps.items() if op not in _GOES_ON)
    return (
        any(
            op not in _STAYS and urn not in about and parse_urn(urn).type != ROOT_STACK_TYPE
            for urn, op in steps.items()
        )
        or not reached(renewed, of_state(live)) <= about
        or any(
            _otherwise(item, report, live.by_urn.get(urn))
            for urn, item in goal.by_run_urn.items()
            if urn not in about and item.kind != "stack"
        )
    )


def _otherwise(item: Registration, report: ReplayReport, live: Resource | None) -> bool:
    """Whether something is registered with other values than live has."""
    if live is None:
        return True
    if item.has_outputs:
        return report.outputs.get(live.urn) != live.decoded_outputs()
    return item.urn in report.relinked and as_recorded(item, report.sent.get(live.urn, {})) != sent_inputs(live)


def target_flags(urns: Iterable[str]) -> Iterator[str]:
    """The words that let an engine ask providers about these alone."""
    return (word for urn in urns for word in ("--target", urn))


def _usual(side: Checkpoint) -> bool:
    return not any(res.delete or res.view_of or res.snippet_id for res in side.resources)


def _as_live(item: Registration, urn: str) -> bool:
    if item.kind == "stack":
        return True
    live = item.live_source
    return (
        live is not None
        and item.live_urn == urn
        and item.replaced_source is None
        and not (item.temporary or item.left_open)
        and settled(item.source, live)
    )
