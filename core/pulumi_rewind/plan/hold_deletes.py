"""Which of the objects that an update or a rollback would delete can be held, and why others can't. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from pulumi_rewind.choices import HOLD_ALL
from pulumi_rewind.goal.model import references
from pulumi_rewind.plan.arrangement import Holding
from pulumi_rewind.plan.model import Step
from pulumi_rewind.risk import HELD, LEFTOVER, NOT_HELD, Risk
from pulumi_rewind.state.model import Checkpoint, Resource
from pulumi_rewind.state.naming import Names
from pulumi_rewind.state.stateful_types import is_stateful

GOES: Final = frozenset({"delete", "replace", "discard"})
"""Operations of steps that take an object out of the state."""

_FIRST: Final = "it is deleted before its replacement is made"


def holding(
    steps: Iterable[Step],
    live: Checkpoint,
    mode: str,
    *,
    stateful: Sequence[str],
    excluded: Sequence[str] = (),
    until: float = 0,
    dying: Collection[int] = (),
) -> Holding:
    """What of `live` is held when these steps are run: all that would be deleted, or what of it holds data.

    An object is held with all that it needs of what would go as well: a database in a network can't outlive it, and
    what is deleted with something stays with it. `dying` are the entries whose place a returning object takes.
    """
    steps = list(steps)
    first = {step.renamed_from or step.urn: step.delete_first for step in steps if step.op in GOES}
    first = {**dict.fromkeys((live.resources[place].urn for place in dying), False), **first}
    released = {step.renamed_from or step.urn for step in steps if step.op == "discard"}
    going = {
        urn: res
        for urn in first
        if (res := live.by_urn.get(urn)) is not None and _object(res)
        # What is only read from now on has no mark, and stays where it is.
        if urn not in released or res.retain_on_delete
    }
    copies = [res for res in live.resources if res.delete and _object(res)]
    names = Names((*going.values(), *copies))
    left = {urn for text in excluded for urn in names.meant(text)}
    reasons = {urn: said for urn, res in going.items() if (said := _reason(res, first[urn], urn in left))}
    wanted = [res for res in going.values() if _wanted(res, mode, stateful)]
    chosen: dict[str, Resource] = {}
    because: dict[str, str] = {}
    refused: dict[str, str] = {}
    for res in wanted:
        needed = {one.urn: one for one in _with_needs(res, going)}
        stuck = next((urn for urn in needed if urn in reasons), None)
        if stuck is not None:
            refused[res.urn] = reasons[stuck] if stuck == res.urn else f"needs {needed[stuck].name}: {reasons[stuck]}"
            continue
        chosen |= needed
        because |= {urn: res.name for urn in needed if urn != res.urn and urn not in because}
    own = {res.urn for res in wanted}
    because = {urn: name for urn, name in because.items() if urn not in own}
    waiting = {(res.urn, res.id) for res in copies if res.urn not in left and _wanted(res, mode, stateful)}
    objects = frozenset({(res.urn, res.id) for res in chosen.values()} | waiting)
    rest = [res for res in live.resources if not res.delete and _object(res) and res.urn not in going]
    left = {urn for text in excluded for urn in Names(rest).meant(text)}
    stay = frozenset((res.urn, res.id) for res in rest if res.urn not in left and _wanted(res, mode, stateful))
    return Holding(objects, because, refused, until, stay)


def with_holding(steps: Iterable[Step], found: Holding) -> tuple[Step, ...]:
    """The steps of an update's review with what is held: it loses no data."""
    return tuple(
        replace(
            as_held(step) if is_held(step, found) else step,
            risks=(
                *(risk for risk in step.risks if not (risk.loses_data and is_held(step, found))),
                *holding_risks(step, found),
            ),
        )
        for step in steps
    )


def with_held_copies(risks: Iterable[Risk], found: Holding) -> tuple[Risk, ...]:
    """The risks of an update as a whole with what is held of the old copies that wait for their deletion."""
    return tuple(
        Risk(HELD, f"an old copy with the id {risk.object_id} is held: it stays alive outside the state", risk.urn)
        if risk.code == LEFTOVER and (risk.urn, risk.object_id) in found.objects
        else risk
        for risk in risks
    )


def as_held(step: Step) -> Step:
    """A step whose object is held; a replacement makes a new one all the same."""
    return step if step.op == "replace" else replace(step, op="hold", forecast="held")


def is_held(step: Step, found: Holding) -> bool:
    """Whether the object that a step would end is to be held."""
    return step.op in {*GOES, "discard"} and (step.renamed_from or step.urn, step.old_id) in found.objects


def holding_risks(step: Step, found: Holding) -> Iterator[Risk]:
    """What is said of an object that is held, or should be and can't."""
    urn = step.renamed_from or step.urn
    if is_held(step, found):
        why = f", because {found.because[urn]} needs it" if urn in found.because else ""
        message = (
            f"is held{why}: {step.old_id} stays alive outside the state, and you are asked about it from "
            f"{found.deadline} on. Going back returns it; `pulumi-rewind confirm` deletes it"
        )
        yield Risk(HELD, message, step.urn, object_id=step.old_id)
    elif urn in found.refused and step.op in GOES:
        yield Risk(NOT_HELD, f"can't be held: {found.refused[urn]}", step.urn)


def tells_first(step: Step, found: Holding) -> bool:
    """Whether `holding_risks` says of a replacement that it deletes the old object first."""
    return step.op == "replace" and found.refused.get(step.renamed_from or step.urn) == _FIRST


def _object(res: Resource) -> bool:
    return res.custom and bool(res.id) and not (res.external or res.view_of or res.is_default_provider)


def _wanted(res: Resource, mode: str, stateful: Sequence[str]) -> bool:
    return not res.is_provider and (mode == HOLD_ALL or is_stateful(res.type, stateful))


def _reason(res: Resource, delete_first: bool, excluded: bool) -> str:
    """Why an object can't be held."""
    if res.is_provider:
        return ""  # nothing is deleted with it
    if excluded:
        return "`hold_excluded` in rewind.toml leaves it out"
    if delete_first:
        return _FIRST
    if res.pending_replacement:
        return "a killed update has deleted it already"
    return ""


def _with_needs(res: Resource, going: Mapping[str, Resource]) -> Collection[Resource]:
    """An object with all that has to stay alive for it, as far as it would go: what it uses, and its parts."""
    found = {res.urn: res}
    rest = [res]
    while rest:
        one = rest.pop()
        near = [urn for urn in references(one) if urn in going]
        near += [urn for urn, other in going.items() if one.urn in {other.deleted_with, other.parent}]
        for urn in near:
            if urn not in found:
                found[urn] = going[urn]
                rest.append(going[urn])
    return found.values()
