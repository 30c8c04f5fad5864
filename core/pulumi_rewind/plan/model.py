"""A plan: what going back would do, step by step, with forecasts and risks. Pure data and its derivation."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from pulumi_rewind.engine.events import EngineEvent, ResourceDone, ResourceFailed, ResourcePre, StepMetadata
from pulumi_rewind.goal.model import Goal
from pulumi_rewind.risk import HELD, Risk
from pulumi_rewind.state.model import ROOT_STACK_TYPE, parse_urn, urn_name
from pulumi_rewind.state.values import DEFAULTS

if TYPE_CHECKING:
    from pulumi_rewind.diff.checkpoints import Diff
    from pulumi_rewind.history.targets import Target
    from pulumi_rewind.plan.called import RevisionPlan, UndoPlan
    from pulumi_rewind.plan.prepared import Prepared
    from pulumi_rewind.plan.verify import Difference


@dataclass(frozen=True)
class Step:
    """What happens to one resource."""

    urn: str
    name: str
    type: str
    op: str
    """create, update, delete, replace, same, rename, return, import, read, discard, hold or `OLD_COPY`."""
    forecast: str
    """same, restored, returned, adopted, recreated, replaced, deleted, held, kept, renamed, read or cleaned."""
    risks: tuple[Risk, ...] = ()
    keys: tuple[str, ...] = ()
    """Property paths that change, in the provider's words."""
    parent: str = ""
    delete_first: bool = False
    """A replacement deletes the old object before the new one is made."""
    replace_keys: tuple[str, ...] = ()
    """The properties that force a replacement."""
    old_id: str = ""
    renamed_from: str = ""
    """The URN of the same object today, where it differs."""
    old_copies: tuple[str, ...] = ()
    """Ids of objects that earlier replacements left behind under this URN: the engine deletes them in any run."""

    @property
    def held_ids(self) -> frozenset[str]:
        """The ids of objects that it would end and that stay alive, held."""
        return frozenset(risk.object_id for risk in self.risks if risk.code == HELD)

    @property
    def holds(self) -> bool:
        """Whether the object itself is held, not only old copies."""
        return self.old_id in self.held_ids


@dataclass(frozen=True)
class Recommendation:
    """The strategy for one target."""

    strategy: str
    reason: str
    program_problem: str = ""
    """Why the old program can't be run; empty where nothing is known against it."""


class Weighed:
    """What is to be done, with its risks: of a plan, and of the review of an update."""

    steps: tuple[Step, ...]
    risks: tuple[Risk, ...]
    """Those that concern the whole; each step carries its own."""

    @property
    def all_risks(self) -> tuple[Risk, ...]:
        """Plan-wide risks first, then those of the steps in their order."""
        return self.risks + tuple(risk for step in self.steps for risk in step.risks)

    @property
    def blocking(self) -> tuple[Risk, ...]:
        """Risks that must be resolved before anything runs."""
        return tuple(risk for risk in self.all_risks if risk.blocking)

    @property
    def loses_data(self) -> bool:
        """Whether some step needs its own yes because data goes."""
        return any(risk.loses_data for risk in self.all_risks)


@dataclass(frozen=True)
class Plan(Weighed):
    """A reviewed-to-be way from live to a target."""

    stack: str
    target: Target
    strategy: str
    fingerprint: str
    steps: tuple[Step, ...]
    """In the order the engine would go, without resources that stay the same."""
    risks: tuple[Risk, ...]
    """Those that concern the whole plan; each step carries its own."""
    changes: dict[str, int]
    """Steps by operation, those that stay the same included."""
    diff: Diff
    """Live → what the goal asks for."""
    created: float
    """Unix seconds."""
    state_only: tuple[Difference, ...]
    """What changes in the state alone, without a step of the engine: outputs, options, secretness."""
    prepared: Prepared = field(repr=False, compare=False)
    """What the run needs; holds secrets, never shown."""
    recommendation: Recommendation | None = None
    """The strategy that suits this target best, and why."""
    undo: UndoPlan | None = field(default=None, repr=False, compare=False)
    """The project's callbacks and hooks; None if it has none."""
    revisions: RevisionPlan | None = field(default=None, repr=False, compare=False)
    """The revisions of components that it goes up or down; None if nothing is known of any."""

    def close(self) -> None:
        """Gives up what the plan holds for a run (materialised assets); call it when it won't be run any more."""
        self.prepared.close()

    @property
    def nothing_to_do(self) -> bool:
        """Whether live equals the target already, and neither callbacks nor revisions have still something to do."""
        unfinished = self.undo is not None and bool(self.undo.finishing)
        moves = self.revisions is not None and bool(self.revisions.moves)
        return not (self.steps or self.state_only or unfinished or moves)

    @property
    def forgets(self) -> bool:
        """Whether an object is removed from the state and stays as it is."""
        return any(step.op == "discard" for step in self.steps)

    @property
    def losers(self) -> tuple[str, ...]:
        """Names of the resources whose data goes; the stack's, where data goes and no resource is named."""
        names = dict.fromkeys(urn_name(risk.urn) for risk in self.all_risks if risk.loses_data and risk.urn)
        return tuple(names) or ((self.stack,) if self.loses_data else ())


STILL = frozenset({"same", "read"})
"""Operations that leave a resource as it is."""
OLD_COPY = "delete-old"
"""The operation of a step that only deletes old copies: the resource itself stays the same, or isn't there."""

_OPS = {
    "create": "create",
    "update": "update",
    "delete": "delete",
    "same": "same",
    "read": "read",
    "refresh": "read",
    "import": "import",
    "discard": "discard",
    "replace": "replace",
    "create-replacement": "replace",
    "delete-replaced": "replace",
    "read-replacement": "replace",
    "import-replacement": "replace",
    "discard-replaced": "replace",
    "remove-pending-replace": "delete",
}

_FORECASTS = {
    "create": "recreated",
    "update": "restored",
    "delete": "deleted",
    "same": "same",
    "read": "read",
    "import": "adopted",
    "discard": "kept",
    "replace": "replaced",
}


def plan_steps(events: Iterable[EngineEvent], goal: Goal | None = None) -> tuple[Step, ...]:
    """The steps of a preview, one a resource, in the engine's order; default providers are left out.

    That of a replay has a goal, which tells what is renamed.
    """
    seen: dict[str, list[StepMetadata]] = {}
    were_read = _were_read(goal) if goal is not None else None
    for event in events:
        if isinstance(event, ResourcePre | ResourceDone | ResourceFailed):
            step = _completed(event.step, were_read)
            if step.urn and not step.of_default_provider:
                seen.setdefault(step.urn, []).append(step)
    renames = _renames(goal) if goal is not None else {}
    aliased = set(renames.values())
    return tuple(
        _step(urn, metas, renames.get(urn, ""))
        for urn, metas in seen.items()
        # An object that was only read leaves the state under its old name; the step is that of the new one.
        if urn not in aliased or any(meta.op != "discard-replaced" for meta in metas)
    )


_MAKES = frozenset({"replace", "create", "create-replacement", "import-replacement", "read-replacement"})


def _renames(goal: Goal) -> dict[str, str]:
    """URN in this run → live URN, for the resources that an alias keeps."""
    from pulumi_rewind.state.identity import rehomed

    return {rehomed(item.urn, goal.stack, goal.project): item.live_urn for item in goal.registrations if item.aliases}


def _were_read(goal: Goal) -> frozenset[str]:
    """URNs, in this run and in live, of what live has only read."""
    from pulumi_rewind.state.identity import rehomed

    read = [item for item in goal.registrations if item.live_source is not None and item.live_source.external]
    return frozenset(urn for item in read for urn in (rehomed(item.urn, goal.stack, goal.project), item.live_urn))


def _completed(step: StepMetadata, were_read: frozenset[str] | None) -> StepMetadata:
    """A step with what old engines (3.206, but not 3.259) don't report: that an object was only read.

    None: nobody knows what was; what is read then counts as read before, unless the engine says otherwise.
    """
    if step.old is None or step.old.external:
        return step
    unsaid = step.op == "read" and (step.new is None or not step.new.external)
    if not (unsaid if were_read is None else step.urn in were_read):
        return step
    return msgspec.structs.replace(step, old=msgspec.structs.replace(step.old, external=True))


_REPLACES = _MAKES - {"create"}
_GOES = frozenset({"delete-replaced", "discard-replaced"})


def _own(metas: list[StepMetadata]) -> tuple[list[StepMetadata], tuple[str, ...]]:
    """What is done with the resource itself, and the ids of the old copies of it that are deleted in passing.

    The engine reports both as steps of one URN; a replacement deletes one object, the one that it replaces.
    """
    replaced = next((meta.old.id for meta in metas if meta.op in _REPLACES and meta.old is not None), None)
    own: list[StepMetadata] = []
    copies: list[str] = []
    for meta in metas:
        if (
            meta.op not in _GOES
            or meta.old is None
            or (replaced is None and not meta.old.delete)
            or meta.old.id == replaced
        ):
            own.append(meta)
        else:
            copies.append(meta.old.id)
    return own, tuple(dict.fromkeys(copies))


def _step(urn: str, metas: list[StepMetadata], renamed_from: str) -> Step:
    if not renamed_from and all(meta.op == "same" for meta in metas):
        return _same(urn, metas[0])
    metas = [meta for meta in metas if meta.op != "refresh"] or metas
    own, copies = _own(metas)
    if copies and {meta.op for meta in own} <= {"same"}:
        side = metas[0].old or metas[0].new
        parent = side.parent if side is not None else ""
        name, type_ = parse_urn(urn).name, parse_urn(urn).type
        return Step(urn, name, type_, OLD_COPY, "cleaned", parent=parent, old_copies=copies)
    metas = own
    ops = list(dict.fromkeys(meta.op for meta in metas))
    op = next((_OPS[name] for name in ops if _OPS.get(name) == "replace"), None) or _OPS.get(ops[0], ops[0])
    if op == "replace" and not _MAKES.intersection(ops):
        op = "delete"  # deleted because of what it depends on, and the target lacks it
    was_read = any(meta.old is not None and meta.old.external for meta in metas)
    keys_of_replacement = tuple(dict.fromkeys(key for meta in metas for key in meta.keys or ()))
    if op == "replace" and was_read:  # nothing of ours is replaced: what was read is released
        op = "import" if "import-replacement" in ops and not keys_of_replacement else "create"
    main = next((meta for meta in metas if meta.detailed_diff or meta.diffs), metas[0])
    if op == "read" and main.old is not None and main.old.id and not main.old.external:
        op = "discard"
    forecast = _FORECASTS.get(op, op)
    if op == "same" and renamed_from:
        op = forecast = "rename"
        forecast = "renamed"
    keys = sorted(main.detailed_diff) if main.detailed_diff else list(main.diffs or ()) or _changed_inputs(main)
    parents = [meta.new or meta.old for meta in metas]
    return Step(
        urn=urn,
        name=parse_urn(urn).name,
        type=main.type or parse_urn(urn).type,
        op=op,
        forecast=forecast,
        keys=tuple(dict.fromkeys(keys)),
        parent=next((state.parent for state in parents if state is not None and state.parent), ""),
        delete_first=op == "replace" and ops[0] == "delete-replaced",
        replace_keys=keys_of_replacement,
        old_id=next((meta.old.id for meta in metas if meta.old is not None), ""),
        renamed_from=renamed_from if op != "create" else "",
        old_copies=copies,
    )


def _same(urn: str, step: StepMetadata) -> Step:
    old, side = step.old, step.new or step.old
    return Step(
        urn=urn,
        name=urn_name(urn),
        type=step.type or parse_urn(urn).type,
        op="same",
        forecast="same",
        parent=side.parent if side is not None else "",
        old_id=old.id if old is not None else "",
    )


def _changed_inputs(step: StepMetadata) -> list[str]:
    """The top-level inputs that differ, for providers that don't say; masked secrets compare as equal."""
    if step.old is None or step.new is None:
        return []
    old, new = step.old.inputs or {}, step.new.inputs or {}
    return sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key) and key != DEFAULTS)


def counts(steps: Iterable[Step], kept: Collection[str] = ()) -> dict[str, int]:
    """Steps by operation, the stack's own resource left out. What is `kept` unasked is the same, also where the engine
    does not report it.
    """
    found: dict[str, int] = {}
    unsaid = set(kept)
    for step in steps:
        unsaid.discard(step.urn)
        if step.type != ROOT_STACK_TYPE:
            found[step.op] = found.get(step.op, 0) + 1
    if unsaid:
        found["same"] = found.get("same", 0) + len(unsaid)
    return found
