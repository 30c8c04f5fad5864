"""What a plan says of the rewritten state: which objects come back, which stay, whose names are crossed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pulumi_rewind.plan.arrangement import Arrangement, Kept
from pulumi_rewind.plan.hold_deletes import as_held
from pulumi_rewind.plan.model import OLD_COPY, Step
from pulumi_rewind.risk import BLOCKING, DATA_LOSS, HELD, NOT_RESTORED, Risk
from pulumi_rewind.state.identity import same_object
from pulumi_rewind.state.model import Checkpoint, Resource, parse_urn, urn_name
from pulumi_rewind.state.stateful_types import is_stateful
from pulumi_rewind.system.shell import in_quotes

EXISTED = "existed-before"
CROSSED = "crossed-names"
HELD_LOCKED = "held-locked"

_STAYS = frozenset({"same", "read", "rename", OLD_COPY})
_LEAVES = frozenset({"discard", "delete", "replace", "hold"})


def arranged_steps(steps: Iterable[Step], arrangement: Arrangement, stateful: Sequence[str]) -> tuple[Step, ...]:
    """The steps with what the rewritten state means for them: a returned object is a step of its own."""
    back = {one.urn: one for one in arrangement.returned if not one.carrier}
    names = {urn: old for old, urn in arrangement.renamed.items()}
    kept = {(one.urn, one.id): one for one in arrangement.kept}
    found = []
    for step in steps:
        one = back.get(step.urn)
        if one is not None and step.op in {*_STAYS, "update"}:
            op = "return" if step.op in _STAYS else step.op
            step = replace(step, op=op, forecast="returned", old_id=one.id)
            step = _with(step, Risk("returned", f"comes back as {one.id}, which still exists, with its data", step.urn))
            other = kept.get((step.urn, one.replacement_id))
            if one.replacement_id and is_stateful(step.type, stateful) and not (other is not None and other.held):
                message = f"loses the data that {one.replacement_id} received since it was created"
                step = _with(step, Risk(DATA_LOSS, message, step.urn, object_id=one.replacement_id))
        for copy in step.old_copies:
            if (other := kept.get((step.urn, copy))) is not None and other.held:
                step = _with(step, _held_copy(other))
        if step.urn in names:
            if step.op in _STAYS:
                step = replace(step, op="rename", forecast="renamed")
            step = replace(step, renamed_from=names[step.urn])
            step = _with(step, Risk(CROSSED, _crossed(step, names[step.urn]), step.urn))
        stays = kept.get((step.urn, step.old_id))
        if stays is not None and step.op in _LEAVES:
            risks = tuple(risk for risk in step.risks if not (risk.loses_data or risk.code == NOT_RESTORED))
            step = replace(step, risks=risks)
            step = as_held(step) if stays.held else _with(step, Risk(EXISTED, _stays(stays, step.urn), step.urn))
        found.append(step)
    return tuple(found)


def _held_copy(kept: Kept) -> Risk:
    message = f"an old copy with the id {kept.id} is held: it is only removed from the state, not deleted"
    return Risk(HELD, message, kept.urn, object_id=kept.id)


def _with(step: Step, risk: Risk) -> Step:
    return replace(step, risks=(*step.risks, risk))


def _crossed(step: Step, was: str) -> str:
    return (
        f"the name belonged to another object: {step.old_id or 'its own'} is {urn_name(was)} today, and first gets "
        "its name back in the state"
    )


_TWIN = "is also the object of the live entry"


def _stays(kept: Kept, urn: str) -> str:
    return (
        f"existed before: {kept.id} {kept.origin or _TWIN}. It is only removed from the state, and the object stays "
        f"as it is (`--delete-imported {in_quotes(urn_name(urn))}` deletes it)"
    )


def locked_risks(locked: Iterable[Resource], target: Checkpoint) -> Iterable[Risk]:
    """What is said of held objects that the target has and that can't be entered into the state."""
    for res in locked:
        if any(same_object(res, one) for one in target.resources if one.urn == res.urn):
            message = (
                f"{res.id} is held, and can't come back: its secrets are encrypted with another passphrase or key than "
                "the state's. Give the earlier passphrase with `--passphrase-file`"
            )
            yield Risk(HELD_LOCKED, message, res.urn, object_id=res.id)


def arrangement_risks(arrangement: Arrangement, steps: Iterable[Step]) -> tuple[Risk, ...]:
    """The risks of the plan as a whole; what a step already says is left to it."""
    moving = list(steps)
    said = {(step.urn, step.old_id) for step in moving if step.op in _LEAVES}
    said |= {(step.urn, risk.object_id) for step in moving for risk in step.risks if risk.code == HELD}
    found = []
    for one in arrangement.kept:
        if one.held and (one.urn, one.id) not in said:
            found.append(_held_copy(one))
        elif not (one.origin or one.held):
            message = f"an old copy with the id {one.id} {_TWIN}: it is only removed from the state, not deleted"
            found.append(Risk("same-object", message, one.urn))
        elif not one.held and (one.urn, one.id) not in said:
            found.append(Risk(EXISTED, _stays(one, one.urn), one.urn))
    for crossed in arrangement.stuck:
        where = parse_urn(crossed.live_urn)
        message = (
            f"is {crossed.other_id or 'no object'} today, while the target's {crossed.id} is {where.name} "
            f"({where.qualified_type}) today: going back would swap the two objects. Restore their names with "
            f"`pulumi state rename`, or leave out both with `--only '!{urn_name(crossed.urn)}' --only "
            f"'!{where.name}'`"
        )
        found.append(Risk(CROSSED, message, crossed.urn, BLOCKING))
    return tuple(found)
