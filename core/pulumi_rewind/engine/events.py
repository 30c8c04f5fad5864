"""What the engine reports while it works, as typed values.

Source: ``--event-log`` of pulumi 3.206 and later, one JSON object a line, each with exactly one
event; secrets are already replaced by ``[secret]``, unknowns are `state.values.UNKNOWN`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from pulumi_rewind.state.model import PROVIDER_PREFIX, parse_urn
from pulumi_rewind.state.property_path import top_key
from pulumi_rewind.state.values import Json


class StepState(msgspec.Struct, frozen=True, rename="camel"):
    """One side (old or new) of a step, as the engine sees it."""

    urn: str = ""
    type: str = ""
    id: str = ""
    parent: str = ""
    delete: bool = False
    """It is an old copy that waits for its deletion."""
    protect: bool = False
    retain_on_delete: bool = False
    external: bool = False
    provider: str = ""
    inputs: dict[str, Json] | None = None
    outputs: dict[str, Json] | None = None
    init_errors: list[str] | None = None


class PropertyDiff(msgspec.Struct, frozen=True, rename="camel"):
    """How one property path changes, in the provider's words."""

    diff_kind: str = ""
    """add, delete, update, or one of them with ``-replace``."""


class StepMetadata(msgspec.Struct, frozen=True, rename="camel"):
    """What the engine does, or did, with one resource."""

    op: str
    urn: str
    type: str = ""
    old: StepState | None = None
    new: StepState | None = None
    keys: list[str] | None = None
    diffs: list[str] | None = None
    detailed_diff: dict[str, PropertyDiff] | None = None
    logical: bool = False
    provider: str = ""

    @property
    def changing(self) -> frozenset[str]:
        """The top-level properties that change, as the provider says."""
        return frozenset(map(top_key, (*(self.detailed_diff or ()), *(self.diffs or ()))))

    @property
    def of_default_provider(self) -> bool:
        """Whether it is a default provider, which the engine creates itself."""
        return self.type.startswith(PROVIDER_PREFIX) and parse_urn(self.urn).name.startswith("default")


class ResourcePre(msgspec.Struct, frozen=True):
    """A step begins (in a preview: is planned)."""

    step: StepMetadata
    planning: bool = False


class ResourceDone(msgspec.Struct, frozen=True):
    """A step has succeeded."""

    step: StepMetadata
    planning: bool = False


class ResourceFailed(msgspec.Struct, frozen=True):
    """A step has failed."""

    step: StepMetadata


class Diagnostic(msgspec.Struct, frozen=True):
    """A message of the engine, a provider or a hook."""

    message: str
    severity: str = "info"
    """debug, info, info#err, warning or error."""
    urn: str = ""
    ephemeral: bool = False


class Summary(msgspec.Struct, frozen=True):
    """The end of a run."""

    changes: dict[str, int]
    result: str
    """succeeded, failed or canceled."""
    seconds: int = 0
    preview: bool = False


class Progress(msgspec.Struct, frozen=True):
    """Progress of a download or installation of a plugin."""

    id: str
    message: str
    received: int = 0
    total: int = 0
    done: bool = False


class Phase(msgspec.Struct, frozen=True):
    """Our own event: which phase has started (preview, guard, run, verify …)."""

    name: str
    message: str = ""


class HookStarted(msgspec.Struct, frozen=True):
    """Ours: a callback or hook of the project is called."""

    function: str
    kind: str
    """undo_delete, undo_create, undo_update, before_rollback, after_rollback, on_failure, resource_hook, revision_up or
    revision_down."""
    urn: str = ""
    source: str = ""
    """The file it is from, with the beginning of its SHA-256."""
    again: bool = False
    """Whether it was begun before."""


class HookLog(msgspec.Struct, frozen=True):
    """Ours: a line that a callback logged or printed."""

    function: str
    message: str
    urn: str = ""


class HookProgress(msgspec.Struct, frozen=True):
    """Ours: how far a callback says it is."""

    function: str
    done: float = 0
    total: float = 0
    message: str = ""
    urn: str = ""


class HookEnded(msgspec.Struct, frozen=True):
    """Ours: a callback has returned or failed."""

    function: str
    kind: str
    urn: str = ""
    outcome: str = ""
    """restored, recreate, skip, delete, keep, done or failed."""
    message: str = ""
    """The id, the reason or the error."""
    seconds: float = 0


HookEvent: TypeAlias = HookStarted | HookLog | HookProgress | HookEnded
EngineEvent: TypeAlias = (
    ResourcePre | ResourceDone | ResourceFailed | Diagnostic | Summary | Progress | Phase | HookEvent
)


class _OfStep(msgspec.Struct, frozen=True):
    metadata: StepMetadata | None = None
    planning: bool | None = False


class _Line(msgspec.Struct, frozen=True, rename="camel"):
    resource_pre_event: _OfStep | None = None
    res_outputs_event: _OfStep | None = None
    res_op_failed_event: _OfStep | None = None
    diagnostic_event: dict[str, Any] | None = None
    summary_event: dict[str, Any] | None = None
    progress_event: dict[str, Any] | None = None
    error_event: dict[str, Any] | None = None
    policy_event: dict[str, Any] | None = None


_decoder = msgspec.json.Decoder(_Line, strict=False)

_NO_STEP = StepMetadata("", "")


def _step(event: _OfStep) -> StepMetadata:
    step = event.metadata or _NO_STEP
    if step.old is not None and step.old.retain_on_delete:
        # The engine calls it a deletion as well, but the object stays.
        return msgspec.structs.replace(step, op=_RETAINED.get(step.op, step.op))
    return step


_RETAINED = {"delete": "discard", "delete-replaced": "discard-replaced"}


def parse_event(line: bytes | str) -> EngineEvent | None:
    """One line of the event log as a value; None for what nobody needs to see.

    A line that isn't an event of a known shape becomes None as well: a newer engine may add some.
    """
    try:
        event = _decoder.decode(line)
        if event.resource_pre_event is not None:
            return ResourcePre(_step(event.resource_pre_event), bool(event.resource_pre_event.planning))
        if event.res_outputs_event is not None:
            return ResourceDone(_step(event.res_outputs_event), bool(event.res_outputs_event.planning))
        if event.res_op_failed_event is not None:
            return ResourceFailed(_step(event.res_op_failed_event))
        if event.diagnostic_event is not None:
            return _diagnostic(event.diagnostic_event)
        if event.summary_event is not None:
            return _summary(event.summary_event)
        if event.progress_event is not None:
            return msgspec.convert(event.progress_event, Progress, strict=False)
        if event.error_event is not None:
            return Diagnostic(str(event.error_event.get("error", "")), "error")
        if event.policy_event is not None:
            raw = event.policy_event
            severity = "error" if raw.get("enforcementLevel") == "mandatory" else "warning"
            return Diagnostic(str(raw.get("message", "")), severity, str(raw.get("resourceUrn", "")))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, AttributeError, TypeError):
        return None
    return None


def _diagnostic(raw: dict[str, Any]) -> Diagnostic:
    text = strip_color_tags(str(raw.get("message", "")))
    return Diagnostic(
        text.rstrip("\n"),
        str(raw.get("severity", "info")),
        str(raw.get("urn") or ""),
        bool(raw.get("ephemeral")),
    )


def _summary(raw: dict[str, Any]) -> Summary:
    return Summary(
        changes={str(op): _count(count) for op, count in (raw.get("resourceChanges") or {}).items()},
        result=str(raw.get("result", "")),
        seconds=_count(raw.get("durationSeconds")),
        preview=bool(raw.get("isPreview")),
    )


def _count(value: object) -> int:
    return int(value) if isinstance(value, int | float) and abs(value) < 2**63 else 0


def without_quotes(event: EngineEvent, redact: Callable[[str], str]) -> EngineEvent:
    """The event without secrets in what others wrote: messages, and why an object isn't ready. Pure."""
    match event:
        case Diagnostic() | Progress() | HookLog() | HookProgress() | HookEnded() if event.message:
            return msgspec.structs.replace(event, message=redact(event.message))
        case ResourcePre() | ResourceDone() | ResourceFailed():
            sides = {"old": event.step.old, "new": event.step.new}
            clean = {
                name: msgspec.structs.replace(side, init_errors=[redact(one) for one in side.init_errors])
                for name, side in sides.items()
                if side is not None and side.init_errors
            }
            step = msgspec.structs.replace(event.step, **clean) if clean else event.step
            return msgspec.structs.replace(event, step=step) if clean else event
    return event


def strip_color_tags(text: str) -> str:
    """Removes the engine's own colour tags (``<{%reset%}>``), which it leaves in raw messages."""
    if "<{%" not in text:
        return text
    out: list[str] = []
    at = 0
    while (start := text.find("<{%", at)) >= 0 and (end := text.find("%}>", start)) >= 0:
        out.append(text[at:start])
        at = end + 3
    return "".join([*out, text[at:]])
