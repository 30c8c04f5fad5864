"""Which revisions of which components an update or a rollback has to go up or down. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from pulumi_rewind.errors import CallbackError
from pulumi_rewind.hooks.declare import Selector
from pulumi_rewind.hooks.revisions import When
from pulumi_rewind.plan.called import Callback, Move
from pulumi_rewind.state.identity import match
from pulumi_rewind.state.model import Checkpoint, Resource

Applied: TypeAlias = Mapping[str, tuple[str, ...]]
"""URN of a component → its revisions, in the order in which they were applied."""


@dataclass(frozen=True)
class Revision:
    """One revision as the hooks file declares it."""

    id: str
    up: Callback
    down: Callback | None
    when: When
    """When its up runs: before or after the component's resources are updated."""
    down_when: When
    irreversible: str
    """Why there is no down, where that was declared."""
    loses_data: bool = False
    """Whether data goes when it is taken back."""


@dataclass(frozen=True)
class Revisions:
    """The revisions of the components that a selector means, in their order."""

    selector: Selector
    revisions: tuple[Revision, ...]

    def get(self, id: str) -> Revision | None:
        """One of them."""
        return next((item for item in self.revisions if item.id == id), None)


def load_revisions(declared: Iterable[Mapping[str, Any]], callbacks: Sequence[Callback]) -> tuple[Revisions, ...]:
    """What a hooks file declares, each component's revisions in their order.

    Raises:
        CallbackError: they are no single line of revisions.
    """
    found = []
    for item in declared:
        selector = Selector.of(item["selector"])
        chain = _chain(item["revisions"], str(selector))
        found.append(
            Revisions(
                selector,
                tuple(
                    Revision(
                        id=one["id"],
                        up=callbacks[one["up"]],
                        down=callbacks[one["down"]] if one["down"] >= 0 else None,
                        when=one["when"],
                        down_when=one["down_when"],
                        irreversible=one["irreversible"],
                        loses_data=one["loses_data"],
                    )
                    for one in chain
                ),
            )
        )
    return tuple(found)


def _chain(declared: Sequence[Mapping[str, Any]], what: str) -> list[Mapping[str, Any]]:
    """The revisions in the order of their predecessors: the one that is named, else the one declared before."""
    hint = "Revisions form one line; `after` in the hooks file names the one before."
    ids = {one["id"] for one in declared}
    following: dict[str, Mapping[str, Any]] = {}
    previous = ""
    for one in declared:
        after = one["after"] or previous
        if after and after not in ids:
            raise CallbackError(
                f"the revision {one['id']} of {what} comes after {after}, which does not exist", hint=hint
            )
        if other := following.get(after):
            raise CallbackError(
                f"the revisions {other['id']} and {one['id']} of {what} both come after {after or 'none'}", hint=hint
            )
        following[after] = one
        previous = one["id"]
    ordered: list[Mapping[str, Any]] = []
    last = ""
    while last in following:
        ordered.append(following.pop(last))
        last = ordered[-1]["id"]
    if following:
        raise CallbackError(f"the revisions {', '.join(sorted(following))} of {what} come after each other", hint=hint)
    return ordered


def revisions_of(res: Resource, known: Iterable[Revisions]) -> Revisions | None:
    """The revisions of a component: those of the first selector that means it."""
    return next((item for item in known if item.selector.matches(res.urn, res.type, res.name, ())), None)


def moves_up(known: Revisions, have: Sequence[str], urn: str, live_urn: str) -> tuple[Move, ...]:
    """What an update runs for one component: every revision that it hasn't had."""
    missing = [item for item in known.revisions if item.id not in have]
    return _phased([Move(urn, live_urn, item.id, "up", item.when, item.up) for item in missing])


def moves_back(
    known: Revisions | None,
    have: Sequence[str],
    want: Sequence[str],
    urn: str,
    live_urn: str,
    known_then: Revisions | None = None,
) -> tuple[Move, ...]:
    """What a rollback runs for one component: downs, newest first, then the ups that a later target has.

    Downs are what the code says that is in force for live, ups what that of the target says, `known_then`.

    A component that goes takes its revisions along: what has a down is taken back before, what has none is passed
    over. One that is made again starts with nothing.
    """
    have = tuple(have) if live_urn else ()
    gone = not urn
    moves = [_down(known, one, urn, live_urn) for one in reversed(have) if gone or one not in want]
    if gone:
        return tuple(replace(move, when="before", problem="", note=move.problem and _GOES) for move in moves)
    moves += [_up(known_then or known, one, urn, live_urn) for one in want if one not in have]
    return _phased(moves)


_GOES = "is removed with the component: it has no down to call"


def _down(known: Revisions | None, id: str, urn: str, live_urn: str) -> Move:
    revision = known.get(id) if known else None
    problem = ""
    if revision is None:
        problem = f"the down of {id} is needed, but the hooks file has no such revision"
    elif revision.irreversible:
        problem = f"{id} can't be taken back: {revision.irreversible}"
    elif revision.down is None:
        problem = f"{id} has no down"
    when = revision.down_when if revision else "before"
    lost = revision is not None and revision.loses_data
    return Move(urn, live_urn, id, "down", when, revision.down if revision else None, problem, loses_data=lost)


def _up(known: Revisions | None, id: str, urn: str, live_urn: str) -> Move:
    revision = known.get(id) if known else None
    if revision is None:
        problem = f"the target has {id}, but the hooks file has no such revision"
        return Move(urn, live_urn, id, "up", "after", problem=problem)
    return Move(urn, live_urn, id, "up", revision.when, revision.up)


def _phased(moves: Sequence[Move]) -> tuple[Move, ...]:
    """The moves with the order kept: what follows one that has to wait for the resources waits as well."""
    found: list[Move] = []
    waits = ""
    for move in moves:
        if move.when == "before" and not (move.live_urn and not waits):
            note = f"runs after the resources, because {waits} has to run first" if waits else ""
            move = replace(move, when="after", note=note)
        elif move.when == "after":
            waits = move.revision
        found.append(move)
    return tuple(found)


def members(urn: str, side: Checkpoint) -> tuple[Resource, ...]:
    """Everything inside a component, at any depth."""
    inside = {urn}
    found = []
    for res in side.resources:  # parents come first
        if res.parent in inside and not res.delete:
            inside.add(res.urn)
            found.append(res)
    return tuple(found)


def carried(applied: Applied, before: Checkpoint | None, after: Checkpoint) -> dict[str, tuple[str, ...]]:
    """What is applied, under the names of a later state: renamed components keep theirs, those that went have none."""
    there = {urn for urn in applied if urn in after.by_urn}
    found = {urn: applied[urn] for urn in applied if urn in there}
    lost = set(applied) - there
    if lost and before is not None:
        back = {old: new for new, old in match(after.resources, before.resources).items()}
        found |= {back[urn]: applied[urn] for urn in lost if urn in back and back[urn] not in found}
    return found
