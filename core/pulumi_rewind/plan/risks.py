"""What can go wrong with a plan, said before anything is done. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from pulumi_rewind.engine.events import EngineEvent, ResourceDone
from pulumi_rewind.goal.model import Goal
from pulumi_rewind.plan.model import Step
from pulumi_rewind.project.stack_configuration import differing_keys
from pulumi_rewind.risk import DATA_LOSS, LEFTOVER, LOSES_DATA, NOT_RESTORED, NOTE, PENDING_CREATE, Risk
from pulumi_rewind.state.locks import Lock, running
from pulumi_rewind.state.model import Checkpoint, PendingOperation, Resource, urn_name
from pulumi_rewind.state.naming import NOT
from pulumi_rewind.state.stateful_types import is_stateful, runs_again
from pulumi_rewind.state.values import Json
from pulumi_rewind.system.shell import in_quotes, quoted


def step_risks(
    step: Step, live: Checkpoint, stateful: Sequence[str], *, stack: str, kept: Iterable[str] = ()
) -> tuple[Risk, ...]:
    """The risks of one step, but for values that may be stale: see `plan.stale_values`.

    `kept` are the URNs of live that are known to stay.
    """
    found: list[Risk] = []
    old = live.by_urn.get(step.renamed_from or step.urn)
    gone = old is not None and old.pending_replacement  # a failed update has deleted it, and made no other one
    losing = {"replace", "create"} if gone else {"delete", "replace", "create"}
    if is_stateful(step.type, stateful) and step.op in losing and step.forecast != "kept":
        found.append(_data_risk(step, gone=gone))
    if step.op in {"delete", "replace", "discard"} and old is not None and old.protect:
        found.append(Risk("protected", _protected(step, stack), step.urn))
    if step.op == "create" and step.old_id:
        message = f"a second object is created: {step.old_id}, which the stack only reads today, stays as it is"
        found.append(Risk("second-object", message, step.urn))
    twin = _twin(step, kept, live)
    if twin is not None:
        what = f"and {twin.name} are two entries of one object ({twin.id}): deleting it would remove it for both"
        found.append(_shared(step, what))
    if runs_again(step.type, step.op):
        message = f"runs again: it repeats its work when it is {_DONE[step.op]}"
        found.append(Risk("runs-again", message, step.urn))
    return tuple(found)


_DONE = {"create": "re-created", "replace": "replaced", "update": "changed"}


def _twin(step: Step, kept: Iterable[str], live: Checkpoint) -> Resource | None:
    """Another entry of live for the object that a step deletes, if that entry stays.

    State migrations can make two entries of one. An id alone says little, as every password of one provider has the id
    ``none``: the moment of creation tells those apart. An entry without one, beside one that has it, was made by hand.
    """
    old = live.by_urn.get(step.urn)
    if step.op not in {"delete", "replace"} or step.forecast == "kept" or old is None:
        return None
    if old.external or not old.custom or not old.id or old.is_provider:
        return None
    others = set(kept) - {old.urn}
    for res in live.resources:
        same = (res.type, res.id, res.provider) == (old.type, old.id, old.provider)
        moments = {res.created, old.created}
        if same and len(moments - {None}) == 1 and res.urn in others and not (res.delete or res.external):
            return res
    return None


def read_elsewhere(steps: Iterable[Step], events: Iterable[EngineEvent], live: Checkpoint) -> Mapping[str, Risk]:
    """By URN, what stands against deleting an object that a preview reads under another name."""
    seen = (event.step for event in events if isinstance(event, ResourceDone))
    read = {(one.type, one.new.id): one.urn for one in seen if one.op in _READS and one.new is not None}
    found = {}
    for step in steps if read else ():
        old = live.by_urn.get(step.urn)
        other = read.get((old.type, old.id)) if old is not None and old.id and not old.external else None
        if other is not None and step.op == "delete" and step.forecast != "kept":
            what = f"is the object {step.old_id}, which the target reads as {urn_name(other)}: deleting it would "
            found[step.urn] = _shared(step, what + "destroy what is read")
    return found


_READS = frozenset({"read", "read-replacement"})


def _shared(step: Step, what: str) -> Risk:
    message = (
        f"{what}. Remove only this entry from the state (`pulumi state delete {in_quotes(step.urn)}`) and plan "
        f"again, or leave it out with `--only {in_quotes(NOT + step.name)}`"
    )
    return Risk("shared-object", message, step.urn)


def _protected(step: Step, stack: str) -> str:
    verb = {"replace": "replace", "delete": "delete"}.get(step.op, "give up")
    return (
        f"is protected, so the engine refuses to {verb} it. If you want that, run `pulumi state unprotect "
        f"{in_quotes(step.urn)} -s {stack}`; otherwise leave it out with `--only {in_quotes(NOT + step.name)}`"
    )


def _data_risk(step: Step, *, gone: bool) -> Risk:
    if step.op == "create" or gone:
        return Risk.usual(NOT_RESTORED, step.urn)
    word = "replaced" if step.op == "replace" else "deleted"
    return Risk(DATA_LOSS, f"holds data, which is lost when it is {word}", step.urn)


def stack_risks(
    *,
    stack: str,
    live: Checkpoint,
    locks: Sequence[Lock],
    live_known: bool,
    target_config: Mapping[str, Json] | None,
    live_config: Mapping[str, Json] | None,
    refreshed: bool,
    stateful: Sequence[str],
    mentioned_ids: Collection[str] = (),
    creates_block: bool = True,
) -> Iterable[Risk]:
    """The risks of the plan as a whole; `stack` is its word for commands, `stateful` the types that `rewind.toml` adds.

    Old copies with ids in `mentioned_ids` already have a risk elsewhere. `creates_block`: whether a create that a
    killed update left open blocks the plan.
    """
    for lock in locks:
        yield Risk("locked", f"the stack is {lock.said}: {lock.advice}")
    for pending in live.pending_operations:
        yield pending_risk(pending, stack, locked=bool(running(locks)), creates_block=creates_block)
    for res in live.resources:
        if res.delete and res.id not in mentioned_ids:
            holds = is_stateful(res.type, stateful) and not res.retain_on_delete
            message = f"has an old copy ({res.id}) that is still pending deletion; the engine "
            message += "only removes it from the state" if res.retain_on_delete else "deletes it in this run"
            message += "; the copy holds data, which is lost" if holds else ""
            yield Risk(LEFTOVER, message, res.urn, LOSES_DATA if holds else None, res.id)
    if not live_known:
        yield Risk.usual("edited-outside")
    if target_config is not None and live_config is not None and (keys := differing_keys(target_config, live_config)):
        message = f"today's configuration is used; it differs from the target's in: {', '.join(keys)}"
        yield Risk("config-differs", message)
    if not refreshed:
        yield Risk.usual("not-refreshed")


def pending_risk(pending: PendingOperation, stack: str, *, locked: bool = False, creates_block: bool = True) -> Risk:
    """What a killed update left open, and what to do about it; `stack` is its word for commands."""
    urn = pending.resource.urn
    if locked:  # which blocks the plan by itself
        message = (
            f"belongs to the process that holds the lock: it is {pending.type} the resource, or was killed "
            "while doing so"
        )
        return Risk("pending-operation", message, urn)
    if pending.type == "creating":
        # The engine would create it a second time and carry the old operation along for ever.
        return Risk(
            PENDING_CREATE,
            "may have been created by a killed update, but is not in the state. Look for it. If it exists, adopt it "
            f"with `pulumi-rewind resolve --adopt {in_quotes(f'{urn}=ID')}`; if not, or if you removed it, clear "
            f"it with `pulumi-rewind resolve --clear {in_quotes(urn)}`",
            urn,
            None if creates_block else NOTE,
        )
    look = quoted("pulumi", "refresh", "--target", urn, "-s", stack)
    message = f"was left pending by a killed update, which was {pending.type} it; whether that finished is unknown"
    return Risk("pending-operation", f"{message}, and `{look}` finds out", urn)


def protected_in_the_way(goal: Goal, live: Checkpoint) -> tuple[Resource, ...]:
    """Protected live resources that the goal lacks."""
    kept = set(goal.pairs.values())
    return tuple(res for res in live.resources if res.protect and not res.delete and res.urn not in kept)
