"""Objects that the stack manages today and that the target only reads, under another name: they stop being managed.

The engine releases an object where one name turns from managed to read with the same id (engine behaviour of Pulumi
3.276). Under another name it would delete what it then reads. So the object is read under today's name as well, and a
second replay, of the target alone, removes that name from the state. Pure.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec

from pulumi_rewind.goal.model import Goal, Registration
from pulumi_rewind.state.model import Checkpoint


def with_temporary_reads(goal: Goal, live: Checkpoint) -> Goal:
    """The goal with a read under today's name of each object that live manages and that the target reads elsewhere."""
    reads = {(item.source.type, item.source.id): item for item in goal.registrations if item.kind == "read"}
    if not reads:
        return goal
    stands_for = {live_urn: urn for urn, live_urn in goal.pairs.items()}
    known = {item.urn for item in goal.registrations}
    found = []
    for res in live.resources:
        item = reads.get((res.type, res.id)) if res.custom and res.id and not (res.external or res.delete) else None
        parent = stands_for.get(res.parent, res.parent)
        if item is None or res.urn in goal.by_run_urn or parent not in known:
            continue
        found.append(_also_read(item, res.urn, parent))
    return replace(goal, registrations=(*goal.registrations, *found)) if found else goal


def _also_read(item: Registration, urn: str, parent: str) -> Registration:
    return replace(
        item,
        source=msgspec.structs.replace(item.source, urn=urn, parent=parent, dependencies=()),
        dependencies=(),
        parent=parent,
        live_source=None,
        live_urn=urn,
        target_source=None,
        temporary=True,
    )


def without_temporary(goal: Goal) -> Goal:
    """The goal without the temporary reads."""
    return replace(goal, registrations=tuple(item for item in goal.registrations if not item.temporary))


def temporary_urns(goal: Goal) -> frozenset[str]:
    """URNs in this run of the temporary reads."""
    return frozenset(urn for urn, item in goal.by_run_urn.items() if item.temporary)
