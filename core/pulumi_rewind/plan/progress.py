"""What a run has done so far, resource by resource: the one fold of the engine's events. Pure.

The driver of a run asks it what was changed, the displays what to show; the words are theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from pulumi_rewind.engine.crashes import sentence
from pulumi_rewind.engine.events import (
    Diagnostic,
    EngineEvent,
    HookEnded,
    HookEvent,
    HookLog,
    HookProgress,
    HookStarted,
    Phase,
    ResourceDone,
    ResourceFailed,
    ResourcePre,
    StepMetadata,
)
from pulumi_rewind.engine.messages import says_cut_off

if TYPE_CHECKING:
    from pulumi_rewind.plan.model import Step

Status: TypeAlias = Literal["waiting", "running", "ok", "failed"]

_LOOKS: Final = frozenset({"read", "refresh"})
_CREATES: Final = frozenset({"create", "create-replacement"})
_DELETES: Final = frozenset({"delete-replaced", "discard-replaced"})
_HALVES: Final = _DELETES | {"create-replacement", "import-replacement", "read-replacement"}


@dataclass
class ResourceProgress:
    """How far the run is with one resource."""

    urn: str
    type: str
    op: str
    """The plan's operation."""
    status: Status = "waiting"
    last: EngineEvent | None = None
    """The event that says what is being done, or was done last."""
    since: float = 0.0
    """When the part that runs began, on the caller's clock."""
    seconds: float = 0.0
    """How long the finished parts took."""
    halves: set[str] = field(default_factory=set)
    """The finished parts of a replacement: ``create`` and ``delete``."""
    before_call: EngineEvent | None = None
    """What was done to it before a callback continued with it."""
    stopped: bool = False
    """Whether the run ended while it was being worked on."""
    messages: list[str] = field(default_factory=list)

    @property
    def unchanged(self) -> bool:
        """Whether the update turned out not to need it."""
        return self.status == "ok" and _is_same(self.last) and self.op != "rename"

    @property
    def replaced(self) -> bool:
        """Whether it is a replacement of which both parts are done."""
        return self.op == "replace" and len(self.halves) == 2

    def took(self, now: float) -> float:
        """How long it has been worked on."""
        return self.seconds + (now - self.since if self.status == "running" else 0.0)


@dataclass(frozen=True)
class Change:
    """What one event has changed."""

    row: int | None
    """The resource's place in the rows; None for one that nobody waits for, such as one that is read."""
    seconds: float = 0.0
    """How long the part took that is finished now."""


class RunProgress:
    """Rows by URN in the plan's order, counts and phase; and what was changed, in the stack or unseen."""

    def __init__(self, steps: Iterable[Step] = (), started: float = 0.0) -> None:
        self.rows = [ResourceProgress(step.urn, step.type, step.op) for step in steps if step.op != "same"]
        self.started = started
        self.ended = 0.0
        self.phase = ""
        """The name of the phase that has started."""
        self.under_way: Phase | HookStarted | HookProgress | None = None
        """The event that best describes what is running now."""
        self.in_flight: dict[str, tuple[StepMetadata, float]] = {}
        """URN → what the engine is doing and since when, reading and refreshing included."""
        self.moved = False
        """Whether a step has begun that changes something."""
        self.failed = 0
        """How many steps have failed, what is only looked at included."""
        self.forgotten: list[str] = []
        """The URNs of objects that left the state alive and that the engine counts as deleted."""
        self.made: dict[str, str] = {}
        """URN → id of what was created."""
        self._failed_creates: dict[str, None] = {}
        self._cut_off: set[str] = set()
        self._by_urn = {row.urn: index for index, row in enumerate(self.rows)}
        self._counts: dict[Status, int] = {"waiting": len(self.rows), "running": 0, "ok": 0, "failed": 0}

    @property
    def total(self) -> int:
        """How many resources are to be worked on."""
        return len(self.rows)

    @property
    def unsure_creates(self) -> tuple[str, ...]:
        """The URNs that may exist without the state knowing: their provider went away before it could answer."""
        return tuple(urn for urn in self._failed_creates if urn in self._cut_off)

    def count(self, status: Status) -> int:
        """How many rows are in a state."""
        return self._counts[status]

    def seconds(self, now: float) -> float:
        """How long it has lasted, or took."""
        return max(0.0, (self.ended or now) - self.started)

    def see(self, event: EngineEvent, now: float = 0.0) -> Change | None:
        """Takes up an event that came at `now`; None if no resource is any further."""
        match event:
            case ResourcePre(step):
                return self._begin(event, step, now)
            case ResourceDone() | ResourceFailed():
                return self._end(event, now)
            case Diagnostic(message, severity, urn):
                if severity == "error" and urn and says_cut_off(message):
                    self._cut_off.add(urn)
                row = self._known(urn)
                if row is not None and is_told(event):
                    row.messages.append(sentence(message).strip())
            case Phase(name):
                self.phase, self.under_way = name, event
            case HookStarted() | HookLog() | HookProgress() | HookEnded():
                return self._call(event, now)
        return None

    def counted(self, changes: Mapping[str, int], held: Collection[str] = ()) -> dict[str, int]:
        """The engine's counts by operation, put right: what left the state alive was not deleted, but `held` or kept.

        `held` are URNs.
        """
        found = dict(changes)
        for urn in self.forgotten:
            found["delete"] = found.get("delete", 0) - 1
            op = "hold" if urn in held else "discard"
            found[op] = found.get(op, 0) + 1
        return found

    def finish(self, now: float, *, succeeded: bool) -> None:
        """The run has ended; what is still called running isn't any more."""
        self.ended = now
        for row in self.rows:
            if row.status == "running" or (succeeded and row.status == "waiting"):
                self._set(row, "ok" if succeeded else "failed")
                row.stopped = not succeeded

    def _begin(self, event: ResourcePre, step: StepMetadata, now: float) -> Change | None:
        self.moved = self.moved or step.op not in ("same", "", *_LOOKS)
        if not _awaited(step):
            return None
        self.in_flight[step.urn] = (step, now)
        row = self._row(step)
        if row is None:
            return Change(None)
        self._set(row, "running")
        row.last, row.since = _brief(event), now
        return self._change(row)

    def _end(self, event: ResourceDone | ResourceFailed, now: float) -> Change | None:
        step, failed = event.step, isinstance(event, ResourceFailed)
        _, since = self.in_flight.pop(step.urn, (step, now))
        self._note(step, failed=failed)
        if step.op == "same" and not failed:
            return self._unneeded(_brief(event), step.urn)
        if not _awaited(step):
            return None
        row, took = self._row(step), now - since
        if row is None:
            return Change(None, took)
        row.seconds += took
        row.last = _brief(event)
        if step.op in _HALVES and not failed:
            row.halves.add("delete" if step.op in _DELETES else "create")
        half = step.op in _DELETES and row.op == "replace" and not row.replaced
        self._set(row, "failed" if failed else "waiting" if half else "ok")
        return self._change(row, took)

    def _note(self, step: StepMetadata, *, failed: bool) -> None:
        """Keeps what the state may not know, and what the engine counts as something else."""
        self.failed += failed
        if step.op in _CREATES and failed:
            self._failed_creates[step.urn] = None
        elif step.op in _CREATES and step.new is not None and step.new.id:
            self.made[step.urn] = step.new.id
        elif step.op == "discard" and not failed and step.old is not None and step.old.retain_on_delete:
            self.forgotten.append(step.urn)

    def _unneeded(self, event: EngineEvent, urn: str) -> Change | None:
        """A planned step that comes out as no change: an update knows what its preview could not."""
        row = self._known(urn)
        if row is None or row.status != "waiting" or row.halves:
            return None
        self._set(row, "ok")
        row.last = event
        return self._change(row)

    def _call(self, event: HookEvent, now: float) -> Change | None:
        """A callback works on a row before the engine does, or continues with it afterwards."""
        if isinstance(event, HookStarted | HookProgress):
            self.under_way = event
        row = self._known(event.urn)
        if row is None or isinstance(event, HookLog):
            return None
        if isinstance(event, HookStarted):
            row.before_call = row.last if row.status == "ok" else row.before_call
            row.since = now
            self._set(row, "running")
        elif isinstance(event, HookEnded):
            row.seconds += now - row.since
            after: Status = "ok" if row.before_call is not None else "waiting"
            self._set(row, "failed" if event.outcome == "failed" else after)
        row.last = event
        if row.status == "ok" and row.before_call is not None:
            row.last = row.before_call
        return self._change(row)

    def _known(self, urn: str) -> ResourceProgress | None:
        index = self._by_urn.get(urn)
        return None if index is None else self.rows[index]

    def _row(self, step: StepMetadata) -> ResourceProgress | None:
        """The row of a step; what the plan didn't name gets one, unless it is only looked at."""
        row = self._known(step.urn)
        if step.op in _LOOKS:
            return row if row is not None and row.op == step.op else None
        if row is None:
            row = ResourceProgress(step.urn, step.type, step.op)
            self._by_urn[step.urn] = len(self.rows)
            self.rows.append(row)
            self._counts["waiting"] += 1
        return row

    def _change(self, row: ResourceProgress, seconds: float = 0.0) -> Change:
        return Change(self._by_urn[row.urn], seconds)

    def _set(self, row: ResourceProgress, status: Status) -> None:
        self._counts[row.status] -= 1
        self._counts[status] += 1
        row.status = status


def is_told(event: Diagnostic) -> bool:
    """Whether a message is for people."""
    return bool(event.message.strip()) and not event.ephemeral and event.severity != "debug"


def _awaited(step: StepMetadata) -> bool:
    """Whether people wait for a step; ``replace`` is only the engine's word for its two halves."""
    return step.op not in ("same", "replace", "") and not step.of_default_provider


def _brief(event: ResourcePre | ResourceDone | ResourceFailed) -> EngineEvent:
    """The event without the two sides of the step, which need not be kept for each resource until the end."""
    return type(event)(StepMetadata(event.step.op, event.step.urn, event.step.type))


def _is_same(event: EngineEvent | None) -> bool:
    return isinstance(event, ResourceDone) and event.step.op == "same"
