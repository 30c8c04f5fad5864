"""What a plan, and the review of an update, say about the revisions of components that will be run."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from pulumi_rewind.callbacks.calling import declared
from pulumi_rewind.callbacks.process import UndoProcess
from pulumi_rewind.callbacks.revisions.ledger import Ledger, unknown
from pulumi_rewind.callbacks.revisions.moves import (
    Applied,
    Revisions,
    load_revisions,
    members,
    moves_back,
    moves_up,
    revisions_of,
)
from pulumi_rewind.goal.model import Registration
from pulumi_rewind.plan.called import Code, Move, RevisionPlan
from pulumi_rewind.plan.model import Plan, Step
from pulumi_rewind.risk import BLOCKING, LOSES_DATA, REVISION, Risk
from pulumi_rewind.session import Session
from pulumi_rewind.state.identity import match, rehomed
from pulumi_rewind.state.model import Checkpoint, Resource
from pulumi_rewind.strategies.choosing import STRATEGIES

# -- of a rollback ------------------------------------------------------------------------------------------------


def revised(session: Session, plan: Plan, for_live: UndoProcess | None, for_target: UndoProcess | None) -> Plan:
    """The plan with the revisions that it runs.

    The code that is in force for live says how to go down, that of the target how to go up; both are loaded.

    Raises:
        CallbackError: what the code declares is no line of revisions.
        RewindError: what is noted of revisions can't be read.
    """
    known, known_then = loaded(for_live), loaded(for_target)
    ledger = Ledger(session)
    have, problem = ledger.now()
    want = ledger.at(plan.target.update.number, plan.target.checkpoint)
    if not (problem or have or want):
        return plan
    if not STRATEGIES[plan.strategy].runs:
        return _told(plan, _left(plan.strategy, have, want), RevisionPlan())
    prepared = plan.prepared
    moves, risks = rollback_moves(
        prepared.live_plain,
        prepared.target_plain,
        rehoming(session),
        known,
        have,
        want,
        known_then,
        pairs=prepared.pairs,
        registered=tuple(prepared.registered.values()),
    )
    if problem:
        risks = [Risk(REVISION, str(unknown(problem)), unusual=BLOCKING)]
    codes = {process.code.sha256: process.code for process in (for_live, for_target) if process is not None}
    restored = {step.urn for step in plan.steps if step.op == "import"}
    risks += [_announced(move, codes, _restorable(move, plan, restored)) for move in moves]
    python = str(for_live.python) if for_live is not None else ""
    return _told(plan, risks, RevisionPlan(tuple(moves), codes, python))


def loaded(process: UndoProcess | None) -> tuple[Revisions, ...]:
    """The revisions that loaded code declares; CallbackError where they are no line."""
    return load_revisions(process.components, process.callbacks) if process is not None else ()


def _told(plan: Plan, risks: Iterable[Risk], revisions: RevisionPlan) -> Plan:
    text = "\n".join(
        (
            plan.fingerprint,
            *(repr((move.urn or move.live_urn, move.revision, move.direction, move.when)) for move in revisions.moves),
        )
    )
    digest = hashlib.sha256(text.encode()).hexdigest()[:16] if revisions.moves else plan.fingerprint
    return dataclasses.replace(plan, risks=(*plan.risks, *risks), revisions=revisions, fingerprint=digest)


def _left(strategy: str, have: Applied, want: Applied) -> Iterator[Risk]:
    for urn in sorted(have.keys() | want.keys()):
        if have.get(urn, ()) != want.get(urn, ()):
            message = f"its revisions stay as they are: the strategy {strategy!r} runs no code"
            yield Risk(REVISION, message, urn)


def rehoming(session: Session) -> Callable[[str], str]:
    """Gives for a URN of a checkpoint that in a run of today."""
    return lambda urn: rehomed(urn, session.stack.name, session.workspace.project)


def rollback_moves(
    live: Checkpoint,
    target: Checkpoint,
    run_urn_of: Callable[[str], str],
    known: Sequence[Revisions],
    have: Applied,
    want: Applied,
    known_then: Sequence[Revisions] = (),
    *,
    pairs: Mapping[str, str] = {},
    registered: Sequence[Registration] = (),
) -> tuple[list[Move], list[Risk]]:
    """What a rollback runs, for components that go first; and which components it leaves alone.

    A replay says what it has paired and what it registers; without that, everything is rolled back.
    """
    pairs = pairs or match(target.resources, live.resources)
    stays = {item.live_urn for item in registered} or set(pairs.values())
    moves: list[Move] = []
    risks: list[Risk] = []
    for res in live.resources:
        if res.is_component and res.urn not in stays and have.get(res.urn):
            moves += moves_back(revisions_of(res, known), have[res.urn], (), "", res.urn)
    for res in target.resources:
        live_urn = pairs.get(res.urn, "")
        mine, theirs = have.get(live_urn, ()), want.get(res.urn, ())
        if not res.is_component or mine == theirs:
            continue
        run_urn = run_urn_of(res.urn)
        if registered and not _whole(registered, target, res):
            if any(item.urn == res.urn for item in registered):
                message = "its revisions stay as they are: not everything in it is rolled back"
                risks.append(Risk(REVISION, message, run_urn))
            continue
        then = revisions_of(res, known_then)
        moves += moves_back(revisions_of(res, known), mine, theirs, run_urn, live_urn, then)
    return moves, risks


def _whole(registered: Sequence[Registration], target: Checkpoint, component: Resource) -> bool:
    """Whether a component with everything that is in it comes from the target."""
    chosen = {item.urn for item in registered if not item.from_live}
    left = {item.urn for item in registered if item.from_live}
    inside = {res.urn for res in members(component.urn, target)}
    return component.urn in chosen and not inside & left


def _restorable(move: Move, plan: Plan, restored: set[str]) -> bool:
    """Whether what is in a component that is made again may come back as it was, revisions included."""
    if move.direction != "up" or move.live_urn:
        return False
    inside = {res.urn for res in members(move.urn, plan.prepared.target_plain)}
    calls = plan.undo.calls if plan.undo is not None else ()
    return bool(inside & restored) or any(
        call.goal_urn in inside and call.callback.kind == "undo_delete" for call in calls
    )


def _announced(move: Move, codes: Mapping[str, Code], restorable: bool = False) -> Risk:
    urn = move.urn or move.live_urn
    if move.problem:
        hint = (
            "fix the hooks file, use a recorded one (--hooks recorded), or do it by hand and mark it as done "
            "(revision --mark)"
        )
        return Risk(REVISION, f"{move.problem}; {hint}", urn, BLOCKING)
    if move.callback is None:
        return Risk(REVISION, f"{move.revision} {move.note}", urn)
    called = f"{move.callback.function} ({codes[move.callback.code].label})"
    what = f"will run the {move.direction} of {move.revision}, {called}, {move.when} its resources"
    if restorable:
        what += ", unless the component's data is restored together with its revisions"
    lost = move.loses_data and bool(move.urn)  # of a component that goes, its resources say what is lost
    return Risk(REVISION, f"{what}; {move.note}" if move.note else what, urn, LOSES_DATA if lost else None)


# -- of an update -------------------------------------------------------------------------------------------------


def update_revisions(
    session: Session, live: Checkpoint, steps: Sequence[Step]
) -> tuple[RevisionPlan | None, tuple[Risk, ...]]:
    """The ups that an update runs, and what its review says of them; `steps` are all of its preview.

    Raises:
        UsageError, CallbackError: the hooks file can't be loaded.
        RewindError: what is noted of revisions can't be read.
    """
    found = declared(session)
    known = loaded(found)
    if found is None or not known:
        return None, ()
    have, problem = Ledger(session).now()
    codes = {found.code.sha256: found.code}
    moves: list[Move] = []
    for urn, live_urn, res in _components(live, steps):
        mine = revisions_of(res, known)
        if mine is not None:
            if problem and live_urn:
                return RevisionPlan(), (Risk(REVISION, str(unknown(problem)), unusual=BLOCKING),)
            moves += moves_up(mine, have.get(live_urn, ()) if live_urn else (), urn, live_urn)
    if not moves:
        return None, ()
    return RevisionPlan(tuple(moves), codes, str(found.python)), tuple(_announced(move, codes) for move in moves)


def _components(live: Checkpoint, steps: Sequence[Step]) -> Iterator[tuple[str, str, Resource]]:
    """URN after the update, URN before it, and what is known of every component that the update keeps or makes."""
    going = {step.urn for step in steps if step.op == "delete"}
    renamed = {step.renamed_from: step.urn for step in steps if step.renamed_from}
    for res in live.resources:
        if res.is_component and res.urn not in going:
            yield renamed.get(res.urn, res.urn), res.urn, res
    for step in steps:
        if step.op == "create" and step.urn not in live.by_urn:
            yield step.urn, "", Resource(urn=step.urn, type=step.type)
