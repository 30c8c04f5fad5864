"""The verdict of each step of an update: what going back would make of it. Pure.

A verdict is never better than what is known: where the engine could not preview the way back, an update in place is
``unknown``, as a provider may refuse the opposite of what it accepted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pulumi_rewind.plan.called import Move
from pulumi_rewind.plan.model import OLD_COPY, STILL, Step
from pulumi_rewind.project.check_settings import (
    ASSET_LOST,
    CALLBACK,
    DATA_LOSS,
    HOLDABLE,
    IN_PLACE,
    NEW_ID,
    NO_DOWN,
    NOTHING,
    PROVIDER_GONE,
    UNKNOWN_VERDICT,
    VERDICTS,
)
from pulumi_rewind.risk import SEVERE, Risk
from pulumi_rewind.state.model import ROOT_STACK_TYPE, Checkpoint, Resource, parse_urn
from pulumi_rewind.state.naming import listed
from pulumi_rewind.state.property_path import top_key
from pulumi_rewind.state.sent_inputs import ignored_keys
from pulumi_rewind.state.stateful_types import is_stateful

_RANKS = {verdict: rank for rank, verdict in enumerate(VERDICTS)}


def worst(verdicts: Iterable[str]) -> str:
    """The worst of some verdicts; `NOTHING` if there are none."""
    return max(verdicts, key=_RANKS.__getitem__, default=NOTHING)


@dataclass(frozen=True)
class Verdict:
    """What going back would make of one step of an update."""

    urn: str
    type: str
    op: str
    """The update's operation; ``same`` where only going back touches it, ``revision`` for a revision of a component,
    ``pending`` for a create that was left open."""
    verdict: str
    reason: str
    source_position: str = ""
    """Where the program declares it, as the state has it: ``project:///app.py#8,3``."""

    @property
    def name(self) -> str:
        """The resource's logical name."""
        return parse_urn(self.urn).name


@dataclass(frozen=True)
class Evidence:
    """All that verdicts are made from."""

    live: Checkpoint
    """The state that is gone back to, decrypted or not."""
    back: Mapping[str, Step] = field(default_factory=dict)
    """The steps of the way back by URN, as the engine previewed them."""
    risks: Mapping[str, Sequence[Risk]] = field(default_factory=dict)
    """The risks of the way back by URN."""
    problem: str = ""
    """Why there is no preview of the way back."""
    covered: Mapping[str, str] = field(default_factory=dict)
    """URN → the undo callback that is called for it on the way back."""
    gone: Mapping[str, str] = field(default_factory=dict)
    """URN → why the provider that going back needs would be gone."""
    stateful: Sequence[str] = ()
    """The types that the settings add to those that hold data."""
    holdable: Collection[str] = ()
    """URNs of what `up --hold-deletes` would hold."""
    protected: Collection[str] = ()
    """URNs of what the update creates protected."""


def without_doubles(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps without the second halves of replacements under another name.

    The engine deletes the old object under its old name, where that looks like an old copy of an earlier update.
    """
    renamed = {step.old_id: step.renamed_from for step in steps if step.op == "replace" and step.renamed_from}
    gone = set(renamed.values())
    found = []
    for step in steps:
        copies = tuple(one for one in step.old_copies if one not in renamed)
        if step.urn in gone and (step.op == "delete" or (step.op == OLD_COPY and not copies)):
            continue
        found.append(replace(step, old_copies=copies))
    return tuple(found)


def step_verdicts(steps: Iterable[Step], evidence: Evidence) -> Iterator[Verdict]:
    """The verdicts of an update's steps, then those of what only going back touches."""
    seen: set[str] = set()
    for step in steps:
        seen.update((step.urn, step.renamed_from))
        if step.op in STILL or step.type == ROOT_STACK_TYPE:
            seen.discard(step.urn)
        else:
            yield _verdict(step, evidence)
    for urn, back in evidence.back.items():
        old = evidence.live.by_urn.get(urn)
        if urn in seen or old is None or back.op in STILL or back.type == ROOT_STACK_TYPE:
            continue
        yield _made(Step(urn, back.name, back.type, "same", "same"), old, *_in_place(urn, back, old, evidence))


def pending_verdicts(live: Checkpoint) -> Iterator[Verdict]:
    """The verdicts of creates that a killed update left pending: a rollback is refused while there are any."""
    reason = "may have been created by a killed update: going back is refused until `pulumi-rewind resolve` settles it"
    for pending in live.pending_operations:
        if pending.type == "creating":
            urn = pending.resource.urn
            yield Verdict(urn, parse_urn(urn).type, "pending", UNKNOWN_VERDICT, reason)


def revision_verdicts(moves: Iterable[Move], problem: str, components: Iterable[str]) -> Iterator[Verdict]:
    """The verdicts of revisions that going back has to take back or apply; `problem`: why it isn't known which."""
    if problem:
        for urn in components:
            yield Verdict(urn, parse_urn(urn).type, "revision", UNKNOWN_VERDICT, problem)
    for move in moves:
        urn = move.live_urn or move.urn
        if move.problem:
            verdict, reason = (NO_DOWN if move.direction == "down" else UNKNOWN_VERDICT), move.problem
        elif move.loses_data and move.urn:
            verdict, reason = DATA_LOSS, f"taking back {move.revision} loses data"
        else:
            verdict, reason = IN_PLACE, f"runs the {move.direction} of {move.revision}"
        yield Verdict(urn, parse_urn(urn).type, "revision", verdict, reason)


def _verdict(step: Step, evidence: Evidence) -> Verdict:
    there = step.renamed_from or step.urn
    old = evidence.live.by_urn.get(there)
    found = _judged(step, there, old, evidence)
    if there != step.urn:  # the way back may have a step for either name
        found = _weighed(step.urn, *found, evidence)
    if step.old_copies and is_stateful(step.type, evidence.stateful):
        found = DATA_LOSS, "an old copy that holds data is pending deletion: any update deletes it"
    return _made(step, old, *found)


def _judged(step: Step, there: str, old: Resource | None, evidence: Evidence) -> tuple[str, str]:
    """Verdict and reason; `there` is its URN in the state that is gone back to."""
    match step.op:
        case "create" if old is None or old.external:
            return _created(step, evidence)
        case "import":
            return _imported(step)
        case "delete" | "replace":
            return _weighed(there, *_lost(step, old, evidence), evidence)
        case "discard":
            return _weighed(there, *_discarded(old), evidence)
        case "update" | "rename":
            if old is not None and (kept := _ignored(step, old)):
                return UNKNOWN_VERDICT, f"going back keeps the update's {listed(kept)}: it ignores changes there"
            return _in_place(there, evidence.back.get(there), old, evidence)
        case _ if step.op == OLD_COPY:
            return NOTHING, "an old copy is pending deletion: it is no part of what is gone back to"
    return UNKNOWN_VERDICT, f"nothing is known of undoing a step of the kind {step.op!r}"


def _ignored(step: Step, old: Resource) -> list[str]:
    """What an update changes although the state that is gone back to ignores changes there."""
    ignored = ignored_keys(old)
    return sorted(key for key in step.keys if top_key(key) in ignored or "*" in ignored)


def _made(step: Step, old: Resource | None, verdict: str, reason: str) -> Verdict:
    position = old.source_position if old is not None else ""
    return Verdict(step.urn, step.type, step.op, verdict, reason, position)


def _created(step: Step, evidence: Evidence) -> tuple[str, str]:
    if step.urn in evidence.protected:
        return UNKNOWN_VERDICT, "is created protected: going back is refused until it is unprotected"
    blocking = [risk for risk in evidence.risks.get(step.urn, ()) if risk.blocking]
    if blocking:
        return UNKNOWN_VERDICT, _told(blocking)
    return NOTHING, "going back deletes it"


def _imported(step: Step) -> tuple[str, str]:
    if step.keys or step.replace_keys:
        return UNKNOWN_VERDICT, f"is imported and changed in {listed(step.keys)}: what it had there is not recorded"
    return NOTHING, "is only imported: going back removes it from the state, and the object stays"


def _discarded(old: Resource | None) -> tuple[str, str]:
    if old is not None and old.external:
        return IN_PLACE, "is only read: going back reads it again"
    return NEW_ID, "leaves the state and stays: going back makes a second object, unless it is adopted (`--adopt`)"


def _lost(step: Step, old: Resource | None, evidence: Evidence) -> tuple[str, str]:
    """What the deletion of the object itself means."""
    verb = "replaces" if step.op == "replace" else "deletes"
    if old is None:
        return UNKNOWN_VERDICT, f"the update {verb} it, and the state to go back to does not have it"
    if not old.custom:
        return IN_PLACE, "groups other resources, and exists in the state alone"
    if old.retain_on_delete:
        return NEW_ID, f"the update {verb} it; the old object stays, but outside the state"
    if not is_stateful(step.type, evidence.stateful) or old.is_provider:
        return NEW_ID, f"the update {verb} it: going back makes another one"
    if old.urn in evidence.holdable:
        return HOLDABLE, f"the update {verb} it, and its data is lost; `up --hold-deletes` keeps the object"
    first = " and deletes the old object first" if step.delete_first else ""
    return DATA_LOSS, f"the update {verb} it{first}: its data is lost"


def _in_place(urn: str, back: Step | None, old: Resource | None, evidence: Evidence) -> tuple[str, str]:
    """What going back makes of an object that the update keeps."""
    if old is not None and not old.custom:
        return _weigh_severe(urn, IN_PLACE, "groups other resources, and exists in the state alone", evidence)
    if back is None:
        reason = evidence.problem or "the engine's preview of the way back does not mention it"
        return _weighed(urn, UNKNOWN_VERDICT, f"going back could not be previewed: {reason}", evidence)
    if back.op in {"replace", "delete", "create", "discard"}:
        because = f" because of {listed(back.replace_keys)}" if back.replace_keys else ""
        lost = old is None or (old.custom and not old.is_provider and is_stateful(back.type, evidence.stateful))
        data = ": its data is lost" if lost else ""
        reason = f"going back {_VERBS[back.op]} it{because}{data}"
        return _weighed(urn, DATA_LOSS if lost else NEW_ID, reason, evidence)
    if back.op not in {"update", "rename", *STILL}:
        return UNKNOWN_VERDICT, f"nothing is known of a way back of the kind {back.op!r}"
    keys = f" in {listed(back.keys)}" if back.keys else ""
    said = "going back leaves it as it is" if back.op in STILL else f"going back updates it{keys}"
    return _weigh_severe(urn, IN_PLACE, said, evidence)


_VERBS = {
    "replace": "replaces",
    "delete": "deletes",
    "create": "makes another one of",
    "discard": "gives up",
}


def _weigh_severe(urn: str, verdict: str, reason: str, evidence: Evidence) -> tuple[str, str]:
    """The same, unless something would differ from what was."""
    severe = [risk for risk in evidence.risks.get(urn, ()) if risk.severity == SEVERE]
    if severe:
        verdict, reason = UNKNOWN_VERDICT, _told(severe)
    return _weighed(urn, verdict, reason, evidence)


def _weighed(urn: str, verdict: str, reason: str, evidence: Evidence) -> tuple[str, str]:
    """A verdict with all else that is known of the way back."""
    risks = evidence.risks.get(urn, ())
    assets = [risk for risk in risks if risk.code in _ASSETS and risk.blocking]
    blocking = [risk for risk in risks if risk.blocking and risk not in assets]
    if urn in evidence.covered and verdict in {NEW_ID, HOLDABLE, DATA_LOSS}:
        verdict, reason = CALLBACK, f"{reason}; {evidence.covered[urn]} is called for it"
    found = [(verdict, reason)]
    if blocking:
        found.append((UNKNOWN_VERDICT, _told(blocking)))
    if assets:
        found.append((ASSET_LOST, _told(assets)))
    if urn in evidence.gone:
        found.append((PROVIDER_GONE, evidence.gone[urn]))
    found.sort(key=lambda one: -_RANKS[one[0]])
    told = dict.fromkeys(text for one, text in found if one not in {NOTHING, IN_PLACE} or one == found[0][0])
    return found[0][0], "; ".join(told)


_ASSETS = frozenset({"asset-missing", "asset-unsafe"})


def _told(risks: Iterable[Risk]) -> str:
    return "; ".join(dict.fromkeys(risk.message for risk in risks))
