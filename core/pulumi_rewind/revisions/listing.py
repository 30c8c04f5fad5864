"""The revisions of a stack's components: which are applied, which are missing, and what a rollback would run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pulumi_rewind.called import Code, Move
from pulumi_rewind.errors import UsageError
from pulumi_rewind.goal import no_goal
from pulumi_rewind.model import Checkpoint, Resource
from pulumi_rewind.revisions.ledger import Ledger
from pulumi_rewind.revisions.moves import Revision, Revisions, revisions_of
from pulumi_rewind.revisions.plan import declared_revisions, rollback_moves
from pulumi_rewind.risk_codes import Risk
from pulumi_rewind.session import Session
from pulumi_rewind.targets import Target

NONE = "none"
"""Marks a component as having no revision applied."""


@dataclass(frozen=True)
class ListedRevision:
    """One revision of one component."""

    id: str
    applied: bool
    declared: Revision | None
    """None: it is applied, and the hooks file doesn't have it."""


@dataclass(frozen=True)
class ListedComponent:
    """One component and its revisions, in their order."""

    urn: str
    type: str
    name: str
    live: bool
    """Whether it is there now; else the target has it."""
    revisions: tuple[ListedRevision, ...]
    moves: tuple[Move, ...]
    """What a rollback to the target would run."""


@dataclass(frozen=True)
class RevisionListing:
    """Everything that is known of a stack's revisions."""

    hooks: Code | None
    components: tuple[ListedComponent, ...]
    problem: str
    """Why it isn't known what is applied, empty if it is."""
    left: tuple[Risk, ...] = ()


def listing(session: Session, target: Target | None) -> RevisionListing:
    """What is declared and applied, and what going to a target would run.

    Raises:
        UsageError, CallbackError: the hooks file can't be loaded.
        RewindError: live or what is noted of revisions can't be read.
    """
    hooks, _, known = declared_revisions(session)
    live = session.timeline.live()
    ledger = Ledger(session)
    have, problem = ledger.now()
    moves: Sequence[Move] = ()
    left: Sequence[Risk] = ()
    sides: list[Checkpoint] = [live]
    if target is not None:
        there = target.checkpoint or session.timeline.checkpoint(target.update.number)
        want = ledger.at(target.update.number, target.checkpoint)
        goal = no_goal(session.workspace.project, session.stack.name)
        moves, left = rollback_moves(live, there, goal, known, have, want)
        sides.append(there)
    moving = {move.live_urn or move.urn for move in moves}
    found: dict[str, ListedComponent] = {}
    for side in sides:
        for res in side.resources:
            if not res.is_component or res.urn in found:
                continue
            mine = revisions_of(res, known)
            if (side is live and (mine or have.get(res.urn))) or res.urn in moving:
                found[res.urn] = _listed(res, mine, have.get(res.urn, ()), moves, there=side is live)
    return RevisionListing(hooks, tuple(found.values()), problem, tuple(left))


def _listed(
    res: Resource, known: Revisions | None, have: Sequence[str], moves: Sequence[Move], *, there: bool
) -> ListedComponent:
    declared = known.revisions if known is not None else ()
    ids = {item.id for item in declared}
    items = [ListedRevision(one, True, None) for one in have if one not in ids]
    items += [ListedRevision(item.id, item.id in have, item) for item in declared]
    mine = tuple(move for move in moves if (move.live_urn or move.urn) == res.urn)
    return ListedComponent(res.urn, res.type, res.name, there, tuple(items), mine)


def mark(session: Session, word: str) -> tuple[str, tuple[str, ...]]:
    """Notes that a component is at a revision, as ``COMPONENT=REVISION`` says; returns its name and what is applied.

    Raises:
        UsageError: there is no such component or revision.
        RewindError: what is noted of revisions can't be read, or not be written.
    """
    name, equals, wanted = word.rpartition("=")
    if not equals or not name or not wanted:
        raise UsageError(
            f"--mark {word!r} is not COMPONENT=REVISION",
            hint=f"For example `--mark orders=0002_total`, or `--mark orders={NONE}`: nothing is applied.",
        )
    _, _, known = declared_revisions(session)
    live = session.timeline.live()
    with_revisions = {
        res.urn: mine for res in live.resources if res.is_component and (mine := revisions_of(res, known))
    }
    found = [urn for urn in with_revisions if name in {urn, live.by_urn[urn].name}]
    if len(found) != 1:
        names = ", ".join(found or sorted(with_revisions)) or "none"
        what = "is the name of several components" if found else "is no component with revisions"
        raise UsageError(f"{name!r} {what}", hint=f"Name one by its URN: {names}.")
    ids = [item.id for item in with_revisions[found[0]].revisions]
    if wanted not in {*ids, NONE}:
        raise UsageError(f"{name} has no revision {wanted!r}", hint=f"It has {', '.join(ids)}; or {NONE}.")
    applied = tuple(ids[: ids.index(wanted) + 1]) if wanted != NONE else ()
    Ledger(session).mark(found[0], applied)
    return live.by_urn[found[0]].name, applied
