"""What a rollback would remove although the target had it. Pure.

What a replay sends comes from records that don't say all: a provider may have stored a property under another name, or
have filled it in. So the engine's preview is asked for the outcome: where it lacks something that the target's inputs
or outputs hold, the plan says so, and where that is a secret or belongs to what holds data, nothing runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pulumi_rewind.engine.events import EngineEvent, ResourceDone, StepMetadata
from pulumi_rewind.goal.model import Goal, Registration
from pulumi_rewind.goal.replay_report import ReplayReport
from pulumi_rewind.risk import BLOCKING, NOT_RECORDED, WOULD_VANISH, Risk
from pulumi_rewind.state.model import Resource
from pulumi_rewind.state.naming import listed
from pulumi_rewind.state.property_path import parse_path
from pulumi_rewind.state.sent_inputs import (
    default_keys,
    ignored_keys,
    is_auto_named,
    sent_inputs,
    vanished_keys,
    without_defaults,
)
from pulumi_rewind.state.stateful_types import is_stateful
from pulumi_rewind.state.values import DEFAULTS, SIG, Json, contains_secret, is_secret, reveal

_OPS: Final = frozenset({"create", "update", "replace", "create-replacement"})
_EMPTY: Final[tuple[Json, ...]] = (None, "", {}, [])
_NOTHING: Final = object()


@dataclass(frozen=True)
class _Lost:
    """One property that goes."""

    path: str
    secret: bool
    recorded: bool
    """Whether the target's inputs have it, not its outputs alone."""


def vanishing_risks(
    events: Iterable[EngineEvent], goal: Goal, report: ReplayReport, stateful: Sequence[str]
) -> dict[str, tuple[Risk, ...]]:
    """By URN in this run: what a step would remove, or leave out of a new object, although the target has it.

    `events` are those of the preview. Blocking is the loss of a secret, and of a recorded input of a type that holds
    data. Defaults that `__defaults` names, auto-names, and what the resource ignores changes of don't count.
    """
    items = {urn: item for urn, item in goal.by_run_urn.items() if item.kind == "custom"}
    found: dict[str, dict[str, _Lost]] = {}
    made: set[str] = set()
    for event in events:
        if not isinstance(event, ResourceDone) or event.step.op not in _OPS or event.step.new is None:
            continue
        item = items.get(event.step.urn)
        if item is not None:
            if event.step.op != "update":
                made.add(event.step.urn)
            known = found.setdefault(event.step.urn, {})
            for lost in _lost(item, event.step, report):
                known.setdefault(lost.path, lost)
    risks = {urn: [_risk(items[urn], urn, list(lost.values()), stateful)] for urn, lost in found.items() if lost}
    for urn in made:
        risks.setdefault(urn, []).extend(_not_recorded(items[urn], urn))
    return {urn: tuple(of_it) for urn, of_it in risks.items()}


def _not_recorded(item: Registration, urn: str) -> Iterator[Risk]:
    """What the program sent, and no input stands for: of a secret that is only written nothing is kept."""
    lost = vanished_keys(item.source, item.source.decoded_inputs())
    if lost and not item.stand_ins and not lost & item.inputs.keys():
        message = (
            f"the program sent {listed(sorted(lost))}, but the record has no value for it: the new object is "
            "created without it. With `--strategy program` the program sends it"
        )
        yield Risk(NOT_RECORDED, message, urn)


def _risk(item: Registration, urn: str, lost: Sequence[_Lost], stateful: Sequence[str]) -> Risk:
    data = is_stateful(item.source.type, stateful)
    blocking = any(one.secret or (data and one.recorded) for one in lost)
    where = "live" if item.from_live else "the target"
    message = (
        f"would lose {listed([one.path for one in lost])}, which {where} has: the record does not show how the "
        "program sent it. With `--strategy program` the program sends it"
    )
    if blocking and not item.from_live:
        message += f"; `--only '!{item.name}'` leaves this resource as it is"
    return Risk(WOULD_VANISH, message, urn, BLOCKING if blocking else None)


def _lost(item: Registration, step: StepMetadata, report: ReplayReport) -> Iterator[_Lost]:
    source = item.source
    ignored = ignored_keys(source)
    if "*" in ignored:
        return
    recorded, usual = source.decoded_inputs(), sent_inputs(source)
    sent = report.sent.get(step.urn, item.inputs)
    after = step.new.inputs or {} if step.new is not None else {}
    marked = default_keys(recorded)
    for key, value in recorded.items():
        # A callback of the project may have emptied it on purpose.
        meant = key in sent and _empty(reveal(sent[key])) and not _empty(reveal(usual.get(key)))
        if key in ignored | marked | {DEFAULTS} or meant or is_auto_named(source, value):
            continue
        now = sent[key] if key in sent and is_secret(after.get(key)) else after.get(key, _NOTHING)
        yield from _gone(without_defaults(value), now, key, hidden=is_secret(value))
    # The inputs of what is adopted are all that was read of it: leaving out what no program sent takes nothing away.
    adopted = item.is_new and item.all_inputs
    yield from _said_by_provider(source, step, after, recorded, ignored, adopted=adopted)


def _gone(recorded: Json, now: Json, path: str, *, hidden: bool) -> Iterator[_Lost]:
    """Where something that isn't empty has become so, looked for inside objects."""
    hidden = hidden or is_secret(recorded)
    before, after = reveal(recorded), now if now is _NOTHING else reveal(now)
    if _empty(before):
        return
    if after is _NOTHING or _empty(after):
        yield _Lost(path, hidden or contains_secret(recorded), recorded=True)
    elif not is_secret(recorded) and _is_object(recorded) and _is_object(now):
        for key, value in recorded.items():
            yield from _gone(value, now.get(key, _NOTHING), f"{path}.{key}", hidden=hidden)


def _said_by_provider(
    source: Resource,
    step: StepMetadata,
    after: Mapping[str, Json],
    recorded: Mapping[str, Json],
    ignored: frozenset[str],
    *,
    adopted: bool,
) -> Iterator[_Lost]:
    """What the provider itself calls a deletion, of something that the target's inputs or outputs have."""
    gone = [path for path, how in (step.detailed_diff or {}).items() if how.diff_kind.startswith("delete")]
    outputs = source.decoded_outputs() if gone and not adopted else {}
    for path in gone:
        keys = parse_path(path)
        if not keys or keys[0] in ignored or _at(after, keys)[0] is not _NOTHING:
            continue
        for side, is_input in ((recorded, True), (outputs, False)):
            value, hidden = _at(side, keys)
            if value is not _NOTHING and not _empty(reveal(value)) and value not in (False, 0):
                listed_default = is_input and keys[0] in default_keys(side)
                yield _Lost(path, hidden or contains_secret(value), recorded=is_input and not listed_default)
                break


def _at(value: Json, keys: Sequence[str | int]) -> tuple[Json, bool]:
    """What lies at a path, and whether inside a secret; `_NOTHING` where there is nothing."""
    hidden = False
    for key in keys:
        if is_secret(value):
            value, hidden = reveal(value), True
        members = _members(value)
        if key in members:
            value = members[key]
        elif hidden and isinstance(value, str):
            return value, True  # masked as a whole
        else:
            return _NOTHING, False
    return value, hidden or is_secret(value)


def _members(value: Json) -> Mapping[str | int, Json]:
    if isinstance(value, list):
        return dict(enumerate(value))
    return value if _is_object(value) else {}


def _empty(value: Json) -> bool:
    """Whether a value says nothing; false and 0 say something."""
    return any(value == nothing and type(value) is type(nothing) for nothing in _EMPTY)


def _is_object(value: Json) -> bool:
    return isinstance(value, dict) and SIG not in value
