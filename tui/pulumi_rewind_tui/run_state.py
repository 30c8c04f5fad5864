"""What is known of a run: a row for each step, counts, and the log. Pure; fed with the engine's events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from pulumi_rewind.crashes import sentence
from pulumi_rewind.events import (
    Diagnostic,
    EngineEvent,
    HookEnded,
    HookEvent,
    HookLog,
    HookProgress,
    HookStarted,
    Phase,
    Progress,
    ResourceDone,
    ResourceFailed,
    ResourcePre,
    StepMetadata,
    Summary,
)
from pulumi_rewind.model import PROVIDER_PREFIX, parse_urn
from pulumi_rewind_tui.render.hooks import hook_role, hook_text
from pulumi_rewind_tui.render.words import NO_CHANGE, op_done, resource_name

if TYPE_CHECKING:
    from pulumi_rewind.plan import Step

Status: TypeAlias = Literal["waiting", "running", "ok", "failed"]

_DOING: Final = {
    "create": "creating",
    "update": "updating",
    "delete": "deleting",
    "create-replacement": "creating replacement",
    "delete-replaced": "deleting the old one",
    "import": "adopting",
    "import-replacement": "adopting replacement",
    "read": "reading",
    "read-replacement": "reading replacement",
    "refresh": "refreshing",
    "return": "returning",
    "discard": "forgetting",
    "discard-replaced": "forgetting the old one",
    "remove-pending-replace": "forgetting the old one",
}
_HALVES: Final = frozenset(
    {"create-replacement", "delete-replaced", "import-replacement", "read-replacement", "discard-replaced"}
)


@dataclass
class RunRow:
    """One resource of the run."""

    urn: str
    name: str
    type: str
    op: str
    """The plan's operation."""
    status: Status = "waiting"
    doing: str = ""
    """``creating``, or what was done: ``created``."""
    since: float = 0.0
    """When the part that runs began, seconds of the screen's clock."""
    seconds: float = 0.0
    """How long the finished parts took."""
    halves: set[str] = field(default_factory=set)
    """The finished parts of a replacement."""
    done: str = ""
    """What was done to it when a callback went on with it afterwards."""
    messages: list[str] = field(default_factory=list)

    @property
    def unchanged(self) -> bool:
        """Whether the update turned out not to need it."""
        return self.status == "ok" and self.doing == NO_CHANGE


@dataclass(frozen=True)
class LogLine:
    """One line of the log."""

    time: float
    text: str
    role: str = ""
    urn: str = ""
    error: bool = False


class RunState:
    """Rows by URN in the plan's order, counts, phase and both logs."""

    def __init__(self, steps: Iterable[Step], started: float) -> None:
        self.rows: list[RunRow] = [
            RunRow(step.urn, resource_name(step.urn), step.type, step.op) for step in steps if step.op != "same"
        ]
        self.started = started
        self.ended = 0.0
        self.phase = ""
        self.summary: Summary | None = None
        self.log: list[LogLine] = []
        """For people."""
        self.raw: list[LogLine] = []
        """Every event."""
        self._by_urn = {row.urn: index for index, row in enumerate(self.rows)}
        self._counts: dict[Status, int] = {"waiting": len(self.rows), "running": 0, "ok": 0, "failed": 0}

    @property
    def total(self) -> int:
        """How many resources are to be worked on."""
        return len(self.rows)

    def count(self, status: Status) -> int:
        """How many rows are in a state."""
        return self._counts[status]

    def index(self, urn: str) -> int | None:
        """The row of a resource."""
        return self._by_urn.get(urn)

    def apply(self, events: Sequence[EngineEvent], now: float) -> int:
        """Takes up events that came by `now`; returns the first row that changed, `total` if none did."""
        first = self.total
        for event in events:
            index = self._apply(event, now)
            if index is not None:
                first = min(first, index)
        return first

    def _apply(self, event: EngineEvent, now: float) -> int | None:
        failed = isinstance(event, Diagnostic) and event.severity == "error"
        self.raw.extend(LogLine(now, text, error=failed and not at) for at, text in enumerate(_raw(event)))
        match event:
            case ResourcePre(step):
                return self._begin(step, now)
            case ResourceDone(step):
                return self._end(step, now, failed=False)
            case ResourceFailed(step):
                return self._end(step, now, failed=True)
            case Diagnostic(message, severity, urn, ephemeral):
                if message.strip() and not (ephemeral or severity == "debug"):
                    self._say(sentence(message), severity, urn, now)
            case Phase(name, message):
                self.phase = name
                self.log.append(LogLine(now, message or name, "dim"))
            case Progress(identity, message, _, _, True):
                self.log.append(LogLine(now, message or identity, "dim"))
            case Summary():
                self.summary = event
            case HookStarted() | HookLog() | HookProgress() | HookEnded():
                return self._hook(event, now)
        return None

    def _hook(self, event: HookEvent, now: float) -> int | None:
        """A callback works on a row before the engine does, or goes on with it afterwards."""
        role = {"muted": "dim"}.get(hook_role(event), hook_role(event))
        self.log.append(LogLine(now, hook_text(event), role, event.urn, error=role == "failed"))
        index = self._by_urn.get(event.urn)
        if index is None or isinstance(event, HookLog):
            return None
        row = self.rows[index]
        match event:
            case HookStarted(function):
                if row.status == "ok":
                    row.done = row.doing
                self._set(row, "running")
                row.doing, row.since = f"calling {function}", now
            case HookProgress(function, done, total):
                row.doing = f"calling {function}: {done:g}" + (f"/{total:g}" if total else "")
            case HookEnded(function, _, _, outcome):
                row.seconds += now - row.since
                status: Status = "ok" if row.done else "waiting"
                self._set(row, "failed" if outcome == "failed" else status)
                row.doing = f"{function}: {outcome}" if outcome == "failed" else row.done or f"{function}: {outcome}"
        return index

    def _begin(self, step: StepMetadata, now: float) -> int | None:
        if not _counts(step):
            return None
        index, row = self._row(step)
        self._set(row, "running")
        row.doing, row.since = _DOING.get(step.op, step.op), now
        self.log.append(LogLine(now, f"{row.name} {row.doing}…", "dim", row.urn))
        return index

    def _end(self, step: StepMetadata, now: float, *, failed: bool) -> int | None:
        if step.op == "same" and not failed:
            return self._unneeded(step.urn, now)
        if not _counts(step):
            return None
        index, row = self._row(step)
        took = now - row.since if row.status == "running" else 0.0
        row.seconds += took
        if failed:
            self._set(row, "failed")
            row.doing = f"{step.op} failed"
            self.log.append(LogLine(now, f"{row.name} {row.doing}", "failed", row.urn, error=True))
            return index
        done = op_done(step.op)
        if step.op in _HALVES:
            row.halves.add("delete" if step.op in ("delete-replaced", "discard-replaced") else "create")
            half = row.op == "replace" and len(row.halves) < 2
            row.doing = done if half or row.op != "replace" else "replaced"
            self._set(row, "waiting" if half and "create" not in row.halves else "ok")
        else:
            row.doing = done
            self._set(row, "ok")
        self.log.append(LogLine(now, f"{row.name} {done}{_seconds(took)}", "ok", row.urn))
        return index

    def _unneeded(self, urn: str, now: float) -> int | None:
        """A planned step that comes out as no change: an update knows what its preview could not."""
        index = self._by_urn.get(urn)
        if index is None or self.rows[index].status != "waiting" or self.rows[index].halves:
            return None
        row = self.rows[index]
        self._set(row, "ok")
        row.doing = op_done(row.op) if row.op == "rename" else NO_CHANGE
        self.log.append(LogLine(now, f"{row.name} {row.doing}", "dim", urn))
        return index

    def _row(self, step: StepMetadata) -> tuple[int, RunRow]:
        index = self._by_urn.get(step.urn)
        if index is None:  # the plan didn't name it; the engine works on it all the same
            index = self._by_urn[step.urn] = len(self.rows)
            self.rows.append(RunRow(step.urn, resource_name(step.urn), step.type, step.op))
            self._counts["waiting"] += 1
        return index, self.rows[index]

    def _set(self, row: RunRow, status: Status) -> None:
        self._counts[row.status] -= 1
        self._counts[status] += 1
        row.status = status

    def _say(self, message: str, severity: str, urn: str, now: float) -> None:
        role = {"error": "failed", "warning": "hazard"}.get(severity, "")
        about = f"{resource_name(urn)}: " if urn else ""
        lines = message.strip().splitlines()
        for number, text in enumerate(lines):
            head = about if not number else "  "
            self.log.append(LogLine(now, head + text, role, urn, error=severity == "error" and not number))
        index = self._by_urn.get(urn)
        if index is not None:
            self.rows[index].messages.append(message.strip())

    def note(self, text: str, role: str, now: float) -> None:
        """A line of our own."""
        self.log.append(LogLine(now, text, role))
        self.raw.append(LogLine(now, text, role))

    def finish(self, now: float, *, succeeded: bool) -> None:
        """The run has ended; what is still called running isn't any more."""
        self.ended = now
        for row in self.rows:
            if row.status == "running" or (succeeded and row.status == "waiting"):
                self._set(row, "ok" if succeeded else "failed")
                row.doing = row.doing if succeeded else f"stopped while {row.doing}"

    def seconds(self, now: float) -> float:
        """How long it has lasted, or took."""
        return max(0.0, (self.ended or now) - self.started)


def _counts(step: StepMetadata) -> bool:
    """Whether people wait for a step; ``replace`` is only the engine's word for its two halves."""
    default = step.type.startswith(PROVIDER_PREFIX) and parse_urn(step.urn).name.startswith("default")
    return step.op not in ("same", "replace", "refresh", "read", "") and not default


def _seconds(took: float) -> str:
    return f"  {took:.0f}s" if took >= 1 else ""


def _raw(event: EngineEvent) -> list[str]:
    match event:
        case ResourcePre(step) | ResourceDone(step) | ResourceFailed(step):
            return [f"{type(event).__name__} {step.op} {step.urn}"]
        case Diagnostic(message, severity, urn):
            lines = message.splitlines() or [""]
            return [f"Diagnostic {severity} {urn}", *(f"  {line}" for line in lines)]
        case Summary(changes, result, seconds):
            return [f"Summary {result} after {seconds}s {dict(changes)}"]
        case Progress(identity, message, received, total, done):
            return [f"Progress {identity} {message} {received}/{total}{' done' if done else ''}"]
        case Phase(name, message):
            return [f"Phase {name} {message}"]
        case HookStarted() | HookLog() | HookProgress() | HookEnded():
            return [f"{type(event).__name__} {hook_text(event)}"]
