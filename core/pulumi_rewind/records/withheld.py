"""What is kept of the messages of a failed update: without secrets, and not where they may quote unknown ones. Pure.

A create that failed has left its inputs nowhere: the engine masks the secrets in its events, so there is nothing to
look for in what the provider answered, which may quote them in any form. The operator has seen the message; what is
kept of the failure, and may be pushed with the records, has a sentence in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from pulumi_rewind.engine.events import ResourceDone, ResourceFailed, ResourcePre, StepMetadata, parse_event
from pulumi_rewind.state.model import ROOT_STACK_TYPE, parse_urn
from pulumi_rewind.state.values import contains_secret

SENTENCE: Final = "the message is not kept: it may quote secret inputs of the failed operation, which can't be masked"

_TEXTS: Final = ("diagnosticEvent", "policyEvent", "stdoutEvent", "errorEvent", "policyRemediationEvent")
_STEPS: Final = ("resourcePreEvent", "resOutputsEvent", "resOpFailedEvent")
_ENGINE_SAYS: Final = (
    "update failed",
    "Resource monitor has terminated",
    "resource monitor shut down",
    "using pulumi-",
)
"""How messages of the engine itself begin, which quote nothing."""


_FROM_OTHERS: Final = (b'"diagnosticEvent"', b'"errorEvent"', b'"stdoutEvent"', b'"policyEvent"')
"""Events that hold text of providers and programs, which may quote a secret; elsewhere the engine knows its secrets."""

_SAME: Final = b'"op":"same"'
"""A step that sends nothing: what the engine knows of it stands in the checkpoint in the same form."""


@dataclass
class Withheld:
    """Whose messages are not kept."""

    unknown: frozenset[str]
    """URNs of resources with secret inputs that no state has."""
    known: frozenset[str] = field(default_factory=frozenset)
    """URNs of all other resources that the update looked at: whatever is said of them can be masked."""

    def keeps(self, urn: str, message: str) -> bool:
        """Whether a message may be kept; what is said of no resource may be about any."""
        if not self.unknown or urn in self.known:
            return True
        return urn not in self.unknown and message.strip().startswith(_ENGINE_SAYS)

    def message(self, urn: str, message: str) -> str:
        """The message, or the sentence in its place."""
        return message if self.keeps(urn, message) else SENTENCE

    def log(self, log: bytes) -> bytes:
        """An event log without the messages that are not kept."""
        if not self.unknown:
            return log
        return b"\n".join(kept for line in log.split(b"\n") if (kept := self._line(line)))

    def _line(self, line: bytes) -> bytes:
        try:
            event = msgspec.json.decode(line, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return b""  # cut off, or no event: what is in it can't be told
        for kind in _TEXTS:
            if isinstance(said := event.get(kind), dict):
                urn = str(said.get("urn") or said.get("resourceUrn") or "")
                if said.get("severity") == "debug" and not self.keeps(urn, str(said.get("message"))):
                    return b""
                for key in ("message", "error"):
                    if isinstance(said.get(key), str):
                        said[key] = self.message(urn, said[key])
        for kind in _STEPS:
            for side in _sides(event.get(kind)):
                if str(side.get("urn")) in self.unknown and side.get("initErrors"):
                    side["initErrors"] = [SENTENCE]
        return msgspec.json.encode(event)


def _sides(event: Any) -> Iterator[dict[str, Any]]:
    metadata = event.get("metadata") if isinstance(event, dict) else None
    for name in ("old", "new"):
        if isinstance(metadata, dict) and isinstance(side := metadata.get(name), dict):
            yield side


def withheld(log: bytes, entered: Collection[str] = ()) -> Withheld:
    """Whose messages are not to be kept of an update, from its event log.

    `entered` are URNs that the state has since the update and had not before: their secrets are known, even if the
    operation failed afterwards.
    """
    began: dict[str, StepMetadata] = {}
    seen: set[str] = set()
    for line in log.split(b"\n"):
        match parse_event(line) if any(kind.encode() in line for kind in _STEPS) else None:
            case ResourcePre(step):
                seen.add(step.urn)
                if _sends_secrets(step):
                    began[step.urn] = step
            case ResourceDone(step):
                began.pop(step.urn, None)
            case ResourceFailed(step):
                seen.add(step.urn)
                if _sends_secrets(step):
                    began[step.urn] = step
    unknown = frozenset(began) - frozenset(entered)
    programs = frozenset(urn for urn in seen if "::pulumi:pulumi:Stack::" in urn or "::pulumi:providers:" in urn)
    return Withheld(unknown, frozenset(seen) - unknown - programs)


def _sends_secrets(step: StepMetadata) -> bool:
    """Whether an operation sends secrets that the state before may not have."""
    inputs = step.new.inputs if step.new is not None else None
    secret = {key for key, value in (inputs or {}).items() if contains_secret(value)}
    if not secret or step.op in {"same", "delete", "delete-replaced", "read", "refresh", "discard"}:
        return False
    if step.op != "update" or step.old is None:
        return True
    before = {key for key, value in (step.old.inputs or {}).items() if contains_secret(value)}
    return not step.changing or bool(secret & step.changing) or not secret <= before


def masked_events(log: bytes, redact: Callable[[str], str]) -> bytes:
    """An event log without the secrets that others quoted."""
    return b"\n".join(_masked(line, redact) for line in log.split(b"\n"))


def _masked(line: bytes, redact: Callable[[str], str]) -> bytes:
    if _SAME in line and not any(kind in line for kind in _FROM_OTHERS):
        return line

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return redact(value)
        if isinstance(value, dict):
            return {key: clean(inner) for key, inner in value.items()}
        return [clean(inner) for inner in value] if isinstance(value, list) else value

    try:
        return msgspec.json.encode(clean(msgspec.json.decode(line)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return b""  # cut off: what is in it can't be told


def about(urn: str, message: str) -> str:
    """A message with the name of what it is about before it; the stack is named by nobody."""
    about = parse_urn(urn) if urn else None
    return message if about is None or about.type == ROOT_STACK_TYPE else f"{about.name}: {message}"
